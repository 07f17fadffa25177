"""The same simulation a second time: in a fresh interpreter, under another PYTHONHASHSEED.

Whatever depends on the order of a set, on an address or on what the process did before is different there; a simulation
that depends on nothing but its scenario is the same. `python -m netsim.engine.again FOLDER` is that second process.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import netsim
from netsim import trace
from netsim.engine.lifeline import die_with_parent
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.scenario import Scenario

_SCENARIO = "scenario.pickle"


class NotRepeated(Exception):
    """The second simulation did not come to its end; the message is one line, `details` are for the log."""

    def __init__(self, reason: str, details: str = "") -> None:
        super().__init__(reason)
        self.details = details


def again(scenario: Scenario, work: Path) -> trace.Trace:
    """The trace of a scenario, simulated in another process, which uses the folder `again` in `work`.

    Raises NotRepeated, and OSError where files or the process cannot be made.
    """
    folder = work / "again"
    folder.mkdir()
    (folder / _SCENARIO).write_bytes(pickle.dumps(scenario))
    done = subprocess.run(
        [sys.executable, "-m", "netsim.engine.again", str(folder)],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        preexec_fn=die_with_parent(os.getpid()),
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise NotRepeated(f"the second simulation failed: {last}", done.stderr)
    return trace.read(folder)


def _environment() -> dict[str, str]:
    """This process's own, with netsim where this process has it from, and another seed of Python's hashes."""
    here = os.environ.get("PYTHONHASHSEED", "")
    paths = [str(Path(netsim.__file__).parents[1]), *(path for path in sys.path if path)]
    return {
        **os.environ,
        "PYTHONHASHSEED": str((int(here) + 1) % (1 << 32)) if here.isdecimal() else "1",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
    }


def _main(folder: Path) -> None:
    # Written by the process that started this one.
    scenario = pickle.loads((folder / _SCENARIO).read_bytes())
    recorded = simulate(Plan(scenario), folder)
    if not recorded.header.fidelity.complete:
        raise SystemExit("interrupted")
    recorded.write(folder)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
