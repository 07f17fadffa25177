"""A run with a live page, and who looks at it: for the tests of both ends."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.commands import ROOT

TEXT = """
duration: 12 s
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 3}
  suzhou: {location: [31.299, 120.585], nodes: 2}
consensus: {protocol: pbft, block_interval: 250 ms}
workload: {rate: 40 /s}
trace: blocks
"""


@dataclass
class Client:
    """Speaks HTTP to an address."""

    address: str

    def ask(
        self, path: str = "", method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection, base = self._connect()
        connection.request(method, base + path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def wish(self, kind: str, what: str | int) -> tuple[int, dict[str, str]]:
        status, content = self.ask("wish", "POST", json.dumps({"kind": kind, "what": what}).encode())
        return status, json.loads(content)

    def events(self) -> Iterator[dict[str, Any]]:
        """What the page is told, until the server hangs up."""
        connection, base = self._connect()
        connection.request("GET", base + "events")
        answer = connection.getresponse()
        assert answer.status == 200
        try:
            while line := answer.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def _connect(self) -> tuple[http.client.HTTPConnection, str]:
        parts = urlsplit(self.address)
        return http.client.HTTPConnection(parts.netloc, timeout=30), parts.path


@dataclass
class User:
    """netsim in a process of its own, and its page."""

    folder: Path
    child: subprocess.Popen[str]
    client: Client

    @staticmethod
    def runs(folder: Path, *options: str, text: str = TEXT) -> User:
        (folder / "world.yaml").write_text(text)
        child = subprocess.Popen(
            [sys.executable, "-m", "netsim", "run", "world.yaml", "--live", "--out", "out", "--json", *options],
            cwd=folder,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "NETSIM_TEST": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stderr is not None
        found = re.fullmatch(r"live: (http://127\.0\.0\.1:\d+/\S+/)\n", child.stderr.readline())
        assert found
        return User(folder, child, Client(found[1]))

    def end(self) -> tuple[int, str, str]:
        """Exit code, output and errors; and nothing of the run is left."""
        out, err = self.child.communicate(timeout=60)
        deadline = time.monotonic() + 10
        while self._processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not self._processes()
        return self.child.returncode, out, err

    def _processes(self) -> list[str]:
        mark = f"NETSIM_TEST={self.folder}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes():
                    found.append(entry.name)
            except OSError:
                continue
        return found
