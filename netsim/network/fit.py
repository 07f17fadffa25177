"""Measured delays to a link: which distribution a file of ping times follows, and with which parameters.

What is fitted is what an access profile gives. A delay over one direction is

    core + B            B normal, gamma or lognormal, drawn for each message;  and, for a share of the time,
    core + B + E / 2    E lognormal: the excess of a spike, over a round trip

and a round trip is the sum of two such delays whose B are independent and whose E is the same. So the parameters of a
direction are found from round trips without halving them: a round trip's half varies less than a direction does.

The estimate is that of maximum likelihood with the delays counted in a few hundred classes between their quantiles.
(The likelihood of single values has no maximum: it grows without bound as the shift nears the least of them; Hill, "The
three-parameter lognormal distribution and Bayesian analysis of a point-source epidemic", JASA 58, 1963.) Of several
models the one with the least Bayesian information criterion is chosen, k ln n − 2 ln L for k parameters and n delays
(Schwarz, "Estimating the dimension of a model", Annals of Statistics 6, 1978). It takes the delays for independent;
where they are not, it is too easily content with one parameter more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import exp, log, sqrt
from typing import TYPE_CHECKING, Literal

from netsim.scenario.model import Distribution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEAST_DELAYS = 50
_CLASSES = 300  # of as many delays each, about; towards the ends they become smaller
_TEN_PERCENT = 1.2815515655446004  # a normal distribution's 90 % quantile
_LARGEST_EXPONENT = 300.0  # a search tries everything
_NOTHING = 1e-300  # instead of a probability of 0, whose logarithm would end a search

Kind = Literal["normal", "gamma", "lognormal"]


@dataclass(frozen=True, slots=True)
class Body:
    """What is drawn for each message in one direction, in ms: mean and deviation, or median and sigma if lognormal."""

    kind: Kind
    first: float
    second: float

    def cdf(self, delay: Array, directions: int) -> Array:
        """The share of delays, summed over so many directions, that do not exceed some value."""
        import numpy as np
        from scipy.special import gammainc, ndtr

        if self.kind == "normal":
            return np.asarray(ndtr((delay - directions * self.first) / (sqrt(directions) * self.second)))
        if self.kind == "gamma":
            shape = (self.first / self.second) ** 2
            return np.asarray(gammainc(directions * shape, np.maximum(delay, 0) * (shape / self.first)))
        if directions == 1:
            return _lognormal(delay, self.first, self.second)
        # The second direction is integrated over by the trapezoidal rule, which for a normal density is all but exact.
        deviations, weights = _trapezia()
        other = self.first * np.exp(np.minimum(self.second * deviations, _LARGEST_EXPONENT))
        return _lognormal(delay[:, None] - other, self.first, self.second) @ weights


@dataclass(frozen=True, slots=True)
class Excess:
    """Spikes: their share of time and the lognormal excess of a round trip, in ms."""

    share: float
    median: float
    sigma: float

    @property
    def p90(self) -> float:
        """What one spike of ten exceeds, in ms."""
        return self.median * exp(_TEN_PERCENT * self.sigma)


@dataclass(frozen=True, slots=True)
class Fit:
    """A model with its parameters, of delays in ms: of round trips, or one way."""

    name: str
    parameters: int
    round_trips: bool
    core: float  # one way
    body: Body
    excess: Excess | None
    log_likelihood: float
    criterion: float  # Bayesian information criterion
    distance: float  # Kolmogorov and Smirnov's: the largest difference between the shares below any value
    # that lies half-way between two delays, where it does not matter how finely they were measured

    def cdf(self, delay: Array) -> Array:
        """The share of delays that do not exceed some value."""
        return _cdf(self.core, self.body, self.excess, 2 if self.round_trips else 1, delay)

    def quantile(self, share: float) -> float:
        """The delay that a share of all does not exceed."""
        import numpy as np

        low, high = 0.0, 1.0
        while self.cdf(np.array([high]))[0] < share:
            high *= 2
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.cdf(np.array([middle]))[0] < share else (low, middle)
        return high

    @property
    def distribution(self) -> Distribution:
        """The body as an access profile's `up` and `down`."""
        # Whole µs, and at least one: nobody measures finer.
        first, second = (float(max(round(value * 1000), 1) * 1000) for value in (self.body.first, self.body.second))
        if self.body.kind == "lognormal":
            values = (("median", first), ("sigma", round(self.body.second, 3)), ("minimum", 0.0))
        else:
            values = (("mean", first), ("deviation", second), ("minimum", 0.0))
        return Distribution(self.body.kind, values)


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long a spike lasts, in ns, as the profile means it, and its standard error; `at_most`: it may be shorter."""

    length: int
    error: int
    at_most: bool


def fits(delays: Sequence[float], round_trips: bool) -> list[Fit]:
    """Every model fitted to delays in ms, the best first. Raises ValueError: "holds 7 delays, …"."""
    import numpy as np

    if len(delays) < LEAST_DELAYS:
        raise ValueError(f"holds {len(delays)} delays, and a fit needs {LEAST_DELAYS}")
    ordered = np.sort(np.asarray(delays, np.float64))
    if ordered[0] == ordered[-1]:
        raise ValueError(f"holds the same delay again and again, {ordered[0]:g} ms")
    classes = _classes(ordered)
    return sorted((_fit(model, ordered, classes, round_trips) for model in _MODELS), key=lambda fit: fit.criterion)


def lasting(delays: Sequence[float], times: Sequence[int], fit: Fit) -> Lasting | None:
    """How long spikes last, from how often they begin; None where none was seen to begin.

    Time is cut into windows of the length sought, L, each a spike with probability p. Two delays Δ apart lie in
    different windows with probability min(Δ / L, 1), and a spike begins between them with p (1 − p) times that. L is
    where as many are expected as were seen. `delays` in ms, in the order of `times` (ns).
    """
    import numpy as np

    if fit.excess is None:
        return None
    spike = _strong(np.asarray(delays, np.float64), fit)
    begun = int(np.sum(~spike[:-1] & spike[1:]))
    if not begun:
        return None
    gaps = np.diff(np.asarray(times, np.float64))
    share = float(np.mean(spike))
    wanted = begun / (share * (1 - share))
    usual = float(np.median(gaps))
    if wanted >= len(gaps):
        return Lasting(round(usual), 0, at_most=True)
    low, high = 0.0, float(gaps.sum())
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(gaps / middle, 1).sum() > wanted else (low, middle)
    return Lasting(round(high), round(high / sqrt(begun)), at_most=high <= usual)


def _strong(delays: Array, fit: Fit) -> NDArray[np.bool_]:
    """Which delays are of strong spikes: of those above all but 0.5 % of the body, the runs that go far above it.

    A spike has one excess as long as it lasts, so the strong ones last as long as the others; and as far above as the
    body is wide, its chance neither makes a spike nor cuts one in two.
    """
    import numpy as np

    body = replace(fit, excess=None)
    low, high = body.quantile(0.005), body.quantile(0.995)
    above = delays > high
    run = np.cumsum(np.diff(above, prepend=False))  # the number of the run that a delay is in, above or not
    strong = np.unique(run[delays > high + (high - low)])
    return np.asarray(above & np.isin(run, strong))


# ---- the models


@dataclass(frozen=True, slots=True)
class _Model:
    name: str
    kind: Kind
    shifted: bool
    spikes: bool

    @property
    def parameters(self) -> int:
        return 2 + self.shifted + 3 * self.spikes


_MODELS = (
    _Model("normal", "normal", shifted=False, spikes=False),
    _Model("gamma", "gamma", shifted=False, spikes=False),
    _Model("lognormal", "lognormal", shifted=False, spikes=False),
    _Model("shifted gamma", "gamma", shifted=True, spikes=False),
    _Model("shifted lognormal", "lognormal", shifted=True, spikes=False),
    _Model("shifted lognormal and spikes", "lognormal", shifted=True, spikes=True),
)


def _cdf(core: float, body: Body, excess: Excess | None, directions: int, delay: Array) -> Array:
    import numpy as np

    beyond = delay - directions * core
    share = body.cdf(beyond, directions)
    if excess is None:
        return share
    # Spikes are much longer than the body is wide, which a few points therefore stand for.
    places, weights = _points(directions)
    bodies = body.first * np.exp(np.minimum(body.second * places, _LARGEST_EXPONENT)).sum(axis=1)
    scale = excess.median * directions / 2
    return (1 - excess.share) * share + excess.share * (
        _lognormal(beyond[:, None] - bodies, scale, excess.sigma) @ weights
    )


def _lognormal(delay: Array, median: float, sigma: float) -> Array:
    import numpy as np
    from scipy.special import ndtr

    return np.asarray(ndtr(np.log(np.maximum(delay, _NOTHING) / median) / sigma))


@cache
def _trapezia() -> tuple[Array, Array]:
    """Points of the standard normal distribution, and their weights."""
    import numpy as np

    points = np.linspace(-6, 6, 31)
    weights = np.exp(-(points**2) / 2)
    return points, weights / weights.sum()


@cache
def _points(directions: int) -> tuple[Array, Array]:
    """A few points of so many independent standard normal distributions (a row each), and their weights."""
    import numpy as np

    points, weights = np.polynomial.hermite_e.hermegauss(5)
    weights = weights / weights.sum()
    if directions == 1:
        return points[:, None], weights
    first, second = np.meshgrid(points, points)
    return np.column_stack((first.ravel(), second.ravel())), np.outer(weights, weights).ravel()


# ---- the search


@dataclass(frozen=True, slots=True)
class _Classes:
    """Delays counted: `counts` has one more than `edges`, for what lies below the first and above the last."""

    edges: Array
    counts: Array


def _classes(ordered: Array) -> _Classes:
    """Classes of about as many delays each, of fewer and fewer towards either end; equal delays stay together."""
    import numpy as np

    values, counts = np.unique(ordered, return_counts=True)
    total, below, inside = len(ordered), 0, 0
    edges, found = [], []
    for place, count in enumerate(counts[:-1]):
        inside += int(count)
        reached = below + inside
        if inside >= max(1, min(total // _CLASSES, min(reached, total - reached) // 8)):
            edges.append((values[place] + values[place + 1]) / 2)
            found.append(inside)
            below, inside = reached, 0
    return _Classes(np.array(edges), np.array([*found, total - below], np.float64))


def _fit(model: _Model, ordered: Array, classes: _Classes, round_trips: bool) -> Fit:
    import numpy as np
    from scipy.optimize import minimize

    directions = 2 if round_trips else 1
    top = float(classes.edges[0]) / directions  # the shift lies below the first edge

    def parts(unknown: Array) -> tuple[float, Body, Excess | None]:
        """A search has neither bounds nor units, so every parameter is the logarithm of something."""
        values = [exp(min(max(float(value), -50), 50)) for value in unknown]
        body = Body(model.kind, values[0], values[1])
        core = top * values[2] / (1 + values[2]) if model.shifted else 0.0
        if not model.spikes:
            return core, body, None
        return core, body, Excess(values[3] / (1 + values[3]), values[4], values[5])

    def unlikeliness(unknown: Array) -> float:
        below = _cdf(*parts(unknown), directions, classes.edges)
        shares = np.diff(below, prepend=0.0, append=1.0)
        return -float(classes.counts @ np.log(np.maximum(shares, _NOTHING)))

    def search(start: Array, most: int) -> tuple[float, Array]:
        found = minimize(unlikeliness, start, method="Nelder-Mead", options={"maxiter": most, "adaptive": True})
        return float(found.fun), found.x

    rough = [search(start, 150) for start in _starts(model, ordered, directions, top)]
    least, best = min(rough, key=lambda found: found[0])
    for _ in range(2):  # the second time from where the first stood still
        least, best = search(best, 2000)
    core, body, excess = parts(best)
    values, counts = np.unique(ordered, return_counts=True)
    between = (values[:-1] + values[1:]) / 2
    measured = np.cumsum(counts[:-1]) / len(ordered)
    distance = np.max(np.abs(measured - _cdf(core, body, excess, directions, between)))
    return Fit(
        name=model.name,
        parameters=model.parameters,
        round_trips=round_trips,
        core=core,
        body=body,
        excess=excess,
        log_likelihood=-least,
        criterion=model.parameters * log(len(ordered)) + 2 * least,
        distance=float(distance),
    )


def _starts(model: _Model, ordered: Array, directions: int, top: float) -> list[Array]:
    """Where to begin a search: several shifts, and several shares of spikes."""
    import numpy as np

    starts = []
    for shift in (0.8,) if model.shifted else (0.0,):
        for share in (0.01, 0.05, 0.2) if model.spikes else (0.0,):
            body = ordered[: max(int(len(ordered) * (1 - share)), 10)]
            beyond = np.maximum(body / directions - shift * top, top * 1e-3)
            middle, wide = float(np.median(beyond)), float(np.std(body)) / sqrt(directions)
            if model.kind == "lognormal":
                start = [log(middle), log(max(float(np.std(np.log(beyond))), 1e-3))]
            else:
                start = [log(float(np.mean(beyond))), log(max(wide, 1e-6))]
            if model.shifted:
                start.append(log(shift / (1 - shift)))
            if model.spikes:
                above = (ordered[len(body) :] - float(np.median(body))) * 2 / directions
                above = np.maximum(above, middle / 10) if len(above) else np.array([10 * middle])
                start += [log(share / (1 - share)), log(float(np.median(above))), log(0.8)]
            starts.append(np.array(start))
    return starts
