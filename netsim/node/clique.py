"""Clique (Szilágyi, EIP-225, 2017; go-ethereum, consensus/clique): proof of authority, signers take turns.

Theory of operation
===================

n signers, the validators, numbered in their order. A block is made by a signer alone, and nobody votes on it.

    signer in turn      SEALED(block h), difficulty 2    to all, at the time when it is due; h mod n is its number
    another signer      SEALED(block h), difficulty 1    to all, later by a random wiggle, unless a block came meanwhile
    node                follows                          the chain with the greatest total difficulty

One message delay, n − 1 messages. A block is due `block_interval` after the one below it was due, and bears that time;
so neither the wiggle nor the way that a block travels adds up. The wiggle is drawn from 0 to (⌊n/2⌋ + 1) × `wiggle`
(go-ethereum; EIP-225 says n × 500 ms). The difficulty is not written in the block: it follows from height and signer.

Signer limit (EIP-225, SIGNER_LIMIT)
    Of any ⌊n/2⌋ + 1 blocks in a row a signer has signed one at most: a block that breaks this is invalid. So a chain
    needs a majority of the signers to grow beyond ⌊n/2⌋ blocks, and a minority, faulty or cut off, comes to a halt.
    With ⌊(n − 1)/2⌋ signers down the others can go on: of the ⌊n/2⌋ + 1 that are left at most ⌊n/2⌋ must wait.

Forks, and finality
    Two signers may make a block on one parent before they hear of each other: a wiggle is not always longer than the
    way, and in a partition each side goes on as far as the limit allows. The heavier chain wins; all of it was signed
    in turn if possible, hence the weights. There is no finality in Clique. Here a block is final at a node when
    `depth` − 1 blocks are on top of it in the chain that the node follows; `auto` is ⌊n/2⌋ + 1, so that the block and
    those on top of it have as many different signers, a majority. That is a measure and no proof: a reorganisation of
    any depth is possible (Ekparinya, Gramoli, Jourjon, The Attack of the Clones Against Proof-of-Authority, NDSS 2020),
    takes final blocks back, and shows as a violation of agreement.

Ties
    EIP-225 does not say which of two chains of equal difficulty to follow. go-ethereum prefers the lower height, and at
    equal heights tosses a coin when the second arrives. Following the first seen, signers may wait for each other for
    ever: each of those that may still sign on one chain follows the other. That happens as soon as a signer is down and
    two others fill in for it at once. So `ties: eip-3436` is the default: EIP-3436 orders them by lower height, then by
    whose signer was in turn the longest time ago, then by the lower id, so all that have both blocks follow the same.
    With `ties: first-seen` one can watch the halt.

An honest signer may sign two blocks of one height, where a reorganisation has changed what is below; never two on one
parent. So it is two blocks on one parent that are evidence against their author.

What is lost
    A block whose parent is not here waits, and the ancestors are asked for (see `ancestry`). A node that has taken up
    no block for as long as a turn, a wiggle and `timeout` together tells its neighbours which one it follows (BEHIND),
    and again every `timeout`: those that follow another send that. So two halves of a network that have both come to a
    halt find together when a partition ends, though nobody can make a block before.

Crash and restart
    A node persists each block that it accepts, its own before it sends it, and follows the same chain after a restart.
    It asks what it has missed, and makes no block on an old one before it has learnt nothing new for twice `timeout`.

Blocks from the future
    A block that bears a time later than the receiver's clock is kept until then, and refused where that is more than
    30 s away, as in go-ethereum.

Where this differs from EIP-225 and go-ethereum: times are in nanoseconds, not in seconds; the set of signers does not
change (no votes on it, hence no epochs and checkpoints); there are no uncles, as there. With `block_interval: 0 s` a
block is made at once, and without transactions only to make others final (go-ethereum: never).

Followers check blocks and make none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from netsim.node.ancestry import ANCESTRY, Ancestry, Missing
from netsim.node.block import GENESIS, Block, short, short_id
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus
from netsim.node.context import Context
from netsim.node.early import EARLY, Early
from netsim.node.fields import Digest, Natural
from netsim.node.forms import BlockMessage
from netsim.node.heaviest import REORGANISED, Heaviest
from netsim.node.mempool import Mempool
from netsim.node.message import About, Message
from netsim.node.once import once
from netsim.node.rhythm import PROPOSE, Rhythm

IN_TURN, OUT_OF_TURN = 2, 1  # difficulties (EIP-225, DIFF_INTURN and DIFF_NOTURN)
FUTURE = 30_000_000_000  # ns that a block may be ahead of the receiver's clock (go-ethereum, maxTimeFutureBlocks)
SIBLINGS = 64  # most blocks of one signer on one parent, beyond which one is kept only if another stands on it

STALLED = "stalled"  # the timer, beside those of `rhythm`, `ancestry` and `early`: nothing new has come


class Sealed(BlockMessage, frozen=True, tag=75):
    """A block, sealed by its signer."""

    @property
    def slot(self) -> tuple[int, ...]:
        return self.block.height, short_id(self.block.parent)


class Behind(Message, frozen=True, tag=76):
    """The asking node follows this block, and wonders whether there is a better one."""

    relayed: ClassVar[bool] = False

    tip: Digest
    height: Natural

    @once
    def about(self) -> About:
        return short_id(self.tip), self.height, -1

    def __str__(self) -> str:
        return f"Behind h{self.height} {short(self.tip)}?"


class Clique(Consensus):
    """One node. Its parameters:

    block_interval  ns between the times at which two blocks are due (EIP-225's BLOCK_PERIOD); 0: at once
    spread          ns; each block is late by a random part of it, which does not add up
    block_size      most bytes of transactions in a block
    timeout         ns, beyond a turn and its wiggle, without a new block until a node asks its neighbours
    wiggle          ns; a signer out of turn waits for up to ⌊n/2⌋ + 1 times as long
    ties            "eip-3436" or "first-seen": which of two chains of equal difficulty to follow
    empty_blocks    "always": also without transactions, if there is an interval; "when-needed": only to make blocks
                    with transactions final; "never"
    depth           confirmations that make a block final, the block itself the first; None: ⌊n/2⌋ + 1
    """

    messages: ClassVar[tuple[type[Message], ...]] = (Sealed, Behind, Missing)
    records: ClassVar[dict[str, str]] = REORGANISED

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        """A majority: as many must sign for a chain to grow for ever."""
        return validators // 2 + 1

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.signers = tuple(context.validators)
        self.limit = len(self.signers) // 2 + 1  # EIP-225, SIGNER_LIMIT
        self.signing = context.me in self.signers
        self.interval: int = parameters["block_interval"]
        self.block_size: int = parameters["block_size"]
        self.timeout: int = parameters["timeout"]
        self.wiggle: int = self.limit * parameters["wiggle"]
        self.empty_blocks: str = parameters["empty_blocks"]

        self.rhythm = Rhythm(context, self.interval, parameters["spread"])
        better = self._preferred if parameters["ties"] == "eip-3436" else None
        self.heaviest = Heaviest(context, chain, mempool, parameters["depth"] or self.limit, better)
        self.ancestry: Ancestry[Sealed] = Ancestry(context, chain, self.timeout, self._accept, revertible=True)
        self.early: Early[Sealed] = Early(context, self.ancestry.receive)
        self.sealed: dict[bytes, Sealed] = {}  # by block: all that is on the tree
        self.made: dict[tuple[bytes, int], int] = {}  # how many, by parent and signer
        self.preparing = False  # whether this signer is about to make the next block
        self.due = 0  # when that is due
        self.resumed = -1  # until when others fill in rather than this node, which has been away

    # ------------------------------------------------------------------------------------------- called by the node

    def start(self) -> None:
        if self.context.restore("life") is None:
            self.context.persist("life", b"1")
        else:
            self._resume()
        self._listen()
        self._prepare()

    def on_message(self, sender: int, message: Message) -> None:
        if isinstance(message, Sealed):
            self._on_sealed(sender, message)
        elif isinstance(message, Behind):
            self._on_behind(sender, message)
        elif isinstance(message, Missing):
            self.ancestry.answer(sender, message, self._held)

    def on_timer(self, name: str) -> None:
        if name == PROPOSE:
            self.rhythm.pause()
            self._seal()
        elif name == ANCESTRY:
            self.ancestry.on_timer()
        elif name == STALLED:
            self._on_stalled()
        elif name == EARLY:
            self.early.on_timer()

    def on_transactions(self) -> None:
        self._prepare()

    @property
    def leader(self) -> int:
        """Who is in turn."""
        return self._in_turn(self.heaviest.tip.height + 1)

    @property
    def status(self) -> str:
        tip = self.heaviest.tip
        return f"follows h{tip.height} {short(tip.id)}, difficulty {self.heaviest.total(tip.id)}"

    # ----------------------------------------------------------------------------------------------------- the rules

    def _in_turn(self, height: int) -> int:
        return self.signers[height % len(self.signers)]

    def _difficulty(self, block: Block) -> int:
        return IN_TURN if block.proposer == self._in_turn(block.height) else OUT_OF_TURN

    def _earliest(self, parent: Block) -> int:
        """When a block on top of another is due; and it may not bear an earlier time."""
        return parent.created + max(self.interval, 1) if parent is not GENESIS else 0

    def _may_sign(self, signer: int, parent: Block) -> bool:
        """Whether a signer has signed none of the last blocks of a chain."""
        block: Block | None = parent
        for _ in range(self.limit - 1):
            if block is None or block.height == 0:
                break
            if block.proposer == signer:
                return False
            block = self.chain.get(block.parent)
        return True

    def _preferred(self, new: Block, tip: Block) -> bool:
        """EIP-3436's order of two tips of equal total difficulty."""
        return self._rank(new) < self._rank(tip)

    def _rank(self, block: Block) -> tuple[int, int, bytes]:
        number = self.signers.index(block.proposer)
        return block.height, -((block.height - number) % len(self.signers)), block.id

    # ------------------------------------------------------------------------------------------------- making blocks

    def _prepare(self) -> None:
        """Get ready to make the next block, if there is reason to and this signer may."""
        tip, now = self.heaviest.tip, self.context.now
        if self.preparing or not self.signing or not self._wanted() or not self._may_sign(self.context.me, tip):
            return
        self.preparing = True
        earliest = self._earliest(tip)
        self.due = max(earliest, now)
        if earliest < now < self.resumed:
            self.due = self.resumed
        wiggle = 0 if self.leader == self.context.me or not self.wiggle else self.context.rng.randrange(self.wiggle)
        self.rhythm.begin(self.due + wiggle)
        self._seal()

    def _wanted(self) -> bool:
        """Whether there is something to make a block for."""
        if self.mempool.pending or (self.interval and self.empty_blocks == "always"):
            return True
        return self.empty_blocks != "never" and any(block.transactions for block in self.heaviest.open)

    def _seal(self) -> None:
        """Make the next block, if it is time."""
        if not self.preparing or not self.rhythm.ready():
            return
        context, tip = self.context, self.heaviest.tip
        height = tip.height + 1
        block = Block(height, tip.id, context.me, self.due, self.mempool.take(self.block_size))
        message = Sealed(context.me, b"", block).signed(context.sign)
        self._keep(message)
        if self.leader != context.me:
            context.record("round", height=height, round=1)
        context.broadcast(message)
        context.proposed(block)
        self._add(message)

    def _keep(self, message: Sealed) -> None:
        """Write a block down."""
        self.context.persist(f"block/{len(self.sealed) + 1}", msgspec.msgpack.encode(message))
        self._count(message)

    def _count(self, message: Sealed) -> None:
        block = message.block
        self.sealed[block.id] = message
        self.made[block.parent, block.proposer] = self.made.get((block.parent, block.proposer), 0) + 1

    def _add(self, message: Sealed) -> None:
        """Put a block on the tree, and turn to the next if it changes what this node follows."""
        block = message.block
        if self.heaviest.add(block, self._difficulty(block)):
            self.preparing = False
            self.rhythm.pause()
            self.ancestry.prune()
            self._hold_back(self.context.now <= self.resumed and block.created + self._stall() < self.context.now)
            self._listen()
            self._prepare()

    # --------------------------------------------------------------------------------------------------- receiving

    def _on_sealed(self, sender: int, message: Sealed) -> None:
        block = message.block
        if block.id in self.sealed:
            return
        if block.proposer != message.signer or block.height < 1 or block.payload > self.block_size:
            self.context.reject("impossible block")
            return
        self.ancestry.receive(sender, message)

    def _accept(self, sender: int, message: Sealed) -> None:
        """A block whose parent is here."""
        block = message.block
        parent = self.chain.get(block.parent)
        if parent is None or block.id in self.sealed:
            return
        if block.height != parent.height + 1 or block.created < self._earliest(parent):
            self.context.reject("block before its time")
        elif not self._may_sign(block.proposer, parent):
            self.context.reject("signed too recently")
        elif block.created > self.context.now + FUTURE:
            self.context.reject("block from the future")
        elif block.created > self.context.now:
            self.early.keep(sender, message, block.created)
        elif self.made.get((block.parent, block.proposer), 0) >= SIBLINGS and not self.ancestry.wants(block.id):
            self.context.reject("one of too many on one parent")
        else:
            self._keep(message)
            self._add(message)

    # ------------------------------------------------------------------------------------------- what was missed

    def _stall(self) -> int:
        """How long it may be without a new block."""
        return self.interval + self.wiggle + self.timeout

    def _listen(self) -> None:
        """Something new has come: nothing need be asked for the time of a turn."""
        self.context.set_timer(STALLED, self._stall())

    def _hold_back(self, away: bool) -> None:
        """Having been away, leave it to others to make blocks for a while, long enough to ask two of them."""
        if away:
            self.resumed = self.context.now + 2 * self.timeout

    def _on_stalled(self) -> None:
        if self._wanted():
            self.context.record("timeout", height=self.heaviest.tip.height + 1, round=0)
        self._ask()
        self.context.set_timer(STALLED, self.timeout)

    def _ask(self) -> None:
        peers = tuple(peer for peer in self.context.peers if peer != self.context.me)
        if peers:
            self.context.send(peers, Behind(self.heaviest.tip.id, self.heaviest.tip.height))

    def _on_behind(self, sender: int, message: Behind) -> None:
        tip = self.sealed.get(self.heaviest.tip.id)
        if tip is not None and message.tip != tip.block.id:
            self.context.send(sender, tip)

    def _held(self, block: bytes) -> Sealed | None:
        """What others may be given: not what turned out to be invalid when this node would have followed it."""
        return self.sealed.get(block) if self.chain.get(block) is not None else None

    def _resume(self) -> None:
        """Go on from what was written down."""
        while (data := self.context.restore(f"block/{len(self.sealed) + 1}")) is not None:
            self._count(msgspec.msgpack.decode(data, type=Sealed))
        blocks = [message.block for message in self.sealed.values()]
        self.heaviest.restore((block, self._difficulty(block)) for block in blocks)
        self._hold_back(True)
        self._ask()
