"""What a node persisted: a file that is only ever appended to, read back by the process that takes the node over."""

from __future__ import annotations

from pathlib import Path

import msgpack


class FileStore:
    """Keys and values of one node. A write is with the operating system when `flush` returns: it survives SIGKILL."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, bytes] | None = None  # read when first asked for: the node may not be ours yet
        self._unwritten: list[bytes] = []

    def put(self, key: str, value: bytes) -> None:
        """Persist a value."""
        if self._values is not None:
            self._values[key] = value
        self._unwritten.append(msgpack.packb((key, value)))

    def get(self, key: str) -> bytes | None:
        """What was last persisted under a key, by this process or by those that held the node before."""
        if self._values is None:
            self.flush()
            self._values = {}
            if self._path.exists():
                with self._path.open("rb") as file:
                    self._values.update(msgpack.Unpacker(file))
        return self._values.get(key)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        if self._unwritten:
            with self._path.open("ab") as file:
                file.write(b"".join(self._unwritten))
            self._unwritten.clear()
