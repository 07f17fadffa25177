"""Random schedules: everything that a network, the clocks, and as many faulty nodes as a protocol bears may do to it.

A schedule is a sequence of steps. Each delivers a message, loses or doubles it, lets a timer ring, lets clients submit
transactions, kills a node or starts it again with what it had persisted, or begins or ends a partition. There are three
kinds of schedules. In *disorder* any message that is on its way may be the next one, and so may any timer, the others
being late: nothing can be worse for a protocol that trusts no clock. In *weather* time goes by steadily and messages
take a random while: partitions last, and on both sides leaders get something done. In *phases* all goes in order, but
every few messages the network falls apart in another way, and those left waiting lose patience: so a few may get what
decides, and the others must find out without them (as in Twins, Bano et al., OPODIS 2021).

What a step does depends on the seed and on its own number alone. So a schedule from which steps are left out is a
schedule again, and one that fails can be made shorter.

After the steps comes the calm: all messages arrive, and everybody who is correct is up. Then the protocol must go on.

    fuzz("my_protocol.py:MyProtocol", runs=300)       raises `Found` with the seed and the shortest schedule that fails

    @given(seed=seeds())                              with Hypothesis
    def test_no_schedule_breaks_it(seed: int) -> None:
        survive(seed, MyProtocol)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heapify, heappop
from itertools import pairwise
from math import inf
from random import Random
from time import process_time
from typing import TYPE_CHECKING, Any

from netsim.node.block import GENESIS, Batch
from netsim.node.consensus import Consensus, tolerated
from netsim.node.participant import Choice
from netsim.testing.network import MS, Envelope, Network, Place, allows, entry_of, misbehaviour, settings, strategy

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

STEPS = 700
PATIENCE = 900  # seconds of calm after which a protocol that makes no new block is stuck: some double their timers
LEAP = 10_000 * MS  # what is due later does not ring out of turn: patience that doubles would become endless
RERUNS = 200  # most schedules that are tried to shorten one that fails
SECONDS = 30  # how long that may take
CALM, TOLD_OF_CALM = "calm", 20  # the line of the story where it begins, and how many more there are
_SEEDS = 1 << 32
_DEEP = 6  # most confirmations for protocols whose finality is probabilistic

DISORDER, WEATHER, PHASES = "disorder", "weather", "phases"
_KINDS = (DISORDER, DISORDER, DISORDER, WEATHER, WEATHER, WEATHER, PHASES, PHASES, PHASES, PHASES)
# How likely a step begins or ends a partition, and how likely time leaps in it.
_CUTS = {DISORDER: (0.0015,), WEATHER: (0.001, 0.003, 0.01), PHASES: (0.02, 0.05, 0.1)}
_LEAPS = {DISORDER: (0.0, 0.0, 0.002, 0.01), WEATHER: (0.0, 0.0, 0.002), PHASES: (0.01, 0.03, 0.06)}

DOWN, TWIN = "is down", "is two"
_ROLES = (DOWN, DOWN, TWIN, TWIN, TWIN, "equivocate", "equivocate", "equivocate", "withhold", "delay", "forge")

# Parameters that change how much happens at once, but not what must hold: each schedule draws from these.
_VARY: dict[str, tuple[Any, ...]] = {
    "block_interval": (0, 0, 100 * MS),
    "timeout": (100 * MS,),  # in the calm messages take 5 ms
    "window": (1, 2, 4),
    "checkpoint": (1, 2, 5, 100),
}


class Chaos:
    """A network under a random schedule.

    A Byzantine node is down; or a twin: the same identity at two places, each of which hears and does different things,
    so that together they equivocate in every phase (Bano et al., Twins, OPODIS 2021); or it follows a strategy of the
    catalogue. Where a protocol bears crashes only, faulty nodes are down from the beginning.
    """

    def __init__(
        self,
        seed: int,
        protocol: str | type[Consensus] = "pbft",
        *,
        nodes: int = 0,
        faulty: int | None = None,
        gossip: Choice | None = None,
        forgets: tuple[str, ...] = (),
        vary: Mapping[str, Sequence[Any]] | None = None,
        tell: bool = False,
        **parameters: Any,
    ) -> None:
        """`nodes`: four to seven where it is 0. `faulty`: how many; drawn, up to what the protocol bears, where it is
        None. `gossip`: direct or flood where it is not given. `forgets`: beginnings of keys that a broken node fails to
        persist. `vary`: parameters with values to draw from; further ones are the protocol's own, in base units.
        `tell`: keep a story of what happens."""
        self.seed = seed
        self.random = random = Random(seed)
        entry = entry_of(protocol)
        self.name = entry.name
        self.probable = entry.depth is not None  # finality: blocks may be taken back
        self.nodes = nodes or random.choice((4, 4, 4, 5, 6, 7))
        validators = self.nodes - (self.nodes > 4 and random.random() < 0.15)  # the last one follows
        declared = {parameter.name: parameter for parameter in entry.parameters}
        drawn = {
            name: random.choice([value for value in values if allows(declared[name], value)])
            for name, values in {**_VARY, **(vary or {})}.items()
            if name in declared
        }
        if self.probable:
            drawn |= {"block_interval": 100 * MS, "depth": random.choice((1, 2, _DEEP))}
        drawn |= parameters
        flooding = random.random() < 0.3
        chosen = settings(protocol, gossip or strategy("flood" if flooding else "direct"), **drawn)
        quorum = chosen.protocol.quorum(validators, chosen.parameters)
        most = tolerated(validators) if entry.byzantine else validators - quorum
        self.faulty = sorted(random.sample(range(validators), random.randint(0, most) if faulty is None else faulty))
        self.correct = [node for node in range(self.nodes) if node not in self.faulty]
        does = {node: random.choice(_ROLES) if entry.byzantine else DOWN for node in self.faulty}
        self.twins = [node for node, role in does.items() if role == TWIN]
        self.down = [node for node, role in does.items() if role == DOWN]
        ring = flooding and not self.faulty and random.random() < 0.3
        self.network = Network(
            self.nodes,
            chosen,
            validators=range(validators),
            edges=[(node, (node + 1) % self.nodes) for node in range(self.nodes)] if ring else None,
            twins=self.twins,
            forgets=forgets,
            misbehaving={node: (misbehaviour(role),) for node, role in does.items() if role not in (DOWN, TWIN)},
        )
        self.kind = random.choice(_KINDS)
        self.cuts = random.choice(_CUTS[self.kind])
        self.leaps = random.choice(_LEAPS[self.kind])
        self.slowest = random.choice((20, 200, 1000)) * MS if self.kind == WEATHER else 1
        self.network.delay = lambda source, target: self.random.randrange(self.slowest)
        self.loss = random.choice((0.0, 0.02, 0.1))
        self.doubling = random.choice((0.0, 0.05))
        self.crashes = random.choice((0.0, 0.0, 0.005, 0.02) if entry.byzantine else (0.0, 0.005, 0.02, 0.05))
        self.ticks = random.choice((0.01, 0.03, 0.1))
        self.ordered = self.kind == PHASES or random.random() < 0.4
        self.listener: int | None = None  # who hears the others now, while they do not hear each other
        self.alone = False  # whether it was cut off then
        self.story: list[str] | None = [] if tell else None
        self._examined = [0] * self.nodes  # how many of each node's final blocks `check` has seen
        self._accusations = [0] * self.nodes
        self.network.start()
        for node in self.down:
            self.network.crash(node)
        given = ", ".join(f"{name} {value}" for name, value in drawn.items() if value is not None)
        self.says = (
            f"{self.nodes} nodes{' in a ring' if ring else ''}, {validators} of them validators"
            f"{''.join(f', {node} {role}' for node, role in does.items())}; {'flood' if flooding else 'direct'} gossip"
            f"{' as given' if gossip else ''}; {self.kind}; {given}"
        )

    def run(self, steps: int | Iterable[int]) -> None:
        """So many random events, or those with certain numbers.

        Raises AssertionError as soon as something is wrong (see `check`)."""
        for step in range(steps) if isinstance(steps, int) else steps:
            self.random.seed(self.seed << 20 | step)
            self._step()
            self._tell_notes()
            self.check()

    def calm(self, duration: int = 500 * MS) -> None:
        """The chaos ends: Byzantine nodes are silent, all others up, and every message arrives after 5 ms."""
        network = self.network
        network.groups, network.blocked = [], set()
        for place in network.places:
            if place.place not in self.correct:
                network.crash(place.place)
            elif place.participant is None:
                network.restart(place.place)
        network.delay = lambda source, target: 5 * MS
        for envelope in network.queue:
            envelope.due = network.now
        heapify(network.queue)
        self._tell(CALM)
        network.run(duration)
        self._tell_notes()

    def go_on(self, patience: int = PATIENCE, blocks: int = 3) -> None:
        """After the chaos, so many new blocks must become final at all correct nodes within `patience` seconds.

        Raises AssertionError where they do not, or something else is wrong."""
        self.calm()
        before = max(self.heights())
        waited = 0
        while min(self.heights()) < before + blocks:
            assert waited < patience, f"stuck: after {waited} s of calm the last final blocks are at {self.heights()}"
            for node in self.correct:
                self.network.submit(node)
            pause = max(waited // 10, 1)
            self.network.run(pause * 1000 * MS)
            waited += pause
            self._tell_notes()
            self.check()
        self.check_chains()

    def heights(self) -> list[int]:
        """The height of the last final block at each correct node, as seen by somebody who never crashes."""
        finals = (self.network.places[node].final for node in self.correct)
        return [final[-1].height if final else 0 for final in finals]

    # --------------------------------------------------------------------------------------------- what must hold

    def check(self) -> None:
        """Raise AssertionError where two correct nodes disagree, where one leaves a height out or goes back, or where
        there is evidence against a correct node. Where finality is probabilistic only the last of these is wrong."""
        for node in self.correct:
            place = self.network.places[node]
            if len(place.accusations) > self._accusations[node]:
                for first, second in place.accusations[self._accusations[node] :]:
                    assert first.signer not in self.correct, f"evidence against a correct node: {first} | {second}"
                self._accusations[node] = len(place.accusations)
        if not self.probable:
            self.network.check_agreement(self.correct)
            for node in self.correct:
                self._check_links(self.network.places[node])

    def check_chains(self) -> None:
        """Raise AssertionError where a correct node's chain holds a transaction twice, or where, in the calm, the
        chains of two nodes are not the same but for the last blocks."""
        chains = {}
        for node in self.correct:
            participant = self.network.places[node].participant
            assert participant is not None, "all correct nodes are up in the calm"
            chains[node] = list(participant.chain)
        for node, chain in chains.items():
            _check_once(node, [batch for block in chain for batch in block.transactions])
        common = max(min(map(len, chains.values())) - _DEEP, 1)
        ids = {node: chain[common - 1].id for node, chain in chains.items()}
        assert len(set(ids.values())) == 1, f"after the calm the nodes have different chains up to h{common - 1}"

    def _check_links(self, place: Place) -> None:
        """Each block stands on the one below. After a restart a node may make final again what was so before."""
        final, at = place.final, self._examined[place.me]
        for number in range(at, len(final)):
            block, below = final[number], final[number - 1] if number else GENESIS
            again = block.height <= below.height and number in place.lives
            assert again or block.height == below.height + 1, (
                f"{place.me} makes a block final at height {block.height} after one at {below.height}"
            )
            parent = self.network.agreed.get(block.height - 1, GENESIS.id)
            assert block.parent == parent, f"{place.me} makes a block final that does not stand on the one below"
        self._examined[place.me] = len(final)

    # -------------------------------------------------------------------------------------------------- one step

    def _step(self) -> None:
        random, network = self.random, self.network
        choice = random.random() - self.crashes
        if choice < 0:
            node = random.choice(self.correct)
            if network.places[node].participant is None:
                self._tell(f"restart {node}")
                network.restart(node)
            else:
                self._tell(f"crash {node}")
                network.crash(node)
        elif choice < (self.cuts / 4 if self.alone else self.cuts):
            self._cut()
        elif choice < self.cuts + 0.02:
            self._submit()
        elif random.random() < self.leaps:
            self._leap()
        elif self.kind == WEATHER:
            self._next()
        elif choice < self.cuts + 0.02 + self.ticks or not network.queue:
            self._tick()
        else:
            self._pick()

    def _cut(self) -> None:
        """Begin a partition, or end it; in phases often another one instead, or links that are blocked one way."""
        random, network = self.random, self.network
        cut, form = bool(network.groups or network.blocked), random.random()
        network.groups, network.blocked = [], set()
        heard, self.listener, self.alone = self.listener, None, False
        if self.kind != PHASES:
            network.groups = [] if cut else self._partition(random.randint(1, len(self.correct) - 1))
        elif heard is not None:  # what it has heard the others have not, and now nobody hears it for a while
            self.alone = True
            network.groups = [frozenset(range(self.nodes)) - {heard}, frozenset({heard})]
        elif form < 0.3:
            network.groups = self._partition(random.randint(1, len(self.correct) - 1))
        elif form < 0.5:
            network.groups = self._partition(1)
        elif form < 0.7:
            self.listener = random.choice(self.correct)
            nodes = range(self.nodes)
            network.blocked = {(a, b) for a in nodes for b in nodes if a != b != self.listener}
        elif form < 0.85:
            nodes, share = range(self.nodes), random.choice((0.2, 0.4, 0.6))
            network.blocked = {(a, b) for a in nodes for b in nodes if a != b and random.random() < share}
        if self.story is not None:
            groups = " ".join("".join(map(str, sorted(group))) for group in network.groups)
            blocked = " ".join(f"{one}-x->{other}" for one, other in sorted(network.blocked))
            self._tell(f"cut {groups or blocked}" if groups or blocked else "heal")

    def _submit(self) -> None:
        node, count = self.random.choice(self.correct), self.random.randint(1, 5)
        self._tell(f"submit {node} {count}")
        self.network.submit(node, count)

    def _next(self) -> None:
        """Whatever happens next in time."""
        network = self.network
        timer = network.next_timer()
        if network.queue and (timer is None or network.queue[0].due <= timer[0]):
            network.now = max(network.now, network.queue[0].due)
            self._deliver(heappop(network.queue))
        elif timer is not None:
            self._ring(timer[2], timer[3])
        else:
            self._submit()

    def _tick(self) -> None:
        """The next timer is due, or one further on, and all before it will be late."""
        random, network = self.random, self.network
        timer = network.next_timer()
        if timer is None or random.random() < 0.2:
            self._submit()
        elif random.random() < 0.3:
            place = random.choice([place for place in network.places if place.timers])
            name = random.choice(sorted(place.timers))
            if place.timers[name][0] - network.now < LEAP:
                self._ring(place, name)
        else:
            self._ring(timer[2], timer[3])

    def _leap(self) -> None:
        """A while passes in which some nodes do nothing but lose patience."""
        share, times = self.random.choice((0.5, 0.7, 1.0)), self.random.choice((1, 1, 2, 5))
        places = [place for place in self.network.places if self.random.random() < share]
        for _ in range(times):
            for place in places:
                for name in sorted(place.timers):
                    due, _ = place.timers.get(name, (inf, 0))
                    if due - self.network.now < LEAP:
                        self._ring(place, name)

    def _ring(self, place: Place, name: str) -> None:
        network = self.network
        due, _ = place.timers[name]
        if network.now < due:
            self._tell(f"wait {(due - network.now) / MS:.6g} ms")
            network.now = due
        self._tell(f"{_called(place, network)}: {name} is due")
        network.ring(place, name)

    def _pick(self) -> None:
        """Any message, or the one that was sent first."""
        queue = self.network.queue
        if self.ordered:
            place = min(range(len(queue)), key=lambda place: queue[place].order)
        else:
            place = self.random.randrange(len(queue))
        queue[place], queue[-1] = queue[-1], queue[place]
        self._deliver(queue.pop())

    def _deliver(self, envelope: Envelope) -> None:
        random, network = self.random, self.network
        if random.random() < self.loss:
            self._tell_message(envelope, "lost")
            return
        if random.random() < self.doubling:
            network.post(envelope.source, envelope.target, envelope.message)
        self._tell_message(envelope, "")
        network.deliver(envelope)

    def _partition(self, size: int) -> list[frozenset[int]]:
        """Two groups, with so many correct nodes in the first. Byzantine nodes are in either, or in both."""
        random, nodes = self.random, self.correct
        group = frozenset(random.sample(nodes, size))
        groups = [group, frozenset(nodes) - group]
        for node in self.faulty:
            side = random.randrange(4)
            groups = [group | {node} if side in (number, 2, 3) else group for number, group in enumerate(groups)]
        return groups

    # ------------------------------------------------------------------------------------------------- the story

    def _tell(self, line: str) -> None:
        if self.story is not None:
            self.story.append(line)

    def _tell_message(self, envelope: Envelope, fate: str) -> None:
        if self.story is not None:
            network = self.network
            source, target = network.places[envelope.source], network.places[envelope.target]
            if not fate and (target.participant is None or not network.connected(source.place, target.place)):
                fate = "lost"
            pair = f"{_called(source, network)}->{_called(target, network)}"
            self.story.append(f"{pair} {envelope.message}{f' ({fate})' if fate else ''}")

    def _tell_notes(self) -> None:
        notes = self.network.notes
        if self.story is not None:
            self.story += [f"  {node} {text}" for node, text in notes]
        notes.clear()


class Found(AssertionError):
    """A schedule that a protocol does not survive, and how to see it again."""

    def __init__(self, seed: int, steps: Sequence[int], says: str) -> None:
        super().__init__(says)
        self.seed = seed
        self.steps = steps  # the numbers of those that are needed


def survive(
    seed: int,
    protocol: str | type[Consensus] = "pbft",
    steps: int | Sequence[int] = STEPS,
    *,
    patience: int = PATIENCE,
    **options: Any,
) -> None:
    """Run one schedule and the calm after it. Raises AssertionError, or whatever the protocol raises.

    `patience`: seconds of calm in which there must be new blocks; 0: none need to come. `options`: of `Chaos`."""
    chaos = Chaos(seed, protocol, **options)
    chaos.run(steps)
    if patience:
        chaos.go_on(patience)


def fuzz(
    protocol: str | type[Consensus],
    runs: int = 300,
    *,
    first: int = 0,
    steps: int = STEPS,
    patience: int = PATIENCE,
    **options: Any,
) -> None:
    """Run schedules with the seeds from `first` on. Raises `Found` for the first that fails, made as short as can be.

    `options`: of `Chaos`."""
    for seed in range(first, first + runs):
        try:
            survive(seed, protocol, steps, patience=patience, **options)
        except Exception as error:
            found = _found(error, seed, protocol, steps, patience, options)
            raise found from (None if type(error) is AssertionError else error)


def seeds() -> SearchStrategy[int]:
    """What Hypothesis draws schedules from: `@given(seed=seeds())`."""
    from hypothesis import strategies

    return strategies.integers(0, _SEEDS - 1)


def _found(
    error: Exception, seed: int, protocol: str | type[Consensus], steps: int, patience: int, options: Mapping[str, Any]
) -> Found:
    """The error of a schedule, with the shortest that still gives the same."""
    kind = _kind_of(error)

    def fails(kept: Sequence[int]) -> bool:
        try:
            survive(seed, protocol, kept, patience=patience, **options)
        except Exception as other:
            return _kind_of(other) == kind
        return False

    kept = shortened(range(steps), fails, seconds=SECONDS)
    chaos = Chaos(seed, protocol, tell=True, **options)
    assert chaos.story is not None
    last: Exception = error
    try:
        chaos.run(kept)
        if patience:
            chaos.go_on(patience)
    except Exception as again:
        last = again
    chaos._tell_notes()
    named = repr(protocol) if isinstance(protocol, str) else protocol.__name__
    also = "".join(f", {name}={value!r}" for name, value in options.items())
    story = chaos.story
    if CALM in story:  # nothing happens any more, or too much to be told
        story = story[: story.index(CALM) + 1 + TOLD_OF_CALM]
    told = "\n".join(story)
    return Found(
        seed,
        kept,
        f"{_in_words(last)}\n{chaos.name}, seed {seed}: {chaos.says}\n"
        f"{len(kept)} of {steps} steps are enough:\n\n{told}\n\n"
        f"again: survive({seed}, {named}, {list(kept)}, patience={patience}{also})",
    )


def shortened(
    steps: Sequence[int],
    fails: Callable[[Sequence[int]], bool],
    reruns: int = RERUNS,
    seconds: float = inf,
) -> list[int]:
    """A subsequence of steps that still fails: the shortest prefix found by bisection, then without whatever stretch,
    from halves down to single steps, is not needed (Zeller and Hildebrandt, Simplifying and Isolating
    Failure-Inducing Input, 2002). `reruns`: most times that `fails` is asked; `seconds`: after so
    much of the process's time it is asked no more."""
    end = process_time() + seconds
    left = reruns

    def still_fails(tried: Sequence[int]) -> bool:
        nonlocal left
        left = left - 1 if process_time() < end else 0
        return fails(tried)

    kept = list(steps)
    low, high = 0, len(kept)
    while low < high and left > 0:
        middle = (low + high) // 2
        if still_fails(kept[:middle]):
            high = middle
        else:
            low = middle + 1
    kept = kept[:high]
    size = len(kept) // 2
    while size and left > 0:
        at = 0
        while at < len(kept) and left > 0:
            shorter = kept[:at] + kept[at + size :]
            if still_fails(shorter):
                kept = shorter
            else:
                at += size
        size //= 2
    return kept


def _kind_of(error: Exception) -> str:
    """What went wrong, whatever the heights and nodes."""
    text = str(error).partition(":")[0]
    return f"{type(error).__name__} {''.join(letter for letter in text if not letter.isdigit())}"


def _in_words(error: Exception) -> str:
    text = str(error).partition("\n")[0]
    return text if type(error) is AssertionError and text else f"{type(error).__name__}: {text}"


def _called(place: Place, network: Network) -> str:
    """A place in words: its node, and for the second one of a twin a prime."""
    return f"{place.me}{'′' if place.place >= network.nodes else ''}"


def _check_once(node: int, batches: list[Batch]) -> None:
    """Raise AssertionError where a transaction is in one chain twice."""
    batches.sort(key=lambda batch: (batch.origin, batch.first))
    for one, other in pairwise(batches):
        twice = one.origin == other.origin and other.first < one.end
        assert not twice, f"{node} has transactions of {one.origin} twice in its chain"
