"""Measured delays are read as they were meant, or refused in words; nothing of their distribution is lost."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsim.network.distribution import compiled
from netsim.scenario import attachment
from netsim.scenario.model import Distribution, Recording
from netsim.scenario.recording import MOST_SAMPLES, distribution, read_recording, read_samples, recording

MS, S, HOUR = 10**6, 10**9, 3600 * 10**9
DATA = Path(__file__).parents[1] / "data"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "pings.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "delays", "times"),
    [
        ("5\n6.5\n", (5 * MS, 6_500_000), None),
        ("5\n6.5", (5 * MS, 6_500_000), None),
        ("\ufeff5\r\n6.5\r\n", (5 * MS, 6_500_000), None),
        ("# of Monday\n\n5\n  6.5  \n", (5 * MS, 6_500_000), None),
        ("0,5\n0.5,6\n", (5 * MS, 6 * MS), (0, S // 2)),
        ("7 5\n8 6\n", (5 * MS, 6 * MS), (0, S)),
        ("7\t5\n8\t6\n", (5 * MS, 6 * MS), (0, S)),
        ("8;6\n7;5\n", (5 * MS, 6 * MS), (0, S)),
        ("delay\n5\n", (5 * MS,), None),
        ("one_way_us\n5\n", (5000,), None),
        ("rtt\n5\n", (2_500_000,), None),
        ("RTT (s)\n0.005\n", (2_500_000,), None),
        ("host,rtt_ms,time_ms\n1.1.1.1,10,20\n1.1.1.1,12,0\n", (6 * MS, 5 * MS), (0, 20 * MS)),
        ("time,rtt,delay\n1,10,3\n2,10,4\n", (3 * MS, 4 * MS), (0, S)),
        ('"timestamp","delay"\n"1690000000.000001","3"\n1690000000.000002,4\n', (3 * MS, 4 * MS), (0, 1000)),
        ("time,delay\n2024-05-01T12:00:00Z,3\n2024-05-01 14:00:01+02:00,4\n", (3 * MS, 4 * MS), (0, S)),
        ("1e1\n", (10 * MS,), None),
        ("64 bytes: time=12.3 ms\nfrom: time=900 us\nReply: time<1ms TTL=1", (6_150_000, 450_000, 500_000), None),
    ],
)  # fmt: skip
def test_the_forms_of_a_file(text: str, delays: tuple[int, ...], times: tuple[int, ...] | None, tmp_path: Path) -> None:
    samples = read_samples(written(tmp_path, text))
    assert (samples.delays, samples.times) == (delays, times)


def test_ping_prints_when_the_reply_came_and_the_request_is_what_counts() -> None:
    notes: list[str] = []
    found = read_recording(DATA / "ping-D.txt", notes)
    assert isinstance(found, Recording)
    assert found.delays == (10 * MS, 6_300_000, 7_500_000)
    assert found.times == (0, 1_000_400_000, 3 * S)
    assert notes == [
        "ping-D.txt: round trips, halved",
        "ping-D.txt: 1 of 4 pings had no answer and are left out",
    ]


def test_a_recording_goes_on_for_the_median_gap_after_its_last_time(tmp_path: Path) -> None:
    found = read_recording(written(tmp_path, "0 1\n1 2\n2 3\n9 4\n"))
    assert found == Recording((0, S, 2 * S, 9 * S), (MS, 2 * MS, 3 * MS, 4 * MS), 10 * S)


def test_of_delays_at_one_time_the_last_counts(tmp_path: Path) -> None:
    notes: list[str] = []
    found = read_recording(written(tmp_path, "0 1\n1 2\n1 3\n"), notes)
    assert found == Recording((0, S), (MS, 3 * MS), 2 * S)
    assert notes == ["pings.csv: 1 of 3 delays share their time with a later one and are left out"]


def test_a_single_delay_is_a_constant_with_and_without_its_time(tmp_path: Path) -> None:
    for text in ("5\n", "7 5\n", "5\n5\n5\n"):
        assert read_recording(written(tmp_path, text)) == Distribution("constant", (("value", 5 * MS),))


def test_a_long_recording_is_thinned_evenly_in_time_and_says_so(tmp_path: Path) -> None:
    count = 3 * MOST_SAMPLES
    notes: list[str] = []
    found = read_recording(written(tmp_path, "".join(f"{second} {second % 997}\n" for second in range(count))), notes)
    assert isinstance(found, Recording)
    assert found.length == count * S
    assert found.times == tuple(range(0, count * S, 3 * S))
    assert found.delays == tuple(second % 997 * MS for second in range(0, count, 3))
    assert notes == [f"pings.csv: of {count} delays {MOST_SAMPLES} were taken, evenly in time"]


@given(st.lists(st.tuples(st.integers(0, HOUR), st.integers(0, 10**18)), min_size=2, unique_by=lambda pair: pair[1]))
def test_times_of_a_recording_ascend_from_zero_to_less_than_its_length(pairs: list[tuple[int, int]]) -> None:
    pairs.sort(key=lambda pair: pair[1])
    first = pairs[0][1]
    found = recording(tuple(delay for delay, _ in pairs), tuple(time - first for _, time in pairs))
    assert found.times[0] == 0
    assert all(before < after for before, after in pairwise(found.times))
    assert found.length > found.times[-1]


@given(st.lists(st.integers(0, HOUR), min_size=1, max_size=300))
def test_a_distribution_of_few_delays_has_their_mean_and_every_one_of_them(delays: list[int]) -> None:
    found = distribution(tuple(delays))
    if found.kind == "constant":
        assert {*delays} == {round(found.parameters["value"])}
        return
    shares = [share for share, _ in found.points]
    values = [value for _, value in found.points]
    assert {*values} == {*delays}
    assert values == sorted(values)
    assert shares[0] == 0 and shares[-1] == 1
    assert all(before < after for before, after in pairwise(shares))
    area = sum((b - a) * (x + y) / 2 for (a, x), (b, y) in pairwise(found.points))
    assert area == pytest.approx(fmean(delays), rel=1e-9)


def test_of_many_delays_the_distribution_keeps_both_tails() -> None:
    delays = tuple(MS + (number * 7919 % 100_003) ** 2 for number in range(100_003))
    found = distribution(delays)
    ordered = sorted(delays)
    assert 500 < len(found.points) < 1200
    values = {value for _, value in found.points}
    assert {*ordered[:30], *ordered[-30:]} <= values
    table = compiled(found)
    for place in (100, 1000, 50_000, 99_000, 99_900):
        assert table.at((2 * place + 1) * 2**63 // 100_003) == pytest.approx(ordered[place], rel=1e-3)
    assert table.mean == pytest.approx(fmean(delays), rel=1e-4)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is empty"),
        ("# nothing\n\n", "is empty"),
        ("delay\n", "holds no delays"),
        ("5\nabc\n", "says in line 2: `abc` is no number"),
        ("5\n-1\n", "says in line 2: `-1` is negative"),
        ("nan\n", "says in line 1: `nan` is not finite"),
        ("5\n-Infinity\n", "says in line 2: `-Infinity` is not finite"),
        ("5\n3600001\n", "says in line 2: `3600001` is too large"),
        ("1e999\n", "says in line 1: `1e999` is too large"),
        ("5\n1_000\n", "says in line 2: `1_000` is no number"),
        ("delay\n٣\n", "says in line 2: `٣` is no number"),
        ("delay,time\n,5\n", "says in line 2: a number is missing"),
        ("delay\n" + "9" * 60 + "\n", f"says in line 2: `{'9' * 39}…` is no number"),
        ("1,2\n3\n", "says in line 2: 1 cells, and 2 in line 1"),
        ("1,2,3\n", "has 3 columns and no line with their names; delays alone are one, times and delays are two"),
        (
            "a,b\n1,2\n",
            "says in line 1: no column is called delay, one_way, rtt, with or without a unit as in `rtt_ms`",
        ),
        ("rtt,rtt_us\n1,2\n", "says in line 1: `rtt_us` is a second column of the same kind"),
        ("time,delay\n1690000000000,2\n", "says in line 2: `1690000000000` is too large"),
        ("time,delay\n9999-01-01,2\n", "says in line 2: `9999-01-01` is no number"),
        ("time,delay\nnoon,2\n", "says in line 2: `noon` is no number"),
        ('a,delay\n"x,2\n', "says in line 2: unexpected end of data"),
        ("64 bytes: time=nan ms\n", "says in line 1: `nan` is not finite"),
        ("64 bytes: time=-3 ms\n", "says in line 1: `-3` is negative"),
        (b"5\n\xff\n", "is not UTF-8: line 2 holds the byte 0xff"),
        (b"5\n\x006\n", "says in line 2: `\x006` is no number"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str | bytes, wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as raised:
        read_recording(written(tmp_path, text))
    assert str(raised.value) == f"names a file that {wrong}"


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    for path, wrong in (
        (tmp_path, "cannot be read: a folder or a device"),
        (Path("/dev/zero"), "cannot be read: a folder or a device"),
        (tmp_path / "none", "cannot be read: No such file or directory"),
        (Path("a\0b"), "cannot be read: that is no path"),
    ):
        with pytest.raises(ValueError, match=wrong):
            read_recording(path)


def test_a_file_of_a_hundred_megabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(ValueError, match=f"is larger than {attachment.LARGEST_FILE // 10**6} MB"):
        read_recording(path)


_LINES = st.lists(st.text(st.sampled_from('0123456789.,;-+eE\t "#:TZnaifdelyrtms[]=_()'), max_size=30), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), _LINES.map(lambda lines: "\n".join(lines).encode())))
def test_any_file_gives_delays_or_a_value_error(tmp_path: Path, content: bytes) -> None:
    try:
        found = read_recording(written(tmp_path, content))
    except ValueError as error:
        assert str(error).startswith("names a file that ")
        assert len(str(error)) < 200
        return
    if isinstance(found, Distribution):
        assert 0 <= compiled(found).minimum <= compiled(found).maximum <= HOUR
    else:
        assert len(found.times) == len(found.delays) >= 2
