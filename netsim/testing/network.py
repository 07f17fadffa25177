"""A network for tests of protocols: participants, and every message between them until it is delivered or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from random import Random
from typing import Any

from netsim import catalogue
from netsim.catalogue import Entry, Parameter
from netsim.catalogue.protocols import declared_by
from netsim.node.block import WINDOW_BITS, Batch, Block, short
from netsim.node.consensus import Consensus
from netsim.node.gossip.direct import Direct
from netsim.node.gossip.strategy import Strategy
from netsim.node.identity import Identities, KeyedHash
from netsim.node.message import MESSAGE_KINDS, Message, MessageKind, Signed
from netsim.node.misbehaviour import Deviation, Program, participant
from netsim.node.participant import Choice, Settings
from netsim.scenario.declared import read_parameter

MS = 1_000_000  # nanoseconds
# What takes the place of a protocol's declared defaults, so that little happens by itself.
PARAMETERS: dict[str, Any] = {
    "block_interval": 0,
    "spread": 0,
    "block_size": 1000,
    "timeout": 1000 * MS,
    "window": 1,
    "checkpoint": 100,
}


def settings(
    protocol: str | type[Consensus] = "pbft",
    gossip: type[Strategy] | Choice | Mapping[MessageKind, Choice] = Direct,
    **parameters: Any,
) -> Settings:
    """Settings of a protocol, by its name in the catalogue or as a class; a class has the parameters of the entry that
    names it or one of its bases. Where none are given they are as above, else as declared.

    `gossip`: for all kinds of messages, or for each.
    """
    if isinstance(gossip, type):
        gossip = Choice(gossip, {})
    if isinstance(gossip, Choice):
        gossip = dict.fromkeys(MESSAGE_KINDS, gossip)
    entry = entry_of(protocol)
    implementation = catalogue.load(entry) if isinstance(protocol, str) else protocol
    declared = {one.name: one for one in entry.parameters}
    chosen = {name: read_parameter(one, one.default) for name, one in declared.items()}
    if entry.depth is not None:
        chosen["depth"] = read_depth(entry.depth)
    chosen |= {name: value for name, value in PARAMETERS.items() if name in declared and allows(declared[name], value)}
    assert parameters.keys() <= chosen.keys(), f"{entry.name} has no {', '.join(parameters.keys() - chosen.keys())}"
    chosen |= parameters
    return Settings(implementation, chosen, gossip, chosen["block_size"])


def allows(declared: Parameter, value: Any) -> bool:
    """Whether a value is within a parameter's bounds."""
    return not (
        isinstance(value, int | float)
        and ((declared.minimum is not None and value < declared.minimum) or value > (declared.maximum or value))
    )


def entry_of(protocol: str | type[Consensus]) -> Entry:
    """The entry of a protocol: by its name, "file.py:Class" and "module:Class" included, or by its class."""
    if isinstance(protocol, str):
        entry = catalogue.find("protocols", protocol)
        assert entry is not None, f"no protocol {protocol}"
        return entry
    names = [f"{base.__module__}:{base.__qualname__}" for base in protocol.__mro__]
    known = (entry for entry in catalogue.entries("protocols") if entry.target in names)
    return next(known, None) or declared_by(protocol, protocol.__name__)


def read_depth(depth: str) -> int | None:
    """A protocol's default depth; None for `auto`."""
    return None if depth == "auto" else int(depth)


def strategy(name: str, **parameters: Any) -> Choice:
    """A gossip strategy of the catalogue, with its declared defaults where no parameters are given."""
    entry = catalogue.find("gossip", name)
    assert entry is not None
    assert parameters.keys() <= {declared.name for declared in entry.parameters}
    defaults = {declared.name: read_parameter(declared, declared.default) for declared in entry.parameters}
    return Choice(catalogue.load(entry), {**defaults, **parameters})


def misbehaviour(does: str, at: int = 0, **parameters: Any) -> Deviation:
    """A strategy of the catalogue for a misbehaving node, with its declared defaults where no parameters are given.

    Lists of nodes are tuples of numbers. `at`: ns from when on it follows it."""
    entry = catalogue.find("misbehaviour", does)
    assert entry is not None, f"nobody does {does}"
    declared = {one.name: one for one in entry.parameters}
    assert parameters.keys() <= declared.keys(), f"{does} has no {', '.join(parameters.keys() - declared.keys())}"
    defaults = {name: _default(one) for name, one in declared.items()}
    return Deviation(catalogue.load(entry), {**defaults, **parameters}, at)


def _default(declared: Parameter) -> Any:
    """A parameter's default; None for all nodes, or for those that the strategy chooses by itself."""
    return None if declared.unit == "nodes" else read_parameter(declared, declared.default)


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
        self.weights: Sequence[int] = network.weights
        self.rng = Random(me)
        self.store: dict[str, bytes] = {}
        self.timers: dict[str, tuple[int, int]] = {}  # by name: when due, and in which order they were set
        self.final: list[Block] = []  # as seen by somebody who never crashes
        self.lives: list[int] = []  # how many were final when the node began, each time
        self.proposals: list[tuple[int, Block]] = []
        self.finalised_at: dict[int, int] = {}  # by height
        self.checked = 0  # how many of them `check_agreement` has seen
        self.rejected: list[str] = []
        self.accusations: list[tuple[Signed, Signed]] = []
        self.had: dict[int, int] = {}  # when the message that carries a block was here first, by the block's short id
        self.duplicates = 0
        self.participant: Program | None = None

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

    def evidence(self, first: Signed, second: Signed) -> None:
        self.accusations.append((first, second))
        self.network.note(self.me, f"has evidence against {first.signer}: {first} | {second}")

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
        weights: Sequence[int] | None = None,
        edges: Iterable[tuple[int, int]] | None = None,
        twins: Iterable[int] = (),
        delay: Callable[[int, int], int] | None = None,
        identities: Identities | None = None,
        forgets: tuple[str, ...] = (),
        misbehaving: Mapping[int, Sequence[Deviation]] | None = None,
    ) -> None:
        """`edges`: the overlay, complete without them. `twins`: nodes that run twice. `delay`: ns from node to node.
        `forgets`: beginnings of keys that broken nodes fail to persist. `misbehaving`: what nodes do wrong, as
        `misbehaviour` makes it."""
        self.nodes = nodes
        self.settings = replace(settings, misbehaviour=misbehaving) if misbehaving else settings
        self.validators = tuple(range(nodes) if validators is None else validators)
        self.weights = tuple(weights or (1_000_000,) * nodes)
        self.edges = [(a, b) for a in range(nodes) for b in range(a)] if edges is None else list(edges)
        self.delay = delay or (lambda source, target: 0)
        self.identities = identities or KeyedHash(0)
        self.forgets = forgets
        self.now = 0
        self.queue: list[Envelope] = []  # a heap
        self.sent: dict[str, int] = {}  # copies by name of the message type
        self.notes: list[tuple[int, str]] = []
        self.groups: list[frozenset[int]] = []  # of the partition, if there is one
        self.blocked: set[tuple[int, int]] = set()  # from node to node, one way
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
        world.lives.append(len(world.final))
        world.participant = participant(world, self.settings)
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
        """Whether what one place sends reaches another: no partition separates them, and nothing is blocked."""
        one, other = self.places[source].me, self.places[target].me
        whole = not self.groups or any({one, other} <= group for group in self.groups)
        return whole and (one, other) not in self.blocked

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
                self.now = max(self.now, timer[0])
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
