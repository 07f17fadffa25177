"""A layer of misbehaviour: a world to the participant inside it, a participant to the world around it.

A strategy knows no protocol. It stands between a whole, correct participant and the engine, and changes what passes:
what the participant sends, what it hears, what it is made with. So the same few strategies misbehave in every protocol,
the user's own included, and a protocol is attacked as it is, not in a copy written for the attack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import ClassVar, Protocol

from netsim.node.block import Batch, Block
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus
from netsim.node.context import World
from netsim.node.gossip.compact import ShortForm
from netsim.node.mempool import Mempool
from netsim.node.message import Codec, Control, Message, Signed, WireError
from netsim.node.misbehaviour.deviation import Deviation
from netsim.node.participant import Participant, Settings
from netsim.node.transactions import Transactions


class Program(Protocol):
    """What runs at a node, correct or not, as an engine sees it."""

    @property
    def chain(self) -> Chain: ...

    @property
    def mempool(self) -> Mempool: ...

    @property
    def consensus(self) -> Consensus: ...

    def start(self) -> None: ...

    def on_message(self, sender: int, message: Message) -> None: ...

    def on_timer(self, name: str) -> None: ...

    def on_transactions(self, batch: Batch) -> None: ...

    def on_peers(self) -> None: ...


Make = Callable[[World, Settings], Program]  # how that which a layer surrounds is made


class Veil:
    """A World that hands everything through to another; a subclass changes some of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.me = world.me
        self.nodes = world.nodes
        self.validators = world.validators
        self.weights = world.weights
        self.rng: Random = world.rng

    @property
    def peers(self) -> Sequence[int]:
        return self.world.peers

    @property
    def now(self) -> int:
        return self.world.now

    def send(self, to: int | Sequence[int], message: Message) -> None:
        self.world.send(to, message)

    def set_timer(self, name: str, delay: int) -> None:
        self.world.set_timer(name, delay)

    def cancel_timer(self, name: str) -> None:
        self.world.cancel_timer(name)

    def sign(self, digest: bytes) -> bytes:
        return self.world.sign(digest)

    def verify(self, node: int, digest: bytes, signature: bytes) -> bool:
        return self.world.verify(node, digest, signature)

    def work(self, execute: int) -> None:
        self.world.work(execute)

    def persist(self, key: str, value: bytes) -> None:
        self.world.persist(key, value)

    def restore(self, key: str) -> bytes | None:
        return self.world.restore(key)

    def received(self, message: Message) -> None:
        self.world.received(message)

    def duplicate(self, message: Message) -> None:
        self.world.duplicate(message)

    def evidence(self, first: Signed, second: Signed) -> None:
        self.world.evidence(first, second)

    def proposed(self, block: Block) -> None:
        self.world.proposed(block)

    def finalise(self, block: Block) -> None:
        self.world.finalise(block)

    def record(
        self, kind: str, *, block: bytes = b"", height: int = -1, round: int = -1, peer: int = -1, detail: int = 0
    ) -> None:
        self.world.record(kind, block=block, height=height, round=round, peer=peer, detail=detail)

    def reject(self, reason: str) -> None:
        self.world.reject(reason)


class Layer(Veil):
    """The base of all strategies: everything passes in both directions."""

    messages: ClassVar[tuple[type[Message], ...]] = ()  # what such nodes say to each other beside the protocol
    outermost: ClassVar[bool] = False  # True: surrounds the other strategies of a node, whatever their order

    def __init__(self, world: World, settings: Settings, deviation: Deviation, make: Make) -> None:
        super().__init__(world)
        self.parameters = deviation.parameters
        self.at = deviation.at
        self.codec: Codec = Participant.codec(settings)
        self.begin()
        self.inside = make(self, self.settings(settings))

    def begin(self) -> None:
        """A strategy's own state, before what it surrounds is made."""

    def settings(self, settings: Settings) -> Settings:
        """What the participant inside is made with."""
        return settings

    @property
    def active(self) -> bool:
        """Whether the time has come to misbehave."""
        return self.world.now >= self.at

    def own(self, message: Message) -> Message | None:
        """The content that this node itself says with a message; None where it passes on what others have said, or
        speaks as a neighbour in the overlay. What is unsigned and said to one node alone is its own."""
        if isinstance(message, ShortForm):
            try:
                message = vars(message).get("message") or self.codec.decode(message.inner)
            except WireError:
                return None
        if isinstance(message, Control):
            return None
        if isinstance(message, Signed):
            return message if message.signer == self.me else None
        if isinstance(message, Transactions):
            return message if message.batch.origin == self.me else None
        return message

    def own_of_kind(self, message: Message, what: str) -> bool:
        """Whether this node itself says something of that kind with a message; "all": of any."""
        content = self.own(message)
        return content is not None and what in ("all", content.kind)

    # --------------------------------------------------------------------------------------- a participant to the world

    @property
    def chain(self) -> Chain:
        return self.inside.chain

    @property
    def mempool(self) -> Mempool:
        return self.inside.mempool

    @property
    def consensus(self) -> Consensus:
        return self.inside.consensus

    def start(self) -> None:
        self.inside.start()

    def on_message(self, sender: int, message: Message) -> None:
        self.inside.on_message(sender, message)

    def on_timer(self, name: str) -> None:
        self.inside.on_timer(name)

    def on_transactions(self, batch: Batch) -> None:
        self.inside.on_transactions(batch)

    def on_peers(self) -> None:
        self.inside.on_peers()
