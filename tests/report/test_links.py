"""The delays from city to city as a picture and a table, and the command that makes them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from netsim.report.links import draw, table

pytestmark = pytest.mark.xdist_group("links")
ROOT = Path(__file__).parents[2]
MS = 10**6
Delays = NDArray[np.int64]


@dataclass(frozen=True)
class Way:
    """From one city to another, as the network tells it."""

    source: str
    target: str
    access: tuple[str, str]
    delays: Delays
    loss: float = 0.0


def evenly(low: float, high: float, count: int = 1000) -> Delays:
    """Delays from low to high ms."""
    return np.linspace(low * MS, high * MS, count).round().astype(np.int64)


def three_cities() -> list[Way]:
    """Shenzhen and Hong Kong are near, Suzhou is not, and Hong Kong loses something."""
    cities = {"shenzhen": "5g", "hong-kong $x_1$": "fibre", "suzhou <&>": "5g"}
    found = []
    for here, access in cities.items():
        for place, (there, other) in enumerate(cities.items()):
            least = 8 if here == there else 12 + 5 * place
            found.append(Way(here, there, (access, other), evenly(least, least + 6), 0.001 * place))
    return found


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("one.svg", "two.svg", "one.png", "two.png"):
        draw(three_cities(), folder / name, "greater-bay", "messages of 250 B")
    return folder


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_same_ways_give_the_same_bytes(pictures: Path, form: str) -> None:
    one, two = (hashlib.sha256((pictures / f"{name}.{form}").read_bytes()).hexdigest() for name in ("one", "two"))
    assert one == two


def test_a_png_is_large_enough_to_be_looked_at(pictures: Path) -> None:
    data = (pictures / "one.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(data[16:20], "big") > 1200


def words(picture: Path) -> list[str]:
    """What is written in an SVG, in order: matplotlib notes each text beside its outlines."""
    return [unescape(text) for text in re.findall(r"<!-- (.*?) -->", picture.read_text(encoding="utf-8"))]


def test_the_picture_names_every_pair_of_cities_with_its_figures(pictures: Path) -> None:
    written = words(pictures / "one.svg")
    assert [text for text in written if text.startswith("to ")] == [
        "to shenzhen · 5g",
        "to hong-kong $x_1$ · fibre",
        "to suzhou <&> · 5g",
    ]
    assert sum(text == "suzhou <&> · 5g" for text in written) == 3
    assert sum(text == "shenzhen · 5g" for text in written) == 3
    after = written[written.index("to hong-kong $x_1$ · fibre") :]
    figures = after[after.index("shenzhen · 5g") + 1 :][:2]
    assert figures == ["20.0", "22.9"]  # half-way from 17 to 23, and 99 % of it
    assert "messages of 250 B" in written


def test_a_long_tail_is_drawn_to_a_logarithmic_scale_and_others_from_zero(pictures: Path, tmp_path: Path) -> None:
    linear = words(pictures / "one.svg")
    assert {"0", "5", "10", "15", "20", "25"} <= set(linear)
    tail = np.sort(np.concatenate([evenly(2, 4, 950), evenly(100, 300, 50)]))
    draw([Way("a", "b", ("5g", "5g"), tail)], tmp_path / "tail.svg", "", "")
    logarithmic = words(tmp_path / "tail.svg")
    assert {"2", "5", "10", "20", "50", "100", "200"} <= set(logarithmic)


ODD = {
    "no delay at all": [Way("a", "a", ("ideal", "ideal"), np.ones(1000, np.int64))],
    "no delay beside some": [
        Way("a", "a", ("ideal", "ideal"), np.ones(1000, np.int64)),
        Way("a", "b", ("ideal", "ideal"), evenly(20, 20)),
    ],
    "everything is lost": [Way("a", "b", ("5g", "5g"), np.empty(0, np.int64), 1.0)],
    "one sample": [Way("a", "b", ("5g", "5g"), evenly(5, 5, 1))],
    "all the same": [Way(source, "b", ("ideal", "ideal"), evenly(20, 20)) for source in "abcdef"],
    "long names": [Way("a" * 100, "b" * 100, (", ".join("cdefgh") * 3, "i" * 50), evenly(1, 2))],
    "from nanoseconds to minutes": [
        Way("a", "a", ("x", "x"), evenly(1e-6, 1e-5)),
        Way("a", "b", ("x", "x"), evenly(1, 600_000)),
    ],
}


@pytest.mark.parametrize("case", ODD)
def test_odd_ways_can_be_drawn_and_told(case: str, tmp_path: Path) -> None:
    draw(ODD[case], tmp_path / "odd.svg", "t" * 100, "")
    assert (tmp_path / "odd.svg").stat().st_size
    assert len(table(ODD[case]).splitlines()) == 1 + len(ODD[case])


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.graphml says no form of picture; use \.svg or \.png"):
        draw(three_cities(), tmp_path / "links.graphml", "", "")
    assert not list(tmp_path.iterdir())


def test_the_table_has_a_line_for_each_way_with_nearest_rank_percentiles() -> None:
    delays = np.arange(1, 1001, dtype=np.int64) * 10_000  # 0.01 to 10 ms
    lines = table([Way("shenzhen", "hk", ("5g", "fibre"), delays, 0.0125), Way("hk", "hk", ("5g", "5g"), delays[:0])])
    assert lines.splitlines() == [
        "from      to  minimum   p50   p95   p99    loss",
        "shenzhen  hk     0.01  5.00  9.50  9.90  1.25 %",
        "hk        hk        -     -     -     -     0 %",
    ]


# ---- the command, as a user runs it

SCENARIO = """
name: two-cities
duration: 10 s
sites:
  shenzhen: {location: [22.543, 114.058], nodes: 3, access: fibre}
  suzhou:   {location: [31.299, 120.585], nodes: 2, access: leased}
