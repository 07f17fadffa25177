"""A simulation that is done twice: equal where it depends on nothing but its scenario, and found out where not."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands import netsim
from tests.test_own_protocol import TRUSTING, WORLD

# The names are taken from a set, whose order is another one under another PYTHONHASHSEED.
SUPERSTITIOUS = TRUSTING.replace(
    'set_timer("next", self.rest)\n\n',
    'set_timer("next", self.rest + list({f"a{n}" for n in range(1000)}).index("a7"))\n\n',
)


def twice(folder: Path, protocol: str) -> tuple[int, dict[str, object], str]:
    (folder / "own.py").write_text(protocol)
    (folder / "own.yaml").write_text(WORLD + 'consensus: {protocol: "own.py:Trusting"}\n')
    done = netsim(folder, "run", "own.yaml", "--engine", "simulate", "--verify", "--out", "out")
    summary = json.loads((folder / "out/summary.json").read_text())
    return done.returncode, summary["fidelity"], done.stdout


def test_an_honest_protocol_is_verified(tmp_path: Path) -> None:
    code, fidelity, said = twice(tmp_path, TRUSTING)
    assert (code, fidelity["verified"], fidelity["verdict"]) == (0, "equal", "exact")
    assert "verified: two runs, equal digests" in said


def test_a_protocol_that_depends_on_the_order_of_a_set_is_found_out(tmp_path: Path) -> None:
    code, fidelity, said = twice(tmp_path, SUPERSTITIOUS)
    assert (code, fidelity["verified"], fidelity["verdict"]) == (3, "differs", "invalid")
    assert "first differs at shenzhen-0" in said


def test_an_emulation_has_its_twin_for_that(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(WORLD)
    done = netsim(tmp_path, "run", "own.yaml", "--verify", "--out", "out")
    assert done.returncode == 2
    assert "twin" in done.stderr
    assert not (tmp_path / "out").exists()
