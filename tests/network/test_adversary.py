"""The asynchronous network before the global stabilisation time."""

from __future__ import annotations

from netsim.network.adversary import Adversary
from netsim.scenario.model import Asynchrony

GST, MOST = 10_000, 4_000


def adversary(targets: tuple[int, ...] | None) -> Adversary:
    return Adversary([Asynchrony(1_000, GST, MOST, targets, "")], 1)


def test_whom_it_targets_is_late_by_up_to_the_delay_and_others_are_not() -> None:
    some = adversary((0,))
    late = [some.until(2_000, 0, 1, sequence, None) - 2_000 for sequence in range(2_000)]
    assert min(late) >= 0
    assert max(late) <= MOST
    assert len(set(late)) > 1_000
    assert abs(sum(late) / len(late) - MOST / 2) < 4 * MOST / (12 * len(late)) ** 0.5
    assert any(some.until(2_000, 1, 0, sequence, None) > 2_000 for sequence in range(9))
    assert all(some.until(2_000, 1, 2, sequence, None) == 2_000 for sequence in range(99))


def test_nothing_is_late_before_it_begins_or_beyond_the_global_stabilisation_time() -> None:
    some = adversary((0,))
    assert all(some.until(time, 0, 1, 0, None) == time for time in (0, 999, GST, GST + 1))
    arrivals = [some.until(GST - 1_000, 0, 1, sequence, None) for sequence in range(200)]
    assert max(arrivals) == GST


def test_it_may_follow_the_leader() -> None:
    some = adversary(None)

    def late(sender: int, receiver: int, leader: int | None) -> bool:
        return any(some.until(2_000, sender, receiver, sequence, leader) > 2_000 for sequence in range(9))

    assert late(3, 1, 3)
    assert late(1, 3, 3)
    assert not late(1, 2, 3)
    assert not late(1, 2, None)
