"""Signatures of both engines behave alike."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.node import identity
from netsim.node.identity import SIGNATURE_SIZE, Ed25519, Identities, KeyedHash

SCHEMES = (KeyedHash, Ed25519)
DIGEST = blake2b(b"something", digest_size=32).digest()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signature_holds_for_its_node_and_digest_alone(scheme: Callable[[int], Identities]) -> None:
    signer, other = scheme(7), scheme(7)
    signature = signer.sign(3, DIGEST)
    assert len(signature) == SIGNATURE_SIZE
    for identities in (signer, other, other):
        assert identities.verify(3, DIGEST, signature), "every process derives the same keys"
        assert not identities.verify(4, DIGEST, signature)
        assert not identities.verify(3, bytes(32), signature)
        assert not identities.verify(3, DIGEST, bytes(64))
    assert not scheme(8).verify(3, DIGEST, signature)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(digest=st.binary(max_size=64), signature=st.binary(max_size=100))
def test_no_bytes_make_verification_raise(scheme: Callable[[int], Identities], digest: bytes, signature: bytes) -> None:
    assert not scheme(7).verify(3, digest, signature)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_was_checked_is_remembered_and_the_memory_is_bounded(
    scheme: Callable[[int], Identities], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "MEMORY", 2)
    identities = scheme(7)
    digests = [bytes([number]) * 32 for number in range(10)]
    signatures = [identities.sign(0, digest) for digest in digests]
    assert all(identities.verify(0, *pair) for pair in zip(digests, signatures, strict=True))
    held = [value for value in vars(identities).values() if isinstance(value, dict)]
    assert all(len(generation) <= 2 for generation in held)
    monkeypatch.setattr(identities, "_check", lambda *arguments: pytest.fail("checked again"))
    assert identities.verify(0, digests[-1], signatures[-1])
    assert scheme(7).verify(0, digests[0], signatures[0])
