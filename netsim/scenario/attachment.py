"""Files that a scenario names: read whole and bounded, and taken apart as tables.

What is wrong with a file is a ValueError whose message goes on from "… a file that ": "is empty", "says in line 7: …".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from decimal import Context, Decimal
from pathlib import Path

LARGEST_FILE = 20_000_000  # bytes; what `ping` prints within three days, once a second
_EXACT = Context(prec=70)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_INFINITE = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE)
_LONGEST_NUMBER, _SHOWN = 50, 40  # characters
_SEPARATORS = "\t;,"  # the first of them that the first line holds; without any, blanks separate

TIME_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9}  # ns; two ways to write a µ


def read_text(path: Path, largest: int = LARGEST_FILE) -> str:
    """The text of a file, which is UTF-8 and has at most so many bytes. Raises ValueError."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise IsADirectoryError(None, "a folder or a device")
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    except ValueError:  # a zero byte in the path
        raise ValueError("cannot be read: that is no path") from None
    if len(data) > largest:
        raise ValueError(f"is larger than {largest // 10**6} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8: line {line} holds the byte 0x{data[error.start]:02x}") from None


def rows(text: str, separators: str = _SEPARATORS) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table with their numbers, each as its cells; blank lines and `#` comments left out.

    Cells may be quoted. Raises ValueError.
    """
    separator: str | None = None
    first = True
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(" \r")  # not a tab: a cell at the edge may be empty
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if first:
            separator = next((letter for letter in separators if letter in line), None)
            first = False
        if separator is None:
            yield number, re.sub(r"\s+(?=[(\[])", "", line).split()  # `delay (ms)` is one name
        elif '"' not in line:
            yield number, [cell.strip() for cell in line.split(separator)]
        else:
            try:
                (cells,) = csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True)
            except csv.Error as error:
                raise ValueError(f"says in line {number}: {error}") from None
            yield number, [cell.strip() for cell in cells]


def quoted(text: str) -> str:
    """A piece of a file as a message shows it."""
    return f"`{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}`"


def is_number(text: str) -> bool:
    """Whether it is one, if not a finite one."""
    return bool(_NUMBER.fullmatch(text) or _INFINITE.fullmatch(text))


def number(text: str) -> Decimal:
    """A plain number, exactly. Raises ValueError: "`abc` is no number"."""
    if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text):
        return Decimal(text)
    if not text:
        raise ValueError("a number is missing")
    raise ValueError(f"{quoted(text)} is {'not finite' if _INFINITE.fullmatch(text) else 'no number'}")


def nanoseconds(text: str, unit: int, most: int, least: int = 0) -> int:
    """A number of some unit (ns), rounded to whole ns, from `least` to `most` ns. Raises ValueError."""
    value = _EXACT.multiply(number(text), unit)
    if least <= value <= most:
        return round(value)
    if value > most:
        raise ValueError(f"{quoted(text)} is too large")
    raise ValueError(f"{quoted(text)} is {'too small' if least else 'negative'}")
