"""What else lies on a link: handovers, spikes, loss, the congestion window, and the presets between the cities."""

from __future__ import annotations

from math import ceil

from netsim.validate.figure import Effort, Experiment, Figure, Run, Sample
from netsim.validate.laboratory import MS, moments, network

_SMALL = 64  # bytes
_PACKET = 1448
_HOURS = 10_000  # s


def _one(access: str, duration_s: int = _HOURS) -> str:
    """A node with that access, one without any delay, nothing between them."""
    return f"""
duration: {duration_s} s
sites: {{here: {{nodes: [{{name: phone, access: special}}, {{name: server, access: ideal}}]}}}}
access: {{special: {{extends: ideal, {access}}}}}
backbone: {{delay: 0 ms}}
"""


_EVERY_MS, _OUTAGE_MS = 1000, 200


def _outages(seed: int, effort: Effort, run: Run) -> list[Sample]:
    net = network(_one(f"handover: {{every: {_EVERY_MS} ms, outage: {_OUTAGE_MS} ms}}"), seed)
    times = moments(seed, effort.of(10_000, 1_000), _HOURS)
    return [Sample(float(net.isolated(*ends, _SMALL, times).mean()) / MS) for ends in ((0, 1), (1, 0))]


def _spikes(seed: int, effort: Effort, run: Run) -> list[Sample]:
    import numpy as np

    net = network(_one("spikes: {share: 3.5 %, median: 75 ms, p90: 270 ms, lasts: 1 s}"), seed)
    excess = net.isolated(0, 1, _SMALL, moments(seed, effort.of(10_000, 3_000), _HOURS)) / MS
    spikes = excess[excess > 0.001]  # a copy takes 1 ns
    return [Sample(100 * len(spikes) / len(excess)), Sample(2 * float(np.median(spikes)))]


_LOSS, _PACKETS, _DELAY_MS = 0.01, 10, 20


def _lossy(transport: str) -> str:
    return f"""
duration: {_HOURS} s
sites: {{here: {{nodes: 2, access: ideal}}}}
backbone: {{links: [{{between: [here, here], delay: {_DELAY_MS} ms, loss: {100 * _LOSS:g} %}}]}}
transport: {transport}
"""


def _losses(seed: int, effort: Effort, run: Run) -> list[Sample]:
    times = moments(seed, effort.of(4_000, 500), _HOURS)
    stream = network(_lossy("stream"), seed).isolated(0, 1, _PACKETS * _PACKET, times)
    datagram = network(_lossy("datagram"), seed).isolated(0, 1, _PACKETS * _PACKET, times)
    base = _DELAY_MS * MS
    shares = (stream == base, stream == 3 * base, stream >= base + 200 * MS, datagram < 0)
    return [Sample(100 * float(share.mean())) for share in shares]


_WHOLE = (1 - _LOSS) ** _PACKETS
_IN_TIME = (1 - _LOSS**2) ** (_PACKETS - 3) * (1 - _LOSS) ** 3  # nothing of the last three, nothing twice

_BLOCK_BYTES, _MBPS, _ONE_WAY_MS = 1_000_000, 100, 50
_WINDOWED = f"""
duration: 100 s
sites: {{here: {{nodes: 2, access: ideal}}}}
backbone: {{links: [{{between: [here, here], delay: {_ONE_WAY_MS} ms, bandwidth: {_MBPS} Mbps}}]}}
transport: {{protocol: stream, initial_window: 10}}
"""


def slow_start_ms(size: int, mbps: float, one_way_ms: float, initial: int = 10) -> float:
    """Latency of a message over an idle connection (Kurose and Ross, Computer Networking: the delay of TCP).

    Its time on the bottleneck, the propagation, and after each window but the last the time until the acknowledgement
    of the window's first packet, less the time that the window itself takes.
    """
    packet_ms = _PACKET * 8 / (mbps * 1000)
    left, window, stalls = ceil(size / _PACKET), initial, 0.0
    while left > window:
        stalls += max(0.0, packet_ms + 2 * one_way_ms - window * packet_ms)
        left -= window
        window *= 2
    return size * 8 / (mbps * 1000) + one_way_ms + stalls


def _window(seed: int, effort: Effort, run: Run) -> list[Sample]:
    import numpy as np

    net = network(_WINDOWED, seed)
    return [Sample(int(net.isolated(0, 1, _BLOCK_BYTES, np.array([10**9], np.int64))[0]) / MS)]


