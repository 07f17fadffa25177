"""No process outlives its run, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import orphans
import pytest

_ROOT = Path(__file__).parents[2]
_MARK = "NETSIM_TEST_MARK"


class Family:
    """The miniature run of `orphans`, and all processes that carry its mark."""

    def __init__(self, folder: Path) -> None:
        self.mark = f"{_MARK}={uuid4().hex}"
        name, _, value = self.mark.partition("=")
        self.parent = subprocess.Popen(
            [sys.executable, orphans.__file__, str(folder)],
            env={**os.environ, "PYTHONPATH": str(_ROOT), name: value},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.hear() == "ready"

    def hear(self) -> str:
        assert self.parent.stdout is not None
        return self.parent.stdout.readline().strip()

    def say(self, word: str) -> None:
        assert self.parent.stdin is not None
        self.parent.stdin.write(word + "\n")
        self.parent.stdin.flush()

    def members(self) -> dict[int, str]:
        """Every living process of the family, with its command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if self.mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                        found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue  # it ended, or is not ours to look at
        return found

    def left(self) -> dict[int, str]:
        """Who is still there when those that are about to end have had their time."""
        deadline = time.monotonic() + 20
        while (found := self.members()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return found


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    family = Family(tmp_path)
    yield family
    for pid in family.members():
        os.kill(pid, signal.SIGKILL)
    family.parent.communicate()


def test_nobody_outlives_a_parent_that_was_killed(family: Family) -> None:
    commands = family.members().values()
    assert len(commands) >= 2 + len(orphans.WAYS)  # the parent and the broker besides
    assert any("nats-server" in command for command in commands)
    family.parent.kill()
    assert family.left() == {}


def test_processes_end_when_their_parent_lets_go_of_the_lifeline(family: Family) -> None:
    family.say("let go")
    assert family.hear() == str({-int(signal.SIGKILL)})
    assert family.parent.poll() is None
    family.say("leave")
    assert family.parent.wait() == 0
    assert family.left() == {}
