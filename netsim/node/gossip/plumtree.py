"""Plumtree: copies along a tree that grows out of the duplicates, and repairs itself by what is announced beside it.

Leitão, Pereira and Rodrigues, "Epidemic Broadcast Trees", SRDS 2007. The words are those of the paper.

Theory of operation
===================

A node has eager peers and lazy peers among its neighbours in the overlay; at first all are eager.

    to eager peers      the message itself, at once, and before it IHAVE with its hop count
    to lazy peers       IHAVE, `lazy_delay` later, together with what else there is to announce by then
    on a duplicate      PRUNE to whom it came from (but see below); on both sides the other is lazy from then on
    on a first copy     whom it came from is eager
    on IHAVE            of a message that is not here: wait for `timeout`
    waited in vain      GRAFT to who announced it first: on both sides the other is eager, and the message is sent;
                        after `retry` to who announced it next, each of them twice at most
    on a first copy     that was announced earlier by somebody else who is nearer to the author, by `threshold` hops or
                        more: GRAFT to that one, PRUNE to whom it came from

The first broadcast is a flood; its duplicates cut every cycle of the overlay, so what is left is a spanning tree,
shared by all authors. A stable tree of N nodes over a connected overlay of E edges costs exactly N − 1 copies per
broadcast, and 2(E − N + 1) announcements or fewer beside the tree, for one IHAVE may name many messages.

Why everybody gets everything: whoever has a message has sent or announced it to each neighbour but the one it came
from. So as long as the overlay of those who are up is connected, a node without it has a neighbour that told it, and
asks. Losing any one message does not change this, for a copy and its IHAVE are two. Nobody is told that a neighbour has
crashed: its children miss the messages that it should have sent, and graft another. Copies to it go on until it is back
or the overlay says that it is gone.

Differences from the paper
    The hop count (its "round") travels in an IHAVE of its own before each copy, for messages are sent as they are;
    `threshold: none` saves it, with the optimisation. An IHAVE before a copy that is lost is as good as any other, and
    the only one where a node has no lazy peers.
    Not every duplicate prunes. Broadcasts that are under way at the same time cut a cycle at different links, and so
    apart; what is announced mends that by links that make new cycles, and where all validators vote at once the paper's
    rule never comes to rest. So of the messages that come within `timeout` only one prunes on average, the same one at
    all nodes, for its lot decides. Where all vote at once a tree is found after some timeouts and then kept. A
    message that has this time for itself always prunes: that is the paper's rule. Until the tree is found a message may
    have to be asked for, and a protocol that waits for it stands still for `timeout`.
    One GRAFT asks for all messages that are due from the same neighbour. A node that broadcasts again what it has
    already sent announces it instead, or all its neighbours would prune it. Before a lazy peer becomes eager it is told
    what waits to be announced to it.

`timeout` must be longer than a copy takes after its IHAVE, a large block on a thin link included; otherwise nodes graft
what is on its way, and prune again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec

from netsim.node.fields import Digest, Natural
from netsim.node.gossip.memory import Memory
from netsim.node.gossip.strategy import Host, Strategy
from netsim.node.message import Control, Message

Item = TypeVar("Item")

LAZY, MISSING = "lazy", "missing"  # the timers
UNKNOWN = 1 << 16  # hops from an author where nobody said how many: so many that nobody grafts for their sake
MOST_NAMED = 1000  # messages in one IHAVE or GRAFT
MOST_CLAIMS = 5000  # messages that one neighbour has announced first, and that are waited for
MOST_GIVEN = 3  # how often one neighbour gets the same message by GRAFT
GIFTS_REMEMBERED = 1 << 14


class IHave(Control, frozen=True, tag=200):
    """Its sender has these messages, each with the hops that it took from its author to the sender."""

    messages: Annotated[tuple[tuple[Digest, Natural], ...], msgspec.Meta(max_length=MOST_NAMED)]

    def __str__(self) -> str:
        return "IHave " + " ".join(f"{digest[:2].hex()} ({hops})" for digest, hops in self.messages)


class Graft(Control, frozen=True, tag=203):
    """Let the link between us be eager, and send me these messages."""

    messages: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MOST_NAMED)]

    def __str__(self) -> str:
        return " ".join(("Graft", *(digest[:2].hex() for digest in self.messages)))


class Prune(Control, frozen=True, tag=206):
    """Let the link between us be lazy."""

    def __str__(self) -> str:
        return "Prune"


class Missing:
    """A message that was announced and is not here."""

    __slots__ = ("announcers", "asked", "claimant", "due")

    def __init__(self, claimant: int, due: int) -> None:
        self.claimant = claimant  # who announced it first
        self.due = due  # when a neighbour is asked for it, on this node's clock
        self.announcers: dict[int, int] = {}  # with their hops from the author, in the order in which they said so
        self.asked = 0  # how often somebody was asked

    def next(self) -> int | None:
        """Whom to ask now; None when everybody was asked twice."""
        if self.asked >= 2 * len(self.announcers):
            return None
        self.asked += 1
        return list(self.announcers)[(self.asked - 1) % len(self.announcers)]


class Plumtree(Strategy):
    """Eager push along a tree, lazy push beside it."""

    messages: ClassVar[tuple[type[Control], ...]] = (IHave, Graft, Prune)

    def __init__(self, host: Host, parameters: Mapping[str, Any]) -> None:
        """`lazy_delay`, `timeout`, `retry` in ns; `threshold` in hops, None: the tree is not optimised."""
        super().__init__(host, parameters)
        self._lazy_delay: int = parameters["lazy_delay"]
        self._timeout: int = parameters["timeout"]
        self._retry: int = parameters["retry"]
        self._threshold: int | None = parameters["threshold"]
        self._send = host.send
        self._topic = host.topic
        self._known = Memory()
        self._missing: dict[bytes, Missing] = {}
        self._claims: Counter[int] = Counter()  # by neighbour: how many of them it claims to have
        self._alarm = 0  # when the timer for what is missing is due; 0: it is not set
        self._unsaid: list[tuple[bytes, int]] = []  # what the lazy peers have not been told yet
        self._given: dict[tuple[int, bytes], int] = {}  # how often a message was sent to a neighbour by GRAFT
        self._pruned: set[int] = set()  # the neighbours that are lazy
        self._came = 0  # how many messages since the turn, and how many in the `timeout` before it
        self._came_before = 0
        self._turn = 0
        self._sort()

    @property
    def eager(self) -> tuple[int, ...]:
        """The neighbours that get every message at once."""
        return self._eager

    @property
    def lazy(self) -> tuple[int, ...]:
        """The neighbours that are told what there is."""
        return self._lazy

    def on_peers(self) -> None:
        self._pruned.intersection_update(self.host.peers)
        self._sort()
        for missing in self._missing.values():
            for node in [node for node in missing.announcers if node not in self._neighbours]:
                del missing.announcers[node]

    def broadcast(self, message: Message) -> None:
        if message.digest in self._known:
            if self._neighbours:
                self._send(tuple(self.host.peers), IHave(self._topic, ((message.digest, 0),)))
            return
        self._forget(message.digest)
        self._push(self._eager, message, 0)

    def seen(self, message: Message) -> bool:
        return message.digest in self._known

    def relay(self, sender: int, message: Message) -> None:
        missing = self._forget(message.digest)
        hops = missing.announcers.get(sender, UNKNOWN) if missing else UNKNOWN
        if sender in self._pruned:
            self._be_eager(sender)
        onward = self._onward.get(sender)
        if onward is None:
            onward = self._onward[sender] = tuple(peer for peer in self._eager if peer != sender)
        self._push(onward, message, min(hops + 1, UNKNOWN))
        if self._threshold is not None and hops < UNKNOWN and missing and len(missing.announcers) > 1:
            self._optimise(sender, missing.announcers, self._threshold)

    def repeated(self, sender: int, message: Message) -> None:
        if message.digest not in self._known:  # this node's own words, from before a crash
            self._known.add(message)
            self._forget(message.digest)
        elif sender in self._neighbours and self._cuts(message):
            self._be_lazy(sender)
            self._send(sender, Prune(self._topic))

    def on_control(self, sender: int, message: Control) -> None:
        if sender not in self._neighbours:
            return  # it was one when it said so
        if isinstance(message, IHave):
            self._on_i_have(sender, message)
        elif isinstance(message, Graft):
            self._on_graft(sender, message)
        elif isinstance(message, Prune):
            self._be_lazy(sender)

    def on_timer(self, name: str) -> None:
        if name == LAZY:
            self._say()
        else:
            self._ask()

    # ------------------------------------------------------------------------------------------------------ pushing

    def _push(self, eager: tuple[int, ...], message: Message, hops: int) -> None:
        """Send what is new to the eager peers; let the lazy ones know."""
        self._known.add(message)
        self._count()
        announcement = message.digest, hops
        if eager:
            if self._threshold is not None:
                self._send(eager, IHave(self._topic, (announcement,)))
            self._send(eager, message)
        if self._lazy:
            self._unsaid.append(announcement)
            if not self._lazy_delay:
                self._say()
            elif len(self._unsaid) == 1:
                self.host.set_timer(LAZY, self._lazy_delay)

    def _count(self) -> None:
        """Count what comes for the first time within `timeout`."""
        since = self.host.now - self._turn
        if since >= self._timeout:
            self._came_before = self._came if since < 2 * self._timeout else 0
            self._came = 0
            self._turn += since
        self._came += 1

    def _cuts(self, message: Message) -> bool:
        """Whether the duplicates of a message prune: of one message in as many as come within `timeout`."""
        return int.from_bytes(message.lot[:4], "big") * max(self._came_before, self._came) < 1 << 32

    def _say(self) -> None:
        """Announce to the lazy peers what they have not been told yet."""
        if self._lazy and self._unsaid:
            for announced in _parts(self._unsaid):
                self._send(self._lazy, IHave(self._topic, announced))
        self._unsaid.clear()

    def _optimise(self, sender: int, announcers: Mapping[int, int], threshold: int) -> None:
        """Take the copies of a neighbour that is so much nearer to the author instead of the sender's."""
        nearest = min(announcers, key=announcers.__getitem__)
        if announcers[sender] - announcers[nearest] >= threshold and sender in self._neighbours:
            self._be_eager(nearest)
            self._send(nearest, Graft(self._topic, ()))
            self._be_lazy(sender)
            self._send(sender, Prune(self._topic))

    # ----------------------------------------------------------------------------------------------------- repairing

    def _on_i_have(self, sender: int, message: IHave) -> None:
        due = self.host.now + self._timeout
        for digest, hops in message.messages:
            if digest in self._known:
                continue
            missing = self._missing.get(digest)
            if missing is None:
                if self._claims[sender] >= MOST_CLAIMS:
                    break
                self._claims[sender] += 1
                missing = self._missing[digest] = Missing(sender, due)
                self._wake(due)
            missing.announcers.setdefault(sender, hops)

    def _forget(self, digest: bytes) -> Missing | None:
        """Do not wait for a message any more."""
        missing = self._missing.pop(digest, None)
        if missing:
            self._claims[missing.claimant] -= 1
        return missing

    def _ask(self) -> None:
        """Graft those who announced what should be here by now."""
        now = self.host.now
        self._alarm = 0
        asked: dict[int, list[bytes]] = {}
        for digest, missing in list(self._missing.items()):
            if missing.due <= now:
                node = missing.next()
                if node is None:
                    self._forget(digest)
                    continue
                asked.setdefault(node, []).append(digest)
                missing.due = now + self._retry
        for node, digests in asked.items():
            self._be_eager(node)
            for wanted in _parts(digests):
                self._send(node, Graft(self._topic, wanted))
        if self._missing:
            self._wake(min(missing.due for missing in self._missing.values()))

    def _wake(self, due: int) -> None:
        """Be woken at a time, if nothing wakes this node earlier."""
        if not self._alarm or due < self._alarm:
            self._alarm = due
            self.host.set_timer(MISSING, due - self.host.now)

    def _on_graft(self, sender: int, message: Graft) -> None:
        self._be_eager(sender)
        for digest in message.messages:
            known = self._known.get(digest)
            if known is None:
                continue
            if len(self._given) >= GIFTS_REMEMBERED:
                self._given.clear()
            given = self._given.get((sender, digest), 0)
            if given < MOST_GIVEN:
                self._given[sender, digest] = given + 1
                self._send(sender, known)

    # ------------------------------------------------------------------------------------------------------ the tree

    def _be_eager(self, peer: int) -> None:
        if peer in self._pruned:
            for announced in _parts(self._unsaid):  # it would never be told
                self._send(peer, IHave(self._topic, announced))
            self._pruned.remove(peer)
            self._sort()

    def _be_lazy(self, peer: int) -> None:
        if peer not in self._pruned:
            self._pruned.add(peer)
            self._sort()

    def _sort(self) -> None:
        """Tell eager from lazy peers, each in the overlay's order."""
        peers = self.host.peers
        self._neighbours = frozenset(peers)
        self._eager = tuple(peer for peer in peers if peer not in self._pruned)
        self._lazy = tuple(peer for peer in peers if peer in self._pruned)
        self._onward: dict[int, tuple[int, ...]] = {}  # by whom a message came from: whom it goes on to


def _parts(items: Sequence[Item]) -> Iterator[tuple[Item, ...]]:
    """As many as one message may name at a time."""
    for start in range(0, len(items), MOST_NAMED):
        yield tuple(items[start : start + MOST_NAMED])
