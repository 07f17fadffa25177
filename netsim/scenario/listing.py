"""Every default of the language, read from the schema and the catalogue, so that the list cannot drift from them."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from netsim.catalogue import Catalogue, Kind
from netsim.scenario.fields import Section
from netsim.scenario.schema import ConsensusSection, Language, OverlaySection, TransportSection

Row = tuple[str, str, str]

NOTHING = "none"  # stands for a default that is no value; the sentence says what happens then
_CHOICES: dict[str, tuple[Kind, type[Section]]] = {
    "overlay": ("topologies", OverlaySection),
    "transport": ("transports", TransportSection),
    "consensus": ("protocols", ConsensusSection),
}


def defaults(catalogue: Catalogue) -> list[Row]:
    """See `netsim.scenario.defaults`."""
    return list(_rows(Language, "", catalogue))


def _rows(section: type[Section], prefix: str, catalogue: Catalogue) -> Iterator[Row]:
    for name, field in section.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        inner = _inner(field.annotation)
        if field.annotation is NoneType or field.is_required():
            continue  # not built yet, or without a default
        if not prefix and name in _CHOICES:
            yield from _choice(key, catalogue)
            continue
        if inner is None or field.default is None:
            yield key, field.default if isinstance(field.default, str) else NOTHING, field.description or ""
        if inner is not None:
            suffix, of = inner
            yield from _rows(of, f"{key}{suffix}", catalogue)


def _inner(annotation: Any) -> tuple[str, type[Section]] | None:
    """The section that a field is, or that its items are, and how its keys are joined to the field's."""
    if get_origin(annotation) in (Union, UnionType):  # a section or none
        return next(filter(None, map(_inner, get_args(annotation))), None)
    if get_origin(annotation) is Annotated:
        return _inner(get_args(annotation)[0])
    holder, arguments = get_origin(annotation), get_args(annotation)
    suffix = {dict: ".NAME.", list: "[]."}.get(holder, ".")
    inner = arguments[-1] if holder in (dict, list) else annotation
    return (suffix, inner) if isinstance(inner, type) and issubclass(inner, Section) else None


def _choice(key: str, catalogue: Catalogue) -> Iterator[Row]:
    """The keys of a section whose first one chooses an entry, and those of the entry that it chooses by default."""
    kind, section = _CHOICES[key]
    yield from _rows(section, f"{key}.", catalogue)
    entry = catalogue.find(kind, next(iter(section.model_fields.values())).default)
    for parameter in entry.parameters if entry is not None else ():
        if parameter.default is not None:
            yield f"{key}.{parameter.name}", parameter.default, parameter.says
