"""The network: given who sends what to whom and when, it says when that arrives, or that it is lost.

    sender's uplink → departure → access up → backbone → access down → the receiver's access point → its downlink

The sender's end computes departures (`Uplink`), the receiving end the rest (`Inbound`, `Rules`, `Downlink`); they share
no state, so each may live in a process of its own.
"""

from netsim.network.distribution import QuantileTable
from netsim.network.draws import draw, draw_array, key, stream
from netsim.network.inbound import Arrivals, Inbound
from netsim.network.link import Downlink, Times, Uplink
from netsim.network.network import Network
from netsim.network.path import Parts
from netsim.network.rules import Deliver, Drop, Pass, Rules, Verdict

__all__ = [
    "Arrivals",
    "Deliver",
    "Downlink",
    "Drop",
    "Inbound",
    "Network",
    "Parts",
    "Pass",
    "QuantileTable",
    "Rules",
    "Times",
    "Uplink",
    "Verdict",
    "draw",
    "draw_array",
    "key",
    "stream",
]
