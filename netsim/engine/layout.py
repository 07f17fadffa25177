"""Which process holds which node, and how long a process may run ahead of the others.

A process that holds one node is killed with it (SIGKILL), and another takes the node over. That successor is started
with the run: it listens to every outbox from the beginning, so nothing that is in flight over the crash is missed, and
it has nothing of the node but what was persisted.
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
_FEW = 32  # up to so many nodes get a process each


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
    found: list[Place] = []
    for nodes in groups:
        if len(nodes) == 1:
            ends = plan.lives[nodes[0]][0][1] is not None
            found.append(Place(len(found), network.names[nodes[0]], nodes, ends_with_crash=ends))
        else:
            name = f"{network.names[nodes[0]]} … {network.names[nodes[-1]]}"
            found.append(Place(len(found), name, nodes))
    for place in [place for place in found if place.ends_with_crash]:
        (node,) = place.nodes
        lives = plan.lives[node]
        for incarnation, (_, crash) in enumerate(lives, 1):
            if crash is None:
                break
            ends = incarnation < len(lives) and lives[incarnation][1] is not None
            name = f"{network.names[node]} (restart {incarnation})"
            found.append(Place(len(found), name, (node,), incarnation, crash, ends))
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
