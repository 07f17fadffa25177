"""A network for tests of protocols: no engine, no delays of its own; what happens next is what the test says.

`Network` holds the participants and every message between them. A test delivers them one by one, in any order, loses
or doubles them, lets time pass, cuts links, kills nodes and starts them again; or it gives a delay and lets the
network run by itself.

`replay` runs a transcript: a text file of commands and, below each, everything that happened. A reader learns a
protocol from its transcripts; a change of behaviour shows as a difference in them. The form is that of etcd's raft.

    # comment
    submit 0 2
    deliver
    ----
    0->123 PrePrepare v0 h1 9f3a             a message that is delivered: from whom, to whom, what it says
      123 final h1 9f3a                      what that made the receivers do

With NETSIM_REWRITE=1 the files are written anew: inspect the difference, and keep it only if you understand it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from netsim import catalogue
from netsim.node.block import WINDOW_BITS, Batch, Block
from netsim.node.gossip.direct import Direct
from netsim.node.gossip.strategy import Strategy
from netsim.node.identity import Identities, KeyedHash
from netsim.node.message import MESSAGE_KINDS, Message, MessageKind
from netsim.node.participant import Choice, Participant, Settings
from netsim.node.pbft import PBFT
from netsim.node.pbft_messages import NewView, PrePrepare, short
from netsim.scenario.declared import read_parameter

MS = 1_000_000  # nanoseconds
PARAMETERS: dict[str, Any] = {
    "block_interval": 0,
    "spread": 0,
    "block_size": 1000,
    "timeout": 1000 * MS,
    "empty_blocks": "when-needed",
    "window": 1,
    "checkpoint": 100,
    "quorum": 0,
}


def settings(
    protocol: type[Any] = PBFT,
    gossip: type[Strategy] | Choice | Mapping[MessageKind, Choice] = Direct,
    **parameters: Any,
) -> Settings:
    """Settings with the parameters above where none are given. `gossip`: for all kinds of messages, or for each."""
    if isinstance(gossip, type):
        gossip = Choice(gossip, {})
    if isinstance(gossip, Choice):
        gossip = dict.fromkeys(MESSAGE_KINDS, gossip)
    chosen = {**PARAMETERS, **parameters}
    return Settings(protocol, chosen, gossip, chosen["block_size"])


def strategy(name: str, **parameters: Any) -> Choice:
    """A gossip strategy of the catalogue, with its declared defaults where no parameters are given."""
    entry = catalogue.find("gossip", name)
    assert entry is not None
    assert parameters.keys() <= {declared.name for declared in entry.parameters}
    defaults = {declared.name: read_parameter(declared, declared.default) for declared in entry.parameters}
    return Choice(catalogue.load(entry), {**defaults, **parameters})


@dataclass(order=True, slots=True)
class Envelope:
    """One copy of a message on its way between two places."""

    due: int
    order: int
    source: int = field(compare=False)
    target: int = field(compare=False)
    message: Message = field(compare=False)


class Place:
    """A `World`: where one participant runs. Two places may have the same identity (a twin, which makes a node
    Byzantine: Bano et al., Twins, OPODIS 2021)."""

    def __init__(self, network: Network, place: int, me: int) -> None:
        self.network = network
        self.place = place
        self.me = me
        self.nodes = network.nodes
        self.peers: Sequence[int] = network.peers(me)
        self.validators: Sequence[int] = network.validators
        self.rng = Random(me)
        self.store: dict[str, bytes] = {}
        self.timers: dict[str, tuple[int, int]] = {}  # by name: when due, and in which order they were set
        self.final: list[Block] = []  # as seen by somebody who never crashes
        self.proposals: list[tuple[int, Block]] = []
        self.finalised_at: dict[int, int] = {}  # by height
        self.checked = 0  # how many of them `check_agreement` has seen
        self.rejected: list[str] = []
        self.had: dict[int, int] = {}  # when the message that carries a block was here first, by the block's short id
        self.duplicates = 0
        self.participant: Participant | None = None

    @property
    def now(self) -> int:
        return self.network.now

    def send(self, to: int | Sequence[int], message: Message) -> None:
        for node in (to,) if isinstance(to, int) else to:
            assert node != self.me, "a node sends nothing to itself"
            for target in self.network.places_of(node):
                self.network.post(self.place, target, message)

    def set_timer(self, name: str, delay: int) -> None:
        self.timers[name] = self.now + max(delay, 1), self.network.count()

    def cancel_timer(self, name: str) -> None:
        self.timers.pop(name, None)

    def sign(self, digest: bytes) -> bytes:
        return self.network.identities.sign(self.me, digest)

    def verify(self, node: int, digest: bytes, signature: bytes) -> bool:
        return self.network.identities.verify(node, digest, signature)

    def work(self, execute: int) -> None:
        """Execution costs nothing here."""

    def persist(self, key: str, value: bytes) -> None:
        if not key.startswith(self.network.forgets):
            self.store[key] = value

    def restore(self, key: str) -> bytes | None:
        return self.store.get(key)

    def received(self, message: Message) -> None:
        self.had.setdefault(message.about[0], self.now)

    def duplicate(self, message: Message) -> None:
        self.duplicates += 1

    def proposed(self, block: Block) -> None:
        self.proposals.append((self.now, block))
        self.network.note(self.me, f"proposes h{block.height} {short(block.id)}")

    def finalise(self, block: Block) -> None:
        self.final.append(block)
        self.finalised_at[block.height] = self.now
        self.network.note(self.me, f"final h{block.height} {short(block.id)}")

    def record(
        self, kind: str, *, block: bytes = b"", height: int = -1, round: int = -1, peer: int = -1, detail: int = 0
    ) -> None:
        about = (f"v{round}" if round >= 0 else "", f"h{height}" if height >= 0 else "", short(block) if block else "")
        self.network.note(self.me, " ".join(filter(None, (kind, *about))))

    def reject(self, reason: str) -> None:
        self.rejected.append(reason)
        self.network.note(self.me, f"rejects: {reason}")


class Network:
    """Participants, and every message between them until it is delivered or lost."""

    def __init__(
        self,
        nodes: int,
        settings: Settings,
        *,
        validators: Sequence[int] | None = None,
        edges: Iterable[tuple[int, int]] | None = None,
        twins: Iterable[int] = (),
        delay: Callable[[int, int], int] | None = None,
        identities: Identities | None = None,
        forgets: tuple[str, ...] = (),
    ) -> None:
        """`edges`: the overlay, complete without them. `twins`: nodes that run twice. `delay`: ns from node to node.
        `forgets`: beginnings of keys that broken nodes fail to persist."""
        self.nodes = nodes
        self.settings = settings
        self.validators = tuple(range(nodes) if validators is None else validators)
        self.edges = [(a, b) for a in range(nodes) for b in range(a)] if edges is None else list(edges)
        self.delay = delay or (lambda source, target: 0)
        self.identities = identities or KeyedHash(0)
        self.forgets = forgets
        self.now = 0
        self.queue: list[Envelope] = []  # a heap
        self.sent: dict[str, int] = {}  # copies by name of the message type
        self.notes: list[tuple[int, str]] = []
        self.groups: list[frozenset[int]] = []  # of the partition, if there is one
        self.agreed: dict[int, bytes] = {}  # by height, the first final block that `check_agreement` has seen
        self._count = 0
        self._batches = 0
        self._peers: list[set[int]] = [set() for _ in range(nodes)]
        for one, other in self.edges:
            self._peers[one].add(other)
            self._peers[other].add(one)
        self.places = [Place(self, place, me) for place, me in enumerate((*range(nodes), *twins))]
        self._places_of: list[list[int]] = [[] for _ in range(nodes)]
        for place in self.places:
            self._places_of[place.me].append(place.place)

    def peers(self, node: int) -> tuple[int, ...]:
        """A node's neighbours in the overlay."""
        return tuple(sorted(self._peers[node]))

    def places_of(self, node: int) -> list[int]:
        """Where a node runs: one place, or two for a twin."""
        return self._places_of[node]

    def count(self) -> int:
        """A number for whatever happens in order."""
        self._count += 1
        return self._count

    def note(self, node: int, text: str) -> None:
        """Something that a node did."""
        self.notes.append((node, text))

    # ------------------------------------------------------------------------------------------------------- nodes

    def start(self) -> None:
        """Start every place."""
        for place in self.places:
            self.restart(place.place)

    def restart(self, place: int) -> None:
        """Start a place, with nothing but what it had persisted."""
        world = self.places[place]
        world.timers.clear()
        world.participant = Participant(world, self.settings)
        world.participant.start()

    def crash(self, place: int) -> None:
        """Kill a place; what is on its way to it is lost if it arrives before the restart."""
        self.places[place].participant = None
        self.places[place].timers.clear()

    def submit(self, place: int, count: int = 1, size: int = 10) -> None:
        """The clients of a node submit a batch."""
        participant = self.places[place].participant
        if participant is not None:
            self._batches += 1
            participant.on_transactions(Batch(self.places[place].me, self._batches << WINDOW_BITS, count, size))

    # ---------------------------------------------------------------------------------------------------- messages

    def post(self, source: int, target: int, message: Message) -> None:
        """Put a message on its way."""
        name = type(message).__name__
        self.sent[name] = self.sent.get(name, 0) + 1
        due = self.now + self.delay(self.places[source].me, self.places[target].me)
        heappush(self.queue, Envelope(due, self.count(), source, target, message))

    def connected(self, source: int, target: int) -> bool:
        """Whether no partition separates two places."""
        pair = {self.places[source].me, self.places[target].me}
        return not self.groups or any(pair <= group for group in self.groups)

    def deliver(self, envelope: Envelope) -> bool:
        """Deliver a message that has been taken from the queue. False where it is lost at its receiver."""
        participant = self.places[envelope.target].participant
        if participant is None or not self.connected(envelope.source, envelope.target):
            return False
        participant.on_message(self.places[envelope.source].me, envelope.message)
        return True

    def take(self, chosen: Callable[[Envelope], bool]) -> list[Envelope]:
        """Take messages off the queue, in the order in which they were sent."""
        taken = sorted(envelope for envelope in self.queue if chosen(envelope))
        if taken:
            self.queue = [envelope for envelope in self.queue if not chosen(envelope)]
            heapify(self.queue)
        return taken

    def settle(self, limit: int = 100_000) -> None:
        """Deliver everything, and what comes of it, in the order of sending; time stands still."""
        for _ in range(limit):
            if not self.queue:
                return
            self.deliver(heappop(self.queue))
        raise AssertionError("the network does not come to rest")

    # -------------------------------------------------------------------------------------------------------- time

    def next_timer(self) -> tuple[int, int, Place, str] | None:
        """When the next timer is due, its order, where, and its name."""
        timers = [(*timer, place, name) for place in self.places for name, timer in place.timers.items()]
        return min(timers, key=lambda timer: timer[:2], default=None)

    def ring(self, place: Place, name: str) -> None:
        """Let a timer be due."""
        del place.timers[name]
        if place.participant is not None:
            place.participant.on_timer(name)

    def wait(self, duration: int) -> None:
        """Let time pass without delivering anything; timers are due."""
        end = self.now + duration
        while (timer := self.next_timer()) is not None and timer[0] <= end:
            self.now = max(self.now, timer[0])
            self.ring(timer[2], timer[3])
        self.now = end

    def run(self, duration: int) -> None:
        """Let the network run by itself: messages arrive after their delay, timers are due."""
        end = self.now + duration
        while True:
            timer = self.next_timer()
            arrival = self.queue[0].due if self.queue else end + 1
            if timer is not None and timer[0] < arrival:
                if timer[0] > end:
                    break
                self.now = timer[0]
                self.ring(timer[2], timer[3])
            elif arrival <= end:
                self.now = max(self.now, arrival)
                self.deliver(heappop(self.queue))
            else:
                break
        self.now = end

    def check_agreement(self, correct: Iterable[int]) -> None:
        """Raise AssertionError where two correct places have different final blocks at one height. Always for the same
        places: it looks at each block once."""
        for place in map(self.places.__getitem__, correct):
            while place.checked < len(place.final):
                block = place.final[place.checked]
                place.checked += 1
                agreed = self.agreed.setdefault(block.height, block.id)
                assert agreed == block.id, f"two final blocks at height {block.height}"


