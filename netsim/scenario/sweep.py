"""Every combination of what varies, each a scenario of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path as File
from textwrap import shorten
from typing import Any

from netsim.catalogue import Catalogue
from netsim.scenario import document, read
from netsim.scenario.document import Document, Mark, Path, Tree
from netsim.scenario.model import Point
from netsim.scenario.problem import Problem, ScenarioError
from netsim.scenario.schema import MOST_POINTS, check_varied, read_values


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of a varied key, where it was written, and what is in it."""

    tree: Tree
    mark: Mark
    marks: Mapping[Path, Mark]


@dataclass(frozen=True, slots=True)
class _Choice:
    """One alternative of what varies, in words, and what it sets."""

    words: str
    settings: Mapping[str, _Value]


def points(
    path: File, vary: Sequence[str], overrides: Sequence[str], seed: int | None, catalogue: Catalogue
) -> list[Point]:
    """See `netsim.scenario.points`."""
    given = read.prepare(document.read_file(path), overrides, seed)
    read.scenario(given.copy(), path, catalogue)  # which must be good by itself
    assert isinstance(given.root, dict)
    fixed = {override.partition("=")[0] for override in overrides}
    block = given.root.pop("sweep", {})
    varied = {key: list(_written(given, key, values)) for key, values in block.items() if key not in fixed}
    problems = list(_unknown(given, block))
    named = {key for key, values in block.items() if isinstance(values, dict)}
    for option in vary:
        try:
            key, choices = _asked(option, fixed, {key: varied[key] for key in named if key in varied})
        except ScenarioError as error:
            problems += error.problems
        else:
            varied[key] = choices
    count = prod(map(len, varied.values()))
    if count > MOST_POINTS:
        problems.append(Mark("--vary").problem(f"gives {count} combinations; the most is {MOST_POINTS}"))
    if problems:
        raise ScenarioError(problems)
    return _read(given, path, varied, overrides, seed, catalogue)


def _read(
    given: Document,
    path: File,
    varied: Mapping[str, Sequence[_Choice]],
    overrides: Sequence[str],
    seed: int | None,
    catalogue: Catalogue,
) -> list[Point]:
    """All points. Raises ScenarioError with what is wrong, each problem with the first point that has it."""
    found = []
    wrong: dict[Problem, str] = {}
    for combination in product(*varied.values()):
        chosen = dict(zip(varied, combination, strict=True))
        one = given.copy()
        settings = [setting for choice in combination for setting in choice.settings.items()]
        for key, value in sorted(settings, key=lambda item: item[0].count(".")):  # a whole section before a key in it
            one.put(key, value.tree, value.mark, value.marks)
        words = {key: choice.words for key, choice in chosen.items()}
        try:  # the command line once more: a section that varies may have replaced what it says
            found.append(Point(words, read.scenario(read.prepare(one, overrides, seed), path, catalogue)))
        except ScenarioError as error:
            where = shorten(", ".join(f"{key} = {word}" for key, word in words.items()), 200, placeholder=" …")
            for problem in error.problems:
                wrong.setdefault(problem, where)
    if wrong:
        problems = [replace(problem, message=f"{problem.message} ({where})") for problem, where in wrong.items()]
        raise ScenarioError(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
    return found


def _unknown(given: Document, block: Mapping[str, Any]) -> Iterator[Problem]:
    """Points to emulate that the file's block does not have."""
    assert isinstance(given.root, dict)
    emulation = given.root.get("emulation")
    for number, wanted in enumerate(emulation.get("points", []) if isinstance(emulation, dict) else []):
        for key, word in wanted.items():
            known = [in_words(value) for value in block.get(key, [])]
            if word not in known:
                mark = given.mark(("emulation", "points", number, key))
                message = f"`{key}` is `{word}` at no point; there are {', '.join(known)}"
                yield mark.problem(message if known else f"`{key}` does not vary in the `sweep`")


def _written(
    given: Document, name: str, values: Sequence[Tree] | Mapping[str, Mapping[str, Tree]]
) -> Iterator[_Choice]:
    """What varies under a name of the file's block: the values of a key, or alternatives of several keys each."""
    if isinstance(values, Mapping):
        for word, settings in values.items():
            place: Path = ("sweep", name, word)
            yield _Choice(word, {key: _value(given, tree, (*place, key)) for key, tree in settings.items()})
    else:
        for number, tree in enumerate(values):
            yield _Choice(in_words(tree), {name: _value(given, tree, ("sweep", name, number))})


def _value(given: Document, tree: Tree, path: Path) -> _Value:
    """A value of the file's block with its marks."""
    deep = len(path)
    inside = {place[deep:]: mark for place, mark in given.values.items() if place[:deep] == path and len(place) > deep}
    return _Value(tree, given.mark(path), inside)


def _asked(option: str, fixed: set[str], named: Mapping[str, Sequence[_Choice]]) -> tuple[str, list[_Choice]]:
    """What an option of the command line varies, `key=a,b,c`. Raises ScenarioError.

    Of what the file gives names to, `named`, it picks some.
    """
    key, equals, text = option.partition("=")
    mark = Mark(shorten(f"--vary {key}", 200, placeholder=" …"))
    if not equals:
        raise ScenarioError([mark.problem("is written `--vary key=a,b,c`")])
    listed = document.read(f"[{text}]", mark.source)
    if listed.problems:
        raise ScenarioError(mark.problem(problem.message) for problem in listed.problems)
    try:
        check_varied(key)
        values = read_values(listed.root)
    except ValueError as error:
        raise ScenarioError([mark.problem(f"`{key}` {error}")]) from None
    if key in fixed:
        raise ScenarioError([mark.problem(f"`{key}` is given by --set, too")])
    if key in named:
        return key, [_picked(key, in_words(tree), named[key], mark) for tree in values]
    owner = next((name for name, choices in named.items() if any(key in choice.settings for choice in choices)), None)
    if owner is not None:
        raise ScenarioError([mark.problem(f"`{key}` is varied by `{owner}`, too")])
    return key, [_Choice(in_words(tree), {key: _Value(tree, mark, {})}) for tree in values]


def _picked(name: str, word: str, choices: Sequence[_Choice], mark: Mark) -> _Choice:
    """The alternative that is called so. Raises ScenarioError."""
    for choice in choices:
        if choice.words == word:
            return choice
    known = ", ".join(choice.words for choice in choices)
    raise ScenarioError([mark.problem(f"`{name}` has no alternative `{word}`; there are {known}")])


def in_words(tree: Any) -> str:
    """A value in one line."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {in_words(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(in_words, tree)) + "]"
    return str(tree)
