"""A miner that tries to reverse blocks, again and again, to see how often it succeeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from netsim.catalogue.entry import Parameter
from netsim.node.block import GENESIS, Block
from netsim.node.chain import Chain
from netsim.node.context import Context
from netsim.node.mempool import Mempool
from netsim.node.nakamoto import Mined, Nakamoto

ENDED = "race"  # the trace row: detail 1 where the attacker has won


class Racing(Nakamoto):
    """Proof of work where the first validator mines against the others, in secret and from the same block on.

    A race begins on the tip of the public chain. It is won when the public chain has `confirmations` blocks more and
    the secret one is as long; it is lost when the secret one is `hopeless` blocks behind. Then the next one begins.
    Nothing secret is ever shown, so that the public chain is as if there were no attacker.
    """

    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("block_bytes", "size", "0 B", "a block's size on the wire beside its transactions'"),
        Parameter("confirmations", "integer", "6", "blocks of the public chain until a race may be won", minimum=1),
        Parameter("hopeless", "integer", "20", "blocks behind at which a race is given up", minimum=1),
    )
    depth: ClassVar[str] = "6"
    weighs: ClassVar[str] = "hash_rate"
    records: ClassVar[dict[str, str]] = {**Nakamoto.records, ENDED: "the attacker has ended a race; detail: 1: won"}

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.confirmations: int = parameters["confirmations"]
        self.hopeless: int = parameters["hopeless"]
        self.attacks = self.me == context.validators[0]
        self.root = self.secret = self.public = GENESIS  # where the race began, and the tips of the two chains

    @property
    def parent(self) -> Block:
        return self.secret if self.attacks else super().parent

    def publish(self, mined: Mined) -> None:
        if not self.attacks:
            super().publish(mined)

    def _add(self, mined: Mined) -> None:
        super()._add(mined)
        if mined.signer == self.me:
            self.secret = mined.block
        elif mined.block.height > self.public.height:
            self.public = mined.block
        if self.attacks:
            self._judge()

    def _judge(self) -> None:
        lead = self.secret.height - self.public.height
        won = lead >= 0 and self.public.height - self.root.height >= self.confirmations
        if won or lead <= -self.hopeless:
            self.context.record(ENDED, height=self.root.height, detail=int(won))
            self.root = self.secret = self.public
