"""A script instead of consensus: one proposer at a time, named by the one before, and nobody has to agree.

Theory of operation
===================

What is left without agreement is relay: when does a block reach whom. The first validator proposes the first block.
Each block names who proposes the next one and when that is due; both are drawn by its proposer from its own stream, as
a lottery (proof of work, say) would, without its forks. The successor begins to wait when the block is final at it.

    proposer    SCRIPTED(block, filler, successor, due)     to all, by the scenario's gossip strategy for blocks
    node        final                                       when it has the block and every ancestor

A block is final at its proposer at once, and at any other node as soon as it is there: one broadcast, no votes, so with
constant delays and flooding a block is final everywhere after the shortest path. `filler` is bytes that a block has on
the wire beyond its transactions'. A due time counts from the one before, so that a late proposal does not add up; where
a whole interval has been missed it counts from the proposal, so that the script does not run after its time.

There are never two blocks of one height: the block below names the only one who may propose, and a proposer writes its
block down before it sends it. Nobody checks that a proposer keeps to the time or draws honestly.

What is lost
    A node that has a block and, `timeout` later, still not the one below asks who sent it for what it lacks, and after
    as long again the next of its neighbours. The answer is the missing blocks as they were sent, so they prove
    themselves and are relayed like any other that is new. After a restart a node asks its neighbours one after the
    other, and says again the last block if it is its own. If the successor stays down, the script ends there.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, ClassVar, cast

import msgspec

from netsim.node.block import Block
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus
from netsim.node.context import Context
from netsim.node.fields import Integer, Natural
from netsim.node.forms import BlockMessage
from netsim.node.lottery import exponential
from netsim.node.membership import members
from netsim.node.mempool import Mempool
from netsim.node.message import About, Message
from netsim.node.once import once

PROPOSE, CATCH_UP = "propose", "catch-up"  # the timers
LEAST_GAP = 1_000_000  # ns between two due times, so that a script without an interval comes to an end
CHUNK = 64  # most blocks in one answer
CHUNK_BYTES = 4 << 20  # no further block is sent in an answer that has more
WAITING = 1024  # most blocks that are kept without the one below


class Scripted(BlockMessage, frozen=True, tag=32):
    """A block, and how the script goes on."""

    filler: Natural  # bytes on the wire beyond the transactions'
    successor: Natural  # who proposes the next block
    due: Integer  # when, ns on the proposer's clock

    @once
    def payload(self) -> int:
        return self.block.payload + self.filler

    @once
    def place(self) -> str:
        """Where a node keeps it."""
        return f"block/{self.block.height}"

    @once
    def written(self) -> bytes:
        """As a node keeps it: the same at all of them."""
        return msgspec.msgpack.encode(self)

    def __str__(self) -> str:
        return f"Scripted h{self.block.height} {self.block.id[:2].hex()}, next {self.successor}"


class Missing(Message, frozen=True, tag=33):
    """The asking node lacks everything above this height."""

    relayed: ClassVar[bool] = False

    height: Natural

    @once
    def about(self) -> About:
        return 0, self.height, -1

    def __str__(self) -> str:
        return f"Missing above h{self.height}"


class Script(Consensus):
    """One node. Its parameters:

    block_interval  ns from one due time to the next, on average; at least 1 ms
    arrival         "exponential": the intervals are drawn from that distribution; "fixed": all the same
    proposers       "random": the successor is any validator, oneself included; "round-robin": the next in order
    block_bytes     a block's size on the wire without its transactions
    block_size      most bytes of transactions in a block
    spread          ns; each proposal is late by a random part of it, which does not add up
    timeout         ns after which somebody, and then another, is asked for what is missing
    """

    messages: ClassVar[tuple[type[Message], ...]] = (Scripted, Missing)

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        """One: nobody has to agree."""
        return 1

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.validators = tuple(context.validators)
        self.members = members(context.validators)
        self.interval: int = parameters["block_interval"]
        self.exponential: bool = parameters["arrival"] == "exponential"
        self.at_random: bool = parameters["proposers"] == "random"
        self.block_bytes: int = parameters["block_bytes"]
        self.block_size: int = parameters["block_size"]
        self.spread: int = parameters["spread"] or 0
        self.timeout: int = parameters["timeout"]

        self.said: list[Scripted] = []  # what made each height final, from height 1 on
        self.waiting: dict[bytes, Scripted] = {}  # by parent: what lacks the block below
        self.informant: int | None = None  # who sent something that waits, and is the first to be asked
        self.patient = False  # whether the timer runs
        self.turn = 0  # which neighbour is asked next
        self.to_ask = 0  # how many neighbours are to be asked after a restart
        self.due = 0  # when this node's block is due, if it is its turn

    # ------------------------------------------------------------------------------------------- called by the node

    def start(self) -> None:
        if self.context.restore("life") is None:
            self.context.persist("life", b"1")
            if self.context.me == self.validators[0]:
                self._await(self.context.now + self._gap())
            return
        while (data := self.context.restore(f"block/{len(self.said) + 1}")) is not None:
            self._append(msgspec.msgpack.decode(data, type=Scripted))
        if self.said and self.said[-1].signer == self.context.me:
            self.context.broadcast(self.said[-1])
        self._take_turn()
        self.to_ask = len(self.context.peers)
        self._ask_next()

    def on_message(self, sender: int, message: Message) -> None:
        if isinstance(message, Scripted):
            self._on_block(sender, message)
        elif isinstance(message, Missing):
            self._on_missing(sender, message)

    def on_timer(self, name: str) -> None:
        if name == PROPOSE:
            self._propose()
        else:
            self.patient = False
            self._ask_next()

    def on_transactions(self) -> None:
        """Blocks come when they are due, with or without transactions."""

    @classmethod
    def starters(cls, validators: Sequence[int], parameters: Mapping[str, Any]) -> Collection[int]:
        """The first proposer begins to wait for its turn."""
        return validators[:1]

    def unison(self, message: Message) -> Hashable | None:
        """A block that stands on the head, from who is to propose it, is final at once: nothing waits for it."""
        if not isinstance(message, Scripted) or self.waiting:
            return None
        block, head = message.block, self.chain.head
        follows = block.parent == head.id and block.height == head.height + 1
        right = block.proposer == message.signer == self.proposer and message.successor in self.members
        return (head.id, self.proposer) if follows and right and self._fits(block) else None

    def apart(self, message: Message) -> Mapping[int, int]:
        """The successor begins to wait for its turn."""
        return {message.successor: message.due} if isinstance(message, Scripted) else {}

    def handle_missed(self, messages: Sequence[Message]) -> None:
        """Each of them stands on the head, and none gives this node its turn."""
        said = cast("Sequence[Scripted]", messages)
        for message in said:
            self._persist(message)
        self._append(*said)

    # --------------------------------------------------------------------------------------------------- proposing

    @property
    def leader(self) -> int:
        return self.proposer

    @property
    def proposer(self) -> int:
        """Who proposes the block above the head."""
        return self.said[-1].successor if self.said else self.validators[0]

    def _take_turn(self) -> None:
        """Begin to wait for the time of the next block, if it is this node's."""
        if self.proposer == self.context.me:
            self._await(self.said[-1].due if self.said else self.context.now + self._gap())

    def _await(self, due: int) -> None:
        self.due = due
        offset = self.context.rng.randrange(self.spread) if self.spread else 0
        self.context.set_timer(PROPOSE, due + offset - self.context.now)

    def _propose(self) -> None:
        context, head = self.context, self.chain.head
        block = Block(head.height + 1, head.id, context.me, context.now, self.mempool.take(self.block_size))
        due = self._following(self._gap())
        message = Scripted(context.me, b"", block, self.block_bytes, self._successor(), due).signed(context.sign)
        self._persist(message)
        context.broadcast(message)
        context.proposed(block)
        self._finalise(message)

    def _following(self, gap: int) -> int:
        """When the next block is due: counted from this one's time, unless a whole interval has been missed."""
        return (self.due if self.context.now < self.due + gap else self.context.now) + gap

    def _successor(self) -> int:
        if self.at_random:
            return self.context.rng.choice(self.validators)
        return self.validators[(self.validators.index(self.context.me) + 1) % len(self.validators)]

    def _gap(self) -> int:
        gap = exponential(self.context.rng, self.interval) if self.exponential else self.interval
        return max(gap, LEAST_GAP)

    # --------------------------------------------------------------------------------------------------- receiving

    def _on_block(self, sender: int, message: Scripted) -> None:
        block = message.block
        if block.proposer != message.signer or message.successor not in self.members or not self._fits(block):
            self.context.reject("impossible block")
            return
        if block.height <= self.chain.height:
            return
        if len(self.waiting) < WAITING:
            self.waiting[block.parent] = message
        while (above := self.waiting.pop(self.chain.head.id, None)) is not None:
            if above.block.height != self.chain.height + 1 or above.signer != self.proposer:
                self.context.reject("not in the script")
                break
            self._persist(above)
            self._finalise(above)
        if self.waiting:
            self.waiting = {parent: m for parent, m in self.waiting.items() if m.block.height > self.chain.height}
        if block.parent in self.waiting:
            self.informant = sender
            self._wait()

    def _fits(self, block: Block) -> bool:
        return block.height >= 1 and block.payload <= self.block_size

    def _finalise(self, message: Scripted) -> None:
        """Make final the block above the head."""
        self._append(message)
        self.context.finalise(message.block)
        self.context.work(execute=message.block.count)
        self._take_turn()

    def _append(self, *messages: Scripted) -> None:
        blocks = [message.block for message in messages]
        self.said += messages
        self.chain.extend(blocks)
        for block in blocks:
            self.mempool.finalised(block)

    def _persist(self, message: Scripted) -> None:
        self.context.persist(message.place, message.written)

    # ------------------------------------------------------------------------------------------- what was missed

    def _wait(self) -> None:
        if not self.patient:
            self.patient = True
            self.context.set_timer(CATCH_UP, self.timeout)

    def _ask_next(self) -> None:
        """Ask somebody, as long as something is known or after a restart likely to be missing."""
        peers = self.context.peers
        if not (self.waiting or self.to_ask) or not peers:
            return
        if self.informant is None:
            self.turn += 1
            self.informant = peers[self.turn % len(peers)]
        self.context.send(self.informant, Missing(self.chain.height))
        self.informant = None
        self.to_ask = max(self.to_ask - 1, 0)
        self._wait()

    def _on_missing(self, sender: int, message: Missing) -> None:
        size = 0
        for above in self.said[message.height : message.height + CHUNK]:
            self.context.send(sender, above)
            size += above.payload
            if size > CHUNK_BYTES:
                break
