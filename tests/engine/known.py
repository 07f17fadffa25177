"""Digests that are known: what a scenario and its seed give, on any machine and under any Python.

Whoever changes what netsim does changes them. NETSIM_REWRITE=1 then writes down what they are now (in one process at a
time: `tools/test --numprocesses 0 tests/engine`), and the change says why."""

from __future__ import annotations

import os
from pathlib import Path

_FILE = Path(__file__).parent / "digests.txt"


def is_known(name: str, digest: str) -> bool:
    """Whether that is the digest of the trace of that name."""
    known = dict(line.split() for line in _FILE.read_text(encoding="utf-8").splitlines())
    if os.environ.get("NETSIM_REWRITE"):
        known[name] = digest
        _FILE.write_text("".join(f"{each} {known[each]}\n" for each in sorted(known)), encoding="utf-8")
    return known.get(name) == digest
