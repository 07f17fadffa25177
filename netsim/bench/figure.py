"""A figure: what is measured, beside which reference, and what it ought to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: `repeat` times, at full size or a quick one that says little but shows that all works."""

    repeat: int = 2
    quick: bool = False

    def of(self, full: int, quick: int) -> int:
        """The one or the other size."""
        return quick if self.quick else full

    @property
    def times(self) -> int:
        """How often what is cheap is measured."""
        return 1 if self.quick else self.repeat


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement. `reference` was timed just before and after it, in the same unit, where there is one."""

    measured: float
    reference: float | None = None

    @property
    def ratio(self) -> float | None:
        """Measured in references."""
        return None if self.reference is None else self.measured / self.reference


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. The goal is for the ratio where there is a reference, else for what is measured."""

    name: str
    says: str
    unit: str
    samples: tuple[Sample, ...]
    reference: str = ""  # what the reference is
    goal: float | None = None
    at_least: bool = False  # the goal is the least, else the most
    beside: dict[str, float | str] = field(default_factory=dict)  # what else is worth knowing

    @property
    def measured(self) -> float:
        """The median of what was measured."""
        return median(sample.measured for sample in self.samples)

    @property
    def referred(self) -> float | None:
        """The median of the reference."""
        references = [sample.reference for sample in self.samples if sample.reference is not None]
        return median(references) if references else None

    @property
    def judged(self) -> list[float]:
        """What the goal is for, and what is compared with another run: the ratio, or what is measured."""
        return [sample.measured if sample.ratio is None else sample.ratio for sample in self.samples]

    @property
    def value(self) -> float:
        """The median of what is judged."""
        return median(self.judged)

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal


Measure = Callable[[Effort], Iterable[Line]]
FIGURES: dict[str, Measure] = {}  # by name, in the order of the table
FRESH: set[str] = set()  # those of a process that has emulated nothing before


def figure(name: str, fresh: bool = False) -> Callable[[Measure], Measure]:
    """Enters a function into the table under a name. It may give several lines."""

    def enter(measure: Measure) -> Measure:
        FIGURES[name] = measure
        if fresh:
            FRESH.add(name)
        return measure

    return enter
