"""What chained protocols say (HotStuff, arXiv 1803.05069, section 5; Jolteon, arXiv 2106.10362, section 3).

Signatures are not aggregated: a certificate carries n − f of them, and each is checked. What a certificate says of the
block's ancestors, its signers have vouched for: so it shows by itself what becomes final, whoever reads it and whatever
blocks he holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import ClassVar

from netsim.node.block import GENESIS, Batch, Block, short, short_id
from netsim.node.certificate import Certificate
from netsim.node.context import World
from netsim.node.fields import Digest, Natural
from netsim.node.message import About, Message, MessageKind, Signed
from netsim.node.once import once


class Vote(Signed, frozen=True, tag=48):
    """Its author accepts the block that was proposed in a view, on top of a block that was certified in `parent_view`,
    whose own parent was in `grandparent_view` (0 at genesis). It goes to the leader of the next view alone."""

    relayed: ClassVar[bool] = False

    view: Natural
    height: Natural
    block: Digest
    parent_view: Natural
    grandparent_view: Natural

    @once
    def about(self) -> About:
        return short_id(self.block), self.height, self.view

    @property
    def slot(self) -> tuple[int, ...]:
        return (self.view,)

    @property
    def statement(self) -> tuple[int, int, bytes, int, int]:
        """What it says, whoever says it."""
        return self.view, self.height, self.block, self.parent_view, self.grandparent_view

    def __str__(self) -> str:
        return f"Vote v{self.view} h{self.height} {short(self.block)}"


class QC(Certificate, frozen=True):
    """A quorum certificate: n − f equal votes. The block is certified in this view."""

    view: Natural
    height: Natural
    block: Digest
    parent_view: Natural
    grandparent_view: Natural

    @classmethod
    def from_votes(cls, votes: Iterable[Vote], quorum: int) -> QC:
        """From equal votes: those of the `quorum` signers with the lowest numbers."""
        chosen = sorted(votes, key=lambda vote: vote.signer)[:quorum]
        return cls(tuple(v.signer for v in chosen), tuple(v.signature for v in chosen), *chosen[0].statement)

    def genuine(self, quorum: int, world: World) -> bool:
        """Whether so many validators have signed it; genesis is certified by itself."""
        if self.view == 0:
            return self == GENESIS_QC
        vote = Vote(0, b"", self.view, self.height, self.block, self.parent_view, self.grandparent_view)
        return self.proves(vote, quorum, world)

    def __str__(self) -> str:
        return f"QC v{self.view} h{self.height} {short(self.block)}" if self.view else "QC of genesis"


GENESIS_QC = QC((), (), 0, 0, GENESIS.id, 0, 0)


class Claim(Signed, frozen=True, tag=49):
    """What the author of an `Ending` signs: it votes in no view up to this one any more, and has seen no certificate
    above `qc_view`."""

    view: Natural
    qc_view: Natural


class TC(Certificate, frozen=True):
    """A timeout certificate: n − f endings of one view, with what each author has claimed to have seen."""

    view: Natural
    qc_views: tuple[Natural, ...]  # in parallel to the signers

    @classmethod
    def from_endings(cls, endings: Iterable[Ending], quorum: int) -> TC:
        """From endings of one view: those of the `quorum` signers with the lowest numbers."""
        chosen = sorted(endings, key=lambda ending: ending.signer)[:quorum]
        return cls(
            tuple(ending.signer for ending in chosen),
            tuple(ending.signature for ending in chosen),
            chosen[0].view,
            tuple(ending.high_qc.view for ending in chosen),
        )

    @property
    def highest(self) -> int:
        """The highest view that a signer had seen certified."""
        return max(self.qc_views, default=0)

    def genuine(self, quorum: int, world: World) -> bool:
        """Whether so many validators have signed it."""
        if len(self.qc_views) != quorum or not self.by(quorum, world.validators):
            return False
        seen = dict(zip(self.signers, self.qc_views, strict=True))
        return self.holds(lambda signer: Claim(signer, b"", self.view, seen[signer]).digest, world.verify)

    def __str__(self) -> str:
        return f"TC v{self.view} by {''.join(map(str, self.signers))}"


class Proposal(Signed, frozen=True, tag=50):
    """The leader's block for a view. `justify` certifies its parent. `tc` is there if that was not in the view before:
    it shows that the views between were given up."""

    kind: ClassVar[MessageKind] = "blocks"

    view: Natural
    block: Block
    justify: QC
    tc: TC | None

    @once
    def about(self) -> About:
        return short_id(self.block.id), self.block.height, self.view

    @property
    def slot(self) -> tuple[int, ...]:
        return (self.view,)

    @property
    def lot(self) -> bytes:
        return blake2b(f"{self.tag} {self.view} ".encode() + self.block.id, digest_size=32).digest()

    @property
    def bodies(self) -> tuple[Batch, ...]:
        return self.block.transactions

    def __str__(self) -> str:
        block, by = self.block, f", {self.tc}" if self.tc is not None else ""
        return (
            f"Proposal v{self.view} h{block.height} {short(block.id)}, {block.count} transactions, {self.justify}{by}"
        )


class Ending(Signed, frozen=True):
    """Its author votes in no view up to this one any more, the last of the leader's term; it goes to all validators.

    It shows what its author knows: the highest certificate, and, where that is not of the view before the author's
    own, the timeout certificate by which the author came there. The signature is that of the `Claim`: certificates
    prove themselves.
    """

    relayed: ClassVar[bool] = False

    view: Natural
    high_qc: QC
    tc: TC | None

    @once
    def digest(self) -> bytes:
        return Claim(self.signer, b"", self.view, self.high_qc.view).digest

    @once
    def about(self) -> About:
        return 0, self.high_qc.height + 1, self.view

    @property
    def slot(self) -> tuple[int, ...]:
        return (self.view,)

    def __str__(self) -> str:
        by = f", {self.tc}" if self.tc is not None else ""
        return f"{type(self).__name__} v{self.view}, {self.high_qc}{by}"


class Timeout(Ending, frozen=True, tag=51):
    """Jolteon's time-out."""


class NewView(Ending, frozen=True, tag=52):
    """HotStuff's NEW-VIEW. In the paper it goes to the next leader, here to all."""


class Ask(Message, frozen=True, tag=53):
    """Where the asking node stands."""

    relayed: ClassVar[bool] = False

    view: Natural
    qc_view: Natural  # of its highest certificate

    @once
    def about(self) -> About:
        return 0, -1, self.view

    def __str__(self) -> str:
        return f"Ask in v{self.view}, QC v{self.qc_view}"


class Answer(Message, frozen=True, tag=54):
    """What the other knows beyond that. Certificates prove themselves, so that nobody need sign it."""

    relayed: ClassVar[bool] = False

    high_qc: QC | None
    tc: TC | None

    def __str__(self) -> str:
        return ", ".join(("Answer", *(str(one) for one in (self.high_qc, self.tc) if one is not None)))


class Ancestors(Message, frozen=True, tag=55):
    """Blocks that somebody has asked for, as their leaders proposed them, lowest first."""

    kind: ClassVar[MessageKind] = "blocks"
    relayed: ClassVar[bool] = False

    proposals: tuple[Proposal, ...]

    @once
    def about(self) -> About:
        return 0, self.proposals[-1].block.height if self.proposals else -1, -1

    @property
    def bodies(self) -> tuple[Batch, ...]:
        return tuple(batch for proposal in self.proposals for batch in proposal.bodies)

    def __str__(self) -> str:
        return ", ".join(("Ancestors", *(f"h{p.block.height} {short(p.block.id)}" for p in self.proposals)))
