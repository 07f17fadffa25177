"""netsim as a user runs it: in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def netsim(folder: Path, *arguments: object, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run netsim in a folder; `limit`: no file may become larger than that (bytes)."""

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-m", "netsim", *map(str, arguments)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        preexec_fn=limited,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done
