"""Forks and attacks as often as they should be: the small form of what `tools/validate --only forks` measures."""

from __future__ import annotations

from collections import deque
from random import Random

import pytest

from netsim.validate.figure import Effort, Experiment, judge
from netsim.validate.forks import EXPERIMENTS, stale_law
from netsim.validate.laboratory import simulated

SEEDS = range(1, 11)


def named(name: str) -> Experiment:
    (found,) = (one for one in EXPERIMENTS if one.name == name)
    return found


@pytest.mark.parametrize(
    ("name", "predicted", "widest"), [("stale 100 100", 100 * 0.099 / 1.099, 2), ("reversal 10 1", 20, 3)]
)
def test_the_interval_of_ten_seeds_holds_what_is_predicted(name: str, predicted: float, widest: float) -> None:
    """Stale blocks of a hundred equal miners; blocks with one confirmation that a tenth of the hash rate reverses."""
    experiment = named(name)
    (figure,) = experiment.figures
    assert figure.predicted == pytest.approx(predicted)
    samples = [experiment.measure(seed, Effort(quick=True), simulated)[0] for seed in SEEDS]
    line = judge("", figure, samples)
    assert abs(line.difference) <= line.half < widest, "95 %, Student"


def test_ten_miners_are_too_few_for_the_law() -> None:
    """The prediction for them: each miner's height, blocks under way, and nothing else of a network."""
    rng = Random(1)
    count, delay, now = 100_000, 0.2, 0.0
    heights = [0] * 10
    under_way: deque[tuple[float, int]] = deque()
    for _ in range(count):
        now += rng.expovariate(1)
        while under_way and under_way[0][0] <= now:
            _, height = under_way.popleft()
            heights = [max(own, height) for own in heights]
        miner = rng.randrange(10)
        heights[miner] += 1
        under_way.append((now + delay, heights[miner]))
    predicted = named("stale 10 200").figures[0].predicted
    assert 100 * (1 - max(heights) / count) == pytest.approx(predicted, abs=0.3)


def test_the_law_for_stale_blocks() -> None:
    assert stale_law(10, 0.2) == pytest.approx(0.18 / 1.18)
    assert stale_law(1, 5) == 0, "nobody is in anybody's way"
    assert stale_law(10**9, 1) == pytest.approx(0.5)
