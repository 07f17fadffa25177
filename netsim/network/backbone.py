"""What lies between the sites: given links, one given delay, or light in fibre along the great circle.

From one site to another, the first that applies: the delay of a link given for them, `backbone.delay`, zero within a
site, and great circle × route factor × 4.9 µs/km. A given link may add uniform [0, jitter], loss, also in bursts, what
the busy hour adds to delay and loss, and a bandwidth. The bandwidth limits each flow (a sender and a receiver) by
itself: what crosses a backbone is a small part of its traffic, so flows do not queue for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netsim.network.bursts import GilbertElliott
from netsim.network.congestion import BusyHour, Degraded, Strain
from netsim.network.distribution import compiled, uniform
from netsim.network.geography import fibre_delay
from netsim.network.leg import Leg
from netsim.scenario.model import Backbone, Congestion, Degrade, Link, Site


@dataclass(frozen=True, slots=True)
class Span:
    """The backbone from one site to another: its delay, the share of packets lost, the bit/s of each flow.

    `in_bursts` is the share of packets lost during `bursts`, `strain` what is added as time goes on.
    """

    leg: Leg
    loss: float = 0.0
    bandwidth: int | None = None
    bursts: GilbertElliott | None = None
    in_bursts: float = 0.0
    strain: Strain | None = None


class Spans:
    """The spans of a scenario's backbone."""

    def __init__(
        self, backbone: Backbone, sites: dict[str, Site], seed: int, degradations: Sequence[Degrade] = ()
    ) -> None:
        self._degradations = degradations
        self._backbone = backbone
        self._sites = sites
        self._numbers = {name: number for number, name in enumerate(sites)}
        self._links = {(link.source, link.target): link for link in backbone.links}
        self._seed = seed

    def between(self, source: str, target: str) -> Span:
        """What the scenario says of the way from one site to another.

        Raises ValueError where neither a delay nor both locations are given.
        """
        link = self._links.get((source, target)) or Link(source, target)
        delay = self._backbone.delay if link.delay is None else link.delay
        jitter = ("jitter", uniform(0, link.jitter))
        if delay is not None:
            leg = Leg(0, ("backbone", compiled(delay)), jitter)
        else:
            leg = Leg(self._fibre(source, target), jitter)
        bursts, congestion = link.bursts, link.congestion
        chain = None
        if bursts is not None and bursts.share:
            ends = self._numbers[source], self._numbers[target]
            chain = GilbertElliott(bursts.share, bursts.lasts, self._seed, *ends)
        return Span(
            leg,
            link.loss,
            link.bandwidth,
            chain,
            0.0 if bursts is None else bursts.loss,
            self._strain(source, target, congestion),
        )

    def _strain(self, source: str, target: str, congestion: Congestion | None) -> Strain | None:
        hour = None if congestion is None else BusyHour(congestion, self._backbone.time_of_day)
        faults = [fault for fault in self._degradations if (source, target) in fault.links]
        return Degraded(faults, hour) if faults else hour

    def _fibre(self, source: str, target: str) -> int:
        if source == target:
            return 0
        here, there = self._sites[source].location, self._sites[target].location
        if here is None or there is None:
            missing = source if here is None else target
            raise ValueError(f"no delay is given from {source} to {target}, and {missing} has no location")
        return fibre_delay(here, there, self._backbone.route_factor)
