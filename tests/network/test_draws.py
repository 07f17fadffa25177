import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netsim.network.draws import child, children, draw, draw_array, key, stream

words = st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=20))
def test_one_by_one_and_as_arrays_the_bits_are_the_same(pairs: list[tuple[int, int]]) -> None:
    keys, numbers = np.array(pairs, np.uint64).T
    assert draw_array(keys, numbers).tolist() == [draw(*pair) for pair in pairs]


@given(words, st.lists(words, min_size=1, max_size=20))
def test_the_keys_of_many_owners_are_those_of_each(parent: int, owners: list[int]) -> None:
    assert children(parent, np.array(owners, np.uint64)).tolist() == [child(parent, owner) for owner in owners]


def test_a_table_of_draws_has_a_row_for_each_number_and_a_column_for_each_key() -> None:
    keys, numbers = np.array([1, 2, 3], np.uint64), np.array([[7], [8]], np.uint64)
    assert draw_array(keys, numbers).tolist() == [[draw(k, n) for k in (1, 2, 3)] for n in (7, 8)]


def test_the_draws_of_all_releases_are_these() -> None:
    """Change one and every digest that was ever published changes: do not."""
    assert key(7, "backbone", 3, 0, 5) == 0x7FB39253AC355BF6
    assert [draw(0x7FB39253AC355BF6, n) for n in range(3)] == [
        0x7266B88A8A3E5460,
        0x5B77829E0362E95F,
        0x84D40BE8A2CBBE16,
    ]
    assert stream(7, "node", 3, 0).getrandbits(64) == 0xD6288FE3BFE6C950


def test_keys_differ_by_seed_purpose_and_each_owner() -> None:
    keys = {
        key(seed, purpose, *owner)
        for seed in (0, 1, -1)
        for purpose in ("backbone", "jitter")
        for owner in ((), (0,), (1,), (0, 0), (0, 1), (1, 0))
    }
    assert len(keys) == 3 * 2 * 6


def test_a_keys_draws_are_not_the_keys_below_it() -> None:
    parent = key(1, "node", 2)
    assert not {draw(parent, n) for n in range(100)} & {key(1, "node", 2, n) for n in range(100)}


def test_draws_are_uniform() -> None:
    """Chi-square over 256 cells: 99.99 % of true uniforms lie below 347 (255 degrees of freedom)."""
    draws = draw_array(np.array([key(1, "test")], np.uint64), np.arange(100_000, dtype=np.uint64))
    for shift in (56, 28, 0):  # the top, middle and bottom bits
        counts = np.bincount((draws >> np.uint64(shift)).astype(np.int64) & 255, minlength=256)
        expected = len(draws) / 256
        assert ((counts - expected) ** 2 / expected).sum() < 347


def test_neighbouring_keys_and_numbers_give_independent_draws() -> None:
    """The correlation of 10⁵ independent pairs has a standard deviation of 0.0032; five of them are allowed."""
    numbers = np.arange(100_000, dtype=np.uint64)
    here = draw_array(np.array([1000], np.uint64), numbers).astype(float)
    for other_key, shift in ((1001, 0), (1000 ^ 1 << 63, 0), (1000, 1), (1001, 1)):
        there = draw_array(np.array([other_key], np.uint64), numbers + np.uint64(shift)).astype(float)
        assert abs(np.corrcoef(here, there)[0, 1]) < 0.016


def test_every_bit_of_the_key_and_of_the_number_changes_half_of_a_draw() -> None:
    def changed(bits: int) -> float:
        flips = [
            (
                draw(n * 12345, n) ^ draw(n * 12345 ^ (1 << bit if in_key else 0), n if in_key else n ^ 1 << bit)
            ).bit_count()
            for n in range(bits)
            for bit in range(64)
            for in_key in (True, False)
        ]
        return sum(flips) / len(flips)

    assert 31.5 < changed(20) < 32.5


def test_streams_are_the_same_for_the_same_owner_only() -> None:
    assert stream(1, "node", 2).random() == stream(1, "node", 2).random()
    assert stream(1, "node", 2).random() != stream(1, "node", 3).random()
