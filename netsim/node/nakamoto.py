"""Nakamoto consensus: proof of work and the chain with the most of it.

Nakamoto, "Bitcoin: A Peer-to-Peer Electronic Cash System", 2008. Its properties are proved by Garay, Kiayias and
Leonardos, "The Bitcoin Backbone Protocol: Analysis and Applications", EUROCRYPT 2015: *common prefix*, *chain growth*
and *chain quality*.

Theory of operation
===================

Any validator is a miner. Proofs of work are a lottery without memory: the whole network finds blocks as a Poisson
process with one block in `block_interval` on average, and a miner's part of it is its part of the hash rate. So a miner
draws the time until its next block from the exponential distribution with the mean block_interval · all / own. Since
the draw has no memory, it may be kept or made anew whenever the miner turns to another parent, which is the same
process; here it is kept, and made anew after each block and each restart.

    miner       MINED(block)        to all, by the scenario's gossip strategy for blocks, when its lot is drawn; the
                                    block stands on the tip of the chain that the miner follows, and holds the
                                    transactions that wait there, or none
    node        follows             the chain with the most work, of equal ones that whose tip came first (section 5;
                                    see `heaviest`)
    node        final               a block with `depth` − 1 blocks on top of it in the chain that the node follows

Here each block is one unit of work: the target does not change within a run, as it does not within 2016 blocks of
Bitcoin. The signature in MINED stands for the proof of work: it costs what the scenario says for a signature, nobody
but the miner can make it, and what is signed cannot be changed.

Forks
    While a block is under way somebody may mine another one at its height. Then some nodes follow the one and some the
    other, until the next block makes one of the chains the longer: the others change over, and give up one block, or
    more if it comes to that. Transactions of blocks that are given up wait again. With N equal miners, a constant delay
    Δ and a mean interval T the share of blocks that are given up is x / (1 + x), x = (Δ/T)(1 − 1/N), as N grows.

Why blocks with many on top of them stay
    Because those who mine against them have to outrun all others. With a share q < 1/2 of the hash rate, and a delay
    that is small beside the interval, they succeed against z confirmations with a probability that falls exponentially
    in z (section 11; exactly, Rosenfeld, "Analysis of hashrate-based double-spending", 2014: see `measure.reversal`).
    So finality is probabilistic. A reorganisation deeper than `depth` takes final blocks back and makes others final at
    their heights, and the checker of agreement reports it: after a long partition that is what happens to the side with
    less work, and it is no error of the program.

Liveness
    Chains grow as long as anybody mines. Nobody waits for anybody, and there is no leader and no vote.

What is lost
    A block whose parent is not here waits, and whoever sent it is asked for its ancestors, after `timeout` the next
    neighbour (see `ancestry`); the fork may lie below the last final block. So whatever was lost is known to be as soon
    as a later block arrives, and there will be one.

Crash and restart
    A node persists each block in the order in which it came, before it makes anything of it, and a miner its own before
    it says it. After a restart it puts them on the tree again, so that it follows the same chain, and goes on mining
    there. It asks its neighbours for the tips of their chains (TIP?), which lack ancestors here if it has missed
    anything, and says its own tip again if it mined that itself: it may have died before the block had left.

A miner may mine two different blocks at one height (on different parents), so there is no such thing as equivocation.

Where this differs from Bitcoin. Headers do not travel before blocks, and there are no checkpoints and no rule against
deep reorganisations. The target is constant, `created` is not checked, and rewards are not modelled: a share of the
blocks in the chain is what is paid.

Followers (nodes that do not validate) do all of this but mine; so does a miner without hash rate.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import msgspec

from netsim.node.ancestry import ANCESTRY, Ancestry, Missing
from netsim.node.block import Block, short
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus
from netsim.node.context import Context
from netsim.node.fields import Natural
from netsim.node.forms import BlockMessage
from netsim.node.heaviest import REORGANISED, Heaviest
from netsim.node.lottery import exponential
from netsim.node.membership import members, total_weight
from netsim.node.mempool import Mempool
from netsim.node.message import Message
from netsim.node.once import once

MINE = "mine"  # the timer, beside that of `ancestry`
WORK = 1  # of each block
LEAST_INTERVAL = 1_000_000  # ns between blocks on average, so that a run without an interval comes to an end


class Mined(BlockMessage, frozen=True, tag=70):
    """A block with its proof of work, which the miner's signature stands for."""

    filler: Natural  # bytes on the wire beyond the transactions'

    @once
    def payload(self) -> int:
        return self.block.payload + self.filler

    def __str__(self) -> str:
        block = self.block
        count = f", {block.count} transactions" if block.count else ""
        return f"Mined h{block.height} {short(block.id)} on {short(block.parent)}{count}"


class Inquiry(Message, frozen=True, tag=71):
    """TIP?: the asking node may have missed something. The answer is the last block of the other's chain, as mined."""

    relayed: ClassVar[bool] = False

    def __str__(self) -> str:
        return "Inquiry"


