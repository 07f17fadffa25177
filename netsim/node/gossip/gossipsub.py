"""Gossipsub v1.1: copies along a mesh of bounded degree, and gossip about them beyond it.

The libp2p project's specifications "gossipsub v1.0" and "gossipsub v1.1" (github.com/libp2p/specs, pubsub/gossipsub).
The words are theirs.

Theory of operation
===================

Every kind of message is a topic, and everybody subscribes to it. A node's mesh is a set of some D of its neighbours; a
link is in the meshes of both its ends.

    start           GRAFT to D random neighbours, which are in the mesh from then on
    own message     to all neighbours (`flood_publish`), or to the mesh
    first receipt   to the mesh, but not back to the sender
    GRAFT           who sent it is in the mesh. It is refused, with PRUNE, during the backoff, which begins again, and
                    by a node that has D_hi in its mesh, unless the link is outbound
    PRUNE           who sent it is not in the mesh any more, and is not grafted for the backoff that it names (1 min)
    heartbeat       every second, each node at a random phase of its own:
                      fewer than D_lo in the mesh: GRAFT to random neighbours, up to D
                      more than D_hi: keep D of them, at random but D_out outbound links; PRUNE to the others
                      fewer than D_out outbound links: GRAFT to some
                      IHAVE with the messages of the last `mcache_gossip` heartbeats to random neighbours outside the
                      mesh: a share `gossip_factor` of them, and D_lazy at least
                      forget the messages that are `mcache_len` heartbeats old
    IHAVE           of a message that was not seen: IWANT to who announced it; if it has not come after the follow-up
                    time (3 s, looked at by the heartbeat), to the next who did
    IWANT           the messages that are still here, each up to 3 times to the same neighbour

A settled mesh with M links carries a broadcast of N nodes in 2M − (N − 1) copies, so a node gets d − 2 duplicates where
d is the mean degree in the mesh, which lies between D and D_hi; flooding one's own messages adds the author's links
outside it. Where a mesh is cut, gossip bridges it within heartbeats. An overlay with fewer neighbours than D_lo is all
mesh. Neighbours of a hub that has more than D_hi may be in nobody's mesh: they live by gossip alone, and each heartbeat
tells but a share of them, so that some miss a message for good (0.42 of them, says the specification, after three
heartbeats).

Gossip goes beyond the mesh only. So what is lost on a link between two meshes is made good by the other links of the
receiver; a node with a single neighbour has none. The specification relies on streams, which lose nothing.

What is left out, and why
    Scores, and with them D_score, opportunistic grafting, thresholds and graylists: neighbours that behave all score
    alike, and then the choice is a random one.
    Peer exchange and discovery: neighbours are the scenario's overlay.
    Fanout: it is for those who publish without subscribing. A node with an empty mesh publishes to D random neighbours.
    Direct peers and piggybacking: agreements that the scenario does not know, and bytes saved.
What is added
    A connection has somebody who dialled it, a link of the overlay has not: here, of two nodes the lower number did if
    the sum of both is even. So about half of a node's links are outbound.
    Nobody is told that a neighbour has crashed and has come back without its mesh. IHAVE from a member of the mesh
    shows it (gossip is for others), and GRAFT is sent again.

Presets: `libp2p` holds the defaults of go-libp2p-pubsub (D_lo is 5 there, 4 in the specification of v1.0), `ethereum`
those of the consensus layer (github.com/ethereum/consensus-specs, specs/phase0/p2p-interface.md, "The gossip domain");
what that does not name (D_out, the factor, flood publishing) is libp2p's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec

from netsim.node.fields import Digest, Natural
from netsim.node.gossip.strategy import Host, Strategy
from netsim.node.message import Control, Message

HEARTBEAT = "heartbeat"  # the timer
# Of go-libp2p-pubsub, for all presets.
MAX_IHAVE_LENGTH = 5000  # messages that are announced in one IHAVE, and asked of one neighbour between two heartbeats
MAX_IHAVE_MESSAGES = 10  # IHAVEs of one neighbour that are read between two heartbeats
RETRANSMISSIONS = 3  # how often one neighbour gets the same message by IWANT

_Item = TypeVar("_Item")

Digests = Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_IHAVE_LENGTH)]


class Graft(Control, frozen=True, tag=212):
    """The receiver is in its sender's mesh."""

    def __str__(self) -> str:
        return "Graft"


class Prune(Control, frozen=True, tag=215):
    """The receiver is not in its sender's mesh, and need not ask before the backoff is over."""

    backoff: Natural  # ns

    def __str__(self) -> str:
        return f"Prune for {self.backoff // 1_000_000} ms"


class IHave(Control, frozen=True, tag=218):
    """Its sender has seen these messages lately."""

    messages: Digests

    def __str__(self) -> str:
        return " ".join(("IHave", *(digest[:2].hex() for digest in self.messages)))


class IWant(Control, frozen=True, tag=221):
    """Send me these messages."""

    messages: Digests

    def __str__(self) -> str:
        return " ".join(("IWant", *(digest[:2].hex() for digest in self.messages)))


