"""What a consensus protocol is to the participant that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from netsim.node.chain import Chain
from netsim.node.context import Context
from netsim.node.mempool import Mempool
from netsim.node.message import Message


class Consensus(Protocol):
    """A protocol is a class like this; the catalogue names it. It is called with one thing at a time."""

    messages: ClassVar[tuple[type[Message], ...]]  # every message type that it sends; tags from 16 on
    records: ClassVar[dict[str, str]]  # its own kinds of trace rows, each with a sentence

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        """How many validators must agree."""

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        """`parameters`: the declared keys (durations in ns, sizes in bytes, shares of 1), block_interval among them."""

    def start(self) -> None:
        """The node begins, for the first time or after a crash."""

    def on_message(self, sender: int, message: Message) -> None:
        """A message of one of the declared types, its author's signature already checked; `sender` relayed it."""

    def on_timer(self, name: str) -> None:
        """A timer is due."""

    def on_transactions(self) -> None:
        """The mempool has grown."""
