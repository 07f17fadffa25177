"""What links are made of: access profiles, backbone presets, transports and distributions of delays."""

from __future__ import annotations

from netsim.catalogue.entry import Entry, Parameter

ACCESS = (
    Entry(
        "access",
        "5g",
        "Public 5G: 30 kHz, DDDSU, 10 % block errors, scheduled uplink; without spikes and handovers",
        "netsim.network.profiles:PUBLIC_5G",
        facts=(("delay", "up 5.5 ms, down 2.2 ms on average, and 2 ms to the core"), ("bandwidth", "80/350 Mbps")),
    ),
    Entry(
        "access",
        "5g-long-period",
        "The same with the pattern DDDDDDDSUU",
        "netsim.network.profiles:LONG_PERIOD_5G",
        facts=(("delay", "up 9.1 ms, down 2.3 ms on average, and 2 ms to the core"), ("bandwidth", "80/350 Mbps")),
    ),
    Entry(
        "access",
        "5g-urllc",
        "A cell for short delays: 120 kHz, SU, configured uplink",
        "netsim.network.profiles:URLLC_5G",
        facts=(("delay", "0.45 ms each way on average, and 0.4 ms to the core"), ("bandwidth", "200 Mbps")),
    ),
    Entry(
        "access",
        "5g-nsa",
        "Public 5G beside LTE as its pings were measured, with spikes",
        "netsim.network.profiles:NSA_5G",
        facts=(
            ("delay", "3.7 ms each way on average, 5.5 ms to the core; spikes: 75 ms a round trip, 3.5 % of the time"),
            ("bandwidth", "80/350 Mbps"),
        ),
    ),
    Entry(
        "access",
        "lte",
        "Frequency-division LTE: a request every 10 ms, with spikes",
        "netsim.network.profiles:LTE",
        facts=(
            ("delay", "up 16.8 ms, down 5.2 ms on average, 8 ms to the core, and spikes as in 5g-nsa"),
            ("bandwidth", "10/50 Mbps"),
        ),
    ),
    Entry(
        "access",
        "fibre",
        "Passive optical network: 1 to 2 ms up, 1 to 1.2 ms down",
        "netsim.network.profiles:FIBRE",
        facts=(("bandwidth", "500/1000 Mbps"),),
    ),
    Entry(
        "access",
        "leased",
        "Leased line: 0.25 ms each way",
        "netsim.network.profiles:LEASED",
        facts=(("bandwidth", "1 Gbps"),),
    ),
    Entry("access", "ideal", "No delay and no limit: what the laws are stated for", "netsim.network.profiles:IDEAL"),
)

_AT_THREE_CITIES = "Shenzhen–Hong Kong, Shenzhen–Suzhou, Hong Kong–Suzhou"
BACKBONES = (
    Entry(
        "backbones",
        "leased",
        "Dedicated lines",
        "netsim.network.presets:LEASED",
        facts=(("one-way delays", f"1.2, 8.6, 8.7 ms: {_AT_THREE_CITIES}"), ("route factor elsewhere", "1.5")),
    ),
    Entry(
        "backbones",
        "public",
        "The Internet on good days",
        "netsim.network.presets:PUBLIC",
        facts=(("one-way delays", f"4.5, 15.4, 16 ms: {_AT_THREE_CITIES}"), ("route factor elsewhere", "2.7")),
    ),
    Entry(
        "backbones",
        "congested",
        "The border in its busy hours: slower, and loss by the time of day",
        "netsim.network.presets:CONGESTED",
        facts=(
            ("one-way delays", f"17, 15.4, 21 ms: {_AT_THREE_CITIES}"),
            ("loss", "1 to 10 %, none, 0 to 6 %; the most at 21:00, which is assumed"),
            ("route factor elsewhere", "2.7"),
        ),
    ),
    Entry(
        "backbones",
        "detour",
        "Traffic across the border that leaves the region first",
        "netsim.network.presets:DETOUR",
        facts=(("one-way delays", f"34, 15.4, 16 ms: {_AT_THREE_CITIES}"), ("route factor elsewhere", "2.7")),
    ),
)

