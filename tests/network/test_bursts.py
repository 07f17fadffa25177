import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.network.bursts import GilbertElliott
from netsim.scenario.model import Bursts, Link
from tests.network.worlds import MS, SECOND, constant, network

SHARE, LASTS = 0.05, 20 * MS
CYCLE = LASTS / SHARE


def stretches(link: GilbertElliott, step: int, count: int) -> list[tuple[bool, int]]:
    """What the link is, sampled: (bad, how many samples in a row)."""
    found: list[tuple[bool, int]] = []
    for number in range(count):
        bad = link.bad(number * step)
        if found and found[-1][0] == bad:
            found[-1] = bad, found[-1][1] + 1
        else:
            found.append((bad, 1))
    return found


def test_share_and_mean_length_are_those_asked_for() -> None:
    """1500 cycles, six windows of the generator: the means within four standard deviations."""
    step = MS // 2
    found = stretches(GilbertElliott(SHARE, LASTS, 1, 0, 1), step, int(1500 * CYCLE) // step)
    bad = [length * step for is_bad, length in found[1:-1] if is_bad]
    good = [length * step for is_bad, length in found[1:-1] if not is_bad]
    assert len(bad) == pytest.approx(1500, rel=0.1)
    assert sum(bad) / len(bad) == pytest.approx(LASTS, rel=0.1)
    assert sum(good) / len(good) == pytest.approx(CYCLE - LASTS, rel=0.1)
    assert sum(bad) / (sum(bad) + sum(good)) == pytest.approx(SHARE, rel=0.14)


def test_both_sojourns_are_exponential() -> None:
    """As many outlast their mean as e⁻¹ says, and twice the mean as e⁻²."""
    link = GilbertElliott(0.5, LASTS, 2, 0, 1)
    step = MS // 4
    found = stretches(link, step, 2000 * 2 * LASTS // step)
    for wanted in (True, False):
        lengths = [length * step for is_bad, length in found if is_bad is wanted]
        for times, share in ((1, 0.3679), (2, 0.1353)):
            assert sum(length > times * LASTS for length in lengths) / len(lengths) == pytest.approx(share, abs=0.045)


def test_at_any_moment_a_link_is_bad_with_the_share_asked_for() -> None:
    """Over many links at one time, whether a window of the generator begins there or not."""
    links = [GilbertElliott(0.3, LASTS, 1, source, 0) for source in range(700)]
    for time in (0, 3 * SECOND, 256 * LASTS * 10 // 3):
        assert sum(link.bad(time) for link in links) / 700 == pytest.approx(0.3, abs=0.07)  # four standard deviations


@settings(max_examples=50)
@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_a_link_is_the_same_in_whatever_order_it_is_asked_for(times: list[int], chance: object) -> None:
    once = GilbertElliott(0.3, 5 * MS, 7, 2, 1)
    before = [once.bad(time) for time in times]
    again = GilbertElliott(0.3, 5 * MS, 7, 2, 1)
    assert [again.bad(time) for time in reversed(times)] == before[::-1]
    assert [GilbertElliott(0.3, 5 * MS, 7, 2, 1).bad(time) for time in times] == before


def test_links_directions_and_seeds_are_bad_at_different_times() -> None:
    owners = [(1, 0, 1), (1, 1, 0), (1, 0, 2), (2, 0, 1)]
    links = [GilbertElliott(0.5, 10 * MS, *owner) for owner in owners]
    assert len({tuple(link.bad(time) for time in range(0, SECOND, MS)) for link in links}) == 4


def test_the_draws_are_the_same_on_every_machine() -> None:
    link = GilbertElliott(0.5, 10 * MS, 1, 0, 1)
    found = "".join("-x"[link.bad(time)] for time in range(0, 200 * MS, 5 * MS))
    assert found == "xxxxxxxxxxx----xxxxx------xxx--xx---x-xx"


def test_always_and_hardly_ever() -> None:
    assert all(GilbertElliott(1.0, MS, 1, 0, 1).bad(time) for time in range(0, SECOND, MS))
    rare = GilbertElliott(1e-9, 3600 * SECOND, 1, 0, 1)  # good for a hundred thousand years
    assert not any(rare.bad(time) for time in range(0, SECOND, MS))


def test_packets_are_lost_as_the_stretch_says_and_all_flows_of_a_link_meet_the_same_stretches() -> None:
    link = Link("shenzhen", "suzhou", constant(9 * MS), loss=0.02, bursts=Bursts(0.2, 0.6, 50 * MS))
    net = network({"shenzhen": 2, "suzhou": 2}, links=[link], transport="datagram")
    inbound = net.inbound(range(4))
    chain = GilbertElliott(0.2, 50 * MS, 1, 0, 1)
    lost: dict[bool, list[bool]] = {True: [], False: []}
    for sender in (0, 1):
        for number in range(6000):
            time = number * 5 * MS
            copies = inbound.arrive(sender, 0, number, [2, 3], time, 100)
            lost[chain.bad(time)] += [place in (copies.lost or ()) for place in range(2)]
    assert sum(lost[True]) / len(lost[True]) == pytest.approx(0.6, abs=0.03)
    assert sum(lost[False]) / len(lost[False]) == pytest.approx(0.02, abs=0.006)
    backwards = [inbound.arrive(2, 0, number, [0, 1], number * 5 * MS, 100).lost for number in range(500)]
    assert backwards == [None] * 500
