"""Which process holds which node, and how long a process may run ahead of the others.

A process that holds one node is killed with it (SIGKILL), and another takes the node over. That successor is started
with the run: it listens to every outbox from the beginning, so nothing that is in flight over the crash is missed, and
it has nothing of the node but what was persisted. Since all are there from the beginning, they are few: of many crashes
the earliest end a process, and after those a node restarts within its own, as it does where a process holds several.

Nodes that are many are packed: as many processes as there are cores for them, about equally full, with what is near
together, for the shortest link between two processes is what lockstep's windows are made of. Sites stay whole where
that leaves no process more than a quarter above its share.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netsim.engine.plan import Plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FAR = 1 << 60  # no way at all; two of them still fit into 64 bits
_FEW = 32  # up to so many nodes get a process each, and so many crashes end one


class LayoutError(ValueError):
    """The scenario cannot be emulated in these processes; one line says why and what would help."""


@dataclass(frozen=True, slots=True)
class Place:
    """One process: its nodes, from which incarnation and time on, and whether it ends with its node's crash."""

    index: int
    name: str
    nodes: tuple[int, ...]
    incarnation: int = 0
    since: int = 0
    ends_with_crash: bool = False


def places(plan: Plan, steered: bool = False) -> tuple[Place, ...]:
    """The processes of an emulation, successors of crashing nodes last, so that incarnations follow each other.

    `steered`: who crashes when is not known from the beginning, so no process ends with a crash.
    """
    network = plan.network
    groups = _groups(plan)
    alone = [] if steered else [nodes[0] for nodes in groups if len(nodes) == 1]
    crashes = sorted(
        (crash, node, incarnation)
        for node in alone
        for incarnation, (_, crash) in enumerate(plan.lives[node])
        if crash is not None
    )
    ending = {(node, incarnation) for _, node, incarnation in crashes[:_FEW]}
    found: list[Place] = []
    for nodes in groups:
        name = network.names[nodes[0]]
        if len(nodes) > 1:
            name = f"{name} … {network.names[nodes[-1]]}"
        found.append(Place(len(found), name, nodes, ends_with_crash=len(nodes) == 1 and (nodes[0], 0) in ending))
    for node in alone:
        for incarnation, (_, crash) in enumerate(plan.lives[node], 1):
            if crash is None or (node, incarnation - 1) not in ending:
                break
            name = f"{network.names[node]} (restart {incarnation})"
            found.append(Place(len(found), name, (node,), incarnation, crash, (node, incarnation) in ending))
    return tuple(found)


def _groups(plan: Plan) -> list[tuple[int, ...]]:
    """The nodes of each process."""
    network = plan.network
    per_process = plan.scenario.emulation.nodes_per_process
    sites: list[tuple[int, ...]] = [
        tuple(node for node, at in enumerate(network.node_sites) if at == site) for site in range(len(network.sites))
    ]
    if per_process == "auto":
        if network.size > _FEW:
            return _packed(plan, [here for here in sites if here])
        per_process = 1
    return [here[at : at + per_process] for here in sites for at in range(0, len(here), per_process)]


def _packed(plan: Plan, sites: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """About as many groups as cores, near ones together; what no delay parts stays in one, however large."""
    cores = max(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    most = -(-plan.network.size * 5 // (cores * 4))
    groups: list[tuple[int, ...]] = []
    for here in sites:
        pieces = -(-len(here) // most) if _least(plan, here, here) > 0 else 1
        groups += [here[len(here) * at // pieces : len(here) * (at + 1) // pieces] for at in range(pieces)]
    while True:
        pairs = [
            (min(_least(plan, one, other), _least(plan, other, one)), place, one, other)
            for place, one in enumerate(groups)
            for other in groups[place + 1 :]
        ]
        fitting = [pair for pair in pairs if len(pair[2]) + len(pair[3]) <= most and len(groups) > cores]
        fitting += [pair for pair in pairs if pair[0] <= 0]
        if not fitting:
            return groups
        _, place, one, other = min(fitting)
        groups[place] = one + other
        groups.remove(other)


def lookahead(plan: Plan, processes: tuple[Place, ...]) -> NDArray[np.int64]:
    """L[p][q]: the least logical time (ns) in which anything that happens in process p can matter in process q.

    The shortest link between their nodes, or the shortest way over other processes, whose nodes have to get what comes
    first; on the diagonal, the shortest way out and back. Raises LayoutError for a link without delay.
    """
    import numpy as np

    direct = _links(plan, processes)
    for process in processes:
        for other in processes:
            if process.nodes == other.nodes and process.incarnation < other.incarnation:
                direct[process.index, other.index] = 1  # a crash: the successor may go on as soon as it has happened
    for middle in processes:
        way = direct[:, middle.index, None] + slack(plan, middle) + direct[None, middle.index, :]
        np.minimum(direct, way, out=direct)
    return direct


def slack(plan: Plan, place: Place) -> int:
    """The least time (ns) from a copy's arrival at an access point of this process until a node gets to know of it."""
    return min(plan.network.last_mile(node) for node in place.nodes)


def shortest_link(plan: Plan, processes: tuple[Place, ...]) -> int | None:
    """The least delay of a link between two processes (ns); None where there is only one process."""
    least = int(_links(plan, processes).min())
    return None if least == _FAR else least


def _links(plan: Plan, processes: tuple[Place, ...]) -> NDArray[np.int64]:
    """The shortest link from each process to each other. Raises LayoutError for one without delay."""
    import numpy as np

    network = plan.network
    kinds: dict[frozenset[tuple[str, str]], int] = {}  # processes whose nodes are placed alike have the same links
    kind = [kinds.setdefault(frozenset(network.kinds[node] for node in place.nodes), len(kinds)) for place in processes]
    some = dict(zip(kind, processes, strict=True))
    several = {number for number in some if kind.count(number) > 1}
    least = np.full((len(kinds), len(kinds)), _FAR, np.int64)
    for one in some:
        for other in some:
            if one != other or one in several:
                least[one, other] = _least(plan, some[one].nodes, some[other].nodes)
    links = least[kind][:, kind]
    for place in processes:
        for other_place in processes:
            if place.nodes == other_place.nodes:  # the same process, or one that takes its node over
                links[place.index, other_place.index] = _FAR
    if links.min() <= 0:
        place, other_place = (processes[index] for index in np.unravel_index((links <= 0).argmax(), links.shape))
        _refuse(plan, place, other_place)
    return links


def _least(plan: Plan, nodes: tuple[int, ...], others: tuple[int, ...]) -> int:
    """The least delay of a link from one of some nodes to one of some others (ns)."""
    network = plan.network
    here = {network.kinds[node]: node for node in nodes}.values()
    there = {network.kinds[node]: node for node in others}.values()
    return min(network.minimum(node, other) for node in here for other in there)


def _refuse(plan: Plan, place: Place, other: Place) -> None:
    network = plan.network
    ends = ((a, b) for a in place.nodes for b in other.nodes if network.minimum(a, b) <= 0)
    here, there = (network.names[node] for node in next(ends))
    raise LayoutError(
        f"the link from {here} to {there} has no delay, and the two nodes are in different processes: give it a "
        "delay, or put both into one process with emulation.nodes_per_process"
    )
