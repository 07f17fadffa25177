"""Whatever a file holds, it is a scenario or a list of problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from netsim import catalogue
from netsim.scenario import Scenario, ScenarioError, load
from netsim.scenario.schema import Language

from .reading import LINKS, MINED, WHOLE, dump, read

NASTY = [
    *(
        "",
        "~",
        "null",
        "no",
        "all",
        "auto",
        "none",
        "-1",
        "0",
        "1e999",
        "inf",
        "nan",
        "5 %",
        "20 ms",
        "1 h",
        "unlimited",
    ),
    *(
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "{a: b}",
        "[a, b]",
        "&a x",
        "*a",
        "!!int 3",
        "'",
        '"',
        "{",
        "[",
        "- x",
        "\t",
        "\n",
        ": ",
    ),
    *("suzhou", "suzhou-a", "shenzhen-0", "pbft", "distribution", "mqtt://", "mqtt://[", "\u2028", "\x00", "9" * 60),
]
TEXTS = st.sampled_from([WHOLE, LINKS, MINED])
TOKENS = sorted(set((WHOLE + LINKS + MINED).replace(",", " ").replace(":", " ").split()))


def outcome(text: str, overrides: list[str] | None = None) -> Scenario | list[str]:
    try:
        return read(text, overrides or [])
    except ScenarioError as error:
        lines = [str(problem) for problem in error.problems]
        assert lines
        assert all("\n" not in line for line in lines)
        assert all(problem.line is None or 1 <= problem.line <= len(text) + 1 for problem in error.problems)
        return lines


@settings(max_examples=100)
@given(st.data())
def test_a_scenario_with_its_words_exchanged(data: st.DataObject) -> None:
    text = data.draw(TEXTS)
    for _ in range(data.draw(st.integers(1, 4))):
        old = data.draw(st.sampled_from(TOKENS))
        new = data.draw(st.sampled_from(NASTY) | st.sampled_from(TOKENS))
        text = text.replace(old, new, data.draw(st.sampled_from([1, -1])))
    outcome(text)


@settings(max_examples=80)
@given(st.data())
def test_a_scenario_with_its_lines_and_letters_disturbed(data: st.DataObject) -> None:
    lines = data.draw(TEXTS).splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "indent", "cut", "insert"])):
            case "drop":
                lines[at] = ""
            case "double":
                lines[at] *= 2
            case "indent":
                lines[at] = "  " + lines[at]
            case "cut":
                lines[at] = lines[at][: data.draw(st.integers(0, 80))]
            case _:
                place = data.draw(st.integers(0, 80))
                lines[at] = lines[at][:place] + data.draw(st.sampled_from(NASTY)) + lines[at][place:]
    outcome("".join(lines))


WORDS = st.sampled_from([*NASTY, *TOKENS, *Language.key_names()]) | st.text(max_size=8)
TREES = st.recursive(
    WORDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(Language.key_names()), TREES, max_size=6))
def test_sections_of_any_shape(tree: dict[str, Any]) -> None:
    outcome(dump({"sites": {"suzhou": {"nodes": "4"}}, **tree}))


@settings(max_examples=80)
@given(st.lists(st.tuples(st.sampled_from(Language.key_names()), st.lists(WORDS, max_size=3), WORDS), max_size=3))
def test_overrides_of_any_kind(overrides: list[tuple[str, list[str], str]]) -> None:
    outcome(
        (LINKS, WHOLE, MINED)[len(overrides) % 3],
        [".".join([key, *path]) + f"={value}" for key, path, value in overrides],
    )


@settings(max_examples=100)
@given(data=st.binary(max_size=60))
def test_bytes_of_any_kind(tmp_path_factory: Any, data: bytes) -> None:
    file: Path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    file.write_bytes(data)
    try:
        load(file, catalogue=catalogue)
    except ScenarioError as error:
        assert error.problems
