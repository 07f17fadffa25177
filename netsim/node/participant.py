"""One participant: gossip, mempool, chain and consensus composed behind one Context.

Rules that hold for every protocol are kept here, so that none of them has to: a message of a foreign type, of an
unknown author or with a wrong signature is dropped and counted; a signature is checked once, on first receipt, before
the message is relayed or handled; what gossip brings twice reaches the protocol once; a client's batch that was passed
over is told again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from netsim.node.block import Batch, Block
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus
from netsim.node.context import World
from netsim.node.gossip import Gossip
from netsim.node.mempool import Mempool
from netsim.node.message import MESSAGE_KINDS, Codec, Message, MessageKind, Signed, tag_of
from netsim.node.transactions import Transactions

RETOLD_PER_BLOCK = 256  # most batches that a node tells again when a block passes them over


@dataclass(frozen=True, slots=True)
class Choice:
    """A gossip strategy with its declared parameters."""

    strategy: type[Gossip]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """What all participants of a scenario have in common."""

    protocol: type[Consensus]
    parameters: Mapping[str, Any]  # the protocol's declared keys; durations in ns, sizes in bytes, shares of 1
    gossip: Mapping[MessageKind, Choice]  # one for each kind of message
    block_size: int  # most bytes of transactions in a block


def message_types(settings: Settings) -> tuple[type[Message], ...]:
    """Every type of message that participants with these settings exchange."""
    return Transactions, *settings.protocol.messages


class Participant:
    """What one node does. An engine makes it with a `World`, calls `start`, and then one method per event."""

    @staticmethod
    def codec(settings: Settings) -> Codec:
        """Decodes what such participants send to each other."""
        return Codec(message_types(settings))

    @staticmethod
    def message_names(settings: Settings) -> dict[int, str]:
        """The names of the message types by their tags, for the trace's header."""
        return {tag_of(message): message.__name__ for message in message_types(settings)}

    def __init__(self, world: World, settings: Settings) -> None:
        self.world = world
        self.chain = Chain()
        self.mempool = Mempool(world.nodes, settings.block_size)
        self._gossip = {
            kind: settings.gossip[kind].strategy(world, settings.gossip[kind].parameters) for kind in MESSAGE_KINDS
        }
        self._validators = frozenset(world.validators)
        self._untold: dict[int, Batch] = {}  # this node's own batches that no final block has touched, by name
        self._relays: dict[type[Message], Gossip | None] = {}  # by type of message: who relays it, if anybody
        for message in message_types(settings):
            gossip = self._gossip[message.kind]
            self._relays[message] = gossip if message.relayed and gossip.relays else None
        context = _Context(world, self)
        self.consensus = settings.protocol(context, self.chain, self.mempool, settings.parameters)

    def start(self) -> None:
        """The node begins, for the first time or after a crash."""
        self.consensus.start()

    def on_timer(self, name: str) -> None:
        """A timer of the protocol is due."""
        self.consensus.on_timer(name)

    def on_transactions(self, batch: Batch) -> None:
        """Clients of this node have submitted transactions."""
        if self.mempool.add(batch):
            self._untold[batch.name] = batch
            self.broadcast(Transactions(batch))
            self.consensus.on_transactions()

    def on_message(self, sender: int, message: Message) -> None:
        """A message has arrived; `sender` is the node that it came from, not always its author."""
        try:
            gossip = self._relays[type(message)]
        except KeyError:
            self.world.reject("foreign type")
            return
        if gossip is not None and gossip.seen(message):
            return
        if isinstance(message, Signed):
            if not self._genuine(message):
                return
        elif type(message) is Transactions and not self.mempool.sane(message.batch):
            self.world.reject("impossible batch")
            return
        if gossip is not None:
            gossip.relay(sender, message)
        if type(message) is not Transactions:
            self.consensus.on_message(sender, message)
        elif self.mempool.add(message.batch):
            self.consensus.on_transactions()

    def broadcast(self, message: Message) -> None:
        """Bring a message to every other node by the strategy chosen for its kind."""
        self._gossip[message.kind].broadcast(message)

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
        """Whether a signed message is by the validator that it names, and news; counts what is forged."""
        signer = message.signer
        if signer not in self._validators:
            self.world.reject("unknown signer")
        elif not self.world.verify(signer, message.digest, message.signature):
            self.world.reject("wrong signature")
        else:
            return signer != self.world.me  # one's own words come back after a restart
        return False


class _Context:
    """The Context that a protocol sees: the world's own methods, without a call in between, and a broadcast."""

    def __init__(self, world: World, participant: Participant) -> None:
        self._world: Final = world
        self.me = world.me
        self.nodes = world.nodes
        self.peers = world.peers
        self.validators = world.validators
        self.rng = world.rng
        self.send = world.send
        self.set_timer = world.set_timer
        self.cancel_timer = world.cancel_timer
        self.sign = world.sign
        self.verify = world.verify
        self.work = world.work
        self.persist = world.persist
        self.restore = world.restore
        self.proposed = world.proposed
        self.record = world.record
        self.reject = world.reject
        self.broadcast = participant.broadcast
        self.finalise = participant.finalise

    @property
    def now(self) -> int:
        return self._world.now
