"""A scenario's network: who is where, who talks to whom, and what a message goes through on its way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from netsim.network import access, overlay, rules
from netsim.network.adversary import Adversary
from netsim.network.ahead import Delays, Draws
from netsim.network.backbone import Spans
from netsim.network.clock import Clock
from netsim.network.distribution import compiled
from netsim.network.draws import draw, key
from netsim.network.inbound import Inbound
from netsim.network.link import Downlink, OneAtATime, Uplink, serialisation
from netsim.network.path import Path
from netsim.scenario.model import Access, Asynchrony, Block, Degrade, Partition, Scenario

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np
    from numpy.typing import NDArray

_NS_PER_MS = 10**6
_MOST_PREPARED = 256  # ways


class Network:
    """The network of one scenario. It has no state of its own: the ends of the links that it gives out have.

    `names`, `node_sites` (indices into `sites`), `weights` (millionths), `peers` and `kinds` are by node, 0 … n−1; a
    node's `peers` are its neighbours in the overlay, in cyclic order from the node itself on. Nodes of one site with
    one access are of one of the `kinds`: they are placed alike, and pairs of nodes placed alike share a path.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Raises ValueError for an overlay that so many nodes cannot have, a delay of more than an hour, and weights of
        validators that are all drawn as 0."""
        self.seed = scenario.seed
        self.transport = scenario.transport.name
        self.size = len(scenario.nodes)
        self.names = tuple(node.name for node in scenario.nodes)
        self.sites = tuple(scenario.sites)
        self.node_sites = tuple(self.sites.index(node.site) for node in scenario.nodes)
        self.validators = scenario.consensus.validators
        self.weights = tuple(
            max(compiled(node.weight).at(draw(key(self.seed, "weight", number), 0)), 0)
            for number, node in enumerate(scenario.nodes)
        )
        if self.validators and not any(self.weights[node] for node in self.validators):
            raise ValueError("no validator has any weight with this seed")
        self.peers = overlay.neighbours(scenario.overlay, self.size, scenario.seed, self.node_sites)
        self.rules = _rules(scenario)
        self.adversary = Adversary([fault for fault in scenario.faults if isinstance(fault, Asynchrony)], scenario.seed)
        self.clocks = [Clock.of(scenario.clocks, scenario.seed, node) for node in range(self.size)]
        self._scenario = scenario
        self.kinds = [(node.site, node.access) for node in scenario.nodes]
        degradations = [fault for fault in scenario.faults if isinstance(fault, Degrade)]
        self._spans = Spans(scenario.backbone, scenario.sites, scenario.seed, degradations)
        self._paths: dict[tuple[tuple[str, str], tuple[str, str]], Path] = {}
        self._legs = {
            name: (access.access_leg(profile, "up"), access.access_leg(profile, "down"))
            for name, profile in scenario.access.items()
        }
        self._least = {name: access.least(profile) for name, profile in scenario.access.items()}

    def amend(self, scenario: Scenario) -> None:
        """From now on nodes are cut off from each other as `scenario` says, which is otherwise the same."""
        self.rules = _rules(scenario)

    def uplink(self, node: int, incarnation: int = 0, backlog: bytes | None = None) -> Uplink:
        """A fresh sender's half of a node's access link, with the `backlog` of the incarnation before."""
        profile = self._access(node)
        if not profile.one_at_a_time:
            return access.uplink(profile, self.seed, node, backlog)
        return OneAtATime(
            lambda rest: access.uplink(profile, self.seed, node, rest), self._arrival(node, incarnation), backlog
        )

    def downlink(self, node: int) -> Downlink | None:
        """A fresh receiver's half of a node's access link, None where it adds nothing."""
        return access.downlink(self._access(node), self.seed, node)

    def inbound(self, receivers: Sequence[int], parts: bool = False) -> Inbound:
        """The receiving ends of the links for the nodes of one process; `parts`: say what delays are made of."""
        return Inbound(self, receivers, parts)

    def profile(self, node: int) -> Access:
        """A node's access profile."""
        return self._access(node)

    def minimum(self, a: int, b: int) -> int:
        """The least one-way delay from a to b, from sending to b's access point, in ns; loss and queues only add.

        It may be 0, and a copy takes 1 ns all the same.
        """
        return self._least[self.kinds[a][1]] + self.path(a, b).minimum

    def after_departure(self, a: int, b: int) -> int:
        """The part of `minimum` that is left when a copy has departed."""
        return self.path(a, b).minimum

    def last_mile(self, node: int) -> int:
        """The least time from a copy's arrival at a node's access point until it is through, in ns."""
        return self._least[self.kinds[node][1]]

    def prepare(self) -> None:
        """Compile what is drawn on the ways between all kinds of nodes, which is done at the first message otherwise.

        Not where kinds are so many that hardly anybody would need all of it.
        """
        some = dict(zip(self.kinds, range(self.size), strict=True)).values()
        if len(some) ** 2 > _MOST_PREPARED:
            return
        for one in some:
            for other in some:
                for leg in self.path(one, other).legs:
                    for _, table in leg.drawn:
                        table.prepare()

    def median(self, a: int, b: int) -> int:
        """The sum of the median delays of the way's parts, in ns, up to delivery, for a small message by itself.

        Without loss and queues; the radio's part for a message at a random moment.
        """
        ends = access.median(self._access(a), "up") + access.median(self._access(b), "down")
        return ends + self.path(a, b).median

    def isolated(self, a: int, b: int, size: int, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """One-way delays (ns), from sending to delivery, of messages of `size` bytes that are sent at `times`.

        Each finds links that nothing else uses. In a datagram transport −1 stands for one that is lost.
        """
        import numpy as np

        departures = []
        for number, sent in enumerate(times.tolist()):
            _, departed = self.uplink(a).depart(sent, size, number, (b,))
            departures.append(departed if isinstance(departed, int) else departed[0])
        delays = []
        for sent, arrival in zip(times.tolist(), self._arrivals(a, b, size, departures), strict=True):
            downlink = self.downlink(b)
            through = arrival if downlink is None or arrival < 0 else downlink.enter(arrival, size)
            delays.append(-1 if arrival < 0 else through - sent)
        return np.array(delays, np.int64)

    def path(self, a: int, b: int) -> Path:
        """The way from a to b. Raises ValueError where its delay is not given and a location is missing."""
        ends = self.kinds[a], self.kinds[b]
        path = self._paths.get(ends)
        return self._find(*ends) if path is None else path

    @cached_property
    def graph(self) -> nx.Graph[int]:
        """The overlay. Nodes have name, site, access and, where known, lat and lon (degrees).

        An edge has the least and the median one-way delay, up to delivery: `minimum_ms` and `median_ms` from its
        lower-numbered node to the other, `minimum_back_ms` and `median_back_ms` the other way.
        """
        graph = overlay.build(self._scenario.overlay, self.size, self.seed, self.node_sites)
        for number, node in enumerate(self._scenario.nodes):
            graph.nodes[number].update(name=node.name, site=node.site, access=node.access)
            location = self._scenario.sites[node.site].location
            if location is not None:
                graph.nodes[number].update(lat=location[0], lon=location[1])
        for edge, attributes in graph.edges.items():
            low, high = sorted(edge)
            attributes.update(
                minimum_ms=self._delivered_least(low, high) / _NS_PER_MS,
                median_ms=self.median(low, high) / _NS_PER_MS,
                minimum_back_ms=self._delivered_least(high, low) / _NS_PER_MS,
                median_back_ms=self.median(high, low) / _NS_PER_MS,
            )
        return graph

    def _access(self, node: int) -> Access:
        return self._scenario.access[self._scenario.nodes[node].access]

    def _delivered_least(self, a: int, b: int) -> int:
        return self.minimum(a, b) + self._least[self.kinds[b][1]]

    def _arrivals(self, a: int, b: int, size: int, departures: list[int]) -> list[int]:
        """When copies reach b's access point, each as the first of its flow; −1: lost."""
        path = self.path(a, b)
        if path.loss or path.strain or (path.window and size > path.window.unhindered):
            alone = [
                Inbound(self, (b,)).arrive(a, 0, number, (b,), departure, size)
                for number, departure in enumerate(departures)
            ]
            return [-1 if arrivals.lost else arrivals.times[0] for arrivals in alone]
        # What is drawn is all there is, so it is drawn at once.
        import numpy as np

        numbers = np.arange(len(departures), dtype=np.uint64)
        delays = Delays([path.legs], [0]).many(Draws(self.seed, a, 0, (b,)), [0], numbers)[:, 0].tolist()
        work = 0 if path.bandwidth is None else serialisation(size, path.bandwidth)
        return [departure + (delay + work or 1) for departure, delay in zip(departures, delays, strict=True)]

    def _arrival(self, sender: int, incarnation: int) -> Callable[[int, int, int, int], int]:
        """When a sender's copy arrives, by sequence, receiver, departure and size: what its receiver will find.

        All that it depends on is the same at both ends, so the sender computes it as the receiver does. Only messages
        that it is not asked about are left out, and what they may delay: those before a block in the same stream.
        """
        peers = Inbound(self, self.peers[sender])
        others: dict[int, Inbound] = {}

        def arrival(sequence: int, receiver: int, departure: int, size: int) -> int:
            ends = peers if receiver in peers.places else others.get(receiver)
            if ends is None:
                ends = others[receiver] = Inbound(self, (receiver,))
            return ends.arrive(sender, incarnation, sequence, (receiver,), departure, size).times[0]

        return arrival

    def _find(self, here: tuple[str, str], there: tuple[str, str]) -> Path:
        (site, own_access), (other_site, other_access) = here, there
        up, down = self._legs[own_access]
        other_up, other_down = self._legs[other_access]
        forth, back = self._spans.between(site, other_site), self._spans.between(other_site, site)
        own, other = self._scenario.access[own_access], self._scenario.access[other_access]
        # A flow's round trip: the least of what is drawn, and the median of what the radios and recordings take.
        ends = sum(access.median(end, "up") + access.median(end, "down") for end in (own, other))
        rest = other_up.minimum + back.leg.minimum + down.minimum + ends
        limits = (own.bandwidth_up, other.bandwidth_down)
        path = self._paths[here, there] = Path(up, forth, other_down, rest, limits, self._scenario.transport)
        return path


def _rules(scenario: Scenario) -> rules.Rules:
    schedule: list[tuple[int, int, rules.Rule]] = []
    for fault in scenario.faults:
        if isinstance(fault, Partition):
            schedule.append((fault.at, fault.end, rules.Partition(fault.groups)))
        elif isinstance(fault, Block):
            schedule.append((fault.at, fault.end, rules.Block(fault.sources, fault.targets)))
    return rules.Rules(schedule)
