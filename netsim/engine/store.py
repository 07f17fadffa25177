"""What nodes persisted: a file that is only ever appended to, read back by the process that takes a node over."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import msgpack


class Journal:
    """The file of the nodes of one process, and of those that take them over: one write for all of them.

    A value is with the operating system when `flush` returns: it survives SIGKILL.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None  # opened with the first value
        self._values: dict[tuple[int, str], bytes] | None = None  # read when first asked for: they may not be ours yet
        self._unwritten: list[bytes] = []

    def put(self, node: int, key: str, value: bytes) -> None:
        """Persist a value of a node."""
        if self._values is not None:
            self._values[node, key] = value
        self._unwritten.append(msgpack.packb((node, key, value)))

    def get(self, node: int, key: str) -> bytes | None:
        """What was last persisted under a node's key, by this process or by those that held the node before."""
        if self._values is None:
            self.flush()
            self._values = {}
            if self._path.exists():
                with self._path.open("rb") as file:
                    self._values.update(((node, key), value) for node, key, value in msgpack.Unpacker(file))
        return self._values.get((node, key))

    def flush(self) -> None:
        """Hand everything to the operating system."""
        if self._unwritten:
            if self._file is None:
                self._file = self._path.open("ab")
            self._file.write(b"".join(self._unwritten))
            self._file.flush()
            self._unwritten.clear()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        if self._file is not None:
            self._file.close()


class FileStore:
    """One node's part of a journal."""

    __slots__ = ("_journal", "_node")

    def __init__(self, journal: Journal, node: int) -> None:
        self._journal = journal
        self._node = node

    def put(self, key: str, value: bytes) -> None:
        """See `Journal.put`."""
        self._journal.put(self._node, key, value)

    def get(self, key: str) -> bytes | None:
        """See `Journal.get`."""
        return self._journal.get(self._node, key)
