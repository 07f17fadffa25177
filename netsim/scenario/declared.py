"""What the catalogue declares, as a part of the schema: choices of entries, and their parameters.

An entry's declared parameters become keys of the section that chooses it, so a new protocol or topology needs nothing
here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import PlainValidator, ValidationInfo, create_model

from netsim.catalogue import Catalogue, Entry, Kind, Parameter, Preset, Unit
from netsim.scenario import units
from netsim.scenario.fields import NOT_BUILT, Line, Section, each, key, one, one_of, refuse, text, within
from netsim.scenario.problem import suggestion

_NOUNS: dict[Kind, str] = {
    "protocols": "protocol",
    "gossip": "gossip strategy",
    "access": "access profile",
    "backbones": "backbone preset",
    "topologies": "topology",
    "faults": "fault",
    "misbehaviour": "misbehaviour",
    "transports": "transport",
    "brokers": "broker",
    "distributions": "distribution",
}
_PARSERS: dict[Unit, Callable[[str], Any]] = {
    "duration": units.duration,
    "size": units.size,
    "bandwidth": units.bandwidth,
    "share": units.share,
    "rate": units.rate,
    "weight": units.weight,
    "integer": units.integer,
    "number": units.number,
    "text": text,
}
_WRITERS: dict[Unit, Callable[[Any], str]] = {
    "duration": units.write_duration,
    "size": units.write_size,
    "bandwidth": units.write_bandwidth,
    "share": units.write_share,
    "rate": units.write_rate,
    "weight": units.write_weight,
    "integer": str,
    "number": units.write_number,
    "choice": str,
    "text": str,
}
_MOST_COUNTED = 100_000
_DEEPEST = 1000  # blocks
_FINEST_SHARE = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class Chosen:
    """An entry that a scenario chose, its parameters, and the section that chose it."""

    entry: Entry
    parameters: dict[str, Any]
    section: Section


def catalogue_of(info: ValidationInfo) -> Catalogue:
    """The catalogue that a scenario is validated with."""
    catalogue: Catalogue = (info.context or {})["catalogue"]
    return catalogue


def lookup(catalogue: Catalogue, kind: Kind, name: str, folder: Path | None = None) -> Entry:
    """A built entry. Raises ValueError for one that is unknown or only planned.

    `folder`: where a protocol that is a file is looked for.
    """
    if not name:
        raise ValueError("has no value")
    try:
        entry = catalogue.find(kind, name, folder)
        if entry is not None and kind == "protocols":
            _check_declaration(entry)
    except ValueError as error:
        raise ValueError(f"is `{name}`, {error}") from None
    if entry is not None and entry.built:
        return entry
    if entry is not None:
        raise ValueError(f"is `{name}`, which {NOT_BUILT}")
    hint = suggestion(name, (entry.name for entry in catalogue.entries(kind)))
    built = ", ".join(entry.name for entry in catalogue.entries(kind) if entry.built)
    raise ValueError(f"is `{name}`, which is no {_NOUNS[kind]}{hint or f'; there are {built}'}")


def _check_declaration(entry: Entry) -> None:
    """Whether what somebody else has declared can be read. Raises ValueError, its text going on after the name."""
    names = [parameter.name for parameter in entry.parameters]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"which declares `{min(twice)}` twice")
    for parameter in entry.parameters:
        if parameter.unit != "choice" and parameter.unit not in (*_PARSERS, "points", "counts", "pairs", "nodes"):
            raise ValueError(f"whose `{parameter.name}` has the unit {parameter.unit!r}, and there is none such")
        if parameter.default is None:
            continue
        try:
            read_parameter(parameter, parameter.default)
        except ValueError as error:
            raise ValueError(f"whose default for `{parameter.name}` {error}") from None
    for preset in entry.presets:
        if not isinstance(preset, Preset):
            raise ValueError("whose `presets` is no tuple of `Preset`")
        unknown = [name for name, _ in preset.values if name not in names]
        if unknown:
            raise ValueError(f"whose preset {preset.name} gives `{unknown[0]}`, which is none of its parameters")
    if entry.depth is not None:
        try:
            read_depth(entry.depth)
        except ValueError as error:
            raise ValueError(f"whose `depth` {error}") from None
    if entry.weighs not in (None, "stake", "hash_rate"):
        raise ValueError(f"which weighs by {entry.weighs!r}, neither by 'stake' nor by 'hash_rate'")


def read_depth(value: Any) -> int | Literal["auto"]:
    """How many blocks deep is final. Raises ValueError."""
    if value == "auto":
        return "auto"
    depth = units.integer(str(value))
    within(1, _DEEPEST)(depth)
    return depth


def choose(
    kind: Kind, section: type[Section], value: Any, info: ValidationInfo, meant: Callable[[Entry], Entry] | None = None
) -> Chosen:
    """Read a choice: a name alone, or a mapping of the section's keys and the entry's own parameters.

    The section's first field is the one that holds the name. `meant`: what the entry is taken for, with a
    ValueError where it cannot be taken so.
    """
    key, field = next(iter(section.model_fields.items()))
    reserved = section.key_names()
    given = {key: value} if isinstance(value, str) else value
    if not isinstance(given, dict):
        raise ValueError("is a name or a mapping of keys, not a list")
    if key not in given and field.is_required():
        raise refuse(Line(f"`{key}` is missing", sentence=True))
    try:
        folder = (info.context or {}).get("folder")
        entry = lookup(catalogue_of(info), kind, one(given.get(key, field.default)), folder)
        entry = entry if meant is None else meant(entry)
        clash = [parameter.name for parameter in entry.parameters if parameter.name in reserved]
        if clash:
            raise ValueError(f"is `{entry.name}`, which declares `{clash[0]}`, a key that is there already")
    except ValueError as error:
        raise refuse(Line(str(error), () if isinstance(value, str) else (key,))) from None
    if "preset" in section.model_fields:
        given = _with_preset(entry, given)
    read = _section_of(entry, section).model_validate(given, context=info.context)
    parameters = {parameter.name: getattr(read, f"parameter_{n}") for n, parameter in enumerate(entry.parameters)}
    return Chosen(entry, parameters, read)


def _with_preset(entry: Entry, given: dict[str, Any]) -> dict[str, Any]:
    """What is given, and beneath it the values of the preset that it names."""
    if "preset" not in given:
        return given
    presets = {preset.name: preset for preset in entry.presets}
    try:
        name = text(one(given["preset"]))
        if not presets:
            raise ValueError(f"is `{name}`, and {entry.name} has no presets")
        if name not in presets:
            hint = suggestion(name, presets) or f"; there {'is' if len(presets) == 1 else 'are'} {', '.join(presets)}"
            raise ValueError(f"is `{name}`, which is no preset of {entry.name}{hint}")
    except ValueError as error:
        raise refuse(Line(str(error), ("preset",))) from None
    return dict(presets[name].values) | given


def chosen(kind: Kind, section: type[Section]) -> PlainValidator:
    """A field that is a choice from the catalogue."""
    return PlainValidator(partial(choose, kind, section))


@lru_cache(maxsize=256)
def _section_of(entry: Entry, base: type[Section]) -> type[Section]:
    """The base's keys and an entry's parameters as one section."""
    fields: dict[str, Any] = {}
    for n, parameter in enumerate(entry.parameters):
        default = ... if parameter.default is None else parameter.default
        field = Annotated[Any, PlainValidator(partial(read_parameter, parameter))]
        fields[f"parameter_{n}"] = (field, key(default, parameter.says, parameter.name))
    return create_model(base.__name__, __base__=base, **fields)


def read_parameter(parameter: Parameter, value: Any) -> Any:
    """Read a declared parameter; one of its words in place of a quantity is None. Raises ValueError."""
    if parameter.unit == "points":
        return _points(value)
    if parameter.unit == "counts":
        return _counts(value)
    if parameter.unit == "pairs" and isinstance(value, list):
        return tuple(each(enumerate(value), _pair))
    if parameter.unit == "nodes" and value not in parameter.choices:
        if value == []:
            raise ValueError("is an empty list")
        return tuple(each(enumerate(value if isinstance(value, list) else [value]), lambda item: text(one(item))))
    given = one(value)
    if parameter.unit == "choice":
        return one_of(parameter.choices, given)
    if given in parameter.choices:
        return None
    if parameter.unit == "pairs":
        raise ValueError("is a list of pairs of nodes, such as `[[a-0, b-0], [b-0, c-0]]`")
    parsed = _PARSERS[parameter.unit](given)
    if parameter.minimum is not None and parsed is not None and parsed < parameter.minimum:
        raise ValueError(f"is `{given}`; the least is {write_parameter(parameter, parameter.minimum)}")
    if parameter.maximum is not None and parsed is not None and parsed > parameter.maximum:
        raise ValueError(f"is `{given}`; the most is {write_parameter(parameter, parameter.maximum)}")
    return parsed


def write_parameter(parameter: Parameter, value: Any) -> str | list[str] | dict[str, str]:
    """The inverse of `read_parameter`, for all but points and pairs."""
    if value is None and parameter.choices:
        return parameter.choices[0]
    if parameter.unit == "nodes":
        return value[0] if len(value) == 1 else list(value)
    if parameter.unit == "counts":
        return _write_counts(value)
    whole = parameter.unit in ("duration", "size", "bandwidth", "weight", "integer")
    return _WRITERS[parameter.unit](int(value) if whole and value is not None else value)


def _points(value: Any) -> tuple[tuple[float, int], ...]:
    """`{0 %: 4 ms, …, 100 %: 14 ms}`: shares from 0 to 1, ascending, and durations that never fall."""
    if not isinstance(value, dict):
        raise ValueError("is a mapping from shares to durations, such as `{0 %: 4 ms, 100 %: 14 ms}`")
    shares = each(((key, key) for key in value), units.share)
    durations = each(value.items(), lambda inner: units.duration(one(inner)))
    points = dict(zip(shares, durations, strict=True))
    if len(points) < len(value):
        raise ValueError("gives a share twice")
    if not {0.0, 1.0} <= points.keys():
        raise ValueError("needs `0 %` and `100 %`, the least and the most that is ever drawn")
    ordered = tuple(sorted(points.items()))
    if any(after < before for (_, before), (_, after) in pairwise(ordered)):
        raise ValueError("has durations that fall while the shares rise")
    return ordered


def _counts(value: Any) -> tuple[tuple[int, float], ...]:
    """`8`, or `{1: 2.5 %, 8: 97.5 %}`: ascending integers, each with the share of those that are not more than it."""
    if not isinstance(value, dict) or "distribution" in value:
        return ((_count(one(value)), 1.0),)
    counts = each(((key, key) for key in value), _count)
    shares = each(value.items(), _exact_share)
    if len(set(counts)) < len(counts):
        raise ValueError("gives a number twice")
    found, below = [], Decimal(0)
    for count, share in sorted(zip(counts, shares, strict=True)):
        below += share
        found.append((count, float(below)))
    if below != 1:
        raise ValueError(f"has shares that add up to {units.write_share(float(below))}, not to 100 %")
    return tuple(found)


def _count(text: str) -> int:
    count = units.integer(text)
    if not 0 <= count <= _MOST_COUNTED:
        raise ValueError(f"is `{text}`, which is not from 0 to {_MOST_COUNTED}")
    return count


def _exact_share(value: Any) -> Decimal:
    """A share whose sums with others are exact, also as floats."""
    share = units.SHARE.parse(one(value))
    if share % _FINEST_SHARE:
        raise ValueError(f"is `{value}`, finer than {units.write_share(_FINEST_SHARE)}")
    return share


def _write_counts(counts: tuple[tuple[int, float], ...]) -> str | dict[str, str]:
    if len(counts) == 1:
        return str(counts[0][0])
    below = [Decimal(0), *(Decimal(repr(share)) for _, share in counts)]
    return {
        str(count): units.write_share(after - before)
        for (count, _), (before, after) in zip(counts, pairwise(below), strict=True)
    }


def _pair(value: Any) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("is a pair of nodes, such as `[a-0, b-0]`")
    source, target = each(enumerate(value), lambda inner: text(one(inner)))
    return source, target
