"""Blocks that spread as a whole: the trace is the one that events one by one give."""

import heapq
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim import catalogue
from netsim.engine import simulator
from netsim.engine.plan import Plan
from netsim.engine.wave import Waves
from netsim.node.message import Message
from netsim.node.scripted import Script
from netsim.scenario import parse
from netsim.trace import Trace

_HEAD = """
name: waves
seed: {seed}
duration: {duration}
warmup: 0 s
trace: {level}
sites:
  a: {{nodes: {nodes}, access: ideal}}
  b: {{nodes: 2, access: {access}}}
access:
  slow: {{extends: ideal, down: {{distribution: uniform, low: 1 ms, high: 2 ms}}}}
  serial: {{extends: slow, one_at_a_time: yes}}
transport: {transport}
backbone:
  delay: {delay}
  links: [{links}]
overlay: {{topology: {topology}}}
gossip: {{blocks: {gossip}, votes: flood, transactions: flood}}
consensus: {consensus}
workload: {{rate: {rate}, arrival: poisson}}
compute: {{sign: {sign}, verify: {verify}, execute: {execute}}}
faults: [{faults}]
"""
_QUIET: dict[str, Any] = {
    "seed": 1,
    "duration": "20 s",
    "level": "blocks",
    "nodes": 6,
    "access": "slow",
    "links": "{between: [a, b], bandwidth: 40 Mbps}",
    "transport": "stream",
    "delay": "{distribution: uniform, low: 5 ms, high: 50 ms}",
    "topology": "small-world",
    "gossip": "flood",
    "consensus": "{protocol: scripted, block_interval: 1 s, arrival: fixed}",
    "rate": "0 /s",
    "sign": "0 us",
    "verify": "0 us",
    "execute": "0 us",
    "faults": "",
}


def _run(text: str, waves: bool, done: list[int]) -> Trace:
    scenario = parse(text, "waves.yaml", catalogue=catalogue)
    made: list[Waves | None] = []
    of = Waves.of

    def remember(plan: Plan, observed: bool = False) -> Waves | None:
        made.append(of(plan, observed))
        return made[-1]

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Waves, "of", remember)
        trace = simulator.simulate(Plan(scenario), Path(folder), at_once=not waves)
    done[:] = [found.done for found in made if found is not None]
    return trace


def _both(**changes: Any) -> tuple[Trace, int]:
    """The trace, the same with waves and without, and how many waves there were."""
    text = _HEAD.format(**_QUIET | changes)
    done: list[int] = []
    one_by_one = _run(text, False, done)
    assert not done
    whole = _run(text, True, done)
    differing = [
        node
        for node, pair in enumerate(zip(one_by_one.node_digests(), whole.node_digests(), strict=True))
        if len(set(pair)) > 1
    ]
    assert not differing, [(rows := trace.events)[rows[:, 1] == differing[0]].tolist() for trace in (one_by_one, whole)]
    assert one_by_one.digest() == whole.digest()
    return whole, sum(done)


