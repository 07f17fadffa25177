"""Who weighs how much: hash rate or stake, where the protocol knows weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from netsim.catalogue import Entry
from netsim.scenario.document import Path
from netsim.scenario.findings import Findings
from netsim.scenario.model import WEIGHT, Distribution, Node
from netsim.scenario.schema import ConsensusSection, NodeSection, SiteSection

_Weighed = ConsensusSection | SiteSection | NodeSection
_KEYS = ("stake", "hash_rate")


def weighed(
    nodes: tuple[Node, ...],
    sections: Mapping[str, SiteSection],
    consensus: ConsensusSection,
    protocol: Entry,
    findings: Findings,
) -> tuple[Node, ...]:
    """The nodes with their weights: what a node says goes before what its site says, and that before `consensus`.

    `nodes` are those of the sections, in the same order. A key that the protocol does not weigh by is a problem.
    """
    for path, section in _sections(sections, consensus):
        for key in _KEYS:
            if key != protocol.weighs and getattr(section, key) is not None:
                knows = f"weighs by `{protocol.weighs}`" if protocol.weighs else "knows no weights"
                findings.add((*path, key), f"has no use: {protocol.name} {knows}", at_key=True)
    if protocol.weighs is None:
        return nodes
    found: list[Distribution] = []
    for site in sections.values():
        for one in [site] * site.nodes if isinstance(site.nodes, int) else site.nodes:
            given = (getattr(section, protocol.weighs) for section in (one, site, consensus))
            found.append(next((weight for weight in given if weight is not None), WEIGHT))
    return tuple(replace(node, weight=weight) for node, weight in zip(nodes, found, strict=True))


def _sections(sections: Mapping[str, SiteSection], consensus: ConsensusSection) -> Iterator[tuple[Path, _Weighed]]:
    yield ("consensus",), consensus
    for name, site in sections.items():
        yield ("sites", name), site
        if not isinstance(site.nodes, int):
            yield from ((("sites", name, "nodes", number), node) for number, node in enumerate(site.nodes))


def always_zero(weight: Distribution) -> bool:
    """Whether nothing but 0 is ever drawn."""
    values = weight.parameters
    match weight.kind:
        case "constant":
            return not values["value"]
        case "uniform":
            return not values["high"]
        case "normal":
            return not (values["mean"] or values["deviation"] or values["minimum"])
    return False  # the others have a scale, which is more than 0
