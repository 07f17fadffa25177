"""Bitcoin in 2019: the shipped scenario against SimBlock, and against SimBlock's rules written once more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netsim.validate import simblock
from netsim.validate.figure import Effort, Experiment, Figure, Run, Sample
from netsim.validate.laboratory import MS, arrivals, proposers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netsim.scenario import Scenario

SCENARIO = Path(__file__).parents[2] / "scenarios" / "bitcoin-2019.yaml"
_PERCENT = (50, 90, 100)
_PUBLISHED_MS = {50: (3004.0, 70.0), 90: (5034.0, 98.0), 100: (9242.0, 193.0)}  # mean of ten seeds, deviation of one
_RUNS = 10
_SIMBLOCK = "SimBlock (Aoki et al., CryBlock 2019) with its settings of 2019, run with ten seeds"


def shipped(seed: int, *overrides: str) -> Scenario:
    """The scenario as it is shipped."""
    from netsim import catalogue
    from netsim.scenario import load

    return load(SCENARIO, overrides=overrides, seed=seed, catalogue=catalogue)


def until(reached: NDArray[np.int64], percent: int) -> float:
    """The mean over blocks of the time, in ms, until so many of the nodes have them."""
    import numpy as np

    ordered = np.sort(reached, axis=1)
    return float(ordered[:, -(-ordered.shape[1] * percent // 100) - 1].mean()) / MS


def _ours(seed: int, effort: Effort, run: Run) -> list[Sample]:
    reached = arrivals(run(shipped(seed, "duration=12000 s")))  # some twenty blocks
    reached = reached[(reached >= 0).all(axis=1)]  # the last block may be under way at the end
    return [Sample(until(reached, percent)) for percent in _PERCENT]


def _miniature(seed: int, effort: Effort, run: Run) -> list[Sample]:
    return [Sample(value) for value in simblock.figures(seed)]


_FEWER = dict(zip(simblock.SITES, (100, 150, 3, 35, 7, 6), strict=True))
_SCRIPT = "protocol: scripted, arrival: fixed, block_interval: 60 s, timeout: 60 s"
# Relay alone: the blocks of a fork would meet on their way.
_APART = (f"consensus={{{_SCRIPT}, block_bytes: {simblock.BLOCK_BYTES} B}}", "finality={}", "duration=1230 s")


def _paired(seed: int, effort: Effort, run: Run) -> list[Sample]:
    """Both over the same overlay with the same proposers, and no two blocks at a time: only the delays differ."""
    from random import Random

    from netsim.network import Network

    setting = shipped(seed, *_APART, *(f"sites.{site}.nodes={count}" for site, count in _FEWER.items()))
    trace = run(setting)
    network = Network(setting)
    neighbours = [list(peers) for peers in network.peers]
    miniature = simblock.Miniature(Random(seed), list(network.node_sites), neighbours)
    theirs = [miniature.block(miner) for miner in proposers(trace) for _ in range(3)]
    ours = arrivals(trace)
    predicted = simblock.until(theirs, network.size)
    return [Sample(until(ours, percent), value) for percent, value in zip(_PERCENT, predicted, strict=True)]


def _published(who: str) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            f"Bitcoin 2019, {who}: until {percent} % of 1000 nodes have a block", "ms", mean, _SIMBLOCK,
            deviation=deviation, runs=_RUNS,
        )
        for percent, (mean, deviation) in _PUBLISHED_MS.items()
    )  # fmt: skip


_SAME = tuple(
    Figure(
        f"Bitcoin 2019, 301 nodes: until {percent} % of them have a block", "ms", None,
        "SimBlock's rules in a program of their own, on the same overlays; 8 ms for rounding and the sizes of requests",
        within=8.0,
    )
    for percent in _PERCENT
)  # fmt: skip

EXPERIMENTS = (
    Experiment("bitcoin", "bitcoin-2019", _published("the scenario"), _ours, long=True),
    Experiment("bitcoin", "simblock", _published("SimBlock's rules, independently"), _miniature, long=True),
    Experiment("bitcoin", "simblock on the same overlay", _SAME, _paired, long=True),
)
