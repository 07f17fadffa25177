"""QBFT's messages (Moniz, The Istanbul BFT Consensus Algorithm, arXiv 2002.03613, Algorithms 2 and 3)."""

from __future__ import annotations

from netsim.node.block import short, short_id
from netsim.node.fields import Digest, Natural
from netsim.node.message import About, Signed
from netsim.node.once import once
from netsim.node.tendermint_messages import BlockProposal, Vote, Votes


class Prepare(Vote, frozen=True, tag=45):
    """Its author accepts the proposal of this round."""


class Commit(Vote, frozen=True, tag=46):
    """Its author has seen that a quorum accepts the block in this round."""


class Promise(Signed, frozen=True, tag=43):
    """The signed part of a round change: what a proposal holds of it."""

    height: Natural
    round: Natural
    prepared_round: Natural | None  # None: nothing prepared
    prepared_block: Digest | None

    @once
    def about(self) -> About:
        return short_id(self.prepared_block) if self.prepared_block is not None else 0, self.height, self.round


class RoundChange(Signed, frozen=True, tag=47):
    """Its author acts in no round below this one any more, and shows what may have been decided there.

    The signature is that of the `Promise`; the prepares prove themselves.
    """

    height: Natural
    round: Natural
    prepared: Votes | None  # q prepares: of the highest round in which its author is prepared

    @once
    def promise(self) -> Promise:
        prepared = self.prepared
        prepared_round, block = (prepared.round, prepared.block) if prepared is not None else (None, None)
        return Promise(self.signer, self.signature, self.height, self.round, prepared_round, block)

    @once
    def digest(self) -> bytes:
        return self.promise.digest

    @once
    def about(self) -> About:
        return short_id(self.prepared.block) if self.prepared is not None else 0, self.height, self.round

    @property
    def slot(self) -> tuple[int, ...]:
        return self.height, self.round

    def __str__(self) -> str:
        prepared = self.prepared
        shown = f", prepared r{prepared.round} {short(prepared.block)}" if prepared is not None else ""
        return f"RoundChange h{self.height} r{self.round}{shown}"


class Proposal(BlockProposal, frozen=True, tag=44):
    """The proposer's block for a round (PRE-PREPARE in the paper). After the first round it is justified by the round
    changes of a quorum and, if anything is prepared there, by the prepares that are the most recent."""

    promises: tuple[Promise, ...] = ()
    prepared: Votes | None = None

    def __str__(self) -> str:
        by = f", by the round changes of {''.join(str(one.signer) for one in self.promises)}" if self.promises else ""
        again = f", prepared r{self.prepared.round}" if self.prepared is not None else ""
        return super().__str__() + by + again
