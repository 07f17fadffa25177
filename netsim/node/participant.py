"""One participant: gossip, mempool, chain and consensus composed behind one Context.

Rules that hold for every protocol are kept here, so that none of them has to: a message of a foreign type, of an
unknown author or with a wrong signature is dropped and counted; a signature is checked once, on first receipt, before
the message is relayed or handled; what gossip brings twice reaches the protocol once; a client's batch that was passed
over is told again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

from netsim.node.block import Batch, Block
from netsim.node.bundle import Bundle
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus
from netsim.node.context import World
from netsim.node.gossip.strategy import Strategy
from netsim.node.membership import members
from netsim.node.mempool import Mempool
from netsim.node.message import (
    MESSAGE_KINDS,
    Codec,
    Control,
    Message,
    MessageKind,
    Signed,
    WireError,
    tag_of,
)
from netsim.node.transactions import Transactions
from netsim.node.witness import Witness

if TYPE_CHECKING:
    from netsim.node.misbehaviour.deviation import Deviation

_OF = ":"  # between the kind of message and the name of its gossip strategy's timer; protocols have none in theirs
RETOLD_PER_BLOCK = 256  # most batches that a node tells again when a block passes them over


@dataclass(frozen=True, slots=True)
class Choice:
    """A gossip strategy with its declared parameters."""

    strategy: type[Strategy]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """What all participants of a scenario have in common."""

    protocol: type[Consensus]
    parameters: Mapping[str, Any]  # the protocol's declared keys; durations in ns, sizes in bytes, shares of 1
    gossip: Mapping[MessageKind, Choice]  # one for each kind of message
    block_size: int  # most bytes of transactions in a block
    misbehaviour: Mapping[int, Sequence[Deviation]] = field(default_factory=dict)  # by node: what it does wrong
    mempool: Callable[..., Mempool] = Mempool  # made like one
    forward: bool = False  # clients' transactions go to the leader alone, where there is one


def message_types(settings: Settings) -> tuple[type[Message], ...]:
    """Every type of message that participants with these settings exchange."""
    control = dict.fromkeys(message for choice in settings.gossip.values() for message in choice.strategy.messages)
    return *spoken(settings), *control, *conspired(settings)


def spoken(settings: Settings) -> tuple[type[Message], ...]:
    """Clients' transactions, and the types of message that the protocol has."""
    return Transactions, *settings.protocol.messages


def conspired(settings: Settings) -> tuple[type[Message], ...]:
    """What misbehaving nodes say to each other beside the protocol."""
    deviations = (deviation for node in sorted(settings.misbehaviour) for deviation in settings.misbehaviour[node])
    return tuple(dict.fromkeys(message for deviation in deviations for message in deviation.strategy.messages))


