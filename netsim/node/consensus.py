"""What a consensus protocol is to the participant that runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, ClassVar

from netsim.node.bundle import Bundle
from netsim.node.chain import Chain
from netsim.node.context import Context
from netsim.node.mempool import Mempool
from netsim.node.message import Message, Signed


def tolerated(validators: int) -> int:
    """f, the most validators that may be Byzantine where messages are not bounded in time: ⌊(n − 1) / 3⌋."""
    return (validators - 1) // 3


ANY_NUMBER = 1 << 30  # an answer of `Consensus.unmoved_by`: what comes late changes nothing


class Consensus(ABC):
    """The base of all protocols. It is called with one thing at a time, and answers by calling its `context`."""

    messages: ClassVar[tuple[type[Message], ...]]  # every message type that it sends; tags from 16 to 109
    counted: ClassVar[tuple[type[Signed], ...]] = ()  # those of them for which `unmoved_by` may be more than 0
    records: ClassVar[dict[str, str]] = {}  # its own kinds of trace rows, each with a sentence

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        """`parameters`: the declared keys (durations in ns, sizes in bytes, shares of 1), block_interval among them;
        and `depth` where finality is probabilistic."""
        self.context = context
        self.chain = chain
        self.mempool = mempool

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        """How many validators must agree: n − f, if a protocol does not say otherwise.

        Raises ValueError for a quorum that cannot exist.
        """
        return validators - tolerated(validators)

    @abstractmethod
    def start(self) -> None:
        """The node begins, for the first time or after a crash."""

    @abstractmethod
    def on_message(self, sender: int, message: Message) -> None:
        """A message of one of the declared types, its author's signature already checked; `sender` relayed it."""

    def on_timer(self, name: str) -> None:  # noqa: B027 -- a protocol without timers needs none
        """A timer is due."""

    def on_transactions(self) -> None:  # noqa: B027 -- a protocol may look into the mempool when it pleases
        """The mempool has grown."""

    def unison(self, message: Message) -> Hashable | None:
        """What of this node's state decides what it does when this block message arrives; None: it is not simple.

        Two nodes with equal answers record the same rows, their own number and time apart, and are equal for the next
        block message, too. Neither sends anything, sets a timer or draws, but those that `apart` names. An engine may
        then run one of them in place of all, and the others when somebody looks. By default nothing is simple; whoever
        derives from a protocol that declares it has to declare it anew."""
        return None

    @classmethod
    def starters(cls, validators: Sequence[int], parameters: Mapping[str, Any]) -> Collection[int] | None:
        """Who does more when it first starts than to persist something; None: everybody may.

        The others are in unison about the first block message, and an engine may make them when somebody looks. Who
        derives from a protocol that declares it has to declare it anew, too."""
        return None

    def apart(self, message: Message) -> Mapping[int, int]:
        """Who reacts to this block message by more than rows: by node, the earliest time (ns) at which it may act."""
        return {}

    def handle_missed(self, messages: Sequence[Message]) -> None:
        """Handle block messages that nodes in unison with this one have handled long since, and recorded for it.

        Whoever overrides it handles them together, and leaves out what only tells the world; by default, and where it
        is inherited, each is handled by `on_message` at its time."""
        raise NotImplementedError

    def unmoved_by(self, message: Signed) -> int:
        """How many more messages with this claim (type and slot), whoever signs them, this node may be handed without
        any reaction: it sends nothing, sets and cancels no timer, and is charged for nothing but the signature's check;
        what it counts, records and rejects is its own. 0 is always right.

        The answer holds until something else happens here: other messages with answers of their own may come between.
        """
        return 0

    def count_all(self, bundles: Sequence[Bundle]) -> bool:
        """In one go what `on_message` does for messages of which `unmoved_by` has spoken, if nothing is recorded or
        rejected then, and their order makes no difference; False where nothing was done, and they have to be handed
        over one by one. No two bundles are of one claim."""
        return False

    @property
    def leader(self) -> int | None:
        """Who proposes the next block as far as this node knows; None where nobody is meant to."""
        return None

    @property
    def status(self) -> str:
        """Where this node stands, in the protocol's own terms, for transcripts: "in v3"."""
        return ""
