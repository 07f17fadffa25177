"""Where the time of many critical paths goes: by cause and by place, and what the last message needed came through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netsim.measure.causes import COMPUTE, WAIT, CriticalPath, Step
from netsim.trace import Header

_SENDERS = ("uplink", "access-up")
_RECEIVERS = ("access-down", "downlink", "cpu-wait")


@dataclass(frozen=True, slots=True)
class Entry:
    """One cause at one place: a site, or the way from one to another.

    `mean_ns` is per path, over all paths; `share` of their whole time; `paths` the share of paths that it lies on.
    """

    cause: str
    place: str
    mean_ns: float
    share: float
    paths: float


@dataclass(frozen=True, slots=True)
class Last:
    """The message that was needed last: its type, which one of those that its receiver takes up about the same, the
    sites that it goes from and to, and in what share of the paths it is."""

    what: str
    rank: int
    source: str
    target: str
    paths: float

    def __str__(self) -> str:
        """Such as "the 8th Commit"; "a Block" where there is only one of its kind."""
        return f"a {self.what}" if self.rank < 2 else f"the {_ordinal(self.rank)} {self.what}"


def account(header: Header, paths: Sequence[CriticalPath]) -> list[Entry]:
    """Every cause at every place, that which takes most first. The means add up to the mean of the paths."""
    spent: Counter[tuple[str, str]] = Counter()
    lies_on: Counter[tuple[str, str]] = Counter()
    for path in paths:
        own: Counter[tuple[str, str]] = Counter()
        for step in path.steps:
            for cause, place, elapsed in _places(header, step):
                own[cause, place] += elapsed
        spent.update(own)
        lies_on.update(key for key, elapsed in own.items() if elapsed)
    whole = sum(spent.values())
    entries = [
        Entry(cause, place, total / len(paths), total / whole, lies_on[cause, place] / len(paths))
        for (cause, place), total in spent.items()
        if total
    ]
    return sorted(entries, key=lambda entry: (-entry.mean_ns, entry.cause, entry.place))


def last_messages(header: Header, paths: Sequence[CriticalPath]) -> list[Last]:
    """What made blocks final at last, the most frequent first."""
    found = Counter(
        (step.what, path.rank, _site(header, step.source), _site(header, step.node))
        for path in paths
        if (step := path.last_message) is not None and step.source is not None
    )
    return [Last(*key, count / len(paths)) for key, count in sorted(found.items(), key=lambda item: (-item[1], item))]


def _ordinal(number: int) -> str:
    last = 0 if number % 100 in (11, 12, 13) else number % 10
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def _places(header: Header, step: Step) -> Iterator[tuple[str, str, int]]:
    """What a step is made of, and where each part of it was spent."""
    here = _site(header, step.node)
    there = here if step.source is None else _site(header, step.source)
    for cause, elapsed in step.parts.items():
        if cause in (COMPUTE, WAIT) or cause in _RECEIVERS or here == there:
            yield cause, here, elapsed
        else:
            yield cause, there if cause in _SENDERS else f"{there} → {here}", elapsed


def _site(header: Header, node: int) -> str:
    return header.sites[header.node_sites[node]]