class Participant:
    """What one node does. An engine makes it with a `World`, calls `start`, and then one method per event."""

    @staticmethod
    def codec(settings: Settings) -> Codec:
        """Decodes what such participants send to each other."""
        return _codec(message_types(settings))

    @staticmethod
    def message_names(settings: Settings) -> dict[int, str]:
        """The names of the message types by their tags, for the trace's header."""
        names = {tag_of(message): message.__name__ for message in (*spoken(settings), *conspired(settings))}
        for topic, kind in enumerate(MESSAGE_KINDS):
            for control in settings.gossip[kind].strategy.messages:
                names[tag_of(control) + topic] = f"{control.__name__} ({kind})"
        return names

    @staticmethod
    def transaction_tags(settings: Settings) -> list[int]:
        """The tags of what brings transactions to proposers, and is counted apart from the protocol's messages."""
        topic = MESSAGE_KINDS.index(Transactions.kind)
        control = (tag_of(message) + topic for message in settings.gossip[Transactions.kind].strategy.messages)
        return [tag_of(Transactions), *control]

    def __init__(self, world: World, settings: Settings) -> None:
        self.world = world
        self.chain = Chain()
        self.mempool = settings.mempool(world.nodes, settings.block_size, settings.parameters.get("block_transactions"))
        self.decode = self.codec(settings).decode
        self._gossip: dict[MessageKind, Strategy] = {
            kind: settings.gossip[kind].strategy(_Host(world, self, kind), settings.gossip[kind].parameters)
            for kind in MESSAGE_KINDS
        }
        self._strategies = tuple(self._gossip.values())  # by topic
        self._validators = members(world.validators)
        self._verify = world.verify
        self._witness = Witness(len(self._validators), world.evidence)
        self._untold: dict[int, Batch] = {}  # this node's own batches that no final block has touched, by name
        self._spread: Callable[[Message], bool] | None = getattr(world, "spread", None)
        self._to_leader = settings.forward
        self._routes: dict[type[Message], tuple[Strategy | None, bool, bool]] = {
            message: (self._relay(message), issubclass(message, Signed), message.kind == "blocks")
            for message in spoken(settings)
        }  # by type of message: who relays it, if anybody; whether it is signed; whether it may carry a block
        context = _Context(world, self)
        self.consensus = settings.protocol(context, self.chain, self.mempool, settings.parameters)
        self._handle = self.consensus.on_message

    def _relay(self, message: type[Message]) -> Strategy | None:
        """Who passes on messages of a type."""
        if message is Transactions and self._to_leader:
            return None  # they go no further
        gossip = self._gossip[message.kind]
        return gossip if message.relayed and gossip.relays else None

    def start(self) -> None:
        """The node begins, for the first time or after a crash."""
        for gossip in self._strategies:
            gossip.start()
        self.consensus.start()

    def on_timer(self, name: str) -> None:
        """A timer of the protocol or of a gossip strategy is due."""
        kind, colon, rest = name.partition(_OF)
        if colon:
            self._gossip[cast(MessageKind, kind)].on_timer(rest)
        else:
            self.consensus.on_timer(name)

    def on_peers(self) -> None:
        """The overlay's neighbours of this node have changed."""
        for gossip in self._strategies:
            gossip.on_peers()

    def on_transactions(self, batch: Batch) -> None:
        """Clients of this node have submitted transactions."""
        if self.mempool.add(batch):
            self._untold[batch.name] = batch
            self._forward(Transactions(batch))
            self.consensus.on_transactions()

    def _forward(self, message: Transactions) -> None:
        """Bring transactions to those who may propose them: to everybody, or to the leader; to all validators where
        there is none at present."""
        if not self._to_leader:
            self.broadcast(message)
            return
        leader = self.consensus.leader
        if leader is None:
            self.world.send([node for node in self.world.validators if node != self.world.me], message)
        elif leader != self.world.me:
            self.world.send(leader, message)

    def on_message(self, sender: int, message: Message) -> None:
        """A message has arrived; `sender` is the node that it came from, not always its author."""
        route = self._routes.get(type(message))
        if route is None:
            self._on_control(sender, message)
            return
        gossip, signed, carries_block = route
        if gossip is not None and gossip.seen(message):
            self.world.duplicate(message)
            gossip.repeated(sender, message)
            return
        if signed:
            assert isinstance(message, Signed)
            if not self._genuine(message):
                return
            if message.signer == self.world.me:  # one's own words come back after a restart
                if gossip is not None:
                    self.world.duplicate(message)
                    gossip.repeated(sender, message)
                return
            self._witness.see(message)
        elif type(message) is Transactions and not self.mempool.sane(message.batch):
            self.world.reject("impossible batch")
            return
        if gossip is not None:
            gossip.relay(sender, message)
        if carries_block and message.about[0]:
            self.world.received(message)
        if type(message) is not Transactions:
            self._handle(sender, message)
        elif self.mempool.add(message.batch):
            self.consensus.on_transactions()

    def keeps(self, message: Signed) -> bool:
        """Whether messages like this one stay here: what is passed on is passed on at once."""
        route = self._routes.get(type(message))
        return route is not None and route[0] is None and not route[2]

    def unmoved_by(self, message: Signed) -> int:
        """How many more messages like this one may be put off: see `Consensus.unmoved_by`."""
        return self.consensus.unmoved_by(message) if self.keeps(message) else 0

    def on_vote(self, sender: int, message: Signed) -> None:
        """One of the messages that were put off: a validator's own, and genuine. `on_message` comes to this for it."""
        self._witness.see(message)
        self._handle(sender, message)

    @property
    def room(self) -> int:
        """How many votes may be handed over together at most."""
        return self._witness.room

    def on_votes(self, bundles: Sequence[Bundle]) -> bool:
        """Several of them, no two bundles of one claim; False where they have to be handed over one by one, in their
        order, and nothing was done."""
        if not self._witness.is_plain(bundles) or not self.consensus.count_all(bundles):
            return False
        self._witness.see_all(bundles)
        return True

    def _on_control(self, sender: int, message: Message) -> None:
        """What a gossip strategy says to that of another node."""
        if isinstance(message, Control) and message.topic < len(self._strategies):
            gossip = self._strategies[message.topic]
            if type(message) in gossip.messages:
                gossip.on_control(sender, message)
                return
        self.world.reject("foreign type")

    def broadcast(self, message: Message) -> None:
        """Bring a message to every other node by the strategy chosen for its kind."""
        if self._spread is None or message.kind != "blocks" or not self._spread(message):
            self._gossip[message.kind].broadcast(message)

    def carry(self, message: Message) -> None:
        """Broadcast now what the world was to spread as a whole, and did not."""
        self._gossip[message.kind].broadcast(message)

    def unison(self, message: Signed) -> Hashable | None:
        """What decides what this node does about a block message that has not arrived yet; None: it is not simple.

        See `Consensus.unison`. A node with transactions of its own on the way may have to tell them again."""
        gossip = self._routes[type(message)][0]
        if gossip is None or self._untold or message.signer not in self._validators or gossip.seen(message):
            return None
        return self.consensus.unison(message)

    def learn(self, sender: int, message: Signed) -> None:
        """What `on_message` does with a block message that was spread as a whole: gossip has relayed it already."""
        if self._genuine(message):
            self.passed(message)
            self.world.received(message)
            self.consensus.on_message(sender, message)

    def handle_missed(self, messages: Sequence[Signed]) -> bool:
        """`learn` for many messages when all is over, if the protocol has a way to do that: `Consensus.handle_missed`.

        Others have checked the messages, and recorded what there was."""
        if "handle_missed" not in vars(type(self.consensus)):
            return False
        passed = self._gossip["blocks"].passed
        for message in messages:
            passed(message)
        self.consensus.handle_missed(messages)
        return True

    def passed(self, message: Message) -> None:
        """A message was spread as a whole: the strategy's state is to be what it would be."""
        self._gossip[message.kind].passed(message)

    def finalise(self, block: Block) -> None:
        """A block is final: tell the world, and its proposer what of ours it has passed over."""
        self.world.finalise(block)
        me = self.world.me
        if self._untold:
            for batch in block.transactions:
                if batch.origin == me and batch.name in self._untold:
                    self._tell_again(batch.name, block.proposer)

    def _tell_again(self, name: int, proposer: int) -> None:
        """Proposers take batches in the order of arrival, so what is older than a batch on the chain was lost on the
        way (a partition, a crash, a link that loses): the proposer itself is told. It counts as new from then on."""
        if proposer != self.world.me:
            for older, batch in list(islice(self._untold.items(), RETOLD_PER_BLOCK)):
                if older == name:
                    break
                self.world.send(proposer, Transactions(batch))
                del self._untold[older]
                self._untold[older] = batch
        del self._untold[name]

    def _genuine(self, message: Signed) -> bool:
        """Whether a signed message is by the validator that it names; counts what is forged."""
        signer = message.signer
        if signer in self._validators:
            if self._verify(signer, message.digest, message.signature):
                return True
            self.world.reject("wrong signature")
        else:
            self.world.reject("unknown signer")
        return False


