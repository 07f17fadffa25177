"""What is sampled of the links: every pair of sites, at moments all over the scenario, between all their nodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from netsim.network import Network
from netsim.network.ways import SAMPLES, Way, largest, ways
from netsim.scenario.model import Bursts, Congestion, Link, Scenario

from .worlds import MS, SECOND, constant, profile, scenario, uniform_ns

HOUR = 3600 * SECOND


def by_ends(world: Scenario, size: int = 250) -> dict[tuple[str, str], Way]:
    return {(way.source, way.target): way for way in ways(Network(world), world, size)}


def test_there_is_a_way_between_every_two_sites_and_within_those_of_several_nodes() -> None:
    found = by_ends(scenario({"shenzhen": 2, "suzhou": 1}, delay=5 * MS))
    assert list(found) == [("shenzhen", "shenzhen"), ("shenzhen", "suzhou"), ("suzhou", "shenzhen")]
    assert all(set(way.delays.tolist()) == {5 * MS} for way in found.values())


def test_delays_are_sorted_and_as_the_links_are_made() -> None:
    radio = profile("radio", up=uniform_ns(4 * MS, 8 * MS), down=MS)
    links = [Link("shenzhen", "suzhou", constant(10 * MS)), Link("suzhou", "shenzhen", constant(20 * MS))]
    found = by_ends(scenario({"shenzhen": 3, "suzhou": 3}, access=[radio], links=links))
    for ends, backbone in ((("shenzhen", "suzhou"), 10), (("suzhou", "shenzhen"), 20), (("suzhou", "suzhou"), 0)):
        delays = found[ends].delays
        assert len(delays) == SAMPLES
        assert (np.diff(delays) >= 0).all()
        assert delays[0] >= (backbone + 5) * MS
        assert delays[-1] <= (backbone + 9) * MS
        assert abs(float(delays.mean()) / MS - backbone - 7) < 4 * (4 / 12**0.5) / SAMPLES**0.5


def test_the_size_of_the_message_counts() -> None:
    slow = profile("slow", bandwidth_up=8_000_000)
    world = scenario({"shenzhen": 2}, access=[slow], delay=MS)
    assert by_ends(world, 1000)["shenzhen", "shenzhen"].delays[0] == 2 * MS


def test_profiles_are_named_once_each() -> None:
    found = by_ends(scenario({"shenzhen": 4, "suzhou": 1}, access=[profile("5g"), profile("fibre")], delay=MS))
    assert found["shenzhen", "suzhou"].access == ("5g, fibre", "5g")


class Recorder(Network):
    """Notes what it is asked."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.asked: list[tuple[int, int, NDArray[np.int64]]] = []

    def isolated(self, a: int, b: int, size: int, times: NDArray[np.int64]) -> NDArray[np.int64]:
        self.asked.append((a, b, times))
        return np.where(times % 2, times, -1)


def test_moments_are_all_over_the_scenario_and_pairs_of_nodes_take_turns() -> None:
    world = scenario({"shenzhen": 3, "suzhou": 2}, delay=MS)
    network = Recorder(world)
    ways(network, world, 250)
    asked = [(a, b, times) for a, b, times in network.asked if a < 3 <= b]
    assert {(a, b) for a, b, _ in asked} == {(a, b) for a in range(3) for b in (3, 4)}
    times = np.sort(np.concatenate([times for _, _, times in asked]))
    stretch = world.duration // SAMPLES
    assert (times // stretch == np.arange(SAMPLES)).all()  # one in each stretch of time,
    assert 0.45 < float(np.mean(times % stretch)) / stretch < 0.55  # anywhere in it
    assert all(times[-1] - times[0] > 0.99 * world.duration for _, _, times in asked)


def test_of_many_pairs_of_nodes_some_are_drawn() -> None:
    world = scenario({"shenzhen": 40, "suzhou": 30}, delay=MS)
    network = Recorder(world)
    ways(network, world, 250)
    asked = [(a, b) for a, b, _ in network.asked if a < 40 <= b]
    assert 40 <= len(set(asked)) <= 50
    assert len({a for a, _ in asked}) > 15
    assert len({b for _, b in asked}) > 15
    assert all(a != b for a, b, _ in network.asked)


def test_what_is_lost_has_no_delay() -> None:
    world = scenario({"shenzhen": 2}, delay=MS)
    (way,) = ways(Recorder(world), world, 250)
    assert 0.4 * SAMPLES < len(way.delays) < 0.6 * SAMPLES
    assert (way.delays >= 0).all()


def test_the_same_scenario_gives_the_same_samples_and_another_seed_others() -> None:
    jittery = [Link("shenzhen", "shenzhen", uniform_ns(MS, 9 * MS))]
    first, again, other = (
        by_ends(scenario({"shenzhen": 3}, links=jittery, seed=seed))["shenzhen", "shenzhen"] for seed in (1, 1, 2)
    )
    assert (first.delays == again.delays).all()
    assert (first.delays != other.delays).any()


def test_a_scenario_shorter_than_the_samples_are_many_can_be_sampled() -> None:
    world = replace(scenario({"shenzhen": 2}, delay=MS), duration=10)
    network = Recorder(world)
    ways(network, world, 250)
    assert all((times >= 0).all() and (times < 10).all() for _, _, times in network.asked)


@pytest.mark.parametrize(
    ("link", "loss"),
    [
        (Link("shenzhen", "suzhou", loss=0.01), 0.01),
        (Link("shenzhen", "suzhou", loss=0.01, bursts=Bursts(0.1, 0.5, SECOND)), 0.9 * 0.01 + 0.1 * 0.5),
        (Link("shenzhen", "suzhou", loss=0.01, congestion=Congestion(MS, 0.2, 12 * HOUR)), 0.21),  # it is the peak
        (Link("shenzhen", "suzhou", loss=0.01, congestion=Congestion(MS, 0.2, 18 * HOUR)), 0.11),  # half-way to it
        (Link("suzhou", "shenzhen", loss=0.3), 0),
    ],
)
def test_loss_is_that_of_packets_on_average(link: Link, loss: float) -> None:
    world = scenario({"shenzhen": 1, "suzhou": 1}, delay=MS, links=[link])
    (there, _) = ways(Recorder(world), world, 250)
    assert there.loss == pytest.approx(loss, rel=1e-2)


def test_over_a_whole_day_half_of_the_congestion_is_met() -> None:
    congested = Link("shenzhen", "suzhou", congestion=Congestion(MS, 0.2, 21 * HOUR))
    world = replace(scenario({"shenzhen": 1, "suzhou": 1}, delay=MS, links=[congested]), duration=24 * HOUR)
    (there, _) = ways(Recorder(world), world, 250)
    assert there.loss == pytest.approx(0.1, rel=1e-3)


def test_of_many_sites_those_with_the_most_nodes_are_shown() -> None:
    world = scenario({"a": 1, "b": 5, "c": 2, "d": 2, "e": 9, "f": 1, "g": 3, "h": 2}, delay=MS)
    assert largest(world) == ("b", "c", "d", "e", "g", "h")
    assert len(ways(Recorder(world), world, 250)) == 36
