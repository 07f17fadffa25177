"""What is wrong with a scenario, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

_SHOWN = 100
_COMPARED = 1000  # words that a misspelt one is held against


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `file` is a path, or the option that said it (`--set a.b.c`); line and column from 1."""

    file: str
    line: int | None
    column: int | None
    message: str

    def __str__(self) -> str:
        """`file:line:column: message`, without what is not known."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{place}: {self.message}"


class ScenarioError(ValueError):
    """A scenario that cannot be used. `problems` holds everything that is wrong with it, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            lines.append(f"… and {len(self.problems) - _SHOWN} more")
        super().__init__("\n".join(lines))


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` where a known word is near, else nothing."""
    near = get_close_matches(word[:50], list(islice(known, _COMPARED)), 1)
    return f"; did you mean `{near[0]}`?" if near else ""