@lru_cache
def _codec(types: tuple[type[Message], ...]) -> Codec:
    return Codec(types)


class _Host:
    """What the gossip strategy of one kind of message sees."""

    def __init__(self, world: World, participant: Participant, kind: MessageKind) -> None:
        self._world: Final = world
        self._decode = participant.decode
        self._mempool = participant.mempool
        self.me = world.me
        self.nodes = world.nodes
        self.validators = world.validators
        self.rng = world.rng
        self.kind: MessageKind = kind
        self.topic = MESSAGE_KINDS.index(kind)
        self.send = world.send
        self.reject = world.reject
        self.duplicate = world.duplicate
        self.accept = participant.on_message

    @property
    def now(self) -> int:
        return self._world.now

    @property
    def peers(self) -> Sequence[int]:
        return self._world.peers

    def set_timer(self, name: str, delay: int) -> None:
        self._world.set_timer(f"{self.kind}{_OF}{name}", delay)

    def cancel_timer(self, name: str) -> None:
        self._world.cancel_timer(f"{self.kind}{_OF}{name}")

    def missing(self, batches: Iterable[Batch]) -> tuple[Batch, ...]:
        return tuple(batch for batch in batches if not self._mempool.holds(batch))

    def decode(self, data: bytes) -> Message | None:
        try:
            return self._decode(data)
        except WireError:
            self.reject("malformed")
            return None


class _Context:
    """The Context that a protocol sees: the world's own methods, without a call in between, and a broadcast."""

    def __init__(self, world: World, participant: Participant) -> None:
        self._world: Final = world
        self.me = world.me
        self.nodes = world.nodes
        self.validators = world.validators
        self.weights = world.weights
        self.rng = world.rng
        self.send = world.send
        self.set_timer = world.set_timer
        self.cancel_timer = world.cancel_timer
        self.sign = world.sign
        self.verify = world.verify
        self.work = world.work
        self.persist = world.persist
        self.restore = world.restore
        self.evidence = world.evidence
        self.proposed = world.proposed
        self.record = world.record
        self.reject = world.reject
        self.received = world.received
        self.duplicate = world.duplicate
        self.broadcast = participant.broadcast
        self.finalise = participant.finalise

    @property
    def now(self) -> int:
        return self._world.now

    @property
    def peers(self) -> Sequence[int]:
        return self._world.peers
