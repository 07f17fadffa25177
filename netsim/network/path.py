"""The whole way from one node to another, shared by all pairs of nodes that are placed alike."""

from __future__ import annotations

from netsim.network.backbone import Span
from netsim.network.leg import Leg
from netsim.network.loss import Loss
from netsim.network.window import slow_start
from netsim.scenario.model import Choice

Parts = tuple[int, int, int, int, int]  # ns: access up, backbone, retransmit, access down, order


class Path:
    """Access up, backbone, access down.

    `minimum` and `median` are one-way, in ns, without loss, congestion, queues and order. `constant` is what the delay
    of each copy that no window holds back is made of, where nothing is drawn and nothing in the way has state: at least
    1 ns, which then counts as order.
    """

    __slots__ = ("bandwidth", "constant", "legs", "loss", "median", "minimum", "strain", "window")

    def __init__(
        self, up: Leg, span: Span, down: Leg, rest: int, limits: tuple[int | None, int | None], transport: Choice
    ) -> None:
        """`rest`: what a round trip takes besides `minimum`, in ns; `limits`: bit/s of the two ends."""
        self.legs = (up, span.leg, down)
        self.minimum = sum(leg.minimum for leg in self.legs)
        self.median = sum(leg.median for leg in self.legs)
        self.bandwidth = span.bandwidth
        self.strain = span.strain if span.strain and span.strain.most_delay else None  # for its delay
        round_trip = self.minimum + rest
        loss = Loss(span.loss, round_trip, span.bursts, span.in_bursts, span.strain)
        self.loss = None if loss.never else loss
        rates = [rate for rate in (*limits, span.bandwidth) if rate is not None]
        self.window = slow_start(transport, min(rates, default=None), round_trip)
        self.constant: Parts | None = None
        if not (span.bandwidth or self.loss or self.strain or any(leg.drawn for leg in self.legs)):
            self.constant = (up.fixed, span.leg.fixed, 0, down.fixed, 0 if self.minimum else 1)