_SCRIPTED = (
    "{{protocol: scripted, block_interval: {interval}, arrival: {arrival}, proposers: {proposers}, spread: {spread}}}"
)
_CONSENSUS = st.one_of(
    st.builds(
        _SCRIPTED.format,
        interval=st.sampled_from(["100 ms", "400 ms", "1 s"]),
        arrival=st.sampled_from(["fixed", "exponential"]),
        proposers=st.sampled_from(["random", "round-robin"]),
        spread=st.sampled_from(["0 s", "50 ms"]),
    ),
    st.sampled_from(["200 ms", "500 ms", "2 s"]).map(
        "{{protocol: nakamoto, block_interval: {0}, block_bytes: 20 kB}}\nfinality: {{depth: 3}}".format
    ),
)
_FAULTS = st.lists(
    st.sampled_from(
        [
            "{at: 2 s, crash: a-2, for: 1 s}",
            "{at: 2200 ms, crash: [a-2, b-1], for: 300 ms}",
            "{at: 5 s, crash: a-0}",
            "{at: 4 s, partition: [[a], [b]], for: 700 ms}",
            "{at: 3 s, block: {from: a, to: b}, for: 500 ms}",
            "{at: 6 s, freeze: [a-1], for: 800 ms}",
        ]
    ),
    max_size=2,
    unique=True,
).map(", ".join)
_SCENARIOS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 1000),
        "duration": st.just("7 s"),
        "level": st.sampled_from(["blocks", "summary"]),
        "nodes": st.integers(3, 9),
        "access": st.sampled_from(["ideal", "slow"]),
        "transport": st.sampled_from(["stream", "datagram"]),
        "delay": st.sampled_from(
            [
                "10 ms",
                "0 ms",
                "{distribution: uniform, low: 5 ms, high: 50 ms}",
                "{distribution: uniform, low: 0 ns, high: 3 ns}",
            ]
        ),
        "topology": st.sampled_from(["complete", "ring", "line", "star", "small-world"]),
        "consensus": _CONSENSUS,
        "rate": st.sampled_from(["0 /s", "0 /s", "1 /s", "20 /s"]),
        "sign": st.sampled_from(["0 us", "3 ms"]),
        "verify": st.sampled_from(["0 us", "7 ms"]),
        "execute": st.sampled_from(["0 us", "2 ms"]),
        "faults": _FAULTS,
    }
)


_ANNOUNCE = st.builds(
    "{{protocol: announce, trickle: {trickle}, request_delay: {request_delay}, repeat: 0, timeout: {timeout}}}".format,
    trickle=st.sampled_from(["0 s", "3 ms"]),
    request_delay=st.sampled_from(["0 s", "5 ms"]),
    timeout=st.sampled_from(["60 s", "200 ms"]),
)
_TOLD = "{protocol: announce, trickle: 2 ms, request_delay: 2 ms, repeat: 0}"


@settings(max_examples=30, deadline=None)
@given(_SCENARIOS)
def test_nobody_can_tell_a_flood_as_a_whole_from_its_events(scenario: dict[str, Any]) -> None:
    _both(**scenario)


@settings(max_examples=30, deadline=None)
@given(_SCENARIOS, _ANNOUNCE, st.sampled_from(["serial", "slow"]))
def test_nor_an_announced_block_as_a_whole(scenario: dict[str, Any], gossip: str, access: str) -> None:
    _both(**scenario | {"gossip": gossip, "access": access, "verify": "0 us", "execute": "0 us", "sign": "0 us"})


def test_a_block_under_way_holds_up_what_comes_behind_it_in_its_flow() -> None:
    """A fork: the other block is done everywhere before the first has come through the narrow link."""
    _, done = _both(
        seed=352,
        duration="7 s",
        nodes=7,
        transport="datagram",
        delay="0 ms",
        topology="line",
        gossip="{protocol: announce, trickle: 0 s, request_delay: 0 s, repeat: 0}",
        consensus="{protocol: nakamoto, block_interval: 200 ms, block_bytes: 20 kB}\nfinality: {depth: 3}",
    )
    assert done


@pytest.mark.parametrize("protocol", ["scripted, arrival: fixed, block_interval: 1 s", "nakamoto, block_interval: 3 s"])
@pytest.mark.parametrize("gossip", ["flood", _TOLD])
def test_in_a_quiet_network_blocks_spread_as_a_whole(protocol: str, gossip: str) -> None:
    trace, done = _both(consensus=f"{{protocol: {protocol}}}", gossip=gossip)
    kinds = trace.header.kinds
    proposed = int((trace.events[:, 2] == kinds.index("propose")).sum())
    assert done >= proposed - 2 > 0


def test_first_arrivals_are_shortest_paths() -> None:
    trace, done = _both(nodes=40, delay="20 ms", access="ideal", links="", duration="3 s")
    assert done
    network = Plan(
        parse(_HEAD.format(**_QUIET | {"nodes": 40, "access": "ideal"}), "w.yaml", catalogue=catalogue)
    ).network
    rows, kinds = trace.events, trace.header.kinds
    proposals = rows[rows[:, 2] == kinds.index("propose")]
    haves = rows[rows[:, 2] == kinds.index("have")]
    for time, origin, _, block in proposals[:, :4].tolist():
        hops = {origin: 0}
        line = [(0, origin)]
        while line:
            far, node = heapq.heappop(line)
            for peer in network.peers[node]:
                if far + 1 < hops.get(peer, 1 << 30):
                    hops[peer] = far + 1
                    heapq.heappush(line, (far + 1, peer))
        found = {node: at - time for at, node, _, name in haves[:, :4].tolist() if name == block}
        assert found == {node: far * 20_000_000 for node, far in hops.items() if far}


