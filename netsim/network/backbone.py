"""What lies between the sites: given links, one given delay, or light in fibre along the great circle.

From one site to another, the first that applies: the delay of a link given for them, `backbone.delay`, zero within a
site, and great circle × route factor × 4.9 µs/km. A given link may add uniform [0, jitter], loss, also in bursts, what
the busy hour adds to delay and loss, and a bandwidth. The bandwidth limits each flow (a sender and a receiver) by
itself: what crosses a backbone is a small part of its traffic, so flows do not queue for each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from netsim.network.bursts import GilbertElliott
from netsim.network.congestion import BusyHour
from netsim.network.distribution import compiled, uniform
from netsim.network.geography import fibre_delay
from netsim.network.leg import Leg
from netsim.scenario.model import Backbone, Link, Site


@dataclass(frozen=True, slots=True)
class Span:
    """The backbone from one site to another: its delay, the share of packets lost, the bit/s of each flow.

    `in_bursts` is the share of packets lost during `bursts`.
    """

    leg: Leg
    loss: float = 0.0
    bandwidth: int | None = None
    bursts: GilbertElliott | None = None
    in_bursts: float = 0.0
    busy_hour: BusyHour | None = None


def span(backbone: Backbone, sites: dict[str, Site], source: str, target: str, seed: int) -> Span:
    """What a scenario says of the way from `source` to `target`.

    Raises ValueError where neither a delay nor both locations are given.
    """
    given = (link for link in backbone.links if (link.source, link.target) == (source, target))
    link = next(given, Link(source, target))
    jitter = ("jitter", uniform(0, link.jitter))
    if link.delay is not None:
        leg = Leg(0, ("backbone", compiled(link.delay)), jitter)
    else:
        leg = Leg(_distance(backbone, sites, source, target), jitter)
    bursts, congestion = link.bursts, link.congestion
    chain = None
    if bursts is not None and bursts.share:
        names = list(sites)
        chain = GilbertElliott(bursts.share, bursts.lasts, seed, names.index(source), names.index(target))
    return Span(
        leg,
        link.loss,
        link.bandwidth,
        chain,
        0.0 if bursts is None else bursts.loss,
        None if congestion is None else BusyHour(congestion, backbone.time_of_day),
    )


def _distance(backbone: Backbone, sites: dict[str, Site], source: str, target: str) -> int:
    if backbone.delay is not None:
        return backbone.delay
    if source == target:
        return 0
    here, there = sites[source].location, sites[target].location
    if here is None or there is None:
        missing = source if here is None else target
        raise ValueError(f"no delay is given from {source} to {target}, and {missing} has no location")
    return fibre_delay(here, there, backbone.route_factor)