_CITIES = {"shenzhen": "[22.543, 114.058]", "hong-kong": "[22.319, 114.169]", "suzhou": "[31.299, 120.585]"}
_PAIRS = ((0, 1), (0, 2), (1, 2))
_PRESETS = {  # one-way ms for these pairs, and where they are from
    "leased": ((1.2, 8.6, 8.7), "a vendor's 2.4 ms round trip Guangdong–Hong Kong; fibre × 1.5"),
    "public": ((4.5, 15.4, 16.0), "topvps, spring 2018; WonderProxy, Shanghai for Suzhou"),
    "congested": ((17.0, 15.4, 21.0), "topvps, autumn 2018"),
    "detour": ((34.0, 15.4, 16.0), "68.5 ms round trip Shenzhen–Hong Kong, WonderProxy"),
}


def _cities(preset: str, more: str = "") -> str:
    sites = ", ".join(f"{name}: {{location: {place}, nodes: 1, access: ideal}}" for name, place in _CITIES.items())
    return f"""
duration: 600 s
sites: {{{sites}}}
backbone: {{preset: {preset}{more}}}
transport: datagram
"""


def _preset(preset: str) -> Experiment:
    delays, source = _PRESETS[preset]

    def measure(seed: int, effort: Effort, run: Run) -> list[Sample]:
        net = network(_cities(preset), seed)
        return [Sample(net.minimum(*pair) / MS) for pair in _PAIRS]

    names = tuple(_CITIES)
    figures = tuple(
        Figure(f"backbone {preset}: {names[a]} to {names[b]}", "ms", delay, source, exact=True)
        for (a, b), delay in zip(_PAIRS, delays, strict=True)
    )
    return Experiment("links", f"preset {preset}", figures, measure, once=True)


def _busy_hour(seed: int, effort: Effort, run: Run) -> list[Sample]:
    """The share of single packets lost from Shenzhen to Hong Kong in ten minutes around the peak, and twelve hours off.

    Five minutes from the peak the cosine is within 0.02 % of its most.
    """
    times = moments(seed, effort.of(4_000, 500), 600)
    shares = []
    for begins in ("20:55", "08:55"):
        net = network(_cities("congested", f", time_of_day: {begins}"), seed)
        shares.append(float((net.isolated(0, 1, _SMALL, times) < 0).mean()))
    return [Sample(100 * share) for share in shares]


EXPERIMENTS = (
    Experiment(
        "links",
        "handover",
        tuple(
            Figure(f"handover of 200 ms each second: mean wait {way}", "ms", _OUTAGE_MS**2 / (2 * _EVERY_MS),
                   "outage² / (2 · every)")
            for way in ("up", "down")
        ),
        _outages,
    ),
    Experiment(
        "links",
        "spikes",
        (
            Figure("spikes: share of time", "%", 3.5, "as the profile says"),
            Figure("spikes: median excess of a round trip", "ms", 75.0, "as the profile says"),
        ),
        _spikes,
    ),
    Experiment(
        "links",
        "loss",
        (
            Figure("loss 1 %, 10 packets, stream: arrive at once", "%", 100 * _WHOLE, "(1-p)^k"),
            Figure("loss 1 %, 10 packets, stream: a round trip later", "%", 100 * (_IN_TIME - _WHOLE),
                   "(1-p²)^(k-3) (1-p)³ - (1-p)^k: fast retransmit, RFC 5681"),
            Figure("loss 1 %, 10 packets, stream: after a timeout", "%", 100 * (1 - _IN_TIME), "RFC 6298"),
            Figure("loss 1 %, 10 packets, datagram: lost", "%", 100 * (1 - _WHOLE), "1 - (1-p)^k"),
        ),
        _losses,
    ),
    Experiment(
        "links",
        "slow start",
        (
            Figure(f"1 MB over {_MBPS} Mbit/s, round trip {2 * _ONE_WAY_MS} ms, initial window 10", "ms",
                   slow_start_ms(_BLOCK_BYTES, _MBPS, _ONE_WAY_MS),
                   "Kurose and Ross; a round trip here is that of an empty packet: 0.12 ms less in each of six rounds",
                   within=6.5 * _PACKET * 8 / (_MBPS * 1000)),
        ),
        _window,
        once=True,
    ),
    *(_preset(preset) for preset in _PRESETS),
    Experiment(
        "links",
        "busy hour",
        (
            Figure("backbone congested, shenzhen to hong-kong: lost at 21:00", "%", 10.0, "topvps, autumn 2018"),
            Figure("backbone congested, shenzhen to hong-kong: lost at 9:00", "%", 1.0, "topvps, autumn 2018"),
        ),
        _busy_hour,
    ),
)  # fmt: skip