TRANSPORTS = (
    Entry(
        "transports",
        "stream",
        "Loss becomes delay, and the order of each pair is kept",
        "netsim.network.loss:Loss",
        (
            Parameter(
                "initial_window",
                "integer",
                "10",
                "packets of a large message that a flow may send at once; none: no congestion window at all",
                choices=("none",),
                minimum=1,
                maximum=100_000,
            ),
            Parameter(
                "idle_reset",
                "choice",
                "yes",
                "whether the window shrinks while a flow is idle (tcp_slow_start_after_idle)",
                choices=("yes", "no"),
            ),
            Parameter("receive_window", "size", "4 MiB", "most bytes of a flow that are under way", minimum=1448),
        ),
        (("source", "RFC 5681, 6298, 6928 and 7661, in Linux's form"),),
    ),
    Entry("transports", "datagram", "Loss loses", "netsim.network.loss:Loss"),
)

_FLOOR = Parameter("minimum", "duration", "0 s", "what would be drawn below it is raised to it")
_DISTRIBUTION = "netsim.scenario.model:Distribution"
DISTRIBUTIONS = (
    Entry(
        "distributions",
        "constant",
        "Always the same; a bare duration means it too",
        _DISTRIBUTION,
        (Parameter("value", "duration", None, "what is drawn"),),
    ),
    Entry(
        "distributions",
        "uniform",
        "Anything between two bounds",
        _DISTRIBUTION,
        (
            Parameter("low", "duration", None, "the least"),
            Parameter("high", "duration", None, "the most"),
        ),
    ),
    Entry(
        "distributions",
        "normal",
        "The bell curve",
        _DISTRIBUTION,
        (
            Parameter("mean", "duration", None, "its centre"),
            Parameter("deviation", "duration", None, "its standard deviation"),
            _FLOOR,
        ),
    ),
    Entry(
        "distributions",
        "lognormal",
        "Skewed to the right, as round trips are; given by its median and either p99 or sigma",
        _DISTRIBUTION,
        (
            Parameter("median", "duration", None, "half of the draws are below it", minimum=1),
            Parameter("p99", "duration", "none", "99 of 100 draws are below it", choices=("none",)),
            Parameter(
                "sigma", "number", "none", "the natural logarithm's deviation", choices=("none",), minimum=0, maximum=5
            ),
            _FLOOR,
        ),
    ),
    Entry(
        "distributions",
        "pareto",
        "A heavy tail; given by its scale and either shape or mean",
        _DISTRIBUTION,
        (
            Parameter("scale", "duration", None, "the least that is drawn", minimum=1),
            Parameter(
                "shape",
                "number",
                "none",
                "the exponent: the less, the heavier",
                choices=("none",),
                minimum=1,
                maximum=1e6,
            ),
            Parameter("mean", "duration", "none", "scale · shape / (shape - 1)", choices=("none",)),
        ),
    ),
    Entry(
        "distributions",
        "gamma",
        "A sum of waits",
        _DISTRIBUTION,
        (
            Parameter("mean", "duration", None, "its mean", minimum=1),
            Parameter("deviation", "duration", None, "its standard deviation", minimum=1),
            _FLOOR,
        ),
    ),
    Entry(
        "distributions",
        "quantiles",
        "Straight lines between given quantiles, as in {0 %: 4 ms, 50 %: 5.4 ms, 100 %: 14 ms}",
        _DISTRIBUTION,
        (Parameter("points", "points", None, "durations by share; 0 % and 100 % are among them"),),
    ),
    Entry(
        "distributions",
        "empirical",
        "Drawn from a file of measured delays, independently of each other",
        _DISTRIBUTION,
        (Parameter("file", "text", None, "CSV or the output of ping, as for an access profile's `trace`"),),
    ),
)
