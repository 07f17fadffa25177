"""The shipped study in a tiny form: one run of each of a few points, and one of them emulated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from netsim import catalogue
from netsim.scenario import points
from netsim.study.picture import draw
from netsim.study.results import ACCESS, BORDER, PLACE, PROTOCOL, read
from tests.commands import ROOT

SCENARIO = ROOT / "scenarios" / "border-study.yaml"


def study(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "netsim.study", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def test_the_study_has_every_combination_and_emulates_one_point_of_each_protocol() -> None:
    found = points(SCENARIO, catalogue=catalogue)
    assert len(found) == 4 * 4 * 3 * 2
    assert {len(point.scenario.nodes) for point in found} == {10}
    emulated = [point.values for point in found if point.emulated]
    assert [values[PROTOCOL] for values in emulated] == ["pbft", "tendermint", "hotstuff", "raft"]
    assert {values[BORDER] for values in emulated} == {"leased", "public", "congested", "detour"}


def test_the_command_gives_sentences_a_picture_and_a_report(tmp_path: Path) -> None:
    fewer = [f"{PROTOCOL}=pbft", f"{BORDER}=leased,public", f"{ACCESS}=fibre,5g", f"{PLACE}=out,in"]
    shorter = ["--set", "duration=4 s", "--set", "warmup=0 s", "--set", "expect={}", "--seeds", "1", "--jobs", "1"]
    vary = [word for option in fewer for word in ("--vary", option)]
    done = study(tmp_path, "--out", "out", *vary, *shorter)
    assert done.returncode == 0, done.stderr
    assert "point-007, seed 1, emulated: exact, the simulation's trace" in done.stderr
    sentences = [part for part in done.stdout.split("\n\n") if part.startswith("The ")]
    assert [sentence.split(":")[0] for sentence in sentences[:3]] == ["The border", "The distance", "The radio"]
    assert "as a check, 1 of 1 emulations" in " ".join(done.stdout.split())
    assert (tmp_path / "out" / "study.svg").stat().st_size > 10_000
    assert "What the border, the distance and the radio" in (tmp_path / "out" / "report.html").read_text("utf-8")
    found = read(tmp_path / "out")
    assert found.words[BORDER] == ("leased", "public")
    draw(found, tmp_path / "other.svg")  # in another process: the same to the byte
    assert (tmp_path / "other.svg").read_bytes() == (tmp_path / "out" / "study.svg").read_bytes()
