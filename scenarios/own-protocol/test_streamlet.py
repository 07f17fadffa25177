"""What Streamlet claims, tested as the built-in protocols are: python -m pytest scenarios/own-protocol"""

from pathlib import Path

from netsim.testing import MS, check_laws, fuzz

STREAMLET = f"{Path(__file__).parent}/streamlet.py:Streamlet"


def test_a_block_is_final_an_epoch_and_two_delays_after_its_proposal_for_n_squared_less_one_messages():
    check_laws(
        STREAMLET,
        consensus="block_interval: 60 ms",  # an epoch is three message delays of 20 ms
        finality=3 + 2,
        messages=lambda n: (n - 1) + n * (n - 1),  # a proposal, and everybody's vote to all others
        quorum=lambda n: n - (n - 1) // 3,
        nodes=(4, 7),
    )


def test_no_schedule_makes_correct_nodes_disagree_and_after_each_they_go_on():
    fuzz(STREAMLET, runs=100, block_interval=100 * MS)
