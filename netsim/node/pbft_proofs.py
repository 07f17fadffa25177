"""What makes PBFT's certificates, view changes and new views valid, and what a new view must propose.

Nothing here has state: every function of a replica's verifier gives the same answer at every correct replica.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from netsim.node.block import GENESIS, Header
from netsim.node.certificate import Certificate
from netsim.node.message import Signed
from netsim.node.pbft_messages import (
    Checkpoint,
    Commit,
    Committed,
    NewView,
    Prepare,
    Prepared,
    Stable,
    ViewChange,
)


class Plan(msgspec.Struct, frozen=True):
    """What a quorum of view changes leaves a new primary to do."""

    base: Committed | None  # the highest executed block among them: everything up to it is final
    again: tuple[Prepared, ...]  # what must be proposed again, one per height, from the base on

    @property
    def height(self) -> int:
        """The height of the base."""
        return self.base.header.height if self.base else 0


def plan(view_changes: Sequence[ViewChange]) -> Plan:
    """The new view's opening (section 4.4, the set O): above the highest executed block, at each height the block of
    the certificate with the highest view, as far as they stand on each other."""
    base: Committed | None = None
    highest: dict[int, Prepared] = {}
    for view_change in view_changes:
        executed = view_change.executed
        if executed is not None and (base is None or executed.header.height > base.header.height):
            base = executed
        for prepared in view_change.prepared:
            known = highest.get(prepared.header.height)
            if known is None or prepared.view > known.view:
                highest[prepared.header.height] = prepared
    below: Header = base.header if base else GENESIS.header
    again = []
    while (found := highest.get(below.height + 1)) is not None and found.header.parent == below.id:
        again.append(found)
        below = found.header
    return Plan(base, tuple(again))


class Verifier:
    """Checks what others claim to prove, against one set of validators and one quorum."""

    def __init__(
        self, validators: Sequence[int], quorum: int, span: int, verify: Callable[[int, bytes, bytes], bool]
    ) -> None:
        """`span`: most heights above its last executed block at which a replica can have prepared anything."""
        self._validators = validators
        self._members = frozenset(validators)
        self._quorum = quorum
        self._span = span
        self._verify = verify

    def primary(self, view: int) -> int:
        """The primary of a view: the validators take turns."""
        return self._validators[view % len(self._validators)]

    def prepared(self, proof: Prepared) -> bool:
        """Whether the primary and q − 1 backups have signed for the block in the view."""
        proposal, header = proof.proposal, proof.header
        primary = self.primary(proposal.view)
        return (
            proposal.signer == primary
            and primary not in proof.signers
            and self._distinct(proof, self._quorum - 1)
            and self.signed(proposal)
            and self._all_signed(
                Prepare(signer, signature, proposal.view, header.height, header.id) for signer, signature in proof
            )
        )

    def committed(self, proof: Committed) -> bool:
        """Whether q validators have committed the block in the view."""
        header = proof.header
        return self._distinct(proof, self._quorum) and self._all_signed(
            Commit(signer, signature, proof.view, header.height, header.id) for signer, signature in proof
        )

    def stable(self, proof: Stable) -> bool:
        """Whether q validators have executed the chain up to the block."""
        return self._distinct(proof, self._quorum) and self._all_signed(
            Checkpoint(signer, signature, proof.height, proof.block) for signer, signature in proof
        )

    def view_change(self, message: ViewChange) -> bool:
        """Whether everything that a view change reports is proved. Its own signature is not looked at."""
        first = message.height + 1
        return (
            message.view > 0
            and len(message.prepared) <= self._span
            and all(proof.header.height == first + place for place, proof in enumerate(message.prepared))
            and all(proof.view < message.view for proof in message.prepared)
            and (message.executed is None or (message.height > 0 and self.committed(message.executed)))
            and all(map(self.prepared, message.prepared))
        )

    def new_view(self, message: NewView, trusted: Callable[[ViewChange], bool]) -> Plan | None:
        """What a new view opens with, or None where it is not what its view changes call for.

        `trusted` tells which of them this replica has checked before. The message's own signature is not looked at.
        """
        changes = message.view_changes
        signers = {change.signer for change in changes}
        if (
            message.view <= 0
            or message.signer != self.primary(message.view)
            or any(change.view != message.view for change in changes)
            or not self._quorum <= len(signers) == len(changes)
            or not signers <= self._members
            or not all(trusted(change) or (self.signed(change) and self.view_change(change)) for change in changes)
        ):
            return None
        opening = plan(changes)
        proposals = message.proposals
        if (
            [proposal.header for proposal in proposals] != [proof.header for proof in opening.again]
            or any(proposal.signer != message.signer or proposal.view != message.view for proposal in proposals)
            or not self._all_signed(proposals)
        ):
            return None
        return opening

    def signed(self, message: Signed) -> bool:
        """Whether a nested message is by the validator that it names."""
        return message.signer in self._members and self._verify(message.signer, message.digest, message.signature)

    def _distinct(self, proof: Certificate, least: int) -> bool:
        signers = set(proof.signers)
        return least <= len(signers) == len(proof.signers) == len(proof.signatures) and signers <= self._members

    def _all_signed(self, messages: Iterable[Signed]) -> bool:
        return all(map(self.signed, messages))
