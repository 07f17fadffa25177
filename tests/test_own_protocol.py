"""Protocols that are no part of netsim: found, validated, listed and run like the built-in ones, in both engines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT, netsim

WORLD = """
name: own
duration: 2 s
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 3}
  suzhou:   {location: [31.299, 120.585], nodes: 1}
"""
TRUSTING = '''
from netsim.protocol import Block, Consensus, Parameter, ProposalMessage


class Said(ProposalMessage, frozen=True, tag=16):
    """The first validator has spoken."""


class Trusting(Consensus):
    """Whatever the first validator says is so"""

    messages = (Said,)
    parameters = (Parameter("rest", "duration", "200 ms", "between two blocks", minimum=1),)
    facts = (("finality", "one message delay"),)

    def __init__(self, context, chain, mempool, parameters):
        super().__init__(context, chain, mempool, parameters)
        self.rest = parameters["rest"]

    def start(self):
        if self.context.me == self.context.validators[0]:
            self.context.set_timer("next", self.rest)

    def on_timer(self, name):
        self.context.set_timer("next", self.rest)
        head = self.chain.head
        block = Block(head.height + 1, head.id, self.context.me, self.context.now, self.mempool.take(1000))
        self.context.broadcast(Said(self.context.me, b"", block, block.height).signed(self.context.sign))
        self.context.proposed(block)
        self.accept(block)

    def on_message(self, sender, message):
        self.accept(message.block)

    def accept(self, block):
        if block.parent == self.chain.head.id:
            self.chain.append(block)
            self.mempool.finalised(block)
            self.context.finalise(block)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trusting.py").write_text(TRUSTING, encoding="utf-8")
    return tmp_path


def scenario(folder: Path, protocol: str, more: str = "") -> Path:
    path = folder / "own.yaml"
    path.write_text(f'{WORLD}consensus: {{protocol: "{protocol}"{more}}}\n', encoding="utf-8")
    return path


@pytest.mark.parametrize("protocol", ["trusting.py:Trusting", "trusting:Trusting", "./trusting.py:Trusting"])
def test_it_runs_in_both_engines_from_a_file_beside_the_scenario_or_as_a_module(protocol: str, folder: Path) -> None:
    path = scenario(folder, protocol, ", rest: 100 ms")
    done = netsim(ROOT, "run", path, "--out", folder / "run", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["fidelity"]["verdict"], summary["fidelity"]["twin"]) == ("exact", "equal")
    assert summary["blocks"]["finalised"] == 19


def test_a_runs_folder_has_the_protocol_and_can_be_run_again(folder: Path) -> None:
    inner = folder / "scenarios"
    inner.mkdir()
    path = scenario(inner, "../trusting.py:Trusting")
    first = netsim(ROOT, "run", path, "--engine", "simulate", "--out", folder / "run", "--json")
    assert first.returncode == 0, first.stderr
    assert (folder / "run" / "trusting.py").read_text(encoding="utf-8") == TRUSTING
    shutil.move(folder / "trusting.py", folder / "gone.py")
    arguments = ("run", folder / "run" / "scenario.yaml", "--engine", "simulate", "--out", folder / "again", "--json")
    again = netsim(ROOT, *arguments)
    assert again.returncode == 0, again.stderr
    one, other = json.loads(first.stdout), json.loads(again.stdout)
    assert one["trace_digest"] == other["trace_digest"]
    assert one["scenario"] == other["scenario"]


def test_a_changed_protocol_is_another_scenario(folder: Path) -> None:
    from netsim import catalogue
    from netsim.scenario import load

    path = scenario(folder, "trusting.py:Trusting")
    before = load(path, catalogue=catalogue)
    assert load(path, catalogue=catalogue).sha256 == before.sha256
    (folder / "trusting.py").write_text(TRUSTING.replace('"200 ms"', '"300 ms"'), encoding="utf-8")
    after = load(path, catalogue=catalogue)
    assert after.sha256 != before.sha256
    assert after.consensus.parameters["rest"] == 300_000_000


def test_its_parameters_are_listed_and_validated_like_all_others(folder: Path) -> None:
    listed = netsim(folder, "list", "trusting.py:Trusting")
    assert listed.returncode == 0
    assert "Whatever the first validator says is so" in listed.stdout
    assert "one message delay" in listed.stdout
    assert "between two blocks" in listed.stdout
    assert "block_interval" in listed.stdout
    for more, wrong in (
        (", rest: 3", "a number without a unit"),
        (", rests: 3 s", "unknown key `rests`; did you mean `rest`?"),
        (", rest: 0 s", "the least is 1 ns"),
    ):
        done = netsim(folder, "check", scenario(folder, "trusting.py:Trusting", more))
        assert done.returncode == 2
        assert wrong in done.stderr
        assert "own.yaml:7:" in done.stderr


def test_an_installed_package_may_bring_protocols(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netsim import catalogue

    about = folder / "trust_me-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: trust-me\nVersion: 1.0\n", encoding="utf-8")
    points = "[netsim.protocols]\ntrusting = trusting:Trusting\nunsound = nowhere:Unsound\n"
    (about / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    found = catalogue.find("protocols", "trusting")
    assert found is not None
    assert catalogue.load(found).__name__ == "Trusting"
    listed = {entry.name: entry for entry in catalogue.entries("protocols")}
    assert "cannot be imported" in listed["unsound"].says
    assert not listed["unsound"].built
    done = netsim(folder, "run", scenario(folder, "trusting"), "--out", folder / "run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fidelity"]["twin"] == "equal"


UNSOUND = {
    "there is no module `nowhere`": ("nowhere:Trusting", ""),
    "trusting.py has no `Trusty`": ("trusting.py:Trusty", ""),
    "elsewhere.py cannot be read: No such file": ("elsewhere.py:Trusting", ""),
    "is no subclass of `netsim.protocol.Consensus`": ("json:JSONDecoder", ""),
    "unsound.py line 2: invalid syntax": ("unsound.py:X", "\nclass X(:\n"),
    "ZeroDivisionError: division by zero, unsound.py line 1": ("unsound.py:X", "1 / 0\n"),
    "which does not define `on_message` and `start`": (
        "unsound.py:X",
        "from netsim.protocol import Consensus\nclass X(Consensus):\n    messages = ()\n",
    ),
    "whose Said has the tag 3, not from 16 to 109": ("unsound.py:Trusting", TRUSTING.replace("tag=16", "tag=3")),
    "whose message Said needs an integer tag": ("unsound.py:Trusting", TRUSTING.replace("tag=16", 'tag="said"')),
    "whose Said and Said have the same tag, 16": ("unsound.py:Trusting", TRUSTING.replace("(Said,)", "(Said, Said)")),
    "whose `messages` is no tuple": ("unsound.py:Trusting", TRUSTING.replace("(Said,)", "[Said]")),
    "whose `parameters` is no tuple": ("unsound.py:Trusting", TRUSTING.replace("rs = (P", "rs = (3, P")),
    "whose default for `rest` is `200`": ("unsound.py:Trusting", TRUSTING.replace('"200 ms"', '"200"')),
    "`rest` has the unit 'time'": ("unsound.py:Trusting", TRUSTING.replace('"duration"', '"time"')),
}  # fmt: skip


@pytest.mark.parametrize("wrong", UNSOUND)
def test_what_cannot_be_used_is_one_clear_message(wrong: str, folder: Path) -> None:
    protocol, text = UNSOUND[wrong]
    (folder / "unsound.py").write_text(text, encoding="utf-8")
    done = netsim(folder, "check", scenario(folder, protocol))
    assert done.returncode == 2
    assert wrong in done.stderr
    assert done.stderr.startswith("own.yaml:7:") or f"{folder}/own.yaml:7:" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("engine", ["simulate", "emulate"])
def test_one_that_fails_leaves_a_folder_and_exit_code_4(engine: str, folder: Path) -> None:
    failing = TRUSTING.replace("        self.accept(message.block)", "        self.context.oops()")
    (folder / "trusting.py").write_text(failing, encoding="utf-8")
    path = scenario(folder, "trusting.py:Trusting")
    done = netsim(folder, "run", path, "--engine", engine, "--out", folder / "run")
    assert done.returncode == 4
    assert "failed: AttributeError: '_Context' object has no attribute 'oops'" in done.stderr
    assert "trusting.py" in (folder / "run" / "log.txt").read_text(encoding="utf-8")
    assert json.loads((folder / "run" / "summary.json").read_text(encoding="utf-8"))["blocks"]["proposed"] == 1


def test_the_worked_example_passes_its_own_tests() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "scenarios/own-protocol"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout
