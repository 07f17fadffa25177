"""Delays as a scenario writes them: a duration, or a mapping that names a distribution and gives its parameters.
And weights (hash rate, stake) likewise, in plain numbers.

What may be said in two ways is reduced to one here, in decimal arithmetic, so that it is the same on every machine:
a lognormal's p99 to its sigma, a Pareto's mean to its shape.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Context, Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import PlainValidator, ValidationInfo

from netsim.catalogue import Catalogue, Entry
from netsim.scenario import units
from netsim.scenario.declared import choose, write_parameter
from netsim.scenario.fields import Section, Text, reader
from netsim.scenario.model import Distribution, DistributionKind
from netsim.scenario.recording import distribution, read_samples

LONGEST = 3600 * 10**9  # ns; a link that takes longer is down

_DECIMAL = Context(prec=30)
_Z99 = Decimal("2.326347874040841")  # the standard normal distribution's 99 % quantile
_STEEPEST_SIGMA = 5.0  # a p99 a hundred thousand times the median; the catalogue bounds a given one likewise
_STEEPEST_SHAPE = 1e6
_NO_WEIGHTS = ("quantiles", "empirical")
_ONE_OF = {"lognormal": ("p99", "sigma"), "pareto": ("shape", "mean")}


class DistributionSection(Section):
    """The key that all distributions share."""

    distribution: Text


def within_an_hour(delay: int) -> None:
    """A check for delays."""
    if delay > LONGEST:
        raise ValueError("is longer than an hour")


def read_distribution(value: Any, info: ValidationInfo) -> Distribution:
    """Read a delay. Raises ValueError or pydantic's ValidationError."""
    if isinstance(value, str):
        delay = units.duration(value)
        within_an_hour(delay)
        return Distribution("constant", (("value", delay),))
    if isinstance(value, list):
        raise ValueError("is a duration or a distribution, not a list")
    choice = choose("distributions", DistributionSection, value, info)
    kind = cast(DistributionKind | Literal["empirical"], choice.entry.name)
    given = choice.parameters
    if kind == "quantiles":
        points = given["points"]
        within_an_hour(points[-1][1])
        return Distribution(kind, points=points)
    for parameter in choice.entry.parameters:
        if parameter.unit == "duration" and (given[parameter.name] or 0) > LONGEST:
            raise ValueError(f"has a `{parameter.name}` that is longer than an hour")
    if kind == "empirical":
        return _measured(given["file"], info)
    return _drawn(kind, given)


def read_weight(value: Any, info: ValidationInfo) -> Distribution:
    """Read a weight, in millionths. Raises ValueError or pydantic's ValidationError."""
    if isinstance(value, str):
        return Distribution("constant", (("value", units.weight(value)),))
    if isinstance(value, list):
        raise ValueError("is a number or a distribution, not a list")
    choice = choose("distributions", DistributionSection, value, info, _of_weights)
    return _drawn(cast(DistributionKind, choice.entry.name), choice.parameters)


def _of_weights(entry: Entry) -> Entry:
    """The distribution of plain numbers instead of durations."""
    if entry.name in _NO_WEIGHTS:
        raise ValueError(
            f"is `{entry.name}`, which is of delays; a weight is drawn from constant, uniform, normal, lognormal, "
            "pareto or gamma"
        )
    parameters = tuple(
        replace(parameter, unit="weight", default=parameter.default and parameter.default.removesuffix(" s"))
        if parameter.unit == "duration"
        else parameter
        for parameter in entry.parameters
    )
    return replace(entry, parameters=parameters)


def _drawn(kind: DistributionKind, given: dict[str, Any]) -> Distribution:
    """A distribution of quantities. Raises ValueError for parameters that describe none."""
    if kind in _ONE_OF and sum(given[name] is not None for name in _ONE_OF[kind]) != 1:
        first, second = _ONE_OF[kind]
        raise ValueError(f"needs either `{first}` or `{second}`")
    if kind == "uniform" and given["low"] > given["high"]:
        raise ValueError("has its `low` above its `high`")
    if kind == "lognormal":
        given = {"median": given["median"], "sigma": _sigma(given), "minimum": given["minimum"]}
    if kind == "pareto":
        given = {"scale": given["scale"], "shape": _shape(given)}
    return Distribution(kind, tuple(given.items()))


def _measured(file: str, info: ValidationInfo) -> Distribution:
    """The quantiles of what a file holds, whatever it says of when that was measured."""
    folder: Path = (info.context or {})["folder"]
    try:
        return distribution(read_samples(folder / file).delays)
    except ValueError as error:
        raise ValueError(f"has a `file` that {error}") from None


def _sigma(given: dict[str, Any]) -> float:
    if given["sigma"] is not None:
        return float(given["sigma"])
    if given["p99"] < given["median"]:
        raise ValueError("has its `p99` below its `median`")
    ratio = _DECIMAL.divide(Decimal(given["p99"]), Decimal(given["median"]))
    sigma = float(_DECIMAL.divide(_DECIMAL.ln(ratio), _Z99))
    if sigma > _STEEPEST_SIGMA:
        raise ValueError("has a `p99` more than a hundred thousand times its `median`")
    return sigma


def _shape(given: dict[str, Any]) -> float:
    shape = given["shape"]
    if shape is None:
        if given["mean"] <= given["scale"]:
            raise ValueError("has a `mean` that is not above its `scale`")
        shape = float(_DECIMAL.divide(Decimal(given["mean"]), Decimal(given["mean"] - given["scale"])))
    if shape > _STEEPEST_SHAPE:
        raise ValueError("has a `mean` so near its `scale` that it is a constant")
    if given["scale"] * 2 ** (1 / shape) > LONGEST:
        raise ValueError("has a median that is longer than an hour")
    return float(shape)


def write_weight(distribution: Distribution, catalogue: Catalogue) -> str | dict[str, Any]:
    """The inverse of `read_weight`."""
    if distribution.kind == "constant":
        return units.write_weight(int(distribution.parameters["value"]))
    entry = catalogue.find("distributions", distribution.kind)
    assert entry is not None, "the scenario was read with this catalogue"
    return _parameters(_of_weights(entry), distribution)


def write_distribution(distribution: Distribution, catalogue: Catalogue) -> str | dict[str, Any]:
    """The inverse of `read_distribution`."""
    if distribution.kind == "constant":
        return units.write_duration(int(distribution.parameters["value"]))
    if distribution.kind == "quantiles":
        points = {units.write_share(share): units.write_duration(value) for share, value in distribution.points}
        return {"distribution": distribution.kind, "points": points}
    entry = catalogue.find("distributions", distribution.kind)
    assert entry is not None, "the scenario was read with this catalogue"
    return _parameters(entry, distribution)


def _parameters(entry: Entry, distribution: Distribution) -> dict[str, Any]:
    values = distribution.parameters
    return {"distribution": distribution.kind} | {
        parameter.name: write_parameter(parameter, values[parameter.name])
        for parameter in entry.parameters
        if parameter.name in values
    }


Delay = Annotated[Distribution, PlainValidator(read_distribution)]
Weight = Annotated[Distribution, PlainValidator(read_weight)]
FixedDelay = Annotated[int, reader(units.duration, within_an_hour)]
