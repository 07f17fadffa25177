"""A table of delays between sites becomes links, or is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsim.scenario.matrix import read_matrix

SITES = ("shenzhen", "hong-kong", "suzhou")


def links(folder: Path, text: str) -> dict[tuple[str, str], int]:
    path = folder / "delays.csv"
    path.write_text(text, encoding="utf-8")
    found = read_matrix(path, SITES)
    given = {}
    for link in found:
        assert link.delay is not None
        assert (link.delay.kind, link.jitter, link.loss, link.bandwidth) == ("constant", 0, 0, None)
        given[link.source, link.target] = round(link.delay.parameters["value"])
    assert len(given) == len(found)
    return given


def test_rows_are_from_and_columns_to_and_the_diagonal_is_within_a_site(tmp_path: Path) -> None:
    text = "# by hand\n,hong-kong,suzhou\nhong-kong,0.3,16\nsuzhou,17.5,\n"
    assert links(tmp_path, text) == {
        ("hong-kong", "hong-kong"): 300_000,
        ("hong-kong", "suzhou"): 16_000_000,
        ("suzhou", "hong-kong"): 17_500_000,
    }


@pytest.mark.parametrize(
    ("corner", "nanoseconds"),
    [
        ("", 9_000_000),
        ("ms", 9_000_000),
        ("delay (ms)", 9_000_000),
        ("rtt", 4_500_000),
        ("rtt_us", 4_500),
        ("RTT [ms]", 4_500_000),
        ("s", 9_000_000_000),
        ("us", 9_000),
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t", " , "])
def test_the_corner_says_what_a_cell_is(corner: str, nanoseconds: int, separator: str, tmp_path: Path) -> None:
    text = f"{corner}{separator}suzhou\r\nshenzhen{separator}9\r\n"
    assert links(tmp_path, text) == {("shenzhen", "suzhou"): nanoseconds}


def test_rows_and_columns_need_not_be_the_same_sites(tmp_path: Path) -> None:
    assert links(tmp_path, ',"suzhou"\n"shenzhen",8.6\nhong-kong,8.7\n') == {
        ("shenzhen", "suzhou"): 8_600_000,
        ("hong-kong", "suzhou"): 8_700_000,
    }


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is empty"),
        (",suzhou\nsuzhou,\n", "gives no delay"),
        ("suzhou\n", "says in line 1: a single column; cells are separated by commas, semicolons or tabs"),
        (",suzhou\nshenzen,1\n", "says in line 2: `shenzen` is no site of the scenario; did you mean `shenzhen`?"),
        (",beijing\nsuzhou,1\n", "says in line 1: `beijing` is no site of the scenario"),
        (",suzhou,suzhou\n", "says in line 1: `suzhou` for a second time"),
        (",suzhou\nsuzhou,1\nsuzhou,2\n", "says in line 3: `suzhou` for a second time"),
        (",suzhou\nsuzhou,1,2\n", "says in line 2: 2 delays of `suzhou`, and line 1 names 1"),
        (",suzhou\nsuzhou,x\n", "says in line 2, from suzhou to suzhou: `x` is no number"),
        (",suzhou\nsuzhou,-1\n", "says in line 2, from suzhou to suzhou: `-1` is negative"),
        (",suzhou\nsuzhou,inf\n", "says in line 2, from suzhou to suzhou: `inf` is not finite"),
        ("s,suzhou\nsuzhou,3601\n", "says in line 2, from suzhou to suzhou: `3601` is too large"),
        (
            "km,suzhou\nsuzhou,1\n",
            "says in line 1: `km` in the corner, which is empty, a unit (us, ms, s), or `rtt`",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as raised:
        links(tmp_path, text)
    assert str(raised.value) == f"names a file that {wrong}"


_CELLS = st.sampled_from(["", "ms", "rtt", "suzhou", "shenzhen", "1", "2.5", "-1", '"', "nan", "x", "#"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(_CELLS, max_size=4), max_size=4), st.sampled_from(",;\t"))
def test_any_table_gives_links_or_a_value_error(tmp_path: Path, table: list[list[str]], separator: str) -> None:
    try:
        assert links(tmp_path, "\n".join(separator.join(row) for row in table))
    except ValueError as error:
        assert str(error).startswith("names a file that ")
