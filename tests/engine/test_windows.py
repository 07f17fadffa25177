"""Lockstep's promises: whatever the schedule, nothing comes before a horizon that was granted."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import world

from netsim.engine.control import Report
from netsim.engine.layout import Place, lookahead, places, shortest_link, slack
from netsim.engine.loop import ARRIVAL, FOREVER, TIMER
from netsim.engine.plan import Plan
from netsim.engine.promise import earliest_act
from netsim.engine.windows import Windows

END = 2_000
FAR = 1 << 60
Entry = tuple[int, int, int, int, int, None]
COSTLY = """
duration: 2 s
sites:
  shenzhen: {location: [22.5, 114.1], nodes: [{name: s0, access: 5g}, {name: s1, access: fibre}]}
  hong-kong: {location: [22.3, 114.2], nodes: 3, access: fibre}
  suzhou: {location: [31.3, 120.6], nodes: [{name: z0, access: lte}, {name: z1, access: 5g}, {name: z2, access: lte}]}
backbone: {links: [{from: hong-kong, to: shenzhen, delay: 9 ms}, {from: suzhou, to: hong-kong, delay: 30 ms}]}
consensus: {protocol: pbft}
"""


# --- a process's own promise -----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from((ARRIVAL, TIMER)))), st.integers(0, 20))
def test_the_earliest_act_is_the_least_over_the_heap(events: list[tuple[int, int]], slack: int) -> None:
    heap = [(time, kind, 0, number, 0, None) for number, (time, kind) in enumerate(events)]
    heapify(heap)
    acts = [time + slack if kind == ARRIVAL else time for time, kind in events]
    assert earliest_act(heap, slack) == min(acts, default=FOREVER)


# --- the lookahead ---------------------------------------------------------------------------------------------------


def brute_force(plan: Plan, processes: tuple[Place, ...]) -> list[list[int]]:
    """Pair by pair of nodes, and then Floyd and Warshall's way."""

    def link(p: Place, q: Place) -> int:
        if p.nodes == q.nodes:
            return 1 if p.incarnation < q.incarnation else FAR
        return min(plan.network.minimum(a, b) for a in p.nodes for b in q.nodes)

    reach = [[link(p, q) for q in processes] for p in processes]
    for place in processes:
        middle = place.index
        for p in range(len(processes)):
            for q in range(len(processes)):
                reach[p][q] = min(reach[p][q], reach[p][middle] + slack(plan, place) + reach[middle][q])
    return reach


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 4), st.sampled_from(["", "s0", "z1, hong-kong-2"]))
def test_the_lookahead_by_kinds_is_that_over_all_pairs_of_nodes(per_process: int, crash: str) -> None:
    faults = f"faults=[{{at: 1 s, for: 500 ms, crash: [{crash}]}}]" if crash else "faults=[]"
    plan = Plan(world(COSTLY, f"emulation.nodes_per_process={per_process}", faults))
    processes = places(plan)
    assert lookahead(plan, processes).tolist() == brute_force(plan, processes)
    links = [
        plan.network.minimum(a, b)
        for p in processes
        for q in processes
        if p.nodes != q.nodes
        for a in p.nodes
        for b in q.nodes
    ]
    assert shortest_link(plan, processes) == min(links)


def test_many_nodes_are_packed_by_cores_and_nearness() -> None:
    text = """
sites:
  shenzhen: {location: [22.5, 114.1], nodes: 40, access: fibre}
  suzhou: {location: [31.3, 120.6], nodes: 30, access: fibre}
  hong-kong: {location: [22.3, 114.2], nodes: 20, access: fibre}
"""
    assert groups(text, 2) == [{"shenzhen": 40}, {"suzhou": 30, "hong-kong": 20}]  # together they would be too many
    assert groups(text, 3) == [{"shenzhen": 20}, {"shenzhen": 20}, {"suzhou": 30}, {"hong-kong": 20}]
    assert groups(text.replace("nodes: 40", "nodes: 30"), 2) == [{"shenzhen": 30, "hong-kong": 20}, {"suzhou": 30}]


def test_what_no_delay_parts_is_packed_into_one_process() -> None:
    text = "sites: {here: {location: [0, 0], nodes: 60, access: ideal}, there: {location: [0, 9], nodes: 40}}"
    assert groups(text, 4)[0] == {"here": 60}


def groups(text: str, cores: int) -> list[dict[str, int]]:
    """How many nodes of each site are in each process, on so many cores."""
    from unittest.mock import patch

    plan = Plan(world(text))
    with patch("os.sched_getaffinity", lambda _: set(range(cores))):
        found = places(plan)
    sites = [[plan.network.sites[plan.network.node_sites[node]] for node in place.nodes] for place in found]
    return [{site: here.count(site) for site in dict.fromkeys(here)} for here in sites]


# --- the windows -----------------------------------------------------------------------------------------------------


