"""The whole way from one node to another, shared by all pairs of nodes that are placed alike."""

from __future__ import annotations

from netsim.network.backbone import Span
from netsim.network.leg import Leg
from netsim.network.loss import Loss

Parts = tuple[int, int, int, int, int]  # ns: access up, backbone, retransmit, access down, order


class Path:
    """Access up, backbone, access down.

    `minimum` and `median` are one-way, in ns, without loss, queues and order. `constant` is what each copy's delay is
    made of, where nothing is drawn and nothing in the way has state: at least 1 ns, which then counts as order.
    """

    __slots__ = ("bandwidth", "constant", "legs", "loss", "median", "minimum")

    def __init__(self, up: Leg, span: Span, down: Leg, way_back: int) -> None:
        """`way_back`: the least delay of the opposite direction, in ns."""
        self.legs = (up, span.leg, down)
        self.minimum = sum(leg.minimum for leg in self.legs)
        self.median = sum(leg.median for leg in self.legs)
        self.bandwidth = span.bandwidth
        self.loss = Loss(span.loss, self.minimum + way_back) if span.loss else None
        self.constant: Parts | None = None
        if not (span.bandwidth or span.loss or any(leg.drawn for leg in self.legs)):
            self.constant = (up.fixed, span.leg.fixed, 0, down.fixed, 0 if self.minimum else 1)