# ------------------------------------------------------------------------------------------------------- transcripts


def replay(path: Path) -> None:
    """Run a transcript and compare. Raises AssertionError with the whole of what happened where it differs."""
    text = path.read_text(encoding="utf-8")
    happened = "".join(_rerun(text)).rstrip() + "\n"
    if os.environ.get("NETSIM_REWRITE"):
        path.write_text(happened, encoding="utf-8")
    assert happened == text, f"{path.name} differs; what happens now is:\n{happened}"


def _rerun(text: str) -> Iterator[str]:
    """The same transcript with what happens now. Commands end with a line of dashes or an empty one, results with an
    empty one."""
    transcript = _Transcript()
    happened: list[str] | None = None  # of the commands since the last result
    skipping = False
    for line in [*text.rstrip().splitlines(), ""]:
        command = line and line != "----" and not line.startswith("#") and not skipping
        if command:
            happened = (happened or []) + transcript.run(line)
        if not line:
            if happened is not None:
                yield "\n".join(("----", *(happened or ["ok"]), ""))
            yield "\n"
            happened, skipping = None, False
        elif line == "----":
            skipping = True
        elif not skipping:
            yield line + "\n"


class _Transcript:
    """The commands of a transcript, one method each."""

    def __init__(self) -> None:
        self.network = Network(0, settings())
        self.gossip = dict.fromkeys(MESSAGE_KINDS, strategy("direct"))

    def run(self, line: str) -> list[str]:
        """Execute one line; what happened, line by line."""
        command, *words = line.split()
        options = dict(word.split("=", 1) for word in words if "=" in word)
        arguments = [word for word in words if "=" not in word]
        lines: list[str] = getattr(self, f"do_{command}")(*arguments, **options)
        return lines + self._notes()

    def do_gossip(self, name: str, kind: str = "", **parameters: str) -> list[str]:
        """How messages spread in the networks that follow, of one kind or of all. Durations have their unit: 20ms."""
        entry = catalogue.find("gossip", name)
        assert entry is not None
        declared = {parameter.name: parameter for parameter in entry.parameters}
        given = {key: read_parameter(declared[key], value) for key, value in parameters.items()}
        for one in MESSAGE_KINDS:
            if kind in ("", one):
                self.gossip[one] = strategy(name, **given)
        return []

    def do_nodes(self, count: str, edges: str = "", ring: str = "", **parameters: str) -> list[str]:
        """A new network. Durations in ms; edges as pairs of digits, separated by commas."""
        values: dict[str, Any] = {name: int(value) if value.isdigit() else value for name, value in parameters.items()}
        for name in ("block_interval", "timeout"):
            if name in values:
                values[name] *= MS
        nodes = int(count)
        overlay = [(node, (node + 1) % nodes) for node in range(nodes)] if ring else None
        if edges:
            overlay = [(int(pair[0]), int(pair[1])) for pair in edges.split(",")]
        self.network = Network(nodes, settings(gossip=dict(self.gossip), **values), edges=overlay)
        self.network.start()
        return []

    def do_submit(self, node: str, count: str, size: str = "10") -> list[str]:
        """A moment later, clients of a node submit transactions of that many bytes."""
        self.network.wait(1)
        self.network.submit(int(node), int(count), int(size))
        return []

    def do_deliver(self, **filters: str) -> list[str]:
        """Deliver what matches, and whatever matches of what comes of it, until nothing does."""
        lines = []
        while copies := self._first(filters):
            lost = [copy for copy in copies if not self.network.deliver(copy)]
            lines.append(_line([copy for copy in copies if copy not in lost], lost))
            lines += self._notes()
        return lines

    def do_drop(self, **filters: str) -> list[str]:
        """Lose what is on its way and matches."""
        lines = []
        while copies := self._first(filters):
            lines.append(_line([], copies))
        return lines

    def do_double(self, **filters: str) -> list[str]:
        """Send a second copy of what is on its way and matches."""
        lines = []
        for copy in sorted(envelope for envelope in self.network.queue if _matches(envelope, filters)):
            self.network.post(copy.source, copy.target, copy.message)
            lines.append(_line([copy]) + " again")
        return lines

    def do_wait(self, duration: str) -> list[str]:
        """Let time pass, in ms."""
        self.network.wait(int(duration) * MS)
        return []

    def do_cut(self, *groups: str) -> list[str]:
        """Partition the network into groups of nodes."""
        self.network.groups = [frozenset(map(int, group)) for group in groups]
        return []

    def do_heal(self) -> list[str]:
        """End the partition."""
        self.network.groups = []
        return []

    def do_crash(self, nodes: str) -> list[str]:
        """Kill nodes."""
        for node in map(int, nodes):
            self.network.crash(node)
        return []

    def do_restart(self, nodes: str) -> list[str]:
        """Start nodes again."""
        for node in map(int, nodes):
            self.network.restart(node)
        return []

    def do_propose(self, node: str, view: str, created: str, to: str) -> list[str]:
        """Put into a node's mouth a proposal for the height above its head, which its program would not make."""
        world = self.network.places[int(node)]
        assert world.participant is not None
        head = world.participant.chain.head
        block = Block(head.height + 1, head.id, world.me, int(created))
        message = PrePrepare(world.me, b"", int(view), block).signed(world.sign)
        for target in map(int, to):
            self.network.post(world.place, target, message)
        return []

    def do_falsify(self) -> list[str]:
        """Let a new view that is on its way propose nothing anew, whatever its view changes call for."""
        copies = self._first({"kind": "NewView"})
        world, message = self.network.places[copies[0].source], copies[0].message
        assert isinstance(message, NewView)
        false = msgspec.structs.replace(message, signature=b"", proposals=()).signed(world.sign)
        for copy in copies:
            self.network.post(copy.source, copy.target, false)
        return [_line(copies) + f" becomes {false}"]

    def do_status(self) -> list[str]:
        """Where each node stands."""
        lines = []
        for world in self.network.places:
            if world.participant is None:
                lines.append(f"{world.me} is down")
            else:
                head, replica = world.participant.chain.head, world.participant.consensus
                assert isinstance(replica, PBFT)
                state = "in" if replica.active else "waits for"
                lines.append(f"{world.me} {state} v{replica.view}, head h{head.height} {short(head.id)}")
        return lines

    def _first(self, filters: Mapping[str, str]) -> list[Envelope]:
        """Take the copies of the first message that matches."""
        first = min((envelope for envelope in self.network.queue if _matches(envelope, filters)), default=None)
        if first is None:
            return []

        def same(envelope: Envelope) -> bool:
            return envelope.message is first.message and envelope.source == first.source and _matches(envelope, filters)

        return self.network.take(same)

    def _notes(self) -> list[str]:
        """What the nodes did since the last time; the same of several in one line."""
        lines: list[tuple[str, str]] = []
        for node, text in self.network.notes:
            if lines and lines[-1][1] == text:
                lines[-1] = lines[-1][0] + str(node), text
            else:
                lines.append((str(node), text))
        self.network.notes.clear()
        return [f"  {nodes} {text}" for nodes, text in lines]


def _line(arrived: Sequence[Envelope], lost: Sequence[Envelope] = ()) -> str:
    """The copies of one message: from whom, to whom, and to whom it was lost."""
    first = (*arrived, *lost)[0]
    line = f"{first.source}->{''.join(str(copy.target) for copy in arrived)} {first.message}"
    return line + (f" (lost to {''.join(str(copy.target) for copy in lost)})" if lost else "")


def _matches(envelope: Envelope, filters: Mapping[str, str]) -> bool:
    """`by` and `to` are sets of digits; `kind` names message types, separated by commas; `height` is one number."""
    name, height = type(envelope.message).__name__, str(envelope.message.about[1])
    return (
        str(envelope.source) in filters.get("by", str(envelope.source))
        and str(envelope.target) in filters.get("to", str(envelope.target))
        and name in filters.get("kind", name).split(",")
        and height == filters.get("height", height)
    )
