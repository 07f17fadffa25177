"""The resolved text is the same scenario in the same language."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.scenario import Scenario

from .reading import LINKS, MINED, SMALL, WHOLE, dump, read

DELAYS = st.integers(0, 10**9).map(lambda ns: f"{ns} ns") | st.sampled_from(["0 s", "4.5 ms", "1e3 us"])
POSITIVE = st.integers(1, 10**9).map(lambda ns: f"{ns} ns")
SHARES = st.floats(0, 99.9).map(lambda share: f"{share!r} %")
WIDTHS = st.just("unlimited") | st.integers(1, 10**12).map(lambda bits: f"{bits} bps")
NUMBERS = st.floats(-1e9, 1e9).map(repr)
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=60)


def names(count: int, words: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=count, unique=True)


def mapping(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the fields."""
    return st.fixed_dictionaries({}, optional={name.rstrip("_"): field for name, field in fields.items()})


def distribution(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"distribution": st.just(kind), **fields})


DISTRIBUTIONS = st.one_of(
    DELAYS,
    distribution("constant", value=DELAYS),
    distribution("uniform", low=st.just("1 ms"), high=st.integers(1_000_000, 10**9).map(lambda ns: f"{ns} ns")),
    distribution("normal", mean=DELAYS, deviation=DELAYS, minimum=DELAYS),
    distribution("lognormal", median=POSITIVE, sigma=st.floats(0, 5).map(repr)),
    distribution("lognormal", median=st.just("1 ms"), p99=st.integers(10**6, 10**9).map(lambda ns: f"{ns} ns")),
    distribution("pareto", scale=POSITIVE, shape=st.floats(1, 100).map(repr)),
    distribution("pareto", scale=st.just("1 ms"), mean=st.integers(1_100_000, 10**9).map(lambda ns: f"{ns} ns")),
    distribution("gamma", mean=POSITIVE, deviation=POSITIVE),
    distribution("quantiles", points=st.just({"0 %": "1 ms", "12.5 %": "1 ms", "99.9 %": "7 ms", "100 %": "1 s"})),
)
RECORDINGS = st.lists(st.tuples(st.integers(0, 10**10), st.integers(1, 10**15)), min_size=1, max_size=5).map(
    lambda steps: {
        "delays": " ".join(str(delay) for delay, _ in steps) + " ns",
        "lasts": " ".join(str(lasts) for _, lasts in steps) + " us",
    }
)
TIMES_OF_DAY = st.sampled_from(["0:00", "21:00", "23:59:59"])
NODES = ["a-0", "a-1", "a-2", "a-3", "b-0", "x", "y", "z"]
WHERE = st.just("all") | names(3, ["a-0", "a-1", "b", "z"])
TIME = {"at": st.integers(0, 29).map(lambda at: f"{at} s")}
SOME_TIME = {"for": st.integers(1, 60).map(lambda length: f"{length} s")}
FAULTS = st.one_of(
    st.fixed_dictionaries(
        {"every": st.just("7 s"), "for": st.just("6.5 s"), "churn": st.fixed_dictionaries({"nodes": st.just("2")})},
        optional={"at": st.just("0 s"), "until": st.just("40 s")},
    ),
    st.fixed_dictionaries(TIME | {"crash": names(4, NODES)}, optional=SOME_TIME),
    st.fixed_dictionaries(TIME | {"crash": names(3, ["a", "b", "c"])}, optional=SOME_TIME),
    st.fixed_dictionaries(
        TIME | {"block": st.fixed_dictionaries({"from": names(3, NODES), "to": names(2, ["a", "c"])})},
        optional=SOME_TIME,
    ),
    st.fixed_dictionaries(
        TIME
        | {
            "partition": names(7, NODES)
            .map(lambda nodes: [nodes[: len(nodes) // 2 + 1], nodes[len(nodes) // 2 + 1 :]])
            .map(lambda groups: [group for group in groups if group])
        },
        optional=SOME_TIME,
    ),
)
ENOUGH = st.just("unlimited") | st.integers(10**4, 10**12).map(lambda bits: f"{bits} bps")  # for a cell
PROFILES = mapping(
    extends=st.sampled_from(["5g", "5g-nsa", "lte", "fibre", "leased", "ideal"]),
    description=PRINTABLE,
    up=DISTRIBUTIONS,
    down=DISTRIBUTIONS,
    core=DELAYS,
    bandwidth=ENOUGH | mapping(up=ENOUGH, down=ENOUGH),
    spikes=st.just("none") | mapping(share=SHARES, lasts=POSITIVE),
    handover=st.just("none") | mapping(outage=DELAYS),
    trace=st.just("none") | RECORDINGS,
    one_at_a_time=st.sampled_from(["yes", "no"]),
)
CELLS = st.fixed_dictionaries(
    {"tdd": st.sampled_from(["DDDSU", "F", "SU"])},
    optional={
        "slot": st.just("62.5 us"),
        "processing": DELAYS,
        "uplink_grant": st.sampled_from(["configured", "scheduled"]),
        "k2": st.integers(0, 32).map(str),
        "request_every": DELAYS,
        "bler": SHARES,
        "attempts": st.integers(1, 16).map(str),
        "operator": st.sampled_from(["one", "another: one"]),
    },
)
SCENARIOS = mapping(
    name=st.text(st.characters(categories=["L", "N", "Zs", "P"], exclude_characters="/\\"), min_size=1).filter(
        str.strip
    ),
    description=PRINTABLE,
    seed=st.integers(0, 10**17).map(str),
    warmup=st.integers(0, 29).map(lambda warmup: f"{warmup} s"),
    access=mapping(
        lab=st.builds(dict.__or__, PROFILES, st.just({}) | CELLS),
        leased=mapping(extends=st.sampled_from(["leased", "5g"]), up=DISTRIBUTIONS),
    ),
    backbone=mapping(
        route_factor=st.floats(1, 10).map(repr),
        delay=DELAYS,
        links=st.lists(
            st.fixed_dictionaries(
                {"between": st.sampled_from([["a", "b"], ["a", "a"], ["b", "c"]])},
                optional={
                    "delay": DISTRIBUTIONS,
                    "jitter": DELAYS,
                    "loss": SHARES,
                    "bandwidth": WIDTHS,
                    "bursts": st.just("none")
                    | st.fixed_dictionaries({"share": st.just("0.1 %"), "loss": SHARES, "lasts": st.just("20 ms")}),
                    "congestion": st.just("none") | mapping(delay=DELAYS, loss=SHARES, peak=TIMES_OF_DAY),
                },
            ),
            max_size=3,
            unique_by=lambda link: str(link["between"]),
        ),
        time_of_day=TIMES_OF_DAY,
    ),
    transport=st.sampled_from(
        ["stream", "datagram", {"initial_window": "none", "idle_reset": "no"}, {"receive_window": "64 KiB"}]
    ),
    overlay=st.sampled_from(
        [
            "complete",
            {"topology": "ring"},
            {"topology": "random-regular", "degree": "3"},
            {"topology": "small-world", "rewire": "12.5 %"},
            {"topology": "scale-free", "links": "1"},
            {"topology": "random", "links": {"1": "2.5 %", "3": "97.1 %", "9": "0.4 %"}},
            {"topology": "file", "edges": [["a-0", node] for node in ("a-1", "a-2", "a-3", "b-0", "x", "y", "z")]},
        ]
    ),
    gossip=st.sampled_from(["flood", {"protocol": "direct"}, {"votes": "flood"}, {"blocks": {"protocol": "flood"}}]),
    consensus=mapping(
        block_interval=DELAYS,
        block_size=st.integers(10**6, 10**9).map(lambda size: f"{size} B"),
        timeout=POSITIVE,
        empty_blocks=st.sampled_from(["when-needed", "always", "never"]),
        quorum=st.sampled_from(["auto", "1"]),
        validators=WHERE,
    ),
    workload=mapping(
        rate=st.floats(0, 1e5).map(lambda rate: f"{rate!r} /s"),
        size=st.integers(1, 10**5).map(lambda size: f"{size} B"),
        arrival=st.sampled_from(["poisson", "uniform"]),
        from_=WHERE,
        batch=POSITIVE,
    ),
    compute=st.just("measured") | mapping(sign=DELAYS, verify=DELAYS, execute=DELAYS),
    faults=st.lists(FAULTS, max_size=4),
    emulation=mapping(
        broker=st.sampled_from(["embedded", "mosquitto", "mqtt://u:p@h:1883", "mqtts://[::1]:8883"]),
        nodes_per_process=st.just("auto") | st.integers(1, 99).map(str),
        pace=st.sampled_from(["lockstep", "clock"]),
        dilation=st.floats(0.001, 1000).map(repr),
        patience=DELAYS,
        fidelity=mapping(displaced=SHARES, displacement_p99=DELAYS),
    ),
    expect=mapping(
        **{
            "safety.agreement": st.just("holds"),
            "blocks.open": NUMBERS,
            "finality.by_site.b.p50": st.fixed_dictionaries({"max": NUMBERS}),
            "version": st.text(st.characters(categories=["L", "N", "P"]), min_size=1),
        }
    ),
    trace=st.sampled_from(["full", "blocks", "summary"]),
)
SITES = {
    "a": {"nodes": "4", "location": ["22.5", "114.1"], "access": "lab"},
    "b": {"location": ["-1e-3", "0"]},
    "c": {
        "nodes": [{"name": "x"}, {"name": "y", "access": "leased"}, {"name": "z", "access": "5g"}],
        "location": ["31.299", "120.585"],
    },
}


def again(scenario: Scenario) -> Scenario:
    return read(scenario.text)


@settings(max_examples=60)
@given(SCENARIOS)
def test_reading_the_resolved_text_gives_an_equal_scenario(tree: dict[str, Any]) -> None:
    tree = {"sites": SITES, **tree}
    tree["access"] = {"lab": {}, **tree.get("access", {})}
    scenario = read(dump(tree))
    assert again(scenario) == scenario
    assert again(scenario).text == scenario.text


@pytest.mark.parametrize("text", [WHOLE, LINKS, MINED])
def test_so_it_does_for_a_scenario_that_uses_everything(text: str) -> None:
    assert again(read(text)) == read(text)


def test_a_profile_that_takes_the_name_of_the_one_that_all_extend_changes_no_other() -> None:
    text = "sites: {a: {access: ideal}, b: {access: lab}}\nbackbone: {delay: 1 ms}\n"
    own = "access: {ideal: {tdd: F, spikes: {}, handover: {}, one_at_a_time: yes}, lab: {extends: fibre}}\n"
    scenario = read(text + own)
    assert scenario.access["lab"].radio is None
    assert again(scenario) == scenario


def test_it_says_what_the_file_does_not() -> None:
    text = read(SMALL).text
    assert "duration: 30 s\n" in text
    assert "block_interval: 1 s\n" in text
    assert "up: {distribution: uniform, low: 500 us, high: 1.5 ms}\n" in text


def test_the_profile_of_a_site_whose_nodes_all_use_others_is_kept() -> None:
    text = "sites: {a: {nodes: [{name: x, access: ideal}], access: lab}}\naccess: {lab: {core: 1 ms}}\n"
    assert again(read(text)) == read(text)


def test_what_changes_nothing_that_is_simulated_leaves_the_hash() -> None:
    whole = read(WHOLE)
    for same in (
        ["description=other words", "access.5g-factory.description=other words"],
        ["emulation.pace=lockstep", "emulation.broker=embedded"],
        ["expect={}"],
    ):
        other = read(WHOLE, same)
        assert other.text != whole.text
        assert other.sha256 == whole.sha256


def test_what_changes_a_result_changes_the_hash() -> None:
    hashes = {read(WHOLE, [change]).sha256 for change in ("seed=7", "seed=8", "trace=full", "workload.rate=1 /s")}
    assert len(hashes) == 4


def test_two_ways_to_say_the_same_have_one_hash() -> None:
    assert read(SMALL).sha256 == read(f"duration: 0.5 min\n{SMALL}gossip: {{protocol: direct}}\n").sha256