def test_who_declares_unison_and_does_not_keep_to_it_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = Script.on_message

    def chatter(self: Script, sender: int, message: Message) -> None:
        receive(self, sender, message)
        self.context.set_timer("more", 1)

    monkeypatch.setattr(Script, "on_message", chatter)
    with pytest.raises(simulator.NodeFailed, match="scripted declares unison about Scripted h1"):
        _run(_HEAD.format(**_QUIET), True, [])


def test_unison_is_not_inherited() -> None:
    class Heir(Script):
        """It may do anything when a block comes."""

    plan = Plan(parse(_HEAD.format(**_QUIET), "w.yaml", catalogue=catalogue))
    assert Waves.of(plan) is not None
    plan.settings = replace(plan.settings, protocol=Heir)
    assert Waves.of(plan) is None


def test_a_node_that_nothing_touches_is_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    make = Script.__init__

    def count(self: Script, *rest: Any) -> None:
        make(self, *rest)
        made.append(self.context.me)

    monkeypatch.setattr(Script, "__init__", count)
    _run(_HEAD.format(**_QUIET | {"nodes": 40, "duration": "3 s"}), True, [])
    assert len(made) == len(set(made)) <= 5  # the first, who speaks for the others, and a successor for each block


def test_who_declares_that_it_does_nothing_at_the_start_and_does_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    start = Script.start

    def early(self: Script) -> None:
        start(self)
        self.context.set_timer("more", 1)

    monkeypatch.setattr(Script, "start", early)
    with pytest.raises(simulator.NodeFailed, match="scripted declares unison about its start, and sets a timer"):
        _run(_HEAD.format(**_QUIET), True, [])


def test_nor_is_what_is_declared_of_the_start_or_of_what_was_missed_inherited() -> None:
    class Heir(Script):
        """It has its own unison, and counts what comes; and it does so in its own time from the start on."""

        def start(self) -> None:
            super().start()
            self.context.set_timer("later", 10**9)

        def on_message(self, sender: int, message: Message) -> None:
            self.seen = [*getattr(self, "seen", []), sender]
            super().on_message(sender, message)

        def unison(self, message: Message) -> Hashable | None:
            return super().unison(message)

        def on_timer(self, name: str) -> None:
            if name == "later":
                self.context.record("start", detail=len(getattr(self, "seen", [])))
            else:
                super().on_timer(name)

    scenario = parse(_HEAD.format(**_QUIET | {"duration": "5 s"}), "w.yaml", catalogue=catalogue)
    digests = []
    for at_once in (False, True):
        plan = Plan(scenario)
        plan.settings = replace(plan.settings, protocol=Heir)
        with TemporaryDirectory() as folder:
            digests.append(simulator.simulate(plan, Path(folder), at_once=at_once).digest())
    assert digests[0] == digests[1]


@pytest.mark.parametrize("topology", ["small-world", "random-regular, degree: 4"])
@pytest.mark.parametrize(("gossip", "access"), [("flood", "slow"), (_TOLD, "slow"), (_TOLD, "serial")])
def test_so_it_is_among_many(gossip: str, access: str, topology: str) -> None:
    _, done = _both(
        nodes=70,
        gossip=gossip,
        access=access,
        topology=topology,
        transport="{protocol: stream, initial_window: none}",
        consensus="{protocol: scripted, block_interval: 5 s, arrival: fixed, block_bytes: 100 kB}",
        duration="14 s",
    )
    assert done == 2


def test_what_is_recorded_at_full_is_recorded_one_by_one() -> None:
    scenario = parse(_HEAD.format(**_QUIET | {"level": "full"}), "w.yaml", catalogue=catalogue)
    assert Waves.of(Plan(scenario)) is None
