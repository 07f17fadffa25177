"""A table of one-way delays between sites, in a file.

The first row names the sites to which, the first column those from which; a cell is a one-way delay in ms, the
diagonal is within a site, and an empty cell is not given. The corner may say otherwise: a unit (`us`, `ms`, `s`), `rtt`
for round trips, which are halved, or both, as in `rtt_us`. Tabs, semicolons or commas separate the cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from netsim.scenario.attachment import TIME_UNITS, nanoseconds, quoted, read_text, rows
from netsim.scenario.model import Distribution, Link

_HOUR = 3600 * 10**9
_CORNER = re.compile(r"(?:(rtt|one_way|delay)[_ ]*)?[(\[]?(ns|us|µs|μs|ms|s)?[)\]]?", re.IGNORECASE)


def read_matrix(path: Path, sites: Sequence[str]) -> tuple[Link, ...]:
    """The links that the file gives, one way each, row by row.

    Raises ValueError, its message the predicate of the key that named the file: "names a file that …".
    """
    try:
        return _links(read_text(path), sites)
    except ValueError as error:
        raise ValueError(f"names a file that {error}") from None


def _links(text: str, sites: Sequence[str]) -> tuple[Link, ...]:
    lines = list(rows(text))
    if not lines:
        raise ValueError("is empty")
    (first, (corner, *targets)), *rest = lines
    if not targets:
        raise ValueError(f"says in line {first}: a single column; cells are separated by commas, semicolons or tabs")
    unit, halved = _corner(first, corner)
    for place, target in enumerate(targets):
        _know(first, target, sites, targets[:place])
    links: list[Link] = []
    sources: list[str] = []
    for number, (source, *cells) in rest:
        _know(number, source, sites, sources)
        sources.append(source)
        if len(cells) != len(targets):
            raise ValueError(
                f"says in line {number}: {len(cells)} delays of {quoted(source)}, and line {first} names {len(targets)}"
            )
        for target, cell in zip(targets, cells, strict=True):
            if not cell:
                continue
            try:
                delay = nanoseconds(cell, unit, 2 * _HOUR if halved else _HOUR)
            except ValueError as error:
                raise ValueError(f"says in line {number}, from {source} to {target}: {error}") from None
            links.append(Link(source, target, Distribution("constant", (("value", delay // 2 if halved else delay),))))
    if not links:
        raise ValueError("gives no delay")
    return tuple(links)


def _corner(number: int, text: str) -> tuple[int, bool]:
    """The unit in ns, and whether delays are round trips."""
    match = _CORNER.fullmatch(text)
    if match is None:
        raise ValueError(
            f"says in line {number}: {quoted(text)} in the corner, which is empty, a unit (us, ms, s), or `rtt`"
        )
    return TIME_UNITS[(match[2] or "ms").lower()], (match[1] or "").lower() == "rtt"


def _know(number: int, name: str, sites: Sequence[str], named: Sequence[str]) -> None:
    if name in named:
        raise ValueError(f"says in line {number}: {quoted(name)} for a second time")
    if name not in sites:
        near = get_close_matches(name[:50], sites, 1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise ValueError(f"says in line {number}: {quoted(name)} is no site of the scenario{hint}")