backbone: {links: [{from: shenzhen, to: suzhou, delay: 15 ms}, {from: suzhou, to: shenzhen, delay: 25 ms}]}
"""
TWO_NODES = ["--set", "sites.shenzhen.nodes=1", "--set", "sites.suzhou.nodes=1"]


def netsim(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    (folder / "two.yaml").write_text(SCENARIO, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "netsim", *map(str, arguments)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def test_graph_links_draws_a_picture_and_prints_a_table(tmp_path: Path) -> None:
    done = netsim(tmp_path, "graph", "two.yaml", "--links")
    assert done.returncode == 0, done.stderr
    first, empty, head, *rows = done.stdout.splitlines()
    assert first.startswith("two-cities-links.svg: ")
    assert "250 B" in first
    assert empty == ""
    assert head.split() == ["from", "to", "minimum", "p50", "p95", "p99", "loss"]
    cells = {tuple(row.split()[:2]): [float(cell) for cell in row.split()[2:6]] for row in rows}
    assert list(cells) == [(a, b) for a in ("shenzhen", "suzhou") for b in ("shenzhen", "suzhou")]
    assert all(low <= p50 <= p95 <= p99 for low, p50, p95, p99 in cells.values())
    assert 15 < cells["shenzhen", "suzhou"][1] < 18
    assert 25 < cells["suzhou", "shenzhen"][1] < 28
    assert "to suzhou · leased" in words(tmp_path / "two-cities-links.svg")


def test_graph_links_takes_a_size_and_a_file(tmp_path: Path) -> None:
    command = ["graph", "two.yaml", "--links", *TWO_NODES]
    small = netsim(tmp_path, *command, "--output", "small.png")
    large = netsim(tmp_path, *command, "--output", "large.png", "--size", "1MB")
    assert (tmp_path / "small.png").exists()
    assert (tmp_path / "large.png").exists()
    assert "of 1 MB" in large.stdout
    slower = [float(done.stdout.splitlines()[3].split()[2]) for done in (small, large)]
    assert slower[1] - slower[0] > 16  # 8 Mbit through 500 Mbit/s, at least


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--output", "links.dot"], ".dot says no form of picture"),
        (["--size", "250"], "--size is `250`, a number without a unit"),
        (["--set", "sites={a: {nodes: 1, location: [1, 2]}}", "--set", "backbone={}"], "one node"),
    ],
)
def test_what_cannot_be_drawn_is_exit_code_2(options: list[str], says: str, tmp_path: Path) -> None:
    done = netsim(tmp_path, "graph", "two.yaml", "--links", *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["two.yaml"]


def test_a_picture_that_cannot_be_written_is_exit_code_4(tmp_path: Path) -> None:
    done = netsim(tmp_path, "graph", "two.yaml", "--links", *TWO_NODES, "--output", "nowhere/links.svg")
    assert done.returncode == 4
    assert "nowhere/links.svg" in done.stderr
