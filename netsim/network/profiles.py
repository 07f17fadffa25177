"""The built-in access profiles, as data in the scenario language.

What the slots of a cell take follows from its pattern (see radio.py); the figures below are the means and the 99 %
quantiles of that model for a small message by itself, without `core`. No public source gives a distribution for
Shenzhen or Suzhou.

`5g`. Public stand-alone 5G New Radio: 30 kHz subcarrier spacing (slots of 0.5 ms), TDD pattern DDDSU, uplink by request
and grant with K2 = 2 slots, one slot of processing at either end, at most four HARQ attempts (3GPP TS 38.214, 38.321).
Up 5.53 ms (99 %: 9.0), down 2.17 ms (6.0). Assumed: a block error rate of 10 %, the usual target of link adaptation; 2
ms from the base station to the site's exchange. Measured in the same range: 95 % of downlink packets within 4-10 ms in
a stand-alone campus network (Rischke et al., IEEE Access 2021), ping of 11-16 ms in Hong Kong (Ookla 2021). Bandwidth:
the median of mainland China, 350/80 Mbit/s (CAICT 2022-23). Spikes and handovers are left out, so that what a protocol
does can be told from what a moving or crowded phone does; `spikes: {}` and `handover: {}` in a profile that extends it
add them.

`5g-long-period`. The same with the pattern DDDDDDDSUU of 5 ms. Up 9.06 ms (16.0), down 2.32 ms (8.0).

`5g-urllc`. A cell of one's own for short delays: 120 kHz (slots of 0.125 ms), pattern SU, configured grants, a block
error rate of 0.001 %. Each way 0.45 ms (0.57) over the radio; the target of 3GPP TR 38.913 is 0.5 ms. Assumed: the
pattern; 0.1 ms of processing at either end; 0.4 ms to an exchange on the campus; 200 Mbit/s each way.

`5g-nsa`. Public 5G beside LTE, as its pings were measured (static; derived from the 5G production data set of Raca et
al., MMSys 2020): the excess of a round trip over its least is lognormal with mu 1.83 and sigma 0.57 (of ms), and 3.5 %
of the time all takes longer, by 75 ms in the median and 270 ms at 90 %. Up and down are drawn independently here, each
lognormal with half the mean and half the variance of the round trip's excess: median 2.76 ms, sigma 0.755. Assumed: 5.5
ms each way that never vary, so that pings begin at some 12 to 13 ms (from 13 ms in Beijing, 2019); that a spike lasts
1 s; the bandwidth of `5g`. There are no slots: these delays contain them.

`lte`. Frequency-division LTE: subframes of 1 ms, both ways in each (F), a chance to ask for a grant every 10 ms, data
four subframes after their grant, 1.5 ms of processing at either end (after 3GPP TR 36.912, annex B), block errors of
10 %. Up 16.8 ms (27.7), down 5.2 ms (16). Assumed: 8 ms to the exchange, spikes as in `5g-nsa`, 50/10 Mbit/s.

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
    "tdd": "DDDSU",
    "slot": "0.5 ms",
    "processing": "0.5 ms",
    "uplink_grant": "scheduled",
    "k2": "2",
    "bler": "10 %",
    "attempts": "4",
    "core": "2 ms",
    "bandwidth": {"up": "80 Mbps", "down": "350 Mbps"},
}

LONG_PERIOD_5G: Final[Profile] = {**PUBLIC_5G, "tdd": "DDDDDDDSUU"}

URLLC_5G: Final[Profile] = {
    "tdd": "SU",
    "slot": "0.125 ms",
    "processing": "0.1 ms",
    "uplink_grant": "configured",
    "bler": "0.001 %",
    "operator": "private",
    "core": "0.4 ms",
    "bandwidth": "200 Mbps",
}

_SPIKES: Final[Profile] = {"share": "3.5 %", "median": "75 ms", "p90": "270 ms", "lasts": "1 s"}

NSA_5G: Final[Profile] = {
    "up": {"distribution": "lognormal", "median": "2.76 ms", "sigma": "0.755"},
    "down": {"distribution": "lognormal", "median": "2.76 ms", "sigma": "0.755"},
    "core": "5.5 ms",
    "bandwidth": {"up": "80 Mbps", "down": "350 Mbps"},
    "spikes": _SPIKES,
}

LTE: Final[Profile] = {
    "tdd": "F",
    "slot": "1 ms",
    "processing": "1.5 ms",
    "uplink_grant": "scheduled",
    "k2": "4",
    "request_every": "10 ms",
    "bler": "10 %",
    "attempts": "4",
    "core": "8 ms",
    "bandwidth": {"up": "10 Mbps", "down": "50 Mbps"},
    "spikes": _SPIKES,
}

FIBRE: Final[Profile] = {
    "up": {"distribution": "uniform", "low": "0.5 ms", "high": "1.5 ms"},
    "down": {"distribution": "uniform", "low": "0.5 ms", "high": "0.7 ms"},
    "core": "0.5 ms",
    "bandwidth": {"up": "500 Mbps", "down": "1000 Mbps"},
}

LEASED: Final[Profile] = {"up": "0.25 ms", "down": "0.25 ms", "core": "0 ms", "bandwidth": "1 Gbps"}

IDEAL: Final[Profile] = {"up": "0 ms", "down": "0 ms", "core": "0 ms", "bandwidth": "unlimited"}
