from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.scenario import units


@given(st.integers(0, 10**18))
def test_a_duration_that_is_written_reads_the_same(value: int) -> None:
    assert units.duration(units.write_duration(value)) == value


@given(st.integers(0, 10**15))
def test_a_size_that_is_written_reads_the_same(value: int) -> None:
    assert units.size(units.write_size(value)) == value


@given(st.none() | st.integers(1, 10**15))
def test_a_bandwidth_that_is_written_reads_the_same(value: int | None) -> None:
    assert units.bandwidth(units.write_bandwidth(value)) == value


@given(st.floats(0, 1))
def test_a_share_that_is_written_reads_the_same(value: float) -> None:
    assert units.share(units.write_share(value)) == value


@given(st.floats(0, 1e9))
def test_a_rate_that_is_written_reads_the_same(value: float) -> None:
    assert units.rate(units.write_rate(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_is_written_reads_the_same(value: float) -> None:
    assert units.number(units.write_number(value)) == value


@given(st.text())
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    for read in (
        *(units.duration, units.size, units.bandwidth, units.share, units.rate),
        *(units.number, units.integer),
    ):
        try:
            read(text)
        except ValueError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("20 ms", 20_000_000),
        ("20ms", 20_000_000),
        ("4.5 ms", 4_500_000),
        (".5 s", 500_000_000),
        ("1e3 us", 1_000_000),
        ("7 µs", 7_000),
        ("7 μs", 7_000),
        ("1.000000001 s", 1_000_000_001),
        ("2 min", 120_000_000_000),
        ("1 h", 3_600_000_000_000),
        ("0 s", 0),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert units.duration(text) == nanoseconds


def test_binary_and_decimal_sizes_differ() -> None:
    assert units.size("512 KiB") == 524_288
    assert units.size("512 kB") == 512_000
    assert units.size("0.5 KiB") == 512


def test_rates_may_be_per_minute_and_hour() -> None:
    assert units.rate("600 /min") == 10
    assert units.rate("3600 /h") == 1


def test_shares_are_parts_of_one() -> None:
    assert units.share("0.1 %") == 0.001
    assert units.share("100 %") == 1


def test_what_is_written_is_what_a_person_would_write() -> None:
    assert units.write_duration(4_500_000) == "4.5 ms"
    assert units.write_duration(60_000_000_000) == "60 s"
    assert units.write_duration(0) == "0 s"
    assert units.write_size(524_288) == "512 KiB"
    assert units.write_size(250) == "250 B"
    assert units.write_bandwidth(22_800_000) == "22.8 Mbps"
    assert units.write_bandwidth(None) == "unlimited"
    assert units.write_share(0.05) == "5 %"
    assert units.write_rate(200.0) == "200 /s"
    assert units.write_number(2.5) == "2.5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("30", "is `30`, a number without a unit: ns, us, ms, s, min, h"),
        ("0", "is `0`, a number without a unit: ns, us, ms, s, min, h"),
        ("", "has no value"),
        ("soon", "is `soon`, which is no duration; one is written like `20 ms`"),
        ("-5 ms", "is `-5 ms`, which is negative"),
        ("inf s", "is `inf s`, which is not finite"),
        (".inf", "is `.inf`, which is not finite"),
        ("nan ms", "is `nan ms`, which is not finite"),
        ("5 S", "is `5 S`, and `S` is no unit of a duration (ns, us, ms, s, min, h); did you mean `s`?"),
        ("5 parsecs", "is `5 parsecs`, and `parsecs` is no unit of a duration (ns, us, ms, s, min, h)"),
        ("0.5 ns", "is `0.5 ns`, finer than 1 ns"),
        ("1e9 h", "is `1e9 h`; the most that is allowed is 1000000 h"),
        ("1e999 s", "is `1e999 s`; the most that is allowed is 1000000 h"),
        ("9" * 60 + " s", f"is `{'9' * 49}…`, which is no duration; one is written like `20 ms`"),
    ],
)
def test_what_is_no_duration(text: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        units.duration(text)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (units.bandwidth, "80 mbps", "did you mean `Mbps`?"),
        (units.bandwidth, "0 Mbps", "nothing would ever arrive"),
        (units.share, "0.05", "is `0.05`, a number without a unit: %"),
        (units.share, "101 %", "the most that is allowed is 100 %"),
        (units.size, "1.5 B", "finer than 1 B"),
        (units.rate, "200", "a number without a unit: /s, /min, /h"),
        (units.number, "3 ms", "is `3 ms`, but a plain number is meant, without a unit"),
        (units.number, "1e999", "is `1e999`, which is not finite"),
        (units.integer, "3.0", "is `3.0`, which is no whole number"),
        (units.integer, "1_000", "is `1_000`, which is no whole number"),
    ],
)
def test_other_quantities_say_what_is_wrong(read: Callable[[str], object], text: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        read(text)
    assert message in str(raised.value)
