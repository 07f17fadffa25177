"""Equivocate: a node with two faces, each of them a complete participant with the node's key.

Twins (Bano, Sonnino, Chursin, Perelman, Li, Ching, Malkhi, BFT Systems Made Robust, OPODIS 2021): two correct instances
of one identity, each of which hears and says different things, produce together what a Byzantine node may say: two
proposals for one place, two votes, two view changes; in any protocol, without a line written for it.

The correct nodes are divided into two sides. The first face talks to the one side and hears it, the second to the other
side. The second face's clock is 1 ns ahead, so that its blocks differ from the first one's. Equivocators are in league:
the first face of one talks to the first face of every other, the second to the second. Messages between them name the
face (`Aside`). Thus where the two sides do not hear each other (a partition that leaves the equivocators connected with
both), each side together with all the equivocators looks like a network in which the other side has crashed. With
quorums of q out of n that is enough to decide on both sides, differently, when there are 2q − n of them, for then the
n − q validators of either side and they are q. With fewer, one of two quorums lacks a member.

Until `at` there is one face, which talks to all. The second then begins as a node does after a restart, from what the
first one has persisted by then; from there on each has a memory of its own.

The node is a witness against itself: where no correct node gets to see both of two contradicting messages, as under
such a partition, the run still holds the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import ClassVar

from netsim.node.block import Batch
from netsim.node.context import World
from netsim.node.fields import Natural
from netsim.node.message import Message, Signed, WireError
from netsim.node.misbehaviour.deviation import Deviation
from netsim.node.misbehaviour.layer import Layer, Make, Program, Veil
from netsim.node.participant import Settings
from netsim.node.witness import Witness

_SECOND = "second face/"  # how its timers and keys begin
_SPLIT = "second face"  # the timer at which it begins, and the key that says that it has begun
_ABSENT, _PRESENT = b"\0", b"\1"  # how its values begin


class Aside(Message, frozen=True, tag=100):
    """What one face of an equivocator says to the same face of another."""

    relayed: ClassVar[bool] = False

    face: Natural
    said: bytes  # the message as encoded
    stands_for: Natural  # bytes of the transactions in it

    @property
    def payload(self) -> int:
        return self.stands_for

    def __str__(self) -> str:
        return f"Aside of face {self.face}: {vars(self).get('message', f'{len(self.said)} bytes')}"


class Equivocate(Layer):
    """Its parameter: `towards`, the nodes that see the second face (None: the second half of the validators that do not
    equivocate, and of the other nodes). What it does otherwise, each face does by itself."""

    messages = (Aside,)
    outermost = True

    def __init__(self, world: World, settings: Settings, deviation: Deviation, make: Make) -> None:
        in_league = league(settings)
        self.fellows = in_league - {world.me}
        towards = deviation.parameters["towards"]
        second = other_side(world, in_league) if towards is None else frozenset(towards)
        self.sides = tuple(int(node in second) for node in range(world.nodes))  # by node: which face it sees
        self._make = make
        self._settings = settings
        self._witness = Witness(1, world.evidence)
        self.second: Face | None = None
        super().__init__(world, settings, deviation, self._make_first)

    def _make_first(self, world: World, settings: Settings) -> Program:
        self.first = Face(self, 0)
        return self.first.program

    @property
    def split(self) -> bool:
        """Whether there are two faces."""
        return self.second is not None

    @property
    def faces(self) -> Iterator[Face]:
        """The faces that there are, the first one first."""
        yield self.first
        if self.second is not None:
            yield self.second

    def start(self) -> None:
        if self.active or self.world.restore(_SPLIT) is not None:
            self._divide()
        else:
            self.world.set_timer(_SPLIT, self.at - self.world.now)
        for face in self.faces:
            face.program.start()

    def _divide(self) -> None:
        """From now on there are two. Before any further word of the first, lest the second remember it."""
        if self.world.restore(_SPLIT) is None:
            self.world.persist(_SPLIT, _PRESENT)
        self.second = Face(self, 1)

    def on_message(self, sender: int, message: Message) -> None:
        if not isinstance(message, Aside):
            for number, face in enumerate(self.faces):
                if sender in self.fellows or not self.split or self.sides[sender] == number:
                    face.program.on_message(sender, message)
        elif sender not in self.fellows:
            self.world.reject("foreign type")
        else:
            for number, face in enumerate(self.faces):
                if message.face == number:
                    try:
                        face.program.on_message(sender, self.codec.decode(message.said))
                    except WireError:
                        self.world.reject("malformed")

    def on_timer(self, name: str) -> None:
        if name == _SPLIT:
            self._divide()
            assert self.second is not None
            self.second.program.start()
        elif not name.startswith(_SECOND):
            self.inside.on_timer(name)
        elif self.second is not None:
            self.second.program.on_timer(name.removeprefix(_SECOND))

    def on_transactions(self, batch: Batch) -> None:
        for face in self.faces:
            face.program.on_transactions(batch)

    def on_peers(self) -> None:
        for face in self.faces:
            face.program.on_peers()

    def say(self, number: int, to: int | Sequence[int], message: Message) -> None:
        """What a face says, to those that are to hear it."""
        content = self.own(message)
        if isinstance(content, Signed):
            self._witness.see(content)
        if not self.split:
            self.world.send(to, message)
            return
        addressees = (to,) if isinstance(to, int) else to
        plain = [node for node in addressees if node not in self.fellows and self.sides[node] == number]
        aside = [node for node in addressees if node in self.fellows]
        if plain:
            self.world.send(plain, message)
        if aside:
            wrapped = Aside(number, message.encoded, message.payload)
            vars(wrapped)["message"] = message  # for people; whoever gets it decodes what was said
            self.world.send(aside, wrapped)


class Face(Veil):
    """The world of one of the two participants; and, to the layer, that participant."""

    def __init__(self, layer: Equivocate, number: int) -> None:
        super().__init__(layer.world)
        self._layer = layer
        self._number = number
        self._prefix = _SECOND if number else ""
        if number:
            self.rng = Random(layer.world.rng.getrandbits(64))
        self._kept: set[str] = set()  # the first face's: keys of which the second has what it needs
        self.program = layer._make(self, layer._settings)

    @property
    def now(self) -> int:
        return self.world.now + self._number

    def send(self, to: int | Sequence[int], message: Message) -> None:
        self._layer.say(self._number, to, message)

    def set_timer(self, name: str, delay: int) -> None:
        self.world.set_timer(self._prefix + name, delay)

    def cancel_timer(self, name: str) -> None:
        self.world.cancel_timer(self._prefix + name)

    def persist(self, key: str, value: bytes) -> None:
        if self._number:
            self.world.persist(_SECOND + key, _PRESENT + value)
            return
        if self._layer.split and key not in self._kept:
            self._kept.add(key)
            if self.world.restore(_SECOND + key) is None:  # the second face is to remember what was there before
                former = self.world.restore(key)
                self.world.persist(_SECOND + key, _ABSENT if former is None else _PRESENT + former)
        self.world.persist(key, value)

    def restore(self, key: str) -> bytes | None:
        if not self._number:
            return self.world.restore(key)
        found = self.world.restore(_SECOND + key)
        if found is None:
            return self.world.restore(key)
        return None if found == _ABSENT else found[1:]


def league(settings: Settings) -> frozenset[int]:
    """The nodes that equivocate."""
    return frozenset(
        node
        for node, deviations in settings.misbehaviour.items()
        if any(issubclass(deviation.strategy, Equivocate) for deviation in deviations)
    )


def other_side(world: World, in_league: frozenset[int]) -> frozenset[int]:
    """Who sees the second face where nobody says it: the same nodes for all in league."""
    validating = frozenset(world.validators)
    others = [node for node in range(world.nodes) if node not in in_league]
    voters = [node for node in others if node in validating]
    followers = [node for node in others if node not in validating]
    return frozenset((*voters[(len(voters) + 1) // 2 :], *followers[(len(followers) + 1) // 2 :]))
