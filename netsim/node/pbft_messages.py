"""PBFT's messages and the certificates in them (Castro & Liskov, OSDI 1999, figure and section numbers of that paper).

A certificate is a set of signatures over one statement, by different validators. What it is about is given by a
block's *header*, so that whoever reads it knows the block's parent without having its transactions.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import ClassVar

from netsim.node.block import Batch, Block, Header, short, short_id
from netsim.node.certificate import Certificate
from netsim.node.fields import Digest, Natural
from netsim.node.message import About, Message, MessageKind, Signed
from netsim.node.once import once


class Vote(Signed, frozen=True):
    """What prepares and commits have in common."""

    view: Natural
    height: Natural
    block: Digest

    @once
    def about(self) -> About:
        return short_id(self.block), self.height, self.view

    @property
    def slot(self) -> tuple[int, ...]:
        return self.view, self.height

    def __str__(self) -> str:
        return f"{type(self).__name__} v{self.view} h{self.height} {short(self.block)}"


class Prepare(Vote, frozen=True, tag=17):
    """Its author accepts the primary's proposal for this view and height (section 4.2)."""


class Commit(Vote, frozen=True, tag=18):
    """Its author has seen that a quorum accepts the block in this view (section 4.2)."""


class Proposal(Signed, frozen=True, tag=24):
    """A pre-prepare without the block's transactions: what certificates and new views hold of it."""

    view: Natural
    header: Header


class PrePrepare(Signed, frozen=True, tag=16):
    """The primary's proposal. Its signature is that of the `Proposal`, so it stays valid without the transactions."""

    kind: ClassVar[MessageKind] = "blocks"

    view: Natural
    block: Block

    @once
    def proposal(self) -> Proposal:
        return Proposal(self.signer, self.signature, self.view, self.block.header)

    @once
    def digest(self) -> bytes:
        return self.proposal.digest

    @once
    def about(self) -> About:
        return short_id(self.block.id), self.block.height, self.view

    @property
    def slot(self) -> tuple[int, ...]:
        return self.view, self.block.height

    @property
    def bodies(self) -> tuple[Batch, ...]:
        return self.block.transactions

    def __str__(self) -> str:
        return f"PrePrepare v{self.view} h{self.block.height} {short(self.block.id)}, {self.block.count} transactions"


class Prepared(Certificate, frozen=True):
    """The pre-prepare and q − 1 matching prepares of backups: no other block can be prepared in this view here."""

    proposal: Proposal

    @property
    def view(self) -> int:
        return self.proposal.view

    @property
    def header(self) -> Header:
        return self.proposal.header

    def __str__(self) -> str:
        return f"v{self.view} h{self.header.height} {short(self.header.id)}"


class Committed(Certificate, frozen=True):
    """q matching commits: the block is final, and with it every block below it."""

    view: Natural
    header: Header


class Stable(Certificate, frozen=True):
    """q matching checkpoints: a quorum has executed the chain up to here."""

    height: Natural
    block: Digest


class Checkpoint(Signed, frozen=True, tag=19):
    """Its author has executed the chain up to this block (section 4.3), which is so in every view."""

    view: ClassVar[int] = 0

    height: Natural
    block: Digest

    @once
    def about(self) -> About:
        return short_id(self.block), self.height, -1

    @property
    def slot(self) -> tuple[int, ...]:
        return (self.height,)

    def __str__(self) -> str:
        return f"Checkpoint h{self.height} {short(self.block)}"


class Change(Signed, frozen=True):
    """What view changes and new views have in common: certificates, so that the digest covers others' signatures."""

    view: Natural

    @once
    def about(self) -> About:
        return 0, -1, self.view

    @property
    def lot(self) -> bytes:
        return blake2b(f"{self.tag} {self.signer} {self.view}".encode(), digest_size=32).digest()


class ViewChange(Change, frozen=True, tag=20):
    """Its author acts in no view below this one any more, and says what may have been decided there (section 4.4)."""

    executed: Committed | None  # the commit certificate of the last executed block; none at genesis
    prepared: tuple[Prepared, ...]  # the prepared certificates above it, without a gap, lowest first

    @property
    def height(self) -> int:
        """The last executed height."""
        return self.executed.header.height if self.executed else 0

    def __str__(self) -> str:
        prepared = "".join(f", prepared {proof}" for proof in self.prepared)
        return f"ViewChange v{self.view}, executed h{self.height}{prepared}"


class NewView(Change, frozen=True, tag=21):
    """The new primary's opening: a quorum of view changes, and what follows from them proposed anew (section 4.4)."""

    view_changes: tuple[ViewChange, ...]
    proposals: tuple[Proposal, ...]

    def __str__(self) -> str:
        left = "".join(str(change.signer) for change in self.view_changes)
        again = "".join(f", again h{p.header.height} {short(p.header.id)}" for p in self.proposals)
        return f"NewView v{self.view} by the view changes of {left}{again}"


class Ask(Message, frozen=True, tag=22):
    """Where the asking node stands, and what it knows to lack."""

    relayed: ClassVar[bool] = False

    height: Natural  # the last executed
    stable: Natural  # the last stable checkpoint
    view: Natural  # the last view whose opening the asker needs no more
    blocks: tuple[Digest, ...]  # ids of blocks that are known to be decided or proposed anew, but not held

    @once
    def about(self) -> About:
        return 0, self.height, self.view

    def __str__(self) -> str:
        wanted = "".join(f", wants {short(block)}" for block in self.blocks)
        return f"Ask above h{self.height} v{self.view}{wanted}"


class Answer(Message, frozen=True, tag=23):
    """What the asked node has beyond that. Everything here proves itself, so that nobody need sign it."""

    kind: ClassVar[MessageKind] = "blocks"
    relayed: ClassVar[bool] = False

    height: Natural  # the last that the answering node has executed
    chain: tuple[tuple[Block, Committed], ...]  # final blocks above the asked height, lowest first
    blocks: tuple[Block, ...]  # those asked for by id
    stable: Stable | None
    new_view: NewView | None

    @once
    def about(self) -> About:
        return 0, self.height, -1

    @property
    def bodies(self) -> tuple[Batch, ...]:
        blocks = (*(block for block, _ in self.chain), *self.blocks)
        return tuple(batch for block in blocks for batch in block.transactions)

    def __str__(self) -> str:
        parts = [f"Answer at h{self.height}"]
        parts += [f"h{block.height} {short(block.id)} final by v{proof.view}" for block, proof in self.chain]
        parts += [f"h{block.height} {short(block.id)}" for block in self.blocks]
        if self.stable is not None:
            parts.append(f"stable h{self.stable.height}")
        if self.new_view is not None:
            parts.append(str(self.new_view))
        return ", ".join(parts)