@dataclass
class Process:
    """A process of a world in which every event may send something, and arrivals first pass a downlink."""

    heap: list[Entry]
    reached: int = 0  # everything before was handled
    sequence: int = 0
    outboxes: list[list[tuple[int, int]]] = field(default_factory=list)  # (receiver, arrival) in each batch
    received: dict[int, int] = field(default_factory=dict)  # batches, by sender
    window: tuple[int, int, dict[int, int]] | None = None
    part: int = 0  # of the window, that it has told of


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(2, 5), st.booleans())
def test_no_schedule_brings_an_event_before_a_granted_horizon(seed: int, count: int, steered: bool) -> None:
    """Windows are handled, whole or part by part, and outboxes arrive in any order that the marks allow.

    Where the run is steered, nobody goes beyond a limit, and now and then something happens that nobody knew of.
    """
    chance = Random(seed)
    slacks = [chance.choice((0, 30)) for _ in range(count)]
    links = [[chance.randint(1, 60) for _ in range(count)] for _ in range(count)]
    windows = Windows(closed(links, slacks), slacks, [0] * count, END)
    processes = [
        Process([(chance.randrange(END), TIMER, 0, number, 0, None) for number in range(6)]) for _ in range(count)
    ]
    for process in processes:
        heapify(process.heap)
    limit = 1 if steered else END
    while grant(windows, processes, limit) or limit < END:
        if not any(process.window for process in processes):
            limit = min(limit + chance.randint(1, 200), END)
            if chance.random() < 0.3 and (at := windows.horizon + chance.randint(0, 50)) < END:
                windows.amend(at)
                for me in chance.sample(range(count), 2):
                    heappush(processes[me].heap, (at, TIMER, 0, -1, me, None))
            continue
        me = chance.choice([index for index, process in enumerate(processes) if process.window])
        process = processes[me]
        assert process.window is not None
        number, horizon, marks = process.window
        if not process.part:
            for sender, other in enumerate(processes):  # what it must have received, and perhaps more
                most = chance.randint(marks.get(sender, 0), max(marks.get(sender, 0), len(other.outboxes)))
                receive(process, me, sender, other, most)
        until = horizon if chance.random() < 0.5 else chance.randint(process.reached + 1, horizon)
        caused = handle(process, me, until, links, slacks[me], chance)
        process.part = process.part + 1 if until < horizon else 0
        if not process.part:
            process.window = None
        following = process.heap[0][0] if process.heap else FOREVER
        acts = earliest_act(process.heap, slacks[me])
        windows.report(Report(me, number, following, acts, process.sequence, caused, [], part=process.part))
    for me, process in enumerate(processes):
        for sender, other in enumerate(processes):
            receive(process, me, sender, other, len(other.outboxes))
        assert not process.heap or process.heap[0][0] >= END


def closed(links: list[list[int]], slacks: list[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    count = len(links)
    reach = [[FAR if p == q else links[p][q] for q in range(count)] for p in range(count)]
    for middle in range(count):
        for p in range(count):
            for q in range(count):
                reach[p][q] = min(reach[p][q], reach[p][middle] + slacks[middle] + reach[middle][q])
    return np.array(reach, np.int64)


def grant(windows: Windows, processes: list[Process], limit: int) -> bool:
    for me, number, horizon, marks in windows.grants(limit):
        assert horizon <= limit
        assert processes[me].window is None
        processes[me].window = (number, horizon, marks)
    return any(process.window for process in processes)


def receive(process: Process, me: int, sender: int, other: Process, up_to: int) -> None:
    for batch in other.outboxes[process.received.get(sender, 0) : up_to]:
        for receiver, arrival in batch:
            if receiver == me:
                assert arrival >= process.reached
                heappush(process.heap, (arrival, ARRIVAL, sender, 0, me, None))
    process.received[sender] = max(process.received.get(sender, 0), up_to)


def handle(
    process: Process, me: int, horizon: int, links: list[list[int]], slack: int, chance: Random
) -> dict[int, int]:
    """What the window's events cause elsewhere: every one may send, arrivals only when they are through."""
    assert horizon > process.reached
    caused: dict[int, int] = {}
    sent = []
    while process.heap and process.heap[0][0] < horizon:
        time, kind, *_ = heappop(process.heap)
        if kind == ARRIVAL and slack:
            heappush(process.heap, (time + slack, TIMER, 0, 0, me, None))
            continue
        receivers = [other for other in range(len(links)) if other != me and chance.random() < 0.9 / (len(links) - 1)]
        for receiver in receivers:
            arrival = time + links[me][receiver] + chance.choice((0, 0, 17))
            sent.append((receiver, arrival))
            caused[receiver] = min(caused.get(receiver, FOREVER), arrival)
    process.reached = horizon
    if sent:
        process.outboxes.append(sent)
        process.sequence += 1
    return caused
