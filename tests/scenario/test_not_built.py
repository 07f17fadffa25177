"""What is part of the language but of no use yet is refused by name and place, never ignored."""

from __future__ import annotations

import pytest

from netsim import catalogue

from .reading import EXTENDED, SMALL, problems

NOT_BUILT = "is part of the language but not built yet"


@pytest.mark.parametrize("key", ["clients"])
def test_a_section(key: str) -> None:
    assert problems(f"{SMALL}{key}: {{a: 1}}\n") == [f"x.yaml:2:1: `{key}` {NOT_BUILT}"]


@pytest.mark.parametrize("key", ["clients"])
def test_a_key_of_the_workload(key: str) -> None:
    assert problems(f"{SMALL}workload:\n  {key}: leader\n") == [f"x.yaml:3:3: `{key}` {NOT_BUILT}"]


@pytest.mark.parametrize("kind", ["join", "leave"])
def test_a_fault(kind: str) -> None:
    assert problems(f"{SMALL}faults:\n  - at: 1 s\n    {kind}: [suzhou-0]\n") == [f"x.yaml:4:5: `{kind}` {NOT_BUILT}"]


def test_a_fault_that_repeats_itself() -> None:
    text = f"{SMALL}faults:\n  - {{at: 1 s, every: 5 s, until: 9 s, crash: suzhou-0}}\n"
    assert problems(text) == [f"x.yaml:3:15: `every` {NOT_BUILT}", f"x.yaml:3:27: `until` {NOT_BUILT}"]


def test_a_protocol() -> None:
    text = f"{SMALL}consensus: {{protocol: planned}}\n"
    assert problems(text, using=EXTENDED) == [f"x.yaml:2:23: `protocol` is `planned`, which {NOT_BUILT}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("consensus: {timeout: {distribution: uniform}}", "2:22: `timeout` drawn from a distribution"),
        (
            "overlay: {topology: random-regular, degree: {distribution: uniform}}",
            "2:45: `degree` drawn from a distribution",
        ),
    ],
)
def test_a_choice(text: str, problem: str) -> None:
    assert problems(f"{SMALL}{text}\n") == [f"x.yaml:{problem} {NOT_BUILT}"]


def test_every_planned_fault_of_the_catalogue() -> None:
    planned = [entry.name for entry in catalogue.entries("faults") if not entry.built]
    assert planned
    for name in planned:
        (problem,) = problems(f"{SMALL}faults: [{{at: 1 s, {name}: suzhou-0}}]\n")
        assert name in problem
        assert problem.endswith(NOT_BUILT)