class Promise:
    """A message that was asked for and is not here."""

    __slots__ = ("announcers", "asked", "due")

    def __init__(self, announcer: int, due: int) -> None:
        self.announcers = [announcer]  # in the order in which they said that they have it
        self.asked = 1  # how many of them were asked
        self.due = due  # when it is broken, on this node's clock


class Gossipsub(Strategy):
    """A mesh, gossip beyond it, and a heartbeat that keeps both in order."""

    messages: ClassVar[tuple[type[Control], ...]] = (Graft, Prune, IHave, IWant)

    def __init__(self, host: Host, parameters: Mapping[str, Any]) -> None:
        """Times are in ns. Bounds that contradict each other give way to `degree`, `mcache_gossip` to `mcache_len`."""
        super().__init__(host, parameters)
        self._degree: int = parameters["degree"]
        self._low: int = min(parameters["degree_low"], self._degree)
        self._high: int = max(parameters["degree_high"], self._degree)
        self._out: int = min(parameters["degree_out"], self._degree // 2)
        self._lazy: int = parameters["degree_lazy"]
        self._heartbeat: int = parameters["heartbeat"]
        self._gossiped: int = min(parameters["mcache_gossip"], parameters["mcache_len"])
        self._factor: float = parameters["gossip_factor"]
        self._seen_ttl: int = parameters["seen_ttl"]
        self._flood: bool = parameters["flood_publish"] == "yes"
        self._prune_backoff: int = parameters["prune_backoff"]
        self._followup: int = parameters["followup"]

        self._rng = host.rng
        self._send = host.send
        self._topic = host.topic
        self._members: set[int] = set()
        self._backoff: dict[int, int] = {}  # by neighbour: until when it is not grafted
        self._cache: dict[bytes, Message] = {}  # the mcache
        self._windows: deque[list[bytes]] = deque([[] for _ in range(parameters["mcache_len"])])  # latest first
        self._served: dict[bytes, dict[int, int]] = {}  # of it, how often each neighbour got a message by IWANT
        self._young: set[bytes] = set()  # what was seen since the turn, and what between the last two
        self._old: set[bytes] = set()
        self._turn = host.now + self._seen_ttl
        self._promises: dict[bytes, Promise] = {}
        self._heard: dict[int, int] = {}  # IHAVEs of each neighbour since the heartbeat
        self._asked: dict[int, int] = {}  # messages asked of each neighbour since the heartbeat
        self.on_peers()

    @property
    def mesh(self) -> tuple[int, ...]:
        """The neighbours that get every message at once."""
        return self._mesh

    def start(self) -> None:
        self._graft(self._some(self._peers, self._degree))
        self.host.set_timer(HEARTBEAT, 1 + self._rng.randrange(self._heartbeat))

    def on_peers(self) -> None:
        self._peers = tuple(self.host.peers)
        self._neighbours = frozenset(self._peers)
        self._members.intersection_update(self._peers)
        self._sort()

    def broadcast(self, message: Message) -> None:
        self._remember(message)
        to = self._peers if self._flood else self._mesh or self._some(self._peers, self._degree)
        if to:
            self._send(to, message)

    def seen(self, message: Message) -> bool:
        digest = message.digest
        return digest in self._young or digest in self._old

    def repeated(self, sender: int, message: Message) -> None:
        if not self.seen(message):  # this node's own words, from before a crash
            self._remember(message)

    def relay(self, sender: int, message: Message) -> None:
        self._remember(message)
        onward = self._onward.get(sender)
        if onward is None:
            onward = self._onward[sender] = tuple(peer for peer in self._mesh if peer != sender)
        if onward:
            self._send(onward, message)

    def on_control(self, sender: int, message: Control) -> None:
        if sender not in self._neighbours:
            return  # it was one when it said so
        if isinstance(message, IHave):
            self._on_i_have(sender, message)
        elif isinstance(message, IWant):
            self._on_i_want(sender, message)
        elif isinstance(message, Graft):
            self._on_graft(sender)
        elif isinstance(message, Prune):
            self._backoff[sender] = self.host.now + message.backoff
            if sender in self._members:
                self._members.remove(sender)
                self._sort()

    def on_timer(self, name: str) -> None:
        now = self.host.now
        self._heard.clear()
        self._asked.clear()
        self._backoff = {peer: until for peer, until in self._backoff.items() if until > now}
        self._maintain()
        self._chase(now)
        self._gossip()
        self._shift(now)
        self.host.set_timer(HEARTBEAT, self._heartbeat)

    # ------------------------------------------------------------------------------------------------------ the mesh

    def _maintain(self) -> None:
        """Keep the mesh within its bounds."""
        size = len(self._mesh)
        if size < self._low:
            self._graft(self._some(self._candidates(), self._degree - size))
        elif size > self._high:
            kept = list(self._mesh)
            self._rng.shuffle(kept)
            first = [peer for peer in kept if self._outbound(peer)][: self._out]
            kept = [*first, *(peer for peer in kept if peer not in first)]
            self._prune(kept[self._degree :])
        lacking = self._out - sum(map(self._outbound, self._mesh))
        if lacking > 0 and len(self._mesh) >= self._low:
            self._graft(self._some([peer for peer in self._candidates() if self._outbound(peer)], lacking))

    def _candidates(self) -> list[int]:
        """Neighbours that may be grafted."""
        return [peer for peer in self._peers if peer not in self._members and peer not in self._backoff]

    def _outbound(self, peer: int) -> bool:
        """Whether this node dialled the connection."""
        me = self.host.me
        return (me < peer) == ((me + peer) % 2 == 0)

    def _graft(self, peers: Sequence[int]) -> None:
        if peers:
            self._members.update(peers)
            self._sort()
            self._send(peers, Graft(self._topic))

    def _prune(self, peers: Sequence[int]) -> None:
        self._members.difference_update(peers)
        self._sort()
        self._backoff.update(dict.fromkeys(peers, self.host.now + self._prune_backoff))
        self._send(peers, Prune(self._topic, self._prune_backoff))

    def _on_graft(self, sender: int) -> None:
        if sender in self._members:
            return
        full = len(self._mesh) >= self._high and not self._outbound(sender)
        if full or self._backoff.get(sender, 0) > self.host.now:
            self._prune((sender,))
        else:
            self._members.add(sender)
            self._sort()

    def _sort(self) -> None:
        """The mesh in the overlay's order."""
        self._mesh = tuple(peer for peer in self._peers if peer in self._members)
        self._onward: dict[int, tuple[int, ...]] = {}  # by whom a message came from: whom it goes on to

    def _some(self, items: Sequence[_Item], count: int) -> Sequence[_Item]:
        """So many of them at random, or all."""
        return self._rng.sample(items, count) if count < len(items) else items

    # --------------------------------------------------------------------------------------------- gossip beyond it

    def _gossip(self) -> None:
        """Announce the latest messages to some neighbours outside the mesh."""
        latest = [digest for window in islice(self._windows, self._gossiped) for digest in window]
        if not latest:
            return
        others = [peer for peer in self._peers if peer not in self._members]
        chosen = self._some(others, max(self._lazy, int(self._factor * len(others))))
        if chosen:
            self._send(chosen, IHave(self._topic, tuple(self._some(latest, MAX_IHAVE_LENGTH))))

    def _on_i_have(self, sender: int, message: IHave) -> None:
        self._heard[sender] = heard = self._heard.get(sender, 0) + 1
        if heard > MAX_IHAVE_MESSAGES:
            return
        if sender in self._members:
            self._send(sender, Graft(self._topic))
        due = self.host.now + self._followup
        left = MAX_IHAVE_LENGTH - self._asked.get(sender, 0)
        wanted: list[bytes] = []
        for digest in message.messages:
            if digest in self._young or digest in self._old:
                continue
            promise = self._promises.get(digest)
            if promise is None:
                if len(wanted) < left:
                    self._promises[digest] = Promise(sender, due)
                    wanted.append(digest)
            elif sender not in promise.announcers:
                promise.announcers.append(sender)
        self._want(sender, wanted)

    def _chase(self, now: int) -> None:
        """Where a promise is broken, ask the next who made it."""
        asked: dict[int, list[bytes]] = {}
        for digest, promise in list(self._promises.items()):
            if promise.due > now:
                continue
            if promise.asked == len(promise.announcers):
                del self._promises[digest]  # whoever announces it next is asked
                continue
            asked.setdefault(promise.announcers[promise.asked], []).append(digest)
            promise.asked += 1
            promise.due = now + self._followup
        for peer, digests in asked.items():
            self._want(peer, digests[:MAX_IHAVE_LENGTH])

    def _want(self, peer: int, digests: Sequence[bytes]) -> None:
        if digests and peer in self._neighbours:
            self._asked[peer] = self._asked.get(peer, 0) + len(digests)
            self._send(peer, IWant(self._topic, tuple(digests)))

    def _on_i_want(self, sender: int, message: IWant) -> None:
        for digest in message.messages:
            known = self._cache.get(digest)
            if known is not None:
                served = self._served.setdefault(digest, {})
                served[sender] = times = served.get(sender, 0) + 1
                if times <= RETRANSMISSIONS:
                    self._send(sender, known)

    # --------------------------------------------------------------------------------------------------- the caches

    def _remember(self, message: Message) -> None:
        digest = message.digest
        self._young.add(digest)
        if digest not in self._cache:
            self._cache[digest] = message
            self._windows[0].append(digest)
        self._promises.pop(digest, None)

    def _shift(self, now: int) -> None:
        """Begin a new window; forget what is too old. A message counts as seen for one to two times `seen_ttl`."""
        for digest in self._windows.pop():
            del self._cache[digest]
            self._served.pop(digest, None)
        self._windows.appendleft([])
        if now >= self._turn:
            self._old, self._young = self._young, set()
            self._turn = now + self._seen_ttl
