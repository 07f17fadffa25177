"""Tendermint's messages (Buchman, Kwon & Milosevic, arXiv 1807.04938, Algorithm 1), and what protocols that decide one
height after the other have in common: the form of a vote, the certificate of a final block, question and answer."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import ClassVar

import msgspec

from netsim.node.block import Batch, Block, short, short_id
from netsim.node.certificate import Certificate
from netsim.node.fields import Digest, Natural
from netsim.node.message import About, Message, MessageKind, Signed
from netsim.node.once import once

_ENCODER = msgspec.msgpack.Encoder()


class Vote(Signed, frozen=True):
    """What a validator says about a block, or about none (nil), in one round of one height."""

    height: Natural
    round: Natural
    block: Digest | None

    @once
    def about(self) -> About:
        return short_id(self.block) if self.block is not None else 0, self.height, self.round

    @property
    def slot(self) -> tuple[int, ...]:
        return self.height, self.round

    def __str__(self) -> str:
        return f"{type(self).__name__} h{self.height} r{self.round} {short(self.block) if self.block else 'nil'}"


class BlockProposal(Signed, frozen=True):
    """A block proposed for one round of its height.

    The signature covers the round, the block's id and `_promises`; what else is there proves itself, so that what a
    proposer has said once it can say again with other proofs.
    """

    kind: ClassVar[MessageKind] = "blocks"

    round: Natural
    block: Block

    @property
    def height(self) -> int:
        return self.block.height

    @property
    def _promises(self) -> tuple[int, ...]:
        """What the author signs beside round and block."""
        return ()

    @once
    def digest(self) -> bytes:
        signed = _ENCODER.encode((self.tag, self.signer, self.round, self.block.id, self._promises))
        return blake2b(signed, digest_size=32, person=b"netsim-message").digest()

    @once
    def about(self) -> About:
        return short_id(self.block.id), self.block.height, self.round

    @property
    def slot(self) -> tuple[int, ...]:
        return self.block.height, self.round

    @property
    def bodies(self) -> tuple[Batch, ...]:
        return self.block.transactions

    def __str__(self) -> str:
        block = self.block
        what = f"h{block.height} r{self.round} {short(block.id)}, {block.count} transactions"
        return f"{type(self).__name__} {what}"


class Votes(Certificate, frozen=True):
    """q votes of one kind for one block in one round."""

    round: Natural
    block: Digest

    def proved(
        self,
        kind: type[Vote],
        height: int,
        quorum: int,
        validators: frozenset[int],
        verify: Callable[[int, bytes, bytes], bool],
    ) -> bool:
        """Whether so many validators have cast these votes at that height."""

        def digest(signer: int) -> bytes:
            return kind(signer, b"", height, self.round, self.block).digest

        return self.by(quorum, validators) and self.holds(digest, verify)


class Prevote(Vote, frozen=True, tag=41):
    """Its author finds the round's proposal acceptable; nil: it does not, or has waited too long (lines 22–33, 57)."""


class Precommit(Vote, frozen=True, tag=42):
    """Its author has seen q prevotes for the block and is locked on it; nil: it has not (lines 36–46, 61)."""


class Proposal(BlockProposal, frozen=True, tag=40):
    """The proposer's value for a round (line 19)."""

    polka: Votes | None = None  # q prevotes for the block in an earlier round, validRound; None: the block is new

    @property
    def valid_round(self) -> int:
        """The round of the prevotes that the proposer refers to; −1 without any."""
        return self.polka.round if self.polka is not None else -1

    @property
    def _promises(self) -> tuple[int, ...]:
        return (self.valid_round,)

    def __str__(self) -> str:
        again = f", valid since r{self.valid_round}" if self.polka is not None else ""
        return super().__str__() + again


class Ask(Message, frozen=True, tag=38):
    """Where the asking node stands, and what it knows to lack."""

    relayed: ClassVar[bool] = False

    height: Natural  # the last final
    round: Natural | None  # of the height after it; None: no votes are needed
    lacks_proposal: bool  # of that round
    block: Digest | None  # one that is known by its id, and needed

    @once
    def about(self) -> About:
        return 0, self.height, -1 if self.round is None else self.round

    def __str__(self) -> str:
        round = f" r{self.round}" if self.round is not None else ""
        lacks = ", lacks its proposal" if self.lacks_proposal else ""
        wanted = f", wants {short(self.block)}" if self.block is not None else ""
        return f"Ask above h{self.height}{round}{lacks}{wanted}"


class Answer(Message, frozen=True, tag=39):
    """What the asked node has beyond that. Everything here proves itself, so that nobody need sign it."""

    kind: ClassVar[MessageKind] = "blocks"
    relayed: ClassVar[bool] = False

    height: Natural  # the last that is final at the answering node
    chain: tuple[tuple[Block, Votes], ...]  # final blocks above the asked height, lowest first
    block: Block | None  # the one asked for by its id

    @once
    def about(self) -> About:
        return 0, self.height, -1

    @property
    def bodies(self) -> tuple[Batch, ...]:
        blocks = [block for block, _ in self.chain] + ([self.block] if self.block is not None else [])
        return tuple(batch for block in blocks for batch in block.transactions)

    def __str__(self) -> str:
        parts = [f"Answer at h{self.height}"]
        parts += [f"h{block.height} {short(block.id)} final by r{proof.round}" for block, proof in self.chain]
        if self.block is not None:
            parts.append(f"h{self.block.height} {short(self.block.id)}")
        return ", ".join(parts)
