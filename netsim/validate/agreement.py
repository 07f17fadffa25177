"""PBFT: finality under constant, unequal and random delays, and what a block costs in messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.validate.figure import Effort, Experiment, Figure, Run, Sample
from netsim.validate.laboratory import FREE, MS, NEVER, copies, finality, proposed, scenario, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DELTA_MS = 20
_PAPER = "Castro and Liskov, OSDI 1999"


def _constant(nodes: int, duration: str) -> str:
    return f"""
duration: {duration}
sites: {{here: {{nodes: {nodes}, access: ideal}}}}
backbone: {{delay: {_DELTA_MS} ms}}
gossip: direct
consensus: {{protocol: pbft, block_interval: 250 ms, empty_blocks: always, checkpoint: 1000}}
workload: {{rate: 0 /s}}
{FREE}
"""


def _three_delays(nodes: int, emulated: bool = False) -> Experiment:
    def measure(seed: int, effort: Effort, run: Run) -> list[Sample]:
        trace = run(scenario(_constant(nodes, "3 s" if effort.quick else "10 s"), seed))
        final = finality(trace)
        sent = copies(trace)
        votes = sum(sent[name] for name in ("PrePrepare", "Prepare", "Commit"))
        return [Sample(whole(final) / MS), Sample(votes / len(final))]

    return Experiment(
        "agreement",
        f"pbft-{nodes}",
        (
            Figure(
                f"PBFT, {nodes} replicas, every delay {_DELTA_MS} ms: finality at each",
                "ms",
                3.0 * _DELTA_MS,
                f"three delays; {_PAPER}",
                exact=True,
            ),
            Figure(
                f"PBFT, {nodes} replicas: messages per block",
                "",
                float(2 * nodes * (nodes - 1)),
                f"2n(n-1); {_PAPER}",
                exact=True,
            ),
        ),
        measure,
        emulated=emulated,
        once=True,
    )


# One-way delays in µs between two sites and within one; one replica at each, but two in Shenzhen.
_UNEQUAL_US = {
    ("shenzhen", "shenzhen"): 500,
    ("shenzhen", "hong-kong"): 1_200,
    ("shenzhen", "suzhou"): 12_000,
    ("hong-kong", "suzhou"): 13_000,
}
_REPLICAS = ("shenzhen", "shenzhen", "hong-kong", "suzhou")


def _unequal(leader: str) -> Experiment:
    sites = (leader, *(site for site in dict.fromkeys(_REPLICAS) if site != leader))  # the first replica leads
    nodes = [site for site in sites for _ in range(_REPLICAS.count(site))]
    described = ", ".join(f"{site}: {{nodes: {nodes.count(site)}, access: ideal}}" for site in sites)
    links = ", ".join(f"{{between: [{a}, {b}], delay: {delay} us}}" for (a, b), delay in _UNEQUAL_US.items())
    text = f"""
duration: 3 s
sites: {{{described}}}
backbone: {{links: [{links}]}}
gossip: direct
consensus: {{protocol: pbft, block_interval: 250 ms, empty_blocks: always}}
workload: {{rate: 0 /s}}
{FREE}
"""

    def measure(seed: int, effort: Effort, run: Run) -> list[Sample]:
        final = finality(run(scenario(text, seed)))
        return [Sample(whole(final[:, node]) / MS) for node in range(4)]

    def delay(a: int, b: int) -> int:
        pair = nodes[a], nodes[b]
        return 0 if a == b else _UNEQUAL_US.get(pair) or _UNEQUAL_US[pair[1], pair[0]]

    delays = [[delay(a, b) for b in range(4)] for a in range(4)]
    figures = tuple(
        Figure(
            f"PBFT, unequal delays, {leader} leads: at {site}{_th(number, nodes)}",
            "ms",
            predicted / 1000,
            "the q-th smallest arrival, phase by phase",
            exact=True,
        )
        for number, (site, predicted) in enumerate(zip(nodes, qth_smallest(delays, 3, 0), strict=True))
    )
    return Experiment("agreement", f"pbft-unequal-{leader}", figures, measure, once=True)


def _th(number: int, sites: list[str]) -> str:
    """Which of several replicas at one site it is."""
    site = sites[number]
    return f" {sites[: number + 1].count(site)}" if sites.count(site) > 1 else ""


def qth_smallest(delays: list[list[int]], quorum: int, leader: int) -> list[int]:
    """When a block is final at each replica: it prepares at the proposal, commits at the q-th prepare, and is done at
    the q-th commit, its own among them; the proposal is the leader's prepare."""
    everybody = range(len(delays))
    prepares = [delays[leader][j] for j in everybody]
    commits = [max(prepares[j], sorted(prepares[i] + delays[i][j] for i in everybody)[quorum - 1]) for j in everybody]
    return [max(commits[j], sorted(commits[i] + delays[i][j] for i in everybody)[quorum - 1]) for j in everybody]


_RANDOM = f"""
duration: 200 s
sites: {{here: {{nodes: 16, access: ideal}}}}
backbone:
  links: [{{between: [here, here], delay: {{distribution: normal, mean: 250 ms, deviation: 50 ms}}}}]
gossip: direct
consensus: {{protocol: pbft, block_interval: 2 s, empty_blocks: always, timeout: 20 s}}
workload: {{rate: 0 /s}}
{FREE}
"""


def _random(seed: int, effort: Effort, run: Run) -> list[Sample]:
    """Until n − f = 11 of 16 have decided."""
    import numpy as np

    final = finality(run(scenario(_RANDOM, seed, f"duration={effort.of(200, 20)} s")))
    final = final[(final != NEVER).all(axis=1)]  # the last block may be open
    decided: NDArray[np.int64] = np.sort(final, axis=1)[:, 10]
    return [Sample(float(decided.mean()) / MS)]


_BFT_SIMULATOR = Experiment(
    "agreement",
    "bft-simulator",
    (
        Figure(
            "PBFT, 16 replicas, every delay N(250, 50) ms: until n-f have decided",
            "ms",
            793.7,
            "BFT-Simulator, measured by running it; there the leader sends a prepare of its own, which comes"
            " 0.3 ms later than the proposal that stands for it here",
            within=0.35,
        ),
    ),
    _random,
)

_CHAINED = _RANDOM.replace(
    "protocol: pbft, block_interval: 2 s", "protocol: hotstuff, leader_span: 1, block_interval: 0 s"
)


def _chained(seed: int, effort: Effort, run: Run) -> list[Sample]:
    """Between two decisions of n − f = 11 of 16, a hundred of them, once the pipeline is full."""
    import numpy as np

    trace = run(scenario(_CHAINED, seed, f"duration={effort.of(56, 8)} s"))
    final = finality(trace)
    whole_blocks = (final != NEVER).all(axis=1)
    moments = np.sort(final + proposed(trace)[:, None], axis=1)[whole_blocks, 10]
    return [Sample(float(np.diff(np.sort(moments)).mean()) / MS)]


_BFT_SIMULATOR_CHAINED = Experiment(
    "agreement",
    "bft-simulator-hotstuff",
    (
        Figure(
            "Chained HotStuff, 16 replicas, every delay N(250, 50) ms: between two decisions of n-f",
            "ms",
            519.0,
            "BFT-Simulator, measured by running it: 536 over 100 decisions, 519 once the pipeline is full",
        ),
    ),
    _chained,
)

EXPERIMENTS = (
    _three_delays(4, emulated=True),
    _three_delays(13),
    _unequal("shenzhen"),
    _unequal("suzhou"),
    _BFT_SIMULATOR,
    _BFT_SIMULATOR_CHAINED,
)
