"""The built-in access profiles, as data in the scenario language.

`5g`. Public 5G New Radio: 30 kHz subcarrier spacing (slots of 0.5 ms), TDD pattern DDDSU, block error rate 10 %, uplink
by scheduling request and grant. Quantiles of the one-way radio delay, from a simulation of that slot model: one slot of
processing at either end, one on the air, the wait for the next slot of the right direction, K2 = 2 slots after a grant,
at most four HARQ attempts. Their means, 5.54 ms up and 2.15 ms down, are within 1 % of the model's 5.53 and 2.165 ms.
Assumed, not measured: packets arrive anywhere in the period and do not depend on each other; 2 ms from the base station
to the site's exchange. Public networks were measured in the same range: 95 % of downlink packets within 4-10 ms in a
stand-alone campus network (Rischke et al., IEEE Access 2021), ping of 11-16 ms in Hong Kong (Ookla 2021). No public
source gives a distribution for Shenzhen or Suzhou. Bandwidth: the median of mainland China, 350/80 Mbit/s (CAICT
2022-23). Left out: the delay spikes and the handovers of public networks.

`fibre`. A passive optical network (GPON, ITU-T G.984). Upstream a node waits for its turn: bandwidth is granted by
cycles of 125 µs, and dynamic assignment takes some of them; 0.5 to 1.5 ms are assumed. Downstream 0.5 to 0.7 ms are
assumed, and 0.5 ms more each way to the exchange: 1 to 2 ms up and 1 to 1.2 ms down in all. 1000/500 Mbit/s.

`leased`. A dedicated line within a metropolis: 0.25 ms each way, which is 50 km of fibre, and 1 Gbit/s; both assumed.

`ideal`. Nothing: the laws of consensus protocols are stated for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Profile = Mapping[str, Any]

PUBLIC_5G: Final[Profile] = {
    "up": {
        "distribution": "quantiles",
        "points": {
            "0 %": "4 ms",
            "50 %": "5.4 ms",
            "90 %": "6.5 ms",
            "95 %": "7.9 ms",
            "99 %": "9 ms",
            "100 %": "14 ms",
        },
    },
    "down": {
        "distribution": "quantiles",
        "points": {
            "0 %": "1.5 ms",
            "50 %": "1.85 ms",
            "72 %": "2 ms",
            "90 %": "2.5 ms",
            "95 %": "4.87 ms",
            "99 %": "6 ms",
            "100 %": "11 ms",
        },
    },
    "core": "2 ms",
    "bandwidth": {"up": "80 Mbps", "down": "350 Mbps"},
}

FIBRE: Final[Profile] = {
    "up": {"distribution": "uniform", "low": "0.5 ms", "high": "1.5 ms"},
    "down": {"distribution": "uniform", "low": "0.5 ms", "high": "0.7 ms"},
    "core": "0.5 ms",
    "bandwidth": {"up": "500 Mbps", "down": "1000 Mbps"},
}

LEASED: Final[Profile] = {"up": "0.25 ms", "down": "0.25 ms", "core": "0 ms", "bandwidth": "1 Gbps"}

IDEAL: Final[Profile] = {"up": "0 ms", "down": "0 ms", "core": "0 ms", "bandwidth": "unlimited"}
