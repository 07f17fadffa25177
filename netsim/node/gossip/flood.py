"""Flood: copies along every edge of the overlay.

The author sends a copy to each of its neighbours; on first receipt a node forwards at once to all its neighbours but
the one that it came from. A copy goes along every edge at most once per direction, so that a broadcast over a connected
graph of N nodes and E edges costs exactly 2E − (N − 1) messages, and arrives everywhere along the shortest path in
time. So does it as a whole (`FloodBulk`): first arrivals are the shortest paths, whatever the order of events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from netsim.node.gossip.bulk import NEVER, Bulk, Links, Spread, Traffic
from netsim.node.gossip.memory import MEMORY, Memory
from netsim.node.gossip.strategy import Host, Strategy
from netsim.node.message import Message

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class FloodBulk(Bulk):
    """A flood as a shortest-path problem.

    A node sends its copies when it has checked the first that arrived, so the first arrival at j is the least, over its
    neighbours i, of i's first arrival + i's check + the delay of i's copy to j: relaxed along all edges at once until
    nothing changes (Bellman 1958; as many rounds as the longest path has hops). Of copies that arrive at the same time
    the event order takes the one with the lower sender first. What arrives later is counted, and changes nothing.
    """

    def spread(
        self, links: Links, origin: int, at: int, message: Message, sequences: NDArray[np.int64], verify: int
    ) -> Spread:
        """See `Bulk.spread`."""
        import numpy as np

        sources, targets = links.sources, links.targets
        count = len(sequences)
        ways = links.delays(sequences, message.size)
        if verify:
            ways += np.where(sources == origin, 0, verify)
        times = np.full(count, NEVER, np.int64)
        times[origin] = at
        senders = np.full(count, -1)
        if not len(sources):
            return Spread(times, senders, np.zeros(count, np.int64), [], at)
        while True:
            arrivals = times.take(sources)
            arrivals += ways
            first = np.minimum(links.least(arrivals), times)
            if (first == times).all():
                break
            times = first
        decisive = np.flatnonzero(arrivals == links.at_targets(times))[::-1]
        edges = np.full(count, -1)
        edges[targets[decisive]] = decisive  # the last one written stays: the one of the lowest sender
        learners = np.flatnonzero(edges >= 0)
        edges = edges[learners]
        senders[learners] = sources[edges]
        # Who is reached sends along all its edges, but back along the one that brought the message.
        arrivals[links.back[edges]] = at
        sent = links.degrees.copy()
        reached = times < NEVER
        if not reached.all():
            arrivals = arrivals[reached[sources]]
            sent[~reached] = 0
        delivered = sent - np.bincount(senders[learners], minlength=count)
        sent[learners] -= 1
        repeated = delivered.copy()
        repeated[learners] -= 1
        traffic = Traffic(message.tag, message.size, sent, delivered, repeated)
        end = int(arrivals.max(initial=at))
        return Spread(times, senders, (sent > 0).astype(np.int64), [traffic], end)


class Flood(Strategy):
    """Forwards what is new to all neighbours but the one that it came from."""

    bulk: ClassVar[type[Bulk] | None] = FloodBulk

    def __init__(self, host: Host, parameters: Mapping[str, Any]) -> None:
        """`memory`: how many messages are surely remembered (16384)."""
        super().__init__(host, parameters)
        self._known = Memory(parameters.get("memory", MEMORY))
        self._send = host.send
        self.on_peers()

    def on_peers(self) -> None:
        self._peers = tuple(self.host.peers)
        self._peers_but: dict[int, tuple[int, ...]] = {}  # by sender, made when one first sends something new

    def broadcast(self, message: Message) -> None:
        self._known.add(message)
        if self._peers:
            self._send(self._peers, message)

    def seen(self, message: Message) -> bool:
        return message.digest in self._known

    def passed(self, message: Message) -> None:
        self._known.add(message)

    def relay(self, sender: int, message: Message) -> None:
        self._known.add(message)
        onward = self._peers_but.get(sender)
        if onward is None:
            onward = self._peers_but[sender] = tuple(peer for peer in self._peers if peer != sender)
        if onward:
            self._send(onward, message)
