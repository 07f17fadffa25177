"""The sweep's runs by what was chosen of the protocol, the border, the access, and Suzhou's place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from netsim import compare
from netsim.compare import Difference, Sample, difference
from netsim.sweep import Mean, mean

PROTOCOL, BORDER, ACCESS, PLACE = "consensus.protocol", "border", "access", "suzhou"
FACTORS = (PROTOCOL, BORDER, ACCESS, PLACE)
CITIES = ("shenzhen", "hong-kong", "suzhou")
QUORUM = "finality.quorum_ms.p50"
# What one factor's effect is measured at: the other three as here, where the study has it.
BASE = {PROTOCOL: "pbft", BORDER: "public", ACCESS: "fibre", PLACE: "out"}


class NoStudy(Exception):
    """A folder that holds no study, and why."""


def in_city(city: str) -> str:
    """The figure: the median time from a block's proposal to its being final at the city's validators."""
    return f"finality.by_site.{city}.p50"


@dataclass(frozen=True)
class Study:
    """`words`: the alternatives of each factor in the scenario's order; `samples` by one word of each."""

    words: Mapping[str, tuple[str, ...]]
    samples: Mapping[tuple[str, ...], Sample]

    def base(self, factor: str) -> str:
        """What a factor is where others vary."""
        return BASE[factor] if BASE[factor] in self.words[factor] else self.words[factor][0]

    @property
    def seeds(self) -> int:
        """How many runs each point has, at least: what the intervals rest on."""
        return min(len(sample.runs) for sample in self.samples.values())

    def at(self, chosen: Mapping[str, str]) -> Sample:
        """The runs of a point: what is not chosen is as in the base."""
        return self.samples[tuple(chosen.get(factor) or self.base(factor) for factor in FACTORS)]

    def mean(self, figure: str, chosen: Mapping[str, str]) -> Mean | None:
        """Over the seeds, with its interval."""
        return mean(self.at(chosen).of(figure).values())

    def effect(self, figure: str, factor: str, start: str, end: str, chosen: Mapping[str, str]) -> Difference | None:
        """What going from one alternative of a factor to another adds, paired by seed."""
        first, other = (self.at({**chosen, factor: word}).of(figure) for word in (start, end))
        return difference(first, other)


def read(folder: Path) -> Study:
    """The study in a sweep's folder. Raises NoStudy where it is none, or a run of it is missing."""
    try:
        side = compare.load(folder)
    except compare.NothingToCompare as error:
        raise NoStudy(str(error)) from None
    return study(side.samples)


def study(samples: Mapping[tuple[tuple[str, str], ...], Sample]) -> Study:
    """The study that samples by their points' values are. Raises NoStudy."""
    points = {tuple(dict(place).get(factor, "") for factor in FACTORS): sample for place, sample in samples.items()}
    if any("" in place for place in points):
        raise NoStudy(f"a study varies {', '.join(FACTORS)}, and this does not")
    words = {factor: tuple(dict.fromkeys(place[at] for place in points)) for at, factor in enumerate(FACTORS)}
    for place in product(*words.values()):
        if place not in points or not points[place].runs:
            raise NoStudy(f"the study has no run of {', '.join(place)}")
    return Study(words, points)
