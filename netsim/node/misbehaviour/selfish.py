"""Selfish: a miner that keeps its blocks to itself, and shows them when that costs others more than it costs itself.

Eyal and Sirer, "Majority is not Enough: Bitcoin Mining is Vulnerable", Financial Cryptography 2014, Algorithm 1.

Theory of operation
===================

The selfish miner mines on its private chain. While that is ahead of the public one, honest miners waste their work on a
chain that is going to lose.

    it finds a block            and keeps it. But where its chain was public and level with another one, it shows the
                                block, and wins
    others find a block         and its chain was level: it gives up, or goes on with those who mined on its own block
      that makes the public     and it was 1 ahead: it shows its block, and everybody has two chains to choose from
      chain longer              and it was 2 ahead: it shows all its blocks, and wins
                                and it was further ahead: it shows as many as the public chain is long

With a share α of the hash rate, and a share γ of the honest miners that mine on its block when there are two to choose
from, its share of the blocks in the chain is in the long run

    R = (α(1 − α)²(4α + γ(1 − 2α)) − α³) / (1 − α(1 + (2 − α)α))

(equation 8), more than α where α > (1 − γ) / (3 − 2γ). Who mines on which of two blocks is a matter of who had which
first, so γ follows from the network: next to nothing where all are equally far from each other.

Beyond the paper: the public chain may grow by more than one block at a time, when blocks arrive together. Then the
same rules hold for what is left of the lead.

Until its time comes it mines as everybody does. It persists what it keeps back, so that a restart does not tell on it.
Several selfish miners do not know of each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from netsim.node.block import GENESIS, Block
from netsim.node.chain import Chain
from netsim.node.context import Context
from netsim.node.mempool import Mempool
from netsim.node.misbehaviour.layer import Layer
from netsim.node.nakamoto import Mined, Nakamoto
from netsim.node.participant import Settings

_ID_BYTES = len(GENESIS.id)


class Selfish(Nakamoto):
    """A miner that mines in secret from the time `selfish_from` on (ns on its own clock; 0 where it is not given)."""

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.since: int = parameters.get("selfish_from", 0)
        self.public: Block = GENESIS  # the tip of the longest chain that others know, of equal ones the first
        self.secret: dict[bytes, Mined] = {}  # by block, lowest first: the end of the private chain

    @property
    def lead(self) -> int:
        """How much longer than the public chain the private one is."""
        return self.tree.total(self.tree.tip.id) - self.tree.total(self.public.id)

    @property
    def status(self) -> str:
        return f"{super().status}, keeps {len(self.secret)}"

    def publish(self, mined: Mined) -> None:
        if self.context.now < self.since:
            super().publish(mined)
        else:
            self.secret[mined.block.id] = mined
            self._remember()

    def _add(self, mined: Mined) -> None:
        level = self.lead == 0 and self.tree.tip.id != self.public.id  # two chains to choose from, one of them our own
        super()._add(mined)
        if mined.block.id not in self.secret:
            self._on_public(mined.block)
        elif level:
            self._show(self.tree.tip.height)

    def _on_public(self, block: Block) -> None:
        """Others know this block, and it is here too."""
        if self.chain.get(block.id) is None or self.tree.total(block.id) <= self.tree.total(self.public.id):
            return
        self.public = block
        if self.tree.tip.id == block.id:  # our own chain is given up, or there was none
            if self.secret:
                self.secret.clear()
                self._remember()
        elif self.lead <= 1:
            self._show(self.tree.tip.height)
        else:
            self._show(block.height)

    def _show(self, height: int) -> None:
        """Publish the private chain up to a height."""
        shown = [mined for mined in self.secret.values() if mined.block.height <= height]
        for mined in shown:
            del self.secret[mined.block.id]
        self._remember()
        for mined in shown:
            self.context.broadcast(mined)
            if self.tree.total(mined.block.id) > self.tree.total(self.public.id):
                self.public = mined.block

    # ------------------------------------------------------------------------------------------- what others may know

    @property
    def shown_tip(self) -> Block:
        return self.public

    def shown(self, block: bytes) -> Mined | None:
        return None if block in self.secret else super().shown(block)

    def _remember(self) -> None:
        self.context.persist("secret", b"".join(self.secret))

    def _restore(self) -> None:
        super()._restore()
        kept = self.context.restore("secret") or b""
        for start in range(0, len(kept), _ID_BYTES):
            block = kept[start : start + _ID_BYTES]
            self.secret[block] = self.mined[block]
        for mined in self.mined.values():
            block = mined.block.id
            known = block not in self.secret and self.chain.get(block) is not None
            if known and self.tree.total(block) > self.tree.total(self.public.id):
                self.public = mined.block


class SelfishMining(Layer):
    """What makes a miner selfish: the participant inside runs another protocol than everybody's."""

    def settings(self, settings: Settings) -> Settings:
        return replace(settings, protocol=Selfish, parameters={**settings.parameters, "selfish_from": self.at})
