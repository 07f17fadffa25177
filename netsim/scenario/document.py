"""YAML text → a plain tree of dict, list and str that remembers where each key and each value was written.

Scalars stay text, whatever YAML would make of them: `no`, `1:30` and `1e3` mean what the field that reads them says.
The tree is built from the parser's events, because only they still show anchors and aliases. Those are refused (a few
lines of them can stand for gigabytes), and so are tags, duplicate keys and further documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path as File
from textwrap import shorten
from typing import Any

import yaml
from yaml.reader import Reader, ReaderError

from netsim.scenario.problem import Problem

Tree = dict[str, Any] | list[Any] | str
Path = tuple[str | int, ...]

LARGEST_FILE = 1_000_000  # bytes; a scenario that names a thousand nodes one by one has 50 000
_DEEPEST = 20  # the language itself needs seven levels
_DOTTED: tuple[Path, ...] = (("expect",), ("sweep",))  # where keys hold dots themselves


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, counted from 1; or an option of the command line, without line and column."""

    source: str
    line: int | None = None
    column: int | None = None

    def problem(self, message: str) -> Problem:
        """Something that is wrong here, said in one line even if a file's own words in it are many."""
        return Problem(self.source, self.line, self.column, shorten(message, 400, placeholder=" …"))


@dataclass(slots=True)
class Document:
    """A tree, and by path the marks of its values and keys. In spite of `problems` the rest of a text is there."""

    source: str
    root: Tree = ""
    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: bool = False  # the text is no YAML from some place on

    def mark(self, path: Path, *, key: bool = False) -> Mark:
        """Where a value (or its key) was written; where it was not, the place of what would hold it."""
        if key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Mark(self.source, 1, 1))

    def copy(self) -> Document:
        """One that can be changed by itself."""
        return Document(
            self.source, deepcopy(self.root), dict(self.values), dict(self.keys), list(self.problems), self.broken
        )

    def set(self, name: str, text: str, option: str) -> None:
        """Apply `a.b.c` = a value in YAML; a number picks an item of a list. What goes wrong becomes a problem.

        Keys that hold dots themselves (those of `expect` and `sweep`) are found where they are there already, and made
        where the name begins with `expect` or `sweep`.
        """
        mark = Mark(option)
        value = read(text, option)
        self.problems += [mark.problem(problem.message) for problem in value.problems]
        if not value.problems:
            self.put(name, value.root, mark, dict.fromkeys((*value.values, *value.keys), mark))

    def put(self, name: str, tree: Tree, mark: Mark, marks: Mapping[Path, Mark]) -> None:
        """Apply `a.b.c` = a tree that was written at a mark, what is in it at others, by their paths in it."""
        try:
            path = self._place(name.split("."), mark)
        except ValueError as error:
            self.problems.append(mark.problem(str(error)))
            return
        self._at(path[:-1])[path[-1]] = deepcopy(tree)
        for known in (self.values, self.keys):
            for inner in [inner for inner in known if inner[: len(path)] == path]:
                del known[inner]
            known |= {path + inner: place for inner, place in marks.items()} | {path: mark}

    def _place(self, parts: list[str], mark: Mark) -> Path:
        """The path that a dotted name means, its holders made where they are missing. Raises ValueError."""
        if not all(parts):
            raise ValueError("a key has a name on both sides of each dot")
        path: Path = ()
        while True:
            holder = self._at(path)
            here = f"`{'.'.join(map(str, path))}`" if path else "a scenario"
            if isinstance(holder, dict):
                otherwise = len(parts) if path in _DOTTED else 1
                known = (count for count in range(len(parts), 0, -1) if ".".join(parts[:count]) in holder)
                count = next(known, otherwise)
                key: str | int = ".".join(parts[:count])
                missing = key not in holder
            elif isinstance(holder, list):
                count = 1
                key = int(parts[0]) if parts[0].isascii() and parts[0].isdigit() and len(parts[0]) < 9 else -1
                if not 0 <= key < len(holder):
                    raise ValueError(f"{here} is a list of {len(holder)}, counted from 0, without a `{parts[0]}`")
                missing = False
            else:
                raise ValueError(f"{here} is the value `{holder}` without a `{parts[0]}` in it; set it as a whole")
            path, parts = (*path, key), parts[count:]
            if not parts:
                return path
            if missing:
                holder[str(key)] = {}
                self.values[path] = self.keys[path] = mark

    def _at(self, path: Path) -> Any:
        holder: Any = self.root
        for step in path:
            holder = holder[step]
        return holder


def read_file(path: File) -> Document:
    """Read a file. Whatever it holds, and also where there is none, the answer is a Document."""
    source = str(path)
    document = Document(source, broken=True)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # a ValueError: the path itself holds a zero byte
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        document.problems.append(Problem(source, None, None, f"cannot be read: {reason}"))
        return document
    if len(data) > LARGEST_FILE:
        document.problems.append(Problem(source, None, None, f"is larger than {LARGEST_FILE} bytes"))
        return document
    try:
        return read(data.decode("utf-8-sig"), source)
    except UnicodeDecodeError as error:
        mark = _mark_at(data[: error.start].decode("utf-8-sig", "replace"), source)
        document.problems.append(mark.problem(f"the byte 0x{data[error.start]:02x} is not UTF-8"))
        return document


