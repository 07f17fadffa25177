"""The backbone: what links say, on top of the matrix, the topology file and the preset; the geography for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from heapq import heappop, heappush
from pathlib import Path as File
from typing import Any

from netsim.catalogue import Catalogue
from netsim.scenario import units
from netsim.scenario.document import Path
from netsim.scenario.findings import Findings
from netsim.scenario.matrix import read_matrix
from netsim.scenario.model import Backbone, Bursts, Congestion, Distribution, Link
from netsim.scenario.places import Places
from netsim.scenario.schema import BackboneSection, LinkSection

Ends = tuple[str, str]
Known = dict[Ends, Link]

_PATH: Path = ("backbone",)
_MOST_WAYS = 10_000  # as many links as a scenario's text has room for


def resolve(
    section: BackboneSection,
    places: Places,
    charted: Iterable[Link],
    folder: File,
    catalogue: Catalogue,
    findings: Findings,
    notes: list[str],
) -> Backbone:
    """Put the layers together. `charted`: the links of the topology file; files are looked for in `folder`."""
    factor, below = section.route_factor, Known()
    if section.preset is not None:
        own_factor, below = _preset(section.preset, places, catalogue, notes)
        factor = factor if "route_factor" in section.model_fields_set else own_factor
    charted = list(charted)
    below |= {(link.source, link.target): link for link in charted}
    below |= {(link.source, link.target): link for link in _matrix(section, places, folder, findings)}
    known = _given(section.links, below, places, findings)
    if charted:
        changed = sum(
            link.delay is not None and known[link.source, link.target].delay != link.delay for link in charted
        )
        if changed:
            notes.append(f"the scenario goes before the topology file with {changed} of its {len(charted)} delays")
        if section.delay is None:
            known |= _ways(known, places, findings, notes)
    return Backbone(factor, section.delay, tuple(known.values()), section.time_of_day)


def _given(sections: Iterable[LinkSection], below: Known, places: Places, findings: Findings) -> Known:
    """The scenario's own links, then what lies below them and is not theirs."""
    given = Known()
    for number, section in enumerate(sections):
        path: Path = (*_PATH, "links", number)
        if section.between is not None:
            source, target = section.between
            places.site(source, (*path, "between", 0))
            places.site(target, (*path, "between", 1))
        else:
            source, target = section.from_ or "", section.to or ""
            places.site(source, (*path, "from"))
            places.site(target, (*path, "to"))
        both = section.between is not None and source != target
        for ends in ((source, target), (target, source)) if both else ((source, target),):
            if ends in given:
                findings.add(path, f"a second link from {ends[0]} to {ends[1]}", sentence=True)
            given[ends] = _link(ends, section, below.get(ends))
    return given | {ends: link for ends, link in below.items() if ends not in given}


def _link(ends: Ends, section: LinkSection, below: Link | None) -> Link:
    """What a section gives, and what lies below it for the rest."""

    def value(key: str) -> Any:
        return getattr(section if below is None or key in section.model_fields_set else below, key)

    bursts, congestion = value("bursts"), value("congestion")
    return Link(
        *ends,
        delay=value("delay"),
        jitter=value("jitter"),
        loss=value("loss"),
        bandwidth=value("bandwidth"),
        bursts=None if bursts is None else Bursts(bursts.share, bursts.loss, bursts.lasts),
        congestion=None if congestion is None else Congestion(congestion.delay, congestion.loss, congestion.peak),
    )


def _preset(name: str, places: Places, catalogue: Catalogue, notes: list[str]) -> tuple[float, Known]:
    """A preset's route factor, and what it knows of the scenario's sites."""
    entry = catalogue.find("backbones", name)
    assert entry is not None, "the schema has looked it up"
    preset = catalogue.load(entry)
    located = [(site, place.location) for site, place in places.sites.items() if place.location is not None]
    known = Known()
    for source, here in located:
        for target, there in located:
            link = preset.between(here, there) if source != target else None
            if link is not None:
                section = LinkSection.model_validate({"from": source, "to": target, **link})
                known[source, target] = _link((source, target), section, None)
    if not known and len(places.sites) > 1:
        notes.append(f"no two sites are at the cities that the backbone `{name}` knows, so all follow the geography")
    return units.number(preset.route_factor), known


def _matrix(section: BackboneSection, places: Places, folder: File, findings: Findings) -> tuple[Link, ...]:
    if section.matrix is None or not findings.sound("sites", "overlay"):
        return ()
    try:
        return read_matrix(folder / section.matrix, list(places.sites))
    except ValueError as error:
        findings.add((*_PATH, "matrix"), str(error))
        return ()


def _ways(known: Known, places: Places, findings: Findings, notes: list[str]) -> Known:
    """Between sites without a location and those that no link joins them to: the shortest way over other links.

    Delays and jitters add up, and what survives the losses is multiplied. Only links with one constant delay count.
    """
    nowhere = [name for name, site in places.sites.items() if site.location is None]
    pairs = {ends for name in nowhere for other in places.sites for ends in ((name, other), (other, name))}
    missing = {ends for ends in pairs if ends[0] != ends[1] and (ends not in known or known[ends].delay is None)}
    if len(missing) > _MOST_WAYS:
        findings.add(
            ("overlay", "file"),
            f"names a file that leaves {len(nowhere)} sites without a location and {len(missing)} delays between sites "
            f"open; the most is {_MOST_WAYS}: give `backbone.delay`, or locations",
        )
        findings.broken.add("overlay")
        return {}
    found = Known()
    for name in nowhere:
        for forth in (True, False):
            for other, way in _shortest(name, known, forth).items():
                ends = (name, other) if forth else (other, name)
                if ends in known:  # a link without a delay: what it says stays
                    way = replace(known[ends], delay=way.delay)
                if ends in missing:
                    found[ends] = replace(way, source=ends[0], target=ends[1])
    if found:
        notes.append(f"{len(found)} delays from and to sites without a location follow the shortest way over the links")
    return found


def _shortest(start: str, known: Known, forth: bool) -> dict[str, Link]:
    """The ways from a site to all others over constant links, or those to it (Dijkstra)."""
    links: dict[str, list[tuple[str, Link]]] = {}
    for (source, target), link in known.items():
        if link.delay is not None and link.delay.kind == "constant" and source != target:
            here, there = (source, target) if forth else (target, source)
            links.setdefault(here, []).append((there, link))
    found: dict[str, Link] = {}
    heap = [(0, start, 0, 1.0)]  # delay, site, jitter, share that arrives
    while heap:
        delay, site, jitter, arriving = heappop(heap)
        if site in found:
            continue
        found[site] = Link(start, site, Distribution("constant", (("value", delay),)), jitter, 1 - arriving)
        for other, link in links.get(site, ()):
            assert link.delay is not None
            longer = delay + int(link.delay.parameters["value"])
            heappush(heap, (longer, other, jitter + link.jitter, arriving * (1 - link.loss)))
    return found
