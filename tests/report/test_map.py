"""The map's document: what is near stands enlarged, the land is there, and delays are measured where they can be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.report.page.land import Window, clipped, outline
from netsim.report.page.map import document, panels
from netsim.trace import PARTS, Trace, message_id
from tests.measure.story import BLOCK_TAG, Story, ns

SHENZHEN, HONG_KONG, SUZHOU = (22.543, 114.058), (22.319, 114.169), (31.299, 120.585)
TOKYO, SAN_FRANCISCO, NEW_YORK = (35.68, 139.69), (37.77, -122.42), (40.71, -74.0)


def is_land(rings: list[list[float]], latitude: float, longitude: float) -> bool:
    """Whether a ray eastwards from a place crosses an odd number of coasts."""
    crossings = 0
    for ring in rings:
        xs, ys = np.array(ring[::2]), np.array(ring[1::2])
        x2, y2 = np.roll(xs, -1), np.roll(ys, -1)
        spans = (ys > latitude) != (y2 > latitude)
        at = xs[spans] + (latitude - ys[spans]) / (y2 - ys)[spans] * (x2 - xs)[spans]
        crossings += int((at > longitude).sum())
    return crossings % 2 == 1


def graph() -> nx.Graph[int]:
    made: nx.Graph[int] = nx.complete_graph(4)
    for node, (site, (lat, lon)) in enumerate([("shenzhen", SHENZHEN)] * 2 + [("suzhou", SUZHOU)] * 2):
        made.nodes[node].update(name=f"{site}-{node % 2}", site=site, lat=lat, lon=lon)
    for edge in made.edges:
        made.edges[edge].update(median_ms=15.0, median_back_ms=17.0)
    return made


@pytest.mark.parametrize(
    ("what", "place", "land"),
    [
        ("the mouth of the Pearl River", (22.3, 113.75), False),
        ("Shenzhen", (22.56, 114.1), True),
        ("Macao's hinterland", (22.4, 113.3), True),
        ("Lantau", (22.26, 113.94), True),
        ("the sea south of Hong Kong", (22.05, 114.2), False),
    ],
)
def test_the_pearl_river_is_there_with_its_estuary(what: str, place: tuple[float, float], land: bool) -> None:
    assert is_land(outline(Window(112.5, 21.5, 115.5, 23.5)), *place) == land, what


def test_the_world_is_there_on_both_sides_of_the_date_line() -> None:
    rings = outline(Window(100, -60, 300, 70))
    for place, land in (
        ((36.1, 138.0), True),  # Honshu
        ((39.0, 250.0), True),  # Colorado
        ((0.0, 200.0), False),  # the Pacific
        ((66.5, 182.0), True),  # Chukotka, beyond the date line
        ((-25.0, 134.0), True),  # Australia
        ((40.0, 310.0 - 20), False),  # the Atlantic
    ):
        assert is_land(rings, *place) == land, place
    assert is_land(outline(Window(-10, 40, 40, 60)), 48.8, 2.3)  # Paris


def test_an_outline_is_small() -> None:
    for window in (Window(-180, -90, 180, 90), Window(60, -30, 170, 60), Window(107, 17, 124, 34)):
        assert len(json.dumps(outline(window))) < 90_000


coordinate = st.floats(-10, 10, allow_nan=False)


@settings(max_examples=50)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=12))
def test_what_is_clipped_lies_in_the_window(ring: list[tuple[float, float]]) -> None:
    window = Window(-3, -2, 4, 5)
    for x, y in clipped(ring, window):
        assert window.west - 1e-9 <= x <= window.east + 1e-9
        assert window.south - 1e-9 <= y <= window.north + 1e-9


def test_land_is_made_from_an_archive(tmp_path: Path) -> None:
    """An island across the date line, of two arcs, one walked backwards; and a continent around the south pole."""
    topology = {
        "transform": {"scale": [1, 1], "translate": [0, 0]},
        "arcs": [
            [[175, 10], [0, 10], [-350, 0]],  # by the north: 175 → −175
            [[175, 10], [-350, 0], [0, 10]],  # by the south, likewise
            [[-180, -70], [120, 5], [120, -5], [120, 0]],
        ],
        "objects": {"land": {"geometries": [{"arcs": [[[0, -2]], [[2]]]}]}},
    }
    package = tmp_path / "world-atlas.tgz"
    with tarfile.open(package, "w:gz") as archive:
        for scale in ("110m", "50m", "10m"):
            (tmp_path / scale).write_text(json.dumps(topology))
            archive.add(tmp_path / scale, f"package/land-{scale}.json")
    tool = Path(__file__).parents[2] / "tools" / "land.py"
    environment = {**os.environ, "PYTHONPATH": str(tool.parents[1])}
    subprocess.run([sys.executable, tool, package, tmp_path / "land.json"], check=True, env=environment, timeout=60)
    world, finer, china = json.loads((tmp_path / "land.json").read_text())["levels"]
    rings = [
        (np.cumsum(np.reshape(ring, (-1, 2)), axis=0) * world["unit_deg"]).ravel().tolist() for ring in world["rings"]
    ]
    assert len(rings) == len(finer["rings"]) == 3  # the island in two, either side of the date line
    for place, land in (
        ((15, 178), True), ((15, -178), True), ((15, 0), False), ((25, 178), False),
        ((-80, 100), True), ((-80, -100), True), ((-60, 0), False),
    ):  # fmt: skip
        assert is_land(rings, *place) == land, place
    assert china["rings"] == []


def test_cities_close_together_are_enlarged() -> None:
    whole, near = panels({0: SHENZHEN, 1: HONG_KONG, 2: SUZHOU}, [])
    assert (whole["sites"], near["sites"]) == ([0, 1, 2], [0, 1])
    west, south, east, north = near["window"]
    assert 1 < east - west < 3
    assert west < 113.75 < east
    assert south < 22.3 < north  # the estuary is in sight
    assert is_land(near["land"], 22.4, 113.3)
    west, south, east, north = whole["window"]
    assert west < SHENZHEN[1] < SUZHOU[1] < east
    assert south < HONG_KONG[0] < SUZHOU[0] < north


def test_two_cities_or_one_need_one_panel() -> None:
    assert [panel["sites"] for panel in panels({0: SHENZHEN, 1: HONG_KONG}, [])] == [[0, 1]]
    (alone,) = panels({0: SUZHOU}, [])
    west, south, east, north = alone["window"]
    assert (east - west) * 111 * 0.854 == pytest.approx(180, rel=0.01)  # km, at 31.3° north
    assert (north - south) * 111.2 == pytest.approx(180, rel=0.01)


def test_sites_of_unknown_place_have_a_panel_without_land() -> None:
    assert panels({}, [0, 1]) == [{"sites": [0, 1], "window": None, "land": []}]
    assert [panel["sites"] for panel in panels({1: SUZHOU}, [0])] == [[1], [0]]


def test_the_pacific_is_not_cut_in_two() -> None:
    (whole,) = panels({0: TOKYO, 1: SAN_FRANCISCO, 2: NEW_YORK}, [])
    assert whole["longitudes"] == pytest.approx([139.69, 237.58, 286.0])
    west, _, east, _ = whole["window"]
    assert west < 139.69
    assert 286 < east < west + 360
    assert is_land(whole["land"], 39.0, 250.0)
    (round_the_world,) = panels({number: (0.0, number * 36.0 - 180) for number in range(10)}, [])
    assert round_the_world["land"]


places = st.tuples(st.floats(-89, 89), st.floats(-180, 180))


@settings(max_examples=10)
@given(st.dictionaries(st.integers(0, 9), places, min_size=1, max_size=8))
def test_every_city_is_within_the_panels_that_have_it(located: dict[int, tuple[float, float]]) -> None:
    made = panels(located, [])
    assert set(made[0]["sites"]) == set(located)
    for panel in made:
        west, south, east, north = panel["window"]
        for site, longitude in zip(panel["sites"], panel["longitudes"], strict=True):
            assert (longitude - located[site][1]) % 360 == pytest.approx(0, abs=1e-6) or (
                (longitude - located[site][1]) % 360 == pytest.approx(360, abs=1e-6)
            )
            assert west <= longitude <= east
            assert south <= located[site][0] <= north


def test_delays_are_measured_where_messages_are_on_record() -> None:
    story = Story().decide(1, 100).send(0, 101, 0, tag=BLOCK_TAG, block=1)
    story.deliver(2, 120, 0, 0, tag=BLOCK_TAG, block=1)
    hops = np.array([[message_id(0, 0, 0), 2, PARTS.index("backbone"), ns(18)]], np.int64)
    trace = story.trace()
    made = document(Trace(trace.header, trace.events, hops), graph())
    ways = {(way["from"], way["to"]): (way["ms"], way["count"]) for way in made["ways"]}
    assert ways == {(0, 0): (16, None), (0, 1): (18, 1), (1, 0): (17, None), (1, 1): (16, None)}
    assert json.loads(json.dumps(made)) == made


def test_a_message_is_five_numbers_in_microseconds() -> None:
    story = Story().decide(1, 100).send(0, 101, 0, tag=BLOCK_TAG, block=1, copies=2)
    story.deliver(1, 103.5, 0, 0, tag=BLOCK_TAG, block=1).send(1, 104, 0, copies=1, block=1)
    story.row("drop", 2, 110, block=1, peer=1, message=message_id(1, 0, 0))
    made = document(story.trace(), graph())
    (block,) = made["blocks"]
    assert made["types"] == ["proposal", "vote"]
    assert block["messages"] == [0, 0, 1, 1000, 2500, 1, 1, 2, 3000, -6001]
    assert block["moments"] == [[0, None, None, None], [60_000] * 4]
    assert (block["quorum_us"], block["proposed_ms"], block["why"]) == (60_000, 100, ["median", "slowest", "first"])
    assert made["notes"] == []


def test_what_is_left_out_is_said() -> None:
    assert document(Story().trace(), graph())["notes"] == ["No block was proposed in this run."]
    (note,) = document(Story(level="blocks").decide(1, 100).trace(), graph())["notes"]
    assert "level blocks" in note
    assert document(Story().propose(1, 100).trace(), graph())["notes"] == [
        "No block became final; the first of 1 are shown."
    ]
    story = Story(duration_ns=ns(1e6))
    for height in range(1, 41):
        story.decide(height, 1000 * height)
    (note,) = document(story.trace(), graph())["notes"]
    assert note.startswith(("20 of 40 blocks", "21 of 40 blocks"))
