"""Which process holds which node, and how long a process may run ahead of the others.

A process that holds one node is killed with it (SIGKILL), and another takes the node over. That successor is started
with the run: it listens to every outbox from the beginning, so nothing that is in flight over the crash is missed, and
it has nothing of the node but what was persisted. Since all are there from the beginning, they are few: of many crashes
the earliest end a process, and after those a node restarts within its own, as it does where a process holds several.
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


def places(plan: Plan) -> tuple[Place, ...]:
    """The processes of an emulation, successors of crashing nodes last, so that incarnations follow each other."""
    network = plan.network
    per_process = plan.scenario.emulation.nodes_per_process
    if per_process == "auto":
        cores = os.cpu_count() or 1
        per_process = 1 if network.size <= _FEW else -(-network.size // cores)
    groups: list[tuple[int, ...]] = []
    for site in range(len(network.sites)):
        here = [node for node in range(network.size) if network.node_sites[node] == site]
        groups += [tuple(here[at : at + per_process]) for at in range(0, len(here), per_process)]
    alone = [nodes[0] for nodes in groups if len(nodes) == 1]
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


def lookahead(plan: Plan, processes: tuple[Place, ...]) -> NDArray[np.int64]:
    """L[p][q]: the least logical time (ns) in which anything that happens in process p can matter in process q.

    The shortest link between their nodes, or the shortest way over other processes; on the diagonal, the shortest way
    out and back. Raises LayoutError for a link without delay.
    """
    import numpy as np

    count = len(processes)
    direct = np.full((count, count), _FAR, np.int64)
    for p in processes:
        for q in processes:
            if p is not q:
                direct[p.index, q.index] = _shortest(plan, p, q)
    for middle in range(count):
        np.minimum(direct, direct[:, middle, None] + direct[None, middle, :], out=direct)
    return direct


def shortest_link(plan: Plan, processes: tuple[Place, ...]) -> int | None:
    """The least delay of a link between two processes (ns); None where there is only one process."""
    links = [
        _shortest(plan, p, q) for p in processes for q in processes if p is not q and not set(p.nodes) & set(q.nodes)
    ]
    return min(links, default=None)


def _shortest(plan: Plan, p: Place, q: Place) -> int:
    network = plan.network
    least = _FAR
    for a in p.nodes:
        for b in q.nodes:
            if a == b:  # a crash: the successor may go on as soon as it has happened
                least = min(least, 1 if p.incarnation < q.incarnation else _FAR)
                continue
            delay = network.minimum(a, b)
            if delay <= 0:
                raise LayoutError(
                    f"the link from {network.names[a]} to {network.names[b]} has no delay, and the two nodes are in "
                    "different processes: give it a delay, or put both into one process with "
                    "emulation.nodes_per_process"
                )
            least = min(least, delay)
    return least
