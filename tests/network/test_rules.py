from hypothesis import given
from hypothesis import strategies as st

from netsim.network import Deliver, Drop, Pass, Rules, Verdict
from netsim.network.rules import PASS, Block, Partition, Rule

nodes = st.integers(0, 9)


class Always:
    """A rule with one answer."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    def on_packet(self, sender: int, receiver: int) -> Verdict:
        return self.verdict


@given(st.lists(st.integers(-1, 3), min_size=10, max_size=10), nodes, nodes)
def test_a_partition_cuts_exactly_between_its_groups(group: list[int], sender: int, receiver: int) -> None:
    """Node k is in group[k]; −1 is none."""
    rule = Partition([[node for node in range(10) if group[node] == number] for number in range(4)])
    cut = group[sender] != group[receiver] and group[sender] >= 0 and group[receiver] >= 0
    assert isinstance(rule.on_packet(sender, receiver), Drop if cut else Pass)


@given(st.sets(nodes), st.sets(nodes), nodes, nodes)
def test_a_block_is_one_way(sources: set[int], targets: set[int], sender: int, receiver: int) -> None:
    cut = sender in sources and receiver in targets
    assert isinstance(Block(sources, targets).on_packet(sender, receiver), Drop if cut else Pass)


spans = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 3)), max_size=6)


@given(spans, st.lists(st.integers(-1, 22), max_size=40))
def test_the_first_rule_in_force_that_does_not_pass_wins(
    schedule: list[tuple[int, int, int]], times: list[int]
) -> None:
    """In force from `at` up to and not including `end`, in whatever order the times are asked for."""
    verdicts: list[Verdict] = [PASS, Drop("a"), Drop("b"), Deliver(5)]
    rules = Rules((at, end, Always(verdicts[which])) for at, end, which in schedule)
    for time in times:
        answers = [verdicts[which] for at, end, which in schedule if at <= time < end and which]
        assert rules.judge(time, 0, 1) == (answers[0] if answers else PASS)


def test_without_rules_it_is_quiet() -> None:
    assert Rules().quiet
    assert Rules([(5, 5, Always(Drop("never")))]).quiet
    assert not Rules([(5, 6, Always(PASS))]).quiet
    assert Rules().judge(0, 0, 1) == PASS


def test_rules_are_installed_and_removed_on_the_nanosecond() -> None:
    cut: Rule = Partition([[0], [1]])
    rules = Rules([(10, 20, cut)])
    assert [isinstance(rules.judge(time, 0, 1), Drop) for time in (9, 10, 19, 20)] == [False, True, True, False]
