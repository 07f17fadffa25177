"""Certificates: signatures over one statement, by different validators."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Self

import msgspec

from netsim.node.context import World
from netsim.node.fields import Natural, Signature
from netsim.node.message import Signed


class Certificate(msgspec.Struct, frozen=True, array_like=True):
    """Signatures by different validators, in parallel tuples. What they have signed the subclass says."""

    signers: tuple[Natural, ...]
    signatures: tuple[Signature, ...]

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return iter(zip(self.signers, self.signatures, strict=False))

    @classmethod
    def of(cls, signatures: Mapping[int, bytes], quorum: int) -> Self:
        """From signatures by signer: those of the `quorum` signers with the lowest numbers."""
        signers = sorted(signatures)[:quorum]
        return cls(tuple(signers), tuple(signatures[signer] for signer in signers))

    def by(self, quorum: int, members: Collection[int]) -> bool:
        """Whether it has the form of exactly `quorum` signatures by different ones of some members."""
        return (
            len(self.signers) == len(self.signatures) == quorum
            and len(set(self.signers)) == quorum
            and all(signer in members for signer in self.signers)
        )

    def holds(self, digest: Callable[[int], bytes], verify: Callable[[int, bytes, bytes], bool]) -> bool:
        """Whether all signatures are genuine. `digest(signer)`: of the message that this signer has signed."""
        return all(verify(signer, digest(signer), signature) for signer, signature in self)

    def proves(self, statement: Signed, quorum: int, world: World) -> bool:
        """Whether exactly `quorum` different validators have signed a statement, whoever it names as its signer."""

        def digest(signer: int) -> bytes:
            return msgspec.structs.replace(statement, signer=signer).digest

        return self.by(quorum, world.validators) and self.holds(digest, world.verify)
