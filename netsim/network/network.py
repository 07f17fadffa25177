"""A scenario's network: who is where, who talks to whom, and what a message goes through on its way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from netsim.network import overlay, rules
from netsim.network.access import access_leg
from netsim.network.backbone import span
from netsim.network.inbound import Inbound
from netsim.network.link import Downlink, Uplink
from netsim.network.path import Path
from netsim.scenario.model import Access, Block, Partition, Scenario

if TYPE_CHECKING:
    import networkx as nx

_NS_PER_MS = 10**6


class Network:
    """The network of one scenario. It has no state of its own: the ends of the links that it gives out have.

    `names`, `node_sites` (indices into `sites`) and `peers` are by node, 0 … n−1; a node's `peers` are its neighbours
    in the overlay, in cyclic order from the node itself on.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Raises ValueError for an overlay that so many nodes cannot have, and for a delay of more than an hour."""
        self.seed = scenario.seed
        self.transport = scenario.transport
        self.size = len(scenario.nodes)
        self.names = tuple(node.name for node in scenario.nodes)
        self.sites = tuple(scenario.sites)
        self.node_sites = tuple(self.sites.index(node.site) for node in scenario.nodes)
        self.validators = scenario.consensus.validators
        self.peers = overlay.neighbours(scenario.overlay, self.size, scenario.seed)
        self.rules = _rules(scenario)
        self._scenario = scenario
        # Nodes of one site with one access are placed alike, and pairs of nodes placed alike share a path.
        self._kinds = [(node.site, node.access) for node in scenario.nodes]
        self._paths: dict[tuple[tuple[str, str], tuple[str, str]], Path] = {}
        self._legs = {
            name: (access_leg(profile, "up"), access_leg(profile, "down")) for name, profile in scenario.access.items()
        }

    def uplink(self, node: int) -> Uplink:
        """A fresh sender's half of a node's access link."""
        return Uplink(self._access(node).bandwidth_up)

    def downlink(self, node: int) -> Downlink | None:
        """A fresh receiver's half of a node's access link, None where its bandwidth is unlimited."""
        bandwidth = self._access(node).bandwidth_down
        return None if bandwidth is None else Downlink(bandwidth)

    def inbound(self, receivers: Sequence[int], parts: bool = False) -> Inbound:
        """The receiving ends of the links for the nodes of one process; `parts`: say what delays are made of."""
        return Inbound(self, receivers, parts)

    def minimum(self, a: int, b: int) -> int:
        """The least one-way delay from a to b, from departure to access point, in ns; loss and queues only add.

        It may be 0, and a copy takes 1 ns all the same.
        """
        return self.path(a, b).minimum

    def median(self, a: int, b: int) -> int:
        """The sum of the median delays of the way's parts, in ns, without loss and queues."""
        return self.path(a, b).median

    def path(self, a: int, b: int) -> Path:
        """The way from a to b. Raises ValueError where its delay is not given and a location is missing."""
        ends = self._kinds[a], self._kinds[b]
        path = self._paths.get(ends)
        return self._find(*ends) if path is None else path

    @cached_property
    def graph(self) -> nx.Graph[int]:
        """The overlay. Nodes have name, site, access and, where known, lat and lon (degrees).

        An edge has the least and the median one-way delay, `minimum_ms` and `median_ms` from its lower-numbered node to
        the other, `minimum_back_ms` and `median_back_ms` the other way.
        """
        graph = overlay.build(self._scenario.overlay, self.size, self.seed)
        for number, node in enumerate(self._scenario.nodes):
            graph.nodes[number].update(name=node.name, site=node.site, access=node.access)
            location = self._scenario.sites[node.site].location
            if location is not None:
                graph.nodes[number].update(lat=location[0], lon=location[1])
        for edge, attributes in graph.edges.items():
            there, back = self.path(min(edge), max(edge)), self.path(max(edge), min(edge))
            attributes.update(
                minimum_ms=there.minimum / _NS_PER_MS,
                median_ms=there.median / _NS_PER_MS,
                minimum_back_ms=back.minimum / _NS_PER_MS,
                median_back_ms=back.median / _NS_PER_MS,
            )
        return graph

    def _access(self, node: int) -> Access:
        return self._scenario.access[self._scenario.nodes[node].access]

    def _find(self, here: tuple[str, str], there: tuple[str, str]) -> Path:
        sites, backbone = self._scenario.sites, self._scenario.backbone
        (site, access), (other_site, other_access) = here, there
        up, down = self._legs[access]
        other_up, other_down = self._legs[other_access]
        forth = span(backbone, sites, site, other_site)
        back = span(backbone, sites, other_site, site)
        way_back = other_up.minimum + back.leg.minimum + down.minimum
        path = self._paths[here, there] = Path(up, forth, other_down, way_back)
        return path


def _rules(scenario: Scenario) -> rules.Rules:
    schedule: list[tuple[int, int, rules.Rule]] = []
    for fault in scenario.faults:
        if isinstance(fault, Partition):
            schedule.append((fault.at, fault.end, rules.Partition(fault.groups)))
        elif isinstance(fault, Block):
            schedule.append((fault.at, fault.end, rules.Block(fault.sources, fault.targets)))
    return rules.Rules(schedule)
