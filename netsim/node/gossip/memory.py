"""Which messages a node has seen, and the latest of them themselves, in bounded memory."""

from __future__ import annotations

from netsim.node.message import Message

MEMORY = 1 << 14


class Memory:
    """Messages by digest. Two generations bound it: when the younger is full, the older is forgotten.

    So a message is known for at least `limit` further ones.
    """

    def __init__(self, limit: int = MEMORY) -> None:
        """`limit`: how many messages one generation holds."""
        self._limit = limit
        self._young: dict[bytes, Message] = {}
        self._old: dict[bytes, Message] = {}

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._young or digest in self._old

    def get(self, digest: bytes) -> Message | None:
        """The message of that digest, if it is still known."""
        return self._young.get(digest) or self._old.get(digest)

    def add(self, message: Message) -> None:
        """Remember a message."""
        if len(self._young) >= self._limit:
            self._old, self._young = self._young, {}
        self._young[message.digest] = message
