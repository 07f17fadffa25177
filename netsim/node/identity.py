"""Who signed what: 64-byte signatures over 32-byte digests, by keys that every process can derive.

Both schemes are for experiments. Keys follow from the scenario's seed, so that all processes know all public keys
without exchanging any; whoever knows the seed can sign as anybody. Never use them to protect something.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from nacl.signing import VerifyKey

SIGNATURE_SIZE = 64  # bytes, in both schemes: sizes on the link do not depend on the engine
MEMORY = 1 << 16  # signatures found genuine that one generation remembers


class Identities(Protocol):
    """The signatures of all nodes, as one process sees them."""

    def sign(self, node: int, digest: bytes) -> bytes:
        """The signature of a node over a digest."""

    def verify(self, node: int, digest: bytes, signature: bytes) -> bool:
        """Whether it is one. Never raises, whatever the bytes."""


class _Remembering(ABC):
    """Nodes that share a process check each signature once: what was found genuine is remembered, in two generations
    that bound the memory."""

    def __init__(self) -> None:
        self._young: dict[bytes, tuple[int, bytes]] = {}
        self._old: dict[bytes, tuple[int, bytes]] = {}

    def verify(self, node: int, digest: bytes, signature: bytes) -> bool:
        found = self._young.get(signature) or self._old.get(signature)
        if found is not None and found[0] == node and found[1] == digest:
            return True
        if not self._check(node, digest, signature):
            return False
        self._remember(node, digest, signature)
        return True

    def _remember(self, node: int, digest: bytes, signature: bytes) -> None:
        if len(self._young) >= MEMORY:
            self._old, self._young = self._young, {}
        self._young[signature] = (node, digest)

    @abstractmethod
    def _check(self, node: int, digest: bytes, signature: bytes) -> bool:
        """Verify without memory."""


class KeyedHash(_Remembering):
    """The simulator's signatures: a keyed hash, verified by computing it again, 0.6 µs instead of Ed25519's 50."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._keys: dict[int, bytes] = {}

    def sign(self, node: int, digest: bytes) -> bytes:
        key = self._keys.get(node)
        if key is None:
            key = self._keys[node] = _secret(self._seed, node)
        return blake2b(digest, digest_size=SIGNATURE_SIZE, key=key).digest()

    def _check(self, node: int, digest: bytes, signature: bytes) -> bool:
        return self.sign(node, digest) == signature


class Ed25519(_Remembering):
    """The emulator's signatures (RFC 8032). A key is made when it is first needed.

    OpenSSL signs, by way of `cryptography`; libsodium verifies, by way of PyNaCl, in half of OpenSSL's time. Where each
    node has a process of its own, verifying is the better part of what the processes do.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._private: dict[int, Ed25519PrivateKey] = {}
        self._public: dict[int, VerifyKey] = {}

    def sign(self, node: int, digest: bytes) -> bytes:
        signature = self._private_key(node).sign(digest)
        self._remember(node, digest, signature)  # nobody in this process needs to check what was signed in it
        return signature

    def _check(self, node: int, digest: bytes, signature: bytes) -> bool:
        from nacl.exceptions import BadSignatureError
        from nacl.signing import VerifyKey

        public = self._public.get(node)
        if public is None:
            public = self._public[node] = VerifyKey(self._private_key(node).public_key().public_bytes_raw())
        try:
            public.verify(digest, signature)
        except (BadSignatureError, ValueError):  # the latter for one that is not of 64 bytes
            return False
        return True

    def know(self, nodes: Iterable[int]) -> None:
        """Make the public keys of nodes now, each with its first use, which takes longer than the others."""
        for node in nodes:
            self._check(node, bytes(32), bytes(SIGNATURE_SIZE))

    def _private_key(self, node: int) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = self._private.get(node)
        if key is None:
            key = self._private[node] = Ed25519PrivateKey.from_private_bytes(_secret(self._seed, node))
        return key


def _secret(seed: int, node: int) -> bytes:
    return blake2b(f"{seed}/{node}".encode(), digest_size=32, person=b"netsim-identity").digest()