def read(text: str, source: str) -> Document:
    """Read a text. Whatever it holds, the answer is a Document."""
    builder = _Builder(text, source)
    try:
        builder.read()
    except _TooDeepError:
        builder.fail(builder.here, f"nested more than {_DEEPEST} levels deep")
    except ReaderError as error:
        mark = _mark_at(text[: error.position], source)
        builder.fail(mark, f"holds the character U+{ord(text[error.position]):04X}, which YAML forbids")
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(source, place.line + 1, place.column + 1) if place else builder.here
        builder.fail(mark, _what_is_no_yaml(error))
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError) as error:
        # PyYAML lets the odd one through: `"\UFFFFFFFF"` is an OverflowError, `%YAML 1.111…` a ValueError.
        builder.fail(builder.here, f"not YAML: {error}")
    return builder.document


def _mark_at(before: str, source: str) -> Mark:
    """The mark of what follows after a text."""
    lines = before.split("\n")
    return Mark(source, len(lines), len(lines[-1]) + 1)


def _what_is_no_yaml(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if "'\\t'" in problem:
        return "a tab: YAML is indented with spaces"
    where = f"{error.context} that begins in line {error.context_mark.line + 1}, " if error.context_mark else ""
    return f"not YAML: {where}{problem}"


class _TooDeepError(Exception):
    """Nobody means this; and a recursion must end."""


class _Builder:
    """Puts a document together from the parser's events."""

    def __init__(self, text: str, source: str) -> None:
        self.document = Document(source)
        self.here = Mark(source, 1, 1)  # where the last event began
        self._events = yaml.parse(text, Loader=yaml.SafeLoader)
        self._next: yaml.Event | None = None

    def fail(self, mark: Mark, message: str) -> None:
        """The text cannot be read any further."""
        self._refuse(mark, message)
        self.document.broken = True

    def read(self) -> None:
        """Read the whole text."""
        self._take()  # the stream begins
        if isinstance(self._peek(), yaml.DocumentStartEvent):
            self._take()
            root = self._node((), 0)
            self.document.root = "" if root is None else root
            self._take()  # the document ends
        if not isinstance(self._take(), yaml.StreamEndEvent):
            self._refuse(self.here, "a second document begins; a scenario is one")

    def _peek(self) -> yaml.Event:
        if self._next is None:
            self._next = next(self._events)
        return self._next

    def _take(self) -> yaml.Event:
        event, self._next = self._peek(), None
        self.here = self._mark(event)
        return event

    def _mark(self, event: yaml.Event) -> Mark:
        place = event.start_mark
        return self.here if place is None else Mark(self.document.source, place.line + 1, place.column + 1)

    def _node(self, path: Path | None, depth: int) -> Tree | None:
        """One value with all that is in it; None for one that is refused. `path` None: its marks are not kept."""
        event = self._take()
        mark = self.here
        if path is not None:
            self.document.values[path] = mark
        if isinstance(event, yaml.AliasEvent):
            self._refuse(mark, f"an alias (`*{event.anchor}`): write out what it stands for")
            return None
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.anchor is not None:
            self._refuse(mark, f"an anchor (`&{event.anchor}`): a scenario has neither anchors nor aliases")
        if event.tag is not None:
            self._refuse(mark, f"a tag (`{event.tag}`): a scenario has none")
        if isinstance(event, yaml.ScalarEvent):
            return self._text(event.value, mark)
        if depth == _DEEPEST:
            raise _TooDeepError
        return self._sequence(path, depth) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path, depth)

    def _sequence(self, path: Path | None, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(self._peek(), yaml.SequenceEndEvent):
            item = self._node(None if path is None else (*path, len(items)), depth + 1)
            if item is not None:
                items.append(item)
        self._take()
        return items

    def _mapping(self, path: Path | None, depth: int) -> dict[str, Any]:
        items: dict[str, Any] = {}
        lines: dict[str, int | None] = {}
        while not isinstance(self._peek(), yaml.MappingEndEvent):
            mark = self._mark(self._peek())
            key = self._node(None, depth + 1)
            if isinstance(key, str) and key not in lines:
                lines[key] = mark.line
                inner = None if path is None else (*path, key)
                value = self._node(inner, depth + 1)
                if value is not None:
                    items[key] = value
                if inner is not None:
                    self.document.keys[inner] = mark
                continue
            if isinstance(key, str):
                self._refuse(mark, f"`{key}` is given twice, the first time in line {lines[key]}")
            elif key is not None:
                self._refuse(mark, "a key is one word, not a list or a mapping")
            self._node(None, depth + 1)
        self._take()
        return items

    def _text(self, text: str, mark: Mark) -> str:
        """A scalar without characters that cannot be printed, which escapes may bring in."""
        match = Reader.NON_PRINTABLE.search(text)
        if match is None:
            return text
        self._refuse(mark, f"holds the character U+{ord(match[0]):04X}, which cannot be printed")
        return Reader.NON_PRINTABLE.sub("�", text)

    def _refuse(self, mark: Mark, message: str) -> None:
        self.document.problems.append(mark.problem(message))
