"""The laws: what the command prints, and that whatever does not hold is reported."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netsim import catalogue
from netsim.laws import bench
from netsim.laws.__main__ import app
from netsim.laws.bench import Line, answer, lines, questions
from netsim.laws.law import LAWS, Formula, Law, constant, law_of
from netsim.laws.measured import placements
from netsim.node.tendermint import Tendermint
from netsim.testing import check_laws

ROOT = Path(__file__).parents[1]


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and output of the command, in this process."""
    result = CliRunner().invoke(app, [*arguments, "--jobs", "1"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def law(protocol: str) -> Law:
    found = law_of(protocol)
    assert found is not None
    return found


def held(stated: Law, nodes: int) -> list[Line]:
    """A law's lines for one size."""
    return lines(stated, nodes, [(question, answer(question, stated)) for question in questions(stated, nodes)])


@pytest.mark.parametrize("stated", LAWS, ids=lambda stated: stated.protocol)
def test_four_validators_obey(stated: Law) -> None:
    assert [line for line in held(stated, 4) if not line.agrees] == []


@pytest.mark.long
def test_the_whole_table_agrees_and_so_does_the_emulator() -> None:
    done = subprocess.run([str(ROOT / "tools" / "laws"), "--emulate"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_a_law_for_each_protocol() -> None:
    built = {entry.name for entry in catalogue.entries("protocols") if entry.built}
    assert {stated.protocol for stated in LAWS} == built - {"scripted"}
    assert len({stated.protocol for stated in LAWS}) == len(LAWS)


def test_the_command_runs_in_processes_of_its_own() -> None:
    command = [str(ROOT / "tools" / "laws"), "--only", "raft", "--nodes", "4", "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Ongaro and Ousterhout" in done.stdout
    assert "9 = 9" in done.stdout
    assert "6 of 6 agree" in done.stdout


def test_it_prints_json() -> None:
    code, output = run("--only", "jolteon", "--nodes", "4", "--json")
    rows = {row["quantity"]: row for row in json.loads(output)}
    assert code == 0
    assert rows["last"] == {
        "protocol": "jolteon",
        "validators": 4,
        "quantity": "last",
        "formula": "5",
        "predicted": 5,
        "simulated": 5,
        "emulated": None,
        "agrees": True,
        "reason": "",
        "source": rows["last"]["source"],
    }
    assert [row["predicted"] for row in rows.values()] == [3, 4, 5, 6, 1, 2, 2]


def test_the_emulator_gives_the_same() -> None:
    code, output = run("--only", "tendermint", "--nodes", "4", "--emulate")
    assert code == 0
    assert "27 = 27 = 27" in output
    assert "4 of them emulated too" in output


def test_what_does_not_hold_is_reported_and_in_which_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(
        law("pbft"),
        quorum=None,
        first=None,
        last=constant(4),
        messages=Formula("n", lambda n: n),
        survives=constant(2),
        equivocators=constant(3),
    )
    monkeypatch.setattr(bench, "LAWS", (wrong,))
    code, output = run("--only", "pbft", "--nodes", "4")
    assert code == 1
    assert "4 ≠ 3" in output
    assert "pbft, 4 validators, messages: predicted 4, found 24" in output
    assert "pbft, 4 validators, survives: predicted 2, found fewer (harm is done by 2: " in output
    assert "pbft, 4 validators, equivocators: predicted 3, found fewer (harm is done by 2: " in output
    assert "0 of 5 agree" in output
    less = replace(wrong, last=None, messages=None, survives=constant(0), equivocators=constant(1))
    assert [line.found for line in held(less, 4)] == ["more", "more", "more"]


def test_what_cannot_be_measured_is_a_line_too() -> None:
    impossible = Law("pbft", "", quorum=constant(3), consensus="quorum: 9")
    (line,) = held(impossible, 4)
    assert (line.found, line.agrees) == (None, False)
    assert "quorum" in line.reason


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "perpetuum"], "no law for perpetuum"),
        (["--nodes", "four"], "--nodes is a number or two"),
        (["--nodes", "9-4"], "--nodes is a number or two"),
    ],
)
def test_nonsense_is_refused(arguments: list[str], says: str) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert says in output


def test_validators_are_struck_first_last_and_far_apart() -> None:
    assert placements(10, 3) == [(0, 1, 2), (7, 8, 9), (0, 3, 6)]
    assert placements(4, 1) == [(0,), (3,)]
    assert placements(4, 0) == [()]
    assert all(len(set(chosen)) == count for n in range(1, 11) for count in range(n) for chosen in placements(n, count))


def test_users_check_their_own() -> None:
    streamlet = f"{ROOT / 'scenarios' / 'own-protocol' / 'streamlet.py'}:Streamlet"
    check_laws(
        streamlet,
        quorum=lambda n: n - (n - 1) // 3,
        messages=lambda n: (n - 1) * (n + 1),
        equivocators=lambda n: n - 2 * ((n - 1) // 3),
        nodes=(4, 5),
    )
    with pytest.raises(AssertionError, match="Streamlet, 4 validators, messages: predicted 12, found 15"):
        check_laws(streamlet, messages=12, quorum=4, nodes=[4])


def test_a_class_will_do() -> None:
    check_laws(Tendermint, finality=3, first=3, messages=27, nodes=[4])
