"""Everything that is found wrong with one document, each at its place."""

from __future__ import annotations

from netsim.scenario.document import Document, Path
from netsim.scenario.fields import Line
from netsim.scenario.problem import ScenarioError


class Findings:
    """Collects problems. `broken` are the top-level keys with something wrong inside: nothing follows from them."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._problems = dict.fromkeys(document.problems)  # one value that stands for several is wrong once
        self.broken: set[str] = set()

    def add(self, path: Path, message: str, *, sentence: bool = False, at_key: bool = False) -> None:
        """A problem at a path. The message goes on from the path's last key, unless it is a whole sentence."""
        if not sentence:
            name = next((step for step in reversed(path) if isinstance(step, str)), "a scenario")
            message = f"`{name}` {message}"
        self._problems[self._document.mark(path, key=at_key).problem(message)] = None

    def add_line(self, line: Line, *prefix: str | int) -> None:
        """A problem that the schema has found."""
        path = (*prefix, *line.path)
        self.add(path, line.message, sentence=line.sentence, at_key=line.at_key)
        self.broken.add(str(path[0]) if path else "")

    def place(self, path: Path, like: Path) -> None:
        """Where what nobody wrote, but follows from something else, is said to be."""
        self._document.values[path] = self._document.keys[path] = self._document.mark(like)

    def sound(self, *sections: str) -> bool:
        """Whether nothing is wrong inside these top-level keys."""
        return self.broken.isdisjoint(sections)

    def conclude(self) -> None:
        """Raise ScenarioError if anything was found: the command line's problems first, then in the file's order."""
        if self._problems:
            raise ScenarioError(sorted(self._problems, key=lambda found: (found.line or 0, found.column or 0)))