class Nakamoto(Consensus):
    """One node. Its parameters:

    block_interval  ns between two blocks of the whole network, on average; at least 1 ms
    block_bytes     a block's size on the wire without its transactions
    block_size      most bytes of transactions in a block
    timeout         ns after which somebody else is asked for what is missing
    depth           confirmations that make a block final, the block itself the first
    """

    messages: ClassVar[tuple[type[Message], ...]] = (Mined, Inquiry, Missing)
    records: ClassVar[dict[str, str]] = {
        **REORGANISED,
        "extends": "this node proposes a block on top of this one, which is at this height",
    }

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        """More than half. Nobody has to agree; this is where `quorum_ms` is measured."""
        return validators // 2 + 1

    def __init__(self, context: Context, chain: Chain, mempool: Mempool, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, chain, mempool, parameters)
        self.me = context.me
        self.block_size: int = parameters["block_size"]
        self.filler: int = parameters["block_bytes"]
        validators = context.validators
        own = context.weights[self.me] if self.me in members(validators) else 0
        interval = max(parameters["block_interval"], LEAST_INTERVAL)
        self.mean = interval * total_weight(validators, context.weights) // own if own else None  # ns

        self.tree = Heaviest(context, chain, mempool, parameters["depth"])
        self.mined: dict[bytes, Mined] = {}  # by block: all that is or was on the tree, in the order in which it came
        self.held = 0  # the ids of those blocks, combined by exclusive or
        self.ancestry: Ancestry[Mined] = Ancestry(
            context, chain, parameters["timeout"], self.on_connected, revertible=True
        )

    # ------------------------------------------------------------------------------------------- called by the node

    def start(self) -> None:
        if self.context.restore("life") is None:
            self.context.persist("life", b"1")
        else:
            self._restore()
            self._catch_up()
        self._draw()

    def on_message(self, sender: int, message: Message) -> None:
        if isinstance(message, Mined):
            self._on_mined(sender, message)
        elif isinstance(message, Missing):
            self.ancestry.answer(sender, message, self.shown)
        elif isinstance(message, Inquiry):
            tip = self.shown(self.shown_tip.id)
            if tip is not None:
                self.context.send(sender, tip)

    def on_timer(self, name: str) -> None:
        if name == MINE:
            self._draw()
            self._mine()
        elif name == ANCESTRY:
            self.ancestry.on_timer()

    def unison(self, message: Message) -> Hashable | None:
        """A good block that extends the chain that is followed, or makes no other as heavy, changes nothing but the
        tree. Miners keep their lots whatever comes."""
        if not isinstance(message, Mined) or self.ancestry.busy:
            return None
        block, tree = message.block, self.tree
        parent = self.chain.get(block.parent)
        if (
            parent is None
            or block.id in self.mined
            or block.height != parent.height + 1
            or block.proposer != message.signer
            or message.filler != self.filler
            or block.payload > self.block_size
        ):
            return None
        if parent.id != tree.tip.id and tree.total(parent.id) + WORK > tree.total(tree.tip.id):
            return None
        return self.held, tree.tip.id, self.chain.head.id

    @property
    def status(self) -> str:
        return f"follows h{self.tree.tip.height} {short(self.tree.tip.id)}"

    # ------------------------------------------------------------------------------------------------------ mining

    def _draw(self) -> None:
        """Draw when this miner's next block comes."""
        if self.mean is not None:
            self.context.set_timer(MINE, exponential(self.context.rng, self.mean))

    def _mine(self) -> None:
        """The lot is drawn: there is a block on top of the one that was worked on."""
        parent = self.parent
        block = Block(parent.height + 1, parent.id, self.me, self.context.now, self.mempool.take(self.block_size))
        mined = Mined(self.me, b"", block, self.filler).signed(self.context.sign)
        self._persist(mined)
        self.publish(mined)
        self.context.record("extends", block=parent.id, height=parent.height)
        self.context.proposed(block)
        self._add(mined)

    @property
    def parent(self) -> Block:
        """What this miner's next block stands on."""
        return self.tree.tip

    def publish(self, mined: Mined) -> None:
        """What this node does with a block that it has just mined, and that is persisted but not on the tree yet."""
        self.context.broadcast(mined)

    # --------------------------------------------------------------------------------------------------- receiving

    def _on_mined(self, sender: int, mined: Mined) -> None:
        block = mined.block
        if (
            block.proposer != mined.signer
            or mined.filler != self.filler
            or block.payload > self.block_size
            or block.height < 1
        ):
            self.context.reject("impossible block")
        elif block.parent in self.mined and self.chain.get(block.parent) is None:
            self.context.reject("on a block that was dropped")
        elif block.id not in self.mined:
            self.ancestry.receive(sender, mined)

    def on_connected(self, sender: int, mined: Mined) -> None:
        """A block's parent is held: the block can go on the tree."""
        block = mined.block
        if block.id in self.mined:
            return
        parent = self.chain.get(block.parent)
        assert parent is not None, "this is called when it is held"
        if block.height != parent.height + 1:
            self.context.reject("impossible block")
            return
        self._persist(mined)
        self._add(mined)

    def _persist(self, mined: Mined) -> None:
        self.context.persist(f"block/{len(self.mined)}", msgspec.msgpack.encode(mined))
        self._hold(mined)

    def _hold(self, mined: Mined) -> None:
        self.mined[mined.block.id] = mined
        self.held ^= int.from_bytes(mined.block.id)

    def _add(self, mined: Mined) -> None:
        final = self.chain.height
        self.tree.add(mined.block, WORK)
        if self.chain.height > final:
            self.ancestry.prune()

    # ----------------------------------------------------------------------------------------------- what is missed

    @property
    def shown_tip(self) -> Block:
        """The last block of the chain that this node tells others to follow."""
        return self.tree.tip

    def shown(self, block: bytes) -> Mined | None:
        """A block as it was mined, for those who ask."""
        return self.mined.get(block) if self.chain.get(block) is not None else None

    def _restore(self) -> None:
        """After a restart: put on the tree what was persisted."""
        while (data := self.context.restore(f"block/{len(self.mined)}")) is not None:
            mined = msgspec.msgpack.decode(data, type=Mined)
            self._hold(mined)
        self.tree.restore((mined.block, WORK) for mined in self.mined.values())

    def _catch_up(self) -> None:
        """After a restart: ask what was missed, and say what may not have left."""
        last = self.shown(self.shown_tip.id)
        if last is not None and last.signer == self.me:
            self.context.broadcast(last)
        self.context.send(self.context.peers, Inquiry())
