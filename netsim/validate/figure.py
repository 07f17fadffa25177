"""One line of the table: what is predicted, what is measured, and whether the two agree.

The independent unit is the run, so every measured value comes from runs with different seeds. The interval is that of
Student, of the mean difference between measured and predicted; where the published figure has a deviation of its own,
between so many runs, it is Welch's. The table shows the interval that holds the mean with 95 % confidence. The verdict
uses the one for 99.9 %: with fifty lines, one in twenty tables would otherwise disagree somewhere by chance alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from netsim.scenario import Scenario
    from netsim.trace import Trace

Verdict = Literal["exact", "yes", "no"]
SHOWN, DECIDED = 0.95, 0.999
SEEDS, FEW_SEEDS = 10, 5
EMULATOR_DIFFERS = "the emulator gives something else than the simulator"


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a figure is known not to agree, and between which bounds netsim's own value lies instead."""

    low: float
    high: float
    why: str


@dataclass(frozen=True, slots=True)
class Figure:
    """What is predicted or published.

    `predicted` is a value, two bounds, or None where each run has a prediction of its own. `exact`: every run must give
    it to the last bit. Otherwise the measured mean must not differ by more than `within`, what the source's own digits
    or bounds leave open, except by chance. `deviation` and `runs`: the published figure's own, between its runs.
    """

    what: str
    unit: str
    predicted: float | tuple[float, float] | None
    source: str
    exact: bool = False
    within: float = 0.0
    deviation: float = 0.0
    runs: int = 0
    explained: Explained | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One run's value, and its own prediction where there is one."""

    measured: float
    predicted: float | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is to be done for one run. `quick`: a slice of a few seconds for everything together."""

    quick: bool

    def of(self, full: int, quick: int) -> int:
        """So many samples, blocks or nodes."""
        return quick if self.quick else full


Run = Callable[["Scenario"], "Trace"]
Measure = Callable[[int, Effort, Run], Sequence[Sample]]


@dataclass(frozen=True, slots=True)
class Experiment:
    """A measurement that gives one sample for each of its figures.

    `measure(seed, effort, run)` may run scenarios by `run`; where `emulated`, it is done in the emulator too, for one
    seed, and must give the same. `once`: the seed changes nothing. `long`: not in the quick slice.
    """

    group: str
    name: str
    figures: tuple[Figure, ...]
    measure: Measure
    emulated: bool = False
    once: bool = False
    long: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A figure with what was measured. `half` is half the interval that is shown, of the difference."""

    group: str
    figure: Figure
    predicted: float | tuple[float, float]
    measured: float
    half: float
    difference: float
    runs: int
    emulated: float | None
    verdict: Verdict
    reason: str

    @property
    def emulated_equal(self) -> bool:
        """Whether the emulator gave the same, where it was asked."""
        return self.reason != EMULATOR_DIFFERS

    @property
    def alarming(self) -> bool:
        """Whether it does not agree, and not in the way that is explained."""
        known = self.figure.explained
        return self.verdict == "no" and (known is None or self.reason != known.why)


def judge(group: str, figure: Figure, samples: Sequence[Sample], emulated: float | None = None) -> Line:
    """Hold the samples of all seeds against the figure. `emulated`: what the first seed gave in the emulator."""
    measured = fmean(sample.measured for sample in samples)
    bounds = figure.predicted if isinstance(figure.predicted, tuple) else None
    half = 0.0
    if bounds is not None:
        predicted: float | tuple[float, float] = bounds
        differences = [_beyond(sample.measured, *bounds) for sample in samples]
        difference = _beyond(measured, *bounds)
        half = _half(differences, figure, SHOWN) if len(samples) > 1 else 0.0
        agrees = difference == 0
    else:
        predictions = [_prediction(figure, sample) for sample in samples]
        predicted = fmean(predictions)
        differences = [sample.measured - own for sample, own in zip(samples, predictions, strict=True)]
        difference = fmean(differences)
        half = _half(differences, figure, SHOWN)
        if figure.exact:
            agrees = not any(differences)
        else:
            agrees = abs(difference) <= figure.within + _half(differences, figure, DECIDED)
    same = emulated is None or emulated == samples[0].measured
    verdict: Verdict = "no" if not (agrees and same) else "exact" if figure.exact else "yes"
    if not same:
        reason = EMULATOR_DIFFERS
    elif not agrees:
        known = figure.explained
        reason = known.why if known is not None and known.low <= measured <= known.high else "not explained"
    else:
        reason = ""
    return Line(group, figure, predicted, measured, half, difference, len(samples), emulated, verdict, reason)


def failed(group: str, figure: Figure, reason: str) -> Line:
    """The line of a figure that could not be measured."""
    predicted = nan if figure.predicted is None else figure.predicted
    return Line(group, figure, predicted, nan, 0.0, nan, 0, None, "no", reason)


def _prediction(figure: Figure, sample: Sample) -> float:
    predicted = figure.predicted if sample.predicted is None else sample.predicted
    assert isinstance(predicted, int | float), f"nothing is predicted for {figure.what!r}"
    return predicted


def _beyond(value: float, low: float, high: float) -> float:
    """How far a value lies outside its bounds."""
    return min(value - low, 0) or max(value - high, 0)


def _half(differences: Sequence[float], figure: Figure, confidence: float) -> float:
    """Half the width of the interval of the mean difference."""
    count = len(differences)
    spread = stdev(differences) if count > 1 else 0.0
    ours = spread**2 / count
    theirs = figure.deviation**2 / figure.runs if figure.runs else 0.0
    if not ours + theirs:
        return 0.0
    # Welch and Satterthwaite; without a published deviation it is count − 1
    freedom = (ours + theirs) ** 2 / (
        (ours**2 / (count - 1) if ours else 0.0) + (theirs**2 / (figure.runs - 1) if theirs else 0.0)
    )
    from scipy.stats import t

    quantile: float = t.ppf((1 + confidence) / 2, freedom)
    return quantile * sqrt(ours + theirs)
