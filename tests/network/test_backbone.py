import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.network.backbone import Span, Spans
from netsim.scenario.model import Backbone, Bursts, Congestion, Link, Site
from tests.network.worlds import LOCATIONS, MS, SECOND, constant, network, profile, uniform_ns

SITES = {name: Site(location, (), "ideal") for name, location in LOCATIONS.items()}


def spans(*links: Link, delay: int | None = None) -> dict[tuple[str, str], Span]:
    found = Spans(Backbone(1.5, None if delay is None else constant(delay), links), SITES, seed=1)
    return {(here, there): found.between(here, there) for here in SITES for there in SITES}


def test_without_links_light_in_fibre_is_all_there_is() -> None:
    found = spans()
    assert found["shenzhen", "suzhou"].leg.fixed == pytest.approx(8.6 * MS, rel=0.005)
    assert found["shenzhen", "shenzhen"].leg.fixed == 0
    assert all(each == Span(each.leg) for each in found.values())


def test_a_link_is_for_its_direction_alone() -> None:
    link = Link(
        "shenzhen", "suzhou", constant(MS), 0, 0.1, 10**9, Bursts(0.1, 0.5, MS), Congestion(3 * MS, 0.2, 12 * 3600)
    )
    found = spans(link, delay=5 * MS)
    there = found.pop(("shenzhen", "suzhou"))
    assert (there.leg.fixed, there.loss, there.bandwidth, there.in_bursts) == (MS, 0.1, 10**9, 0.5)
    assert there.bursts is not None
    assert there.strain is not None
    assert all(each == Span(each.leg) and each.leg.fixed == 5 * MS for each in found.values())


def test_two_directions_of_a_link_have_bursts_of_their_own() -> None:
    there, back = (
        Link("shenzhen", "suzhou", bursts=Bursts(0.5, 1, MS)),
        Link("suzhou", "shenzhen", bursts=Bursts(0.5, 1, MS)),
    )
    found = spans(there, back)
    chains = [found["shenzhen", "suzhou"].bursts, found["suzhou", "shenzhen"].bursts]
    bad = [[chain is not None and chain.bad(time) for time in range(0, 100 * MS, MS)] for chain in chains]
    assert bad[0] != bad[1]
    assert all(0 < sum(each) < 100 for each in bad)


def test_bursts_without_a_share_are_none() -> None:
    assert spans(Link("shenzhen", "suzhou", bursts=Bursts(0.0, 1, MS)))["shenzhen", "suzhou"].bursts is None


sizes = st.sampled_from([1, 200, 1448, 20_000, 300_000])


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 30 * MS), sizes), min_size=1, max_size=20),
    st.sampled_from([10**6, 10**8]),
    st.sampled_from([None, 3 * 10**7]),
)
def test_no_stretch_of_time_carries_more_than_a_flows_bandwidth(
    messages: list[tuple[int, int]], bandwidth: int, bandwidth_up: int | None
) -> None:
    """Whatever the access draws and the congestion window holds back: the bytes between any two arrivals fit."""
    radio = profile("radio", uniform_ns(0, 40 * MS), MS, bandwidth_up=bandwidth_up)
    link = Link("shenzhen", "shenzhen", constant(9 * MS), bandwidth=bandwidth)
    inbound = network({"shenzhen": 3}, access=[radio], links=[link]).inbound(range(3))
    clock = 0
    arrivals: list[tuple[list[int], int]] = []
    for number, (pause, size) in enumerate(messages):
        clock += pause
        arrivals.append((inbound.arrive(0, 0, number, [1, 2], clock, size).times, size))
    for receiver in range(2):
        for first in range(len(arrivals)):
            carried = 0
            for times, size in arrivals[first + 1 :]:
                carried += size
                lasts = times[receiver] - arrivals[first][0][receiver]
                assert carried * 8 * SECOND <= lasts * bandwidth
