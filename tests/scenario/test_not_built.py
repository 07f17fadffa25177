"""What is part of the language but of no use yet is refused by name and place, never ignored."""

from __future__ import annotations

import pytest

from netsim import catalogue

from .reading import SMALL, problems

NOT_BUILT = "is part of the language but not built yet"


@pytest.mark.parametrize("key", ["clocks", "misbehaviour", "finality", "sweep", "clients", "stake", "hash_rate"])
def test_a_section(key: str) -> None:
    assert problems(f"{SMALL}{key}: {{a: 1}}\n") == [f"x.yaml:2:1: `{key}` {NOT_BUILT}"]


@pytest.mark.parametrize("key", ["stake", "hash_rate"])
def test_a_weight(key: str) -> None:
    text = f"sites:\n  a:\n    {key}: 3\n    nodes:\n      - name: b\n        {key}: 4\nconsensus:\n  {key}: 3\n"
    assert problems(text) == [f"x.yaml:{place}: `{key}` {NOT_BUILT}" for place in ("3:5", "6:9", "8:3")]


@pytest.mark.parametrize("key", ["forward", "clients"])
def test_a_key_of_the_workload(key: str) -> None:
    assert problems(f"{SMALL}workload:\n  {key}: leader\n") == [f"x.yaml:3:3: `{key}` {NOT_BUILT}"]


@pytest.mark.parametrize("kind", ["freeze", "degrade", "join", "leave", "asynchrony"])
def test_a_fault(kind: str) -> None:
    assert problems(f"{SMALL}faults:\n  - at: 1 s\n    {kind}: [suzhou-0]\n") == [f"x.yaml:4:5: `{kind}` {NOT_BUILT}"]


def test_a_fault_that_repeats_itself() -> None:
    text = f"{SMALL}faults:\n  - {{at: 1 s, every: 5 s, until: 9 s, crash: suzhou-0}}\n"
    assert problems(text) == [f"x.yaml:3:15: `every` {NOT_BUILT}", f"x.yaml:3:27: `until` {NOT_BUILT}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("consensus: {protocol: hotstuff}", "2:23: `protocol` is `hotstuff`, which"),
        ("consensus: {protocol: 'mine.mine:Mine'}", "2:23: `protocol` is `mine.mine:Mine`; a protocol of one's own"),
        ("overlay: {topology: ring}\ncompute: measured", "3:10: `compute` is `measured`, which"),
        ("consensus: {timeout: {distribution: uniform}}", "2:22: `timeout` drawn from a distribution"),
        (
            "overlay: {topology: random-regular, degree: {distribution: uniform}}",
            "2:45: `degree` drawn from a distribution",
        ),
    ],
)
def test_a_choice(text: str, problem: str) -> None:
    assert problems(f"{SMALL}{text}\n") == [f"x.yaml:{problem} {NOT_BUILT}"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("protocols", "consensus: {{protocol: {0}}}"),
        ("faults", "faults: [{{at: 1 s, {0}: suzhou-0}}]"),
    ],
)
def test_every_planned_entry_of_the_catalogue(kind: catalogue.Kind, text: str) -> None:
    planned = [entry.name for entry in catalogue.entries(kind) if not entry.built]
    assert planned
    for name in planned:
        (problem,) = problems(f"{SMALL}{text.format(name)}\n")
        assert name in problem
        assert problem.endswith(NOT_BUILT)
