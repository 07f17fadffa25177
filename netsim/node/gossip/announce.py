"""Announce: a message goes only to those who ask for it, once. Bitcoin's relay before compact blocks.

A node that has accepted a message (its signature is right) announces its digest to all neighbours that are not known to
have it: those that announced it themselves, or sent it, or asked for it. Who hears of a message that it lacks asks the
first that announced it, and gets it: three delays a hop, 1.5 round trips, and N − 1 copies of the message itself over
any connected overlay.

Bitcoin's timing is two waits. `trickle`: a node collects for so long what it announces together. `request_delay`:
likewise what it asks for. Both run from the arrival on, while the signature is being checked.

An announcer that does not answer within `timeout` is passed over for the next one (Bitcoin Core's GETDATA_TX_INTERVAL
is 60 s), each of them asked twice at most. Beyond Bitcoin, which leaves it to TCP, a neighbour that gives no sign of
having a message is told again after `timeout`, `repeat` times, so that no single loss cuts anybody off.

Liars cost little: one neighbour has at most `MOST_CLAIMS` announcements outstanding that nobody fulfilled, and
a message that was promised and turns out forged is asked of the next announcer when its time is over.

As a whole, where nothing is told twice and nothing costs a node time, a broadcast is a small queueing problem
(`AnnounceBulk`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec

from netsim.node.fields import Digest
from netsim.node.gossip.bulk import Bulk, Links, Spread, Traffic
from netsim.node.gossip.memory import Memory
from netsim.node.gossip.strategy import Host, Strategy
from netsim.node.gossip.waiting import Waiting
from netsim.node.message import Control, Message

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_DIGESTS = 1000  # in one message (Bitcoin Core's MAX_GETDATA_SZ)
MOST_CLAIMS = 5000  # of one neighbour (Bitcoin Core's MAX_PEER_TX_ANNOUNCEMENTS)
_ASKED_EACH = 2  # times, before a message is given up until somebody announces it again

Digests = Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MOST_DIGESTS)]


class Announcement(Control, frozen=True, tag=128):
    """Its sender has these messages (Bitcoin's inv)."""

    digests: Digests

    def __str__(self) -> str:
        return f"Announcement{_short(self.digests)}"


class Request(Control, frozen=True, tag=131):
    """Its sender wants these messages (Bitcoin's getdata)."""

    digests: Digests

    def __str__(self) -> str:
        return f"Request{_short(self.digests)}"


class Wanted:
    """A message that is announced and not here."""

    __slots__ = ("announcers", "asked", "questions", "turns")

    def __init__(self) -> None:
        self.announcers: list[int] = []  # in the order in which they announced it
        self.asked = -1  # who was asked last
        self.turns = 0  # how often it was an announcer's turn to be asked
        self.questions = 0  # how many were sent; the latest is the one that counts


class AnnounceBulk(Bulk):
    """One broadcast as a queueing problem over all nodes at once.

    A node asks the first that announces it, `request_delay` later; the holder sends it when the question has come, and
    when the block before has arrived if it sends one at a time; `trickle` after it has come the node announces it to
    the neighbours whose own announcements have not come until then. So a node's numbers are: its question, its
    announcement, its answers.

    Everything follows from when each node gets the message, and this from when its neighbours got it: repeated for all
    nodes together until nothing changes. There is one solution, since times only depend on earlier ones, and what
    depends on the n earliest times only is right after n rounds at the latest; there are about as many as the longest
    way has hops. At one time things come in the order of events: arrivals by sender, then timers.
    """

    def possible(self, links: Links, free: bool) -> bool:
        return free and self.parameters["repeat"] == 0

    def spread(
        self, links: Links, origin: int, at: int, message: Message, sequences: NDArray[np.int64], verify: int
    ) -> Spread | None:
        """See `Bulk.spread`; None also where somebody is not reached, or after days."""
        import numpy as np

        trickle, request_delay = self.parameters["trickle"], self.parameters["request_delay"]
        announcement = Announcement(self.topic, (message.digest,))
        request = Request(self.topic, (message.digest,))
        count, size = len(sequences), message.size
        numbers = sequences + 1  # of the announcements: the question comes before, but at the origin
        numbers[origin] -= 1
        announced = links.delays(numbers, announcement.size)
        requested = links.delays(sequences, request.size)[links.back]  # by the edge that the announcement came along
        solved = self._solve(links, origin, size, announced + trickle, requested + request_delay, numbers + 1)
        if solved is None:
            return None
        times, told, heard = solved
        found = np.full(count, -1)
        learners = np.flatnonzero(np.arange(count) != origin)
        found[learners] = links.sources[told]
        if (times[learners] - heard >= self.parameters["timeout"] + request_delay).any():
            return None  # it would have asked somebody else
        telling = times + trickle
        told_at = telling[links.sources]
        came = told_at + announced  # along each edge, if it is sent
        back = came[links.back]
        in_time = back < told_at if not trickle else back <= told_at
        if not trickle:  # the announcement and the block came at once: by sender
            in_time |= (back == told_at) & (links.targets < found[links.sources])
        under_way = ~in_time
        sent, received = links.count(under_way[links.back]), links.count(under_way)
        end = max(int(telling.max()), int((came * under_way).max()))
        learnt = (found >= 0).astype(np.int64)
        answers = np.bincount(found[learners], minlength=count)
        nobody = np.zeros(count, np.int64)
        traffic = [
            Traffic(announcement.tag, announcement.size, sent, received, nobody),
            Traffic(request.tag, request.size, learnt, answers, nobody),
            Traffic(message.tag, size, answers, learnt, nobody),
        ]
        return Spread(times + at, found, learnt + (sent > 0) + answers, traffic, end + at)

    @staticmethod
    def _solve(
        links: Links,
        origin: int,
        size: int,
        announced: NDArray[np.int64],
        requested: NDArray[np.int64],
        first: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None:
        """When each node gets the message (ns after the origin has it), and, of all but the origin in order, along
        which edge it first heard of it, and when.

        `announced`, by edge: from getting the message to its announcement's arrival; `requested`, by edge: from there
        to the question's arrival at the announcer; `first`, by node: the number of its first answer.
        """
        import numpy as np

        sources, count, edges = links.sources, len(first), len(links.sources)
        # An announcement is its time and its edge in one number, so the least is the first, of the lowest sender; a
        # question is whom it goes to and its time: sorted, they are the lines at the holders.
        bits = edges.bit_length()
        below = 61 - bits  # bits for a time, at most
        never = 1 << below
        announcements = (np.minimum(announced, never) << bits) + np.arange(edges)
        questions = (sources << below) + requested
        longest = int(requested.max())
        serial = links.serial if size > links.packet and links.serial.any() else None
        places = np.arange(count)
        times = np.full(count, never)
        times[origin] = 0
        earliest = times
        while True:
            before = earliest
            earliest = links.least((times << bits)[sources] + announcements)
            earliest[origin] = never << bits  # nothing is news to it
            if np.array_equal(before, earliest):
                break
            nodes = np.flatnonzero(earliest < never << bits)
            if not len(nodes):
                return None
            told = earliest[nodes] & (1 << bits) - 1
            heard = earliest[nodes] >> bits
            if int(heard.max()) + longest >= never:
                return None
            asked = questions[told] + heard
            line = np.argsort(asked, kind="stable")
            asked = asked[line]
            holders = asked >> below
            firsts = places[: len(line)].copy()
            firsts[1:][holders[1:] == holders[:-1]] = 0
            numbers = first[holders] + places[: len(line)] - np.maximum.accumulate(firsts)
            works = links.delays_along(told[line], numbers, size)
            arrivals = asked + works
            if serial is not None:
                # One after the other at each holder: an answer arrives when all works since the holder was last idle
                # are done. With the works W added up over all lines that is W_n + max over m ≤ n of
                # (asked_m − W_(m−1)): the times of each line are far above those of the lines before it.
                done = np.cumsum(works)
                if int(heard.max()) + longest + int(done[-1]) >= never:
                    return None
                waited = np.maximum.accumulate(arrivals - done) + done
                arrivals = np.where(serial[holders], waited, arrivals)
            times[nodes[line]] = np.minimum(arrivals - (holders << below), never)
        if len(nodes) < count - 1 or int(times.max()) >= never:
            return None
        return times, told, heard


class Announce(Strategy):
    """Announces what is new to those that may lack it, and asks for what it lacks."""

    bulk: ClassVar[type[Bulk] | None] = AnnounceBulk
    messages: ClassVar[tuple[type[Control], ...]] = (Announcement, Request)

    def __init__(self, host: Host, parameters: Mapping[str, Any]) -> None:
        """`trickle`, `request_delay`, `timeout` (ns), `repeat`."""
        super().__init__(host, parameters)
        self._trickle: int = parameters["trickle"]
        self._request_delay: int = parameters["request_delay"]
        self._repeat: int = parameters["repeat"]
        self._known = Memory()
        self._wanted: dict[bytes, Wanted] = {}
        self._claims: Counter[int] = Counter()  # by neighbour: how many of the wanted it announced
        self._holders: dict[bytes, set[int]] = {}  # of what is here and to be told: who has it, as far as is known
        self._unasked: dict[bytes, Collection[int]] = {}  # of what is to be announced: who was sent it instead
        self._to_announce: list[bytes] = []
        self._to_ask: list[bytes] = []
        self._unanswered: Waiting[tuple[bytes, int]] = Waiting(host, "answer", parameters["timeout"])
        self._silent: Waiting[tuple[bytes, int]] = Waiting(host, "repeat", parameters["timeout"])
        self.on_peers()

    def on_peers(self) -> None:
        self._peers: Sequence[int] = tuple(self.host.peers)

    # --------------------------------------------------------------------------------------- what is here is announced

    def broadcast(self, message: Message) -> None:
        self._known.add(message)
        self._tell(message, set())

    def seen(self, message: Message) -> bool:
        return message.digest in self._known

    def relay(self, sender: int, message: Message) -> None:
        self._known.add(message)
        wanted = self._forget(message.digest)
        holders = set(wanted.announcers) if wanted else set()
        holders.add(sender)
        self._tell(message, holders)

    def passed(self, message: Message) -> None:
        self._known.add(message)

    def repeated(self, sender: int, message: Message) -> None:
        if message.digest not in self._known:  # this node's own words, from before a crash
            self._known.add(message)
            self._forget(message.digest)
        self._has(sender, message.digest)

    def _tell(self, message: Message, holders: set[int]) -> None:
        """Let the neighbours know of a message that is new here."""
        digest = message.digest
        self._holders[digest] = holders
        self._unasked[digest] = self._send_unasked(message, holders)
        if not self._trickle:
            self._announce([digest], self._repeat)
            return
        if not self._to_announce:
            self.host.set_timer("announce", self._trickle)
        self._to_announce.append(digest)

    def _send_unasked(self, message: Message, holders: Collection[int]) -> Collection[int]:
        """Send a message to the neighbours that want it without having asked for it; here there are none."""
        return ()

    def _announce(self, digests: Sequence[bytes], repeat: int) -> None:
        """Announce to each neighbour what it may lack, and `repeat` times again what it does not react to."""
        lacked: dict[tuple[bytes, ...], list[int]] = {}
        told = [
            (digest, self._holders[digest], self._unasked.pop(digest, ()))
            for digest in digests
            if digest in self._holders
        ]
        for peer in self._peers:
            news = tuple(digest for digest, holders, sent in told if peer not in holders and peer not in sent)
            if news:
                lacked.setdefault(news, []).append(peer)
        for news, peers in lacked.items():
            for part in _parts(news):
                self.host.send(peers, Announcement(self.host.topic, part))
        for digest, _, _ in told:
            if repeat:
                self._silent.add((digest, repeat - 1))
            else:
                del self._holders[digest]

    def _has(self, peer: int, digest: bytes) -> None:
        """A neighbour has shown that it has a message, or soon will."""
        holders = self._holders.get(digest)
        if holders is not None:
            holders.add(peer)

    # ------------------------------------------------------------------------------------ what is not here is asked for

    def on_control(self, sender: int, message: Control) -> None:
        if isinstance(message, Announcement):
            self._on_announcement(sender, message.digests)
        elif isinstance(message, Request):
            for digest in dict.fromkeys(message.digests):
                self._has(sender, digest)
                asked = self._known.get(digest)
                if asked is not None:
                    self._answer(sender, asked)

    def _answer(self, to: int, message: Message) -> None:
        """Send a message to a node that has asked for it."""
        self.host.send(to, message)

    def _on_announcement(self, sender: int, digests: Iterable[bytes]) -> None:
        news = []
        for digest in digests:
            if digest in self._known:
                self._has(sender, digest)
                continue
            known = digest in self._wanted
            if self._claim(sender, digest) is not None and not known:
                news.append(digest)
        if not news:
            return
        if not self._request_delay:
            self._ask(news)
            return
        if not self._to_ask:
            self.host.set_timer("ask", self._request_delay)
        self._to_ask += news

    def _claim(self, sender: int, digest: bytes) -> Wanted | None:
        """Note that a node has a message that is not here; None where it claims too much."""
        wanted = self._wanted.get(digest)
        if wanted is not None and sender in wanted.announcers:
            return wanted
        if self._claims[sender] >= MOST_CLAIMS:
            return None
        if wanted is None:
            wanted = self._wanted[digest] = Wanted()
        wanted.announcers.append(sender)
        self._claims[sender] += 1
        return wanted

    def _ask(self, digests: Iterable[bytes]) -> None:
        """Ask for messages, each of the next that announced it; give up those for which all were asked in vain."""
        questions: dict[int, list[bytes]] = {}
        for digest in digests:
            wanted = self._wanted.get(digest)
            if wanted is None:
                continue
            if wanted.turns >= _ASKED_EACH * len(wanted.announcers):
                self._forget(digest)
                continue
            announcer = wanted.announcers[wanted.turns % len(wanted.announcers)]
            wanted.turns += 1
            self._await(announcer, digest, wanted)
            questions.setdefault(announcer, []).append(digest)
        for announcer, wished in questions.items():
            for part in _parts(tuple(wished)):
                self.host.send(announcer, Request(self.host.topic, part))

    def _await(self, announcer: int, digest: bytes, wanted: Wanted) -> None:
        """A node is asked for a message: it has until the timeout to answer."""
        wanted.asked = announcer
        wanted.questions += 1
        self._unanswered.add((digest, wanted.questions))

    def _forget(self, digest: bytes) -> Wanted | None:
        """A message is wanted no more."""
        wanted = self._wanted.pop(digest, None)
        if wanted is not None:
            self._claims.subtract(wanted.announcers)
        return wanted

    def on_timer(self, name: str) -> None:
        if name == "announce":
            digests, self._to_announce = self._to_announce, []
            self._announce(digests, self._repeat)
        elif name == "ask":
            digests, self._to_ask = self._to_ask, []
            self._ask([digest for digest in digests if self._stands(digest, 0)])
        elif name == self._unanswered.name:
            self._ask([digest for digest, question in self._unanswered.due() if self._stands(digest, question)])
        elif name == self._silent.name:
            for digest, repeat in self._silent.due():
                self._announce([digest], repeat)

    def _stands(self, digest: bytes, question: int) -> bool:
        """Whether a message is still wanted, and nobody was asked for it since that question."""
        wanted = self._wanted.get(digest)
        return wanted is not None and wanted.questions == question


def _parts(digests: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
    """In parts that fit into a message each."""
    for first in range(0, len(digests), MOST_DIGESTS):
        yield digests[first : first + MOST_DIGESTS]


def _short(digests: Iterable[bytes]) -> str:
    """Digests as people read them."""
    return "".join(f" {digest[:2].hex()}" for digest in digests)
