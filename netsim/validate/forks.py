"""Proof of work: how many blocks are given up, how often an attacker reverses one, and what selfish miners gain."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log
from typing import TYPE_CHECKING

from netsim.measure.reversal import reversal_probability
from netsim.validate.figure import Effort, Experiment, Figure, Run, Sample
from netsim.validate.laboratory import FREE, scenario

if TYPE_CHECKING:
    from netsim.trace import Trace

# ------------------------------------------------------------------------------------------------ blocks that are stale

_INTERVAL_MS = 1000


def stale_rate(trace: Trace) -> float:
    """The share of blocks that no chain holds, of those up to the height of the last final block of the first node."""
    from netsim.measure.events import HEIGHT, NODE, Events

    events = Events(trace)
    final = events.of("finalise")
    height = int(final[final[:, NODE] == 0][:, HEIGHT].max())
    mined = int((events.of("propose")[:, HEIGHT] <= height).sum())
    return 1 - height / mined


def _stale(
    miners: int, delay_ms: int, predicted: float, source: str, within: float = 0.0, quick: int = 0
) -> Experiment:
    """Equal miners, each message taking as long. `quick`: blocks in the slice; 0: not in it."""

    def measure(seed: int, effort: Effort, run: Run) -> list[Sample]:
        text = f"""
            duration: {effort.of(1500, quick) * _INTERVAL_MS} ms
            sites: {{here: {{nodes: {miners}, access: ideal}}}}
            backbone: {{delay: {delay_ms} ms}}
            consensus: {{protocol: nakamoto, block_interval: {_INTERVAL_MS} ms}}
            workload: {{rate: 0 /s}}
            trace: summary
            {FREE}
        """
        return [Sample(100 * stale_rate(run(scenario(text, seed))))]

    figure = Figure(
        f"nakamoto, {miners} equal miners, delay {delay_ms / _INTERVAL_MS:g} of the interval: stale blocks", "%",
        100 * predicted, source, within=within,
    )  # fmt: skip
    return Experiment("forks", f"stale {miners} {delay_ms}", (figure,), measure, long=not quick)


def stale_law(miners: int, delay: float) -> float:
    """x / (1 + x) with x = (Δ/T)(1 − 1/N), exact as N grows; `delay` in intervals."""
    x = delay * (1 - 1 / miners)
    return x / (1 + x)


_LAW = "x/(1+x), x = (Δ/T)(1-1/N), as N grows"

# ------------------------------------------------------------------------------------------- blocks that are reversed

_NEGLIGIBLE = 1e-6  # the chance of catching up from where a race is given up


def races(trace: Trace) -> list[int]:
    """Of each race, 1 if the attacker won it."""
    from netsim.measure.events import DETAIL, Events
    from netsim.validate.racing import ENDED

    won: list[int] = Events(trace).of(ENDED)[:, DETAIL].tolist()
    return won


def _reversal(percent: int, confirmations: int, quick: int = 0) -> Experiment:
    """An attacker with so many percent of the hash rate. `quick`: blocks in the slice; 0: not in it."""

    def measure(seed: int, effort: Effort, run: Run) -> list[Sample]:
        hopeless = ceil(log(_NEGLIGIBLE) / log(percent / (100 - percent)))
        text = f"""
            duration: {effort.of(12_000, quick)} s
            sites:
              attacker: {{hash_rate: {percent}, access: ideal}}
              honest: {{hash_rate: {100 - percent}, access: ideal}}
            backbone: {{delay: 1 us}}
            consensus:
              protocol: netsim.validate.racing:Racing
              block_interval: 1 s
              confirmations: {confirmations}
              hopeless: {hopeless}
            workload: {{rate: 0 /s}}
            trace: summary
            {FREE}
        """
        won = races(run(scenario(text, seed)))
        return [Sample(100 * sum(won) / len(won))]

    from fractions import Fraction

    figure = Figure(
        f"nakamoto, {percent} % of the hash rate against {confirmations} confirmations: reversed", "%",
        100 * float(reversal_probability(confirmations, Fraction(percent, 100))), "Rosenfeld 2014, negative binomial",
    )  # fmt: skip
    return Experiment("forks", f"reversal {percent} {confirmations}", (figure,), measure, long=not quick)


# ------------------------------------------------------------------------------------------------------ selfish mining


@dataclass(frozen=True, slots=True)
class Mining:
    """What a run with one selfish miner came to."""

    revenue: float  # its share of the chain's blocks
    gamma: float  # of the honest miners' blocks on either of two chains of one height, the share that are on its own
    choices: int  # how many such blocks there were


def mining(trace: Trace) -> Mining:
    """Measure a run whose only Byzantine validator is a selfish miner. The chain is that of the first honest node."""
    from netsim.measure.events import BLOCK, HEIGHT, NODE, Events

    events = Events(trace)
    (pool,) = trace.header.byzantine
    mined = events.of("propose")[:, [NODE, HEIGHT, BLOCK]].tolist()
    parent = {block: below for (_, _, block), below in zip(mined, events.of("extends")[:, BLOCK].tolist(), strict=True)}
    miner = {block: node for node, _, block in mined}
    siblings: dict[int, set[bool]] = {}  # by parent, whether the pool's, and whether another's, stand on it
    for block, below in parent.items():
        siblings.setdefault(below, set()).add(miner[block] == pool)
    contested = [
        miner[below] == pool
        for block, below in parent.items()
        if miner[block] != pool and below in parent and len(siblings[parent[below]]) == 2
    ]
    honest = next(node for node in trace.header.validators if node != pool)
    final = events.of("finalise")
    chain: dict[int, int] = dict(final[final[:, NODE] == honest][:, [HEIGHT, BLOCK]].tolist())
    revenue = sum(miner[block] == pool for block in chain.values()) / len(chain)
    return Mining(revenue, sum(contested) / len(contested), len(contested))


def selfish_revenue(alpha: float, gamma: float) -> float:
    """Eyal and Sirer 2014, equation 8."""
    gained = alpha * (1 - alpha) ** 2 * (4 * alpha + gamma * (1 - 2 * alpha)) - alpha**3
    return gained / (1 - alpha * (1 + (2 - alpha) * alpha))


_NEAR = 4  # honest miners that hear of the selfish one's blocks first, of so many
_HONEST = 8


def selfish_scenario(percent: int, blocks: int, near: int = _NEAR) -> str:
    """A selfish miner with so many percent of the hash rate. It hears everybody soon and is heard soon by some."""
    rate = 100 - percent  # of each honest miner, that of the pool being as many times as much as there are
    return f"""
        duration: {600 * blocks} s
        sites:
          pool: {{nodes: 1, hash_rate: {percent * _HONEST}, access: ideal}}
          near: {{nodes: {near}, hash_rate: {rate}, access: ideal}}
          far:  {{nodes: {_HONEST - near}, hash_rate: {rate}, access: ideal}}
        backbone:
          delay: 20 ms
          links:
            - {{between: [pool, near], delay: 5 ms}}
            - {{from: far, to: pool, delay: 5 ms}}
        consensus: {{protocol: nakamoto, block_interval: 600 s}}
        misbehaviour: [{{nodes: [pool], does: selfish}}]
        workload: {{rate: 0 /s}}
        trace: summary
        {FREE}
    """


def _selfish(percent: int, quick: int = 0) -> Experiment:
    """`quick`: blocks in the slice; 0: not in it."""

    def measure(seed: int, effort: Effort, run: Run) -> list[Sample]:
        result = mining(run(scenario(selfish_scenario(percent, effort.of(5_000, quick)), seed)))
        return [Sample(100 * result.revenue, 100 * selfish_revenue(percent / 100, result.gamma))]

    figure = Figure(
        f"selfish mining, {percent} % of the hash rate, γ as measured: share of the chain's blocks", "%", None,
        "Eyal and Sirer 2014, equation 8",
    )  # fmt: skip
    return Experiment("forks", f"selfish {percent}", (figure,), measure, long=not quick)


EXPERIMENTS = (
    _stale(100, 100, stale_law(100, 0.1), _LAW, quick=250),
    _stale(100, 200, stale_law(100, 0.2), _LAW),
    _stale(200, 50, stale_law(200, 0.05), _LAW),
    _stale(10, 200, 0.1502, "counted without a network, ± 0.02 (the law, for large N, gives 15.25)", within=0.02),
    _reversal(10, 1, quick=3000),
    _reversal(10, 2),
    _reversal(10, 3),
    _reversal(30, 1),
    _reversal(30, 3),
    _reversal(30, 6),
    _selfish(10),
    _selfish(20),
    _selfish(30, quick=1500),
    _selfish(40),
    _selfish(45),
)
