"""YAML text → one validated, frozen `Scenario`: units resolved, defaults filled in, errors with file, line and column.

This room knows nothing of the others; it is handed the catalogue, whose entries declare what a scenario may name and
which parameters that has. The text goes through `document` (YAML to a plain tree with marks), `schema` (each section by
itself), `resolve` (sections against each other, names to numbers) and comes out again in `write`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netsim.catalogue import Catalogue
from netsim.scenario.model import (
    Access,
    Backbone,
    Block,
    Choice,
    Compute,
    Consensus,
    Crash,
    Distribution,
    Emulation,
    Expectation,
    Fault,
    Link,
    Node,
    Partition,
    Point,
    Scenario,
    Site,
    Workload,
)
from netsim.scenario.problem import Problem, ScenarioError

__all__ = [
    "Access",
    "Backbone",
    "Block",
    "Choice",
    "Compute",
    "Consensus",
    "Crash",
    "Distribution",
    "Emulation",
    "Expectation",
    "Fault",
    "Link",
    "Node",
    "Partition",
    "Point",
    "Problem",
    "Scenario",
    "ScenarioError",
    "Site",
    "Workload",
    "defaults",
    "load",
    "parse",
    "points",
]


# What reads (pydantic, YAML) is imported when there is something to be read: a process that is handed a scenario
# need not pay for it.


def load(path: Path, *, overrides: Sequence[str] = (), seed: int | None = None, catalogue: Catalogue) -> Scenario:
    """Read a scenario file. The files that it names are looked for beside it; their content goes into the `text`.

    `overrides` are `key=value` pairs, the values YAML, as in `sites.suzhou.nodes=8`; `seed` goes before the file's.
    Raises ScenarioError with everything that is wrong, and nothing else, whatever the file holds.
    """
    from netsim.scenario import read

    return read.load(path, overrides, seed, catalogue)


def parse(
    text: str, name: str, *, overrides: Sequence[str] = (), seed: int | None = None, catalogue: Catalogue
) -> Scenario:
    """Read a scenario's text. `name` is what its problems call the file, and where others lie beside; see `load`."""
    from netsim.scenario import read

    return read.parse(text, name, overrides, seed, catalogue)


def points(
    path: Path,
    *,
    vary: Sequence[str] = (),
    overrides: Sequence[str] = (),
    seed: int | None = None,
    catalogue: Catalogue,
) -> list[Point]:
    """Every combination of a sweep, the last key changing fastest: of the file's `sweep:` block and of `vary`.

    `vary` are `key=a,b,c`, the values YAML; they take the place of the block's for the same key. A key that is set by
    `overrides` does not vary. Without anything that varies the file itself is the one point. Raises ScenarioError with
    all that is wrong with any of them.
    """
    from netsim.scenario import sweep

    return sweep.points(path, vary, overrides, seed, catalogue)


def defaults(catalogue: Catalogue) -> list[tuple[str, str, str]]:
    """(key, value as a scenario would write it, sentence) of every key that has a default.

    A key that stands in each item of a section is written `sites.NAME.nodes` or `backbone.links[].jitter`; the value
    `none` stands for a default that is no value.
    """
    from netsim.scenario import listing

    return listing.defaults(catalogue)
