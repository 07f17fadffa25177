"""Nodes that come and go: which ones the seed says, and with which neighbours they come back.

Everything follows from the scenario alone, so each process of an emulation works it out for itself. Times are in ns.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest

from netsim.network.draws import draw, key
from netsim.network.overlay import in_cyclic_order
from netsim.scenario.model import Churn, Crash, Scenario, names_of

Peers = tuple[int, ...]

_MOST_OFTEN = 100_000  # all churn of a scenario together


def crashes(scenario: Scenario) -> tuple[Crash, ...]:
    """What the churn of a scenario comes to, in the order of time.

    Whenever a churn is due, lots are drawn for all its nodes, and of those that are up the ones with the least go. A
    node that is down, for whatever reason, is passed over until after it is back; where not enough are up, fewer go.
    Raises ValueError for more churn than anyone can mean.
    """
    return tuple(crash for crash, _, _ in _drawn(scenario))


def rewired(scenario: Scenario, peers: Sequence[Peers]) -> dict[int, list[tuple[int, Peers]]]:
    """By node, where churn changes its neighbours: from when on it has which, in the order of time.

    `peers` are the overlay's. The links of a node that comes back are replaced by as many to others drawn at random:
    one into each of the pieces that the overlay would be in without the node, the rest anywhere. So the overlay stays
    connected, and all others are equally likely where it is in one piece without the node, as it mostly is.
    """
    back = [
        (crash.end, place, number, crash.nodes)
        for crash, place, number in _drawn(scenario)
        if crash.end is not None and crash.end < scenario.duration and _churn(scenario, place).rewire
    ]
    graph = [set(others) for others in peers] if back else []
    found: dict[int, list[tuple[int, Peers]]] = {}
    for time, place, number, nodes in sorted(back):
        changed: set[int] = set()
        for node in nodes:
            before = graph[node]
            after = graph[node] = _elsewhere(graph, node, key(scenario.seed, "rewire", place, number, node))
            for other in before ^ after:
                graph[other] ^= {node}
            changed |= {node} | before ^ after if before != after else set()
        for node in sorted(changed):
            changes = found.setdefault(node, [])
            if changes and changes[-1][0] == time:  # by another churn in the same instant
                changes.pop()
            changes.append((time, in_cyclic_order(node, graph[node])))
    return found


def _drawn(scenario: Scenario) -> list[tuple[Crash, int, int]]:
    """Each crash with the place of its churn among the faults, and how often that had been due before."""
    given = [fault for fault in scenario.faults if isinstance(fault, Crash)]
    strikes = {
        place: range(fault.at, min(fault.end, scenario.duration), fault.every)
        for place, fault in enumerate(scenario.faults)
        if isinstance(fault, Churn)
    }
    often = sum(map(len, strikes.values()))
    if often > _MOST_OFTEN:
        raise ValueError(f"nodes churn {often} times; {_MOST_OFTEN} are the most")
    due = sorted((at, place, number) for place, times in strikes.items() for number, at in enumerate(times))
    found: list[tuple[Crash, int, int]] = []
    back: dict[int, int] = {}  # by node: when it is
    for at, place, number in due:
        churn = _churn(scenario, place)
        down = {
            node for crash in given if crash.at <= at and (crash.end is None or at <= crash.end) for node in crash.nodes
        }
        up = [node for node in churn.nodes if node not in down and back.get(node, -1) < at]
        lots = key(scenario.seed, "churn", place, number)
        nodes = tuple(sorted(nsmallest(churn.count, up, key=lambda node: draw(lots, node))))
        if nodes:
            back |= dict.fromkeys(nodes, at + churn.lasts)
            says = f"churn: {', '.join(names_of(nodes, scenario.nodes, scenario.sites))}"
            found.append((Crash(at, at + churn.lasts, nodes, says), place, number))
    return found


def _churn(scenario: Scenario, place: int) -> Churn:
    fault = scenario.faults[place]
    assert isinstance(fault, Churn)
    return fault


def _elsewhere(graph: Sequence[set[int]], node: int, lots: int) -> set[int]:
    """As many neighbours as the node has, those with the least lots, with one in each piece of the graph without it."""
    drawn = {other: draw(lots, other) for other in range(len(graph)) if other != node}
    chosen = {min(piece, key=drawn.__getitem__) for piece in _pieces(graph, node)}
    others = drawn.keys() - chosen
    return chosen | set(nsmallest(len(graph[node]) - len(chosen), others, key=drawn.__getitem__))


def _pieces(graph: Sequence[set[int]], without: int) -> list[set[int]]:
    """The connected pieces that are left of a connected graph without one of its nodes."""
    pieces: list[set[int]] = []
    for neighbour in graph[without]:
        if any(neighbour in piece for piece in pieces):
            continue
        piece, border = {neighbour}, [neighbour]
        while border:
            fresh = graph[border.pop()] - piece - {without}
            piece |= fresh
            border += fresh
        pieces.append(piece)
    return pieces
