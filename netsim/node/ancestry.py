"""Proposals in the order of the tree: what lacks its parent waits, and somebody is asked for what is missing.

The network loses messages, and blocks arrive in any order. A proposal is handed on when the block below is known here;
until then it waits, and the one who sent it is asked for the ancestors, after a while the next neighbour. The answer is
the proposals as their authors signed them, so they prove themselves and are treated like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from netsim.node.block import Block, short, short_id
from netsim.node.chain import Chain
from netsim.node.context import Context
from netsim.node.fields import Digest, Natural
from netsim.node.message import About, Message
from netsim.node.once import once

ANCESTRY = "ancestry"  # the timer
CHUNK = 64  # most proposals in answer to one question
CHUNK_BYTES = 4 << 20  # no further one is sent after so much
WAITING = 1024  # most proposals that wait for their parents


class Missing(Message, frozen=True, tag=34):
    """The asking node lacks this block, and may lack its ancestors above this height."""

    relayed = False

    block: Digest
    height: Natural

    @once
    def about(self) -> About:
        return short_id(self.block), self.height, -1

    def __str__(self) -> str:
        return f"Missing {short(self.block)} above h{self.height}"


class Proposal(Protocol):
    """A message that brings a block."""

    @property
    def block(self) -> Block: ...


P = TypeVar("P", bound=Proposal)


class Ancestry(Generic[P]):
    """The proposals that wait at one node, and its questions and answers."""

    def __init__(
        self,
        context: Context,
        chain: Chain,
        retry: int,
        accept: Callable[[int, P], None],
        revertible: bool = False,
    ) -> None:
        """`accept(sender, proposal)` is called once its parent is held by the chain, final or open; it should have the
        chain remember the block if the proposal is good. `retry`: ns until another node is asked. `revertible`:
        finality is probabilistic, so that blocks at and below the final height may matter too."""
        self._context = context
        self._chain = chain
        self._retry = retry
        self._accept = accept
        self._revertible = revertible
        self._waiting: dict[bytes, list[P]] = {}  # by the block that is missing
        self._wanted: dict[bytes, _Wanted] = {}  # by the block that is missing
        self._running = False  # whether the timer runs
        self._turn = 0

    def receive(self, sender: int, proposal: P, at_once: bool = True) -> None:
        """Hand a proposal on, and what has waited for it; or let it wait. Unless what is missing is to be asked for
        `at_once`, it gets `retry` ns to come by itself."""
        if self._chain.get(proposal.block.parent) is None:
            self._wait(sender, proposal, at_once)
            return
        ready = [proposal]
        while ready:
            following = ready.pop()
            self._accept(sender, following)
            if self._chain.get(following.block.id) is not None:
                self._wanted.pop(following.block.id, None)
                ready += self._waiting.pop(following.block.id, ())

    def want(self, sender: int, block: bytes, height: int | None = None, at_once: bool = True) -> None:
        """A block is known by its id alone, from somebody who should have it. `height`: its own, if that is known; it
        is not wanted any more when others are final there. Unless it is to be asked for `at_once`, it gets `retry` ns
        to come by itself."""
        if block not in self._wanted and self._chain.get(block) is None and len(self._wanted) < WAITING:
            self._wanted[block] = _Wanted(sender, height)
            if at_once:
                self._ask_first(block)
            else:
                self._run()

    def ask_on(self, node: int, height: int) -> None:
        """A node has answered with proposals up to a height, and seems to have more: ask it for what is above."""
        here = self._waiting_parents() if self._wanted else set()
        for block in list(self._wanted):
            if self._chain.get(block) is None and block not in here:
                self._ask(node, block, height)

    def wants(self, block: bytes) -> bool:
        """Whether a block is missing that another stands on, or that was asked for."""
        return block in self._wanted or block in self._waiting

    @property
    def busy(self) -> bool:
        """Whether any proposal waits, or any block is missing."""
        return bool(self._waiting or self._wanted)

    @property
    def wanting(self) -> bool:
        """Whether any block is missing."""
        return bool(self._wanted)

    def prune(self) -> None:
        """What is at or below the last final height is not missing any more; far below, where blocks are reverted."""
        height = self._chain.height - (WAITING if self._revertible else 0)
        for block, waiting in list(self._waiting.items()):
            waiting[:] = [proposal for proposal in waiting if proposal.block.height > height]
            if not waiting:
                del self._waiting[block]
                self._wanted.pop(block, None)
        for block, wanted in list(self._wanted.items()):
            if wanted.height is not None and wanted.height <= height:
                del self._wanted[block]

    def on_timer(self) -> None:
        """A while has passed: ask somebody else for what is still missing."""
        self._running = False
        peers = [node for node in self._context.peers if node != self._context.me]
        here = self._waiting_parents() if self._wanted else set()
        for block in list(self._wanted):
            if self._chain.get(block) is not None or block in here:
                del self._wanted[block]
            elif self._wanted[block].informant is not None:
                self._ask_first(block)
            elif peers:
                self._turn += 1
                self._ask(peers[self._turn % len(peers)], block)

    def answer(self, sender: int, message: Missing, held: Callable[[bytes], P | None]) -> None:
        """Send somebody the proposals that it lacks, lowest first. `held`: the proposal of a block, if it is here."""
        for proposal in self.lacking(message, held):
            assert isinstance(proposal, Message)
            self._context.send(sender, proposal)

    @staticmethod
    def lacking(message: Missing, held: Callable[[bytes], P | None]) -> list[P]:
        """The proposals that somebody lacks, lowest first, as many as one answer may hold."""
        found: list[P] = []
        proposal = held(message.block)
        while proposal is not None and proposal.block.height > message.height:
            found.append(proposal)
            proposal = held(proposal.block.parent)
        found = found[::-1][:CHUNK]
        size = 0
        for count, proposal in enumerate(found, 1):
            assert isinstance(proposal, Message)
            size += proposal.size
            if size > CHUNK_BYTES:
                return found[:count]
        return found

    def _wait(self, sender: int, proposal: P, at_once: bool) -> None:
        parent = proposal.block.parent
        if sum(map(len, self._waiting.values())) < WAITING:
            waiting = self._waiting.setdefault(parent, [])
            if proposal not in waiting:
                waiting.append(proposal)
        if parent not in self._waiting_parents():
            self.want(sender, parent, proposal.block.height - 1, at_once)

    def _waiting_parents(self) -> set[bytes]:
        """Blocks that wait themselves: their own ancestors are asked for, not they."""
        return {proposal.block.id for waiting in self._waiting.values() for proposal in waiting}

    def _known(self, block: bytes) -> int:
        """The height up to which nothing is missing below a block, as far as one can tell."""
        height = self._chain.height
        waiting = self._waiting.get(block) if self._revertible else None
        return min(height, max(waiting[0].block.height - 1 - CHUNK, 0)) if waiting else height

    def _ask_first(self, block: bytes) -> None:
        """Ask who has mentioned a block."""
        wanted = self._wanted[block]
        if wanted.informant is not None:
            self._ask(wanted.informant, block)
            wanted.informant = None

    def _ask(self, node: int, block: bytes, height: int = 0) -> None:
        if node != self._context.me:
            self._context.send(node, Missing(block, max(self._known(block), height)))
        self._run()

    def _run(self) -> None:
        if not self._running:
            self._running = True
            self._context.set_timer(ANCESTRY, self._retry)


class _Wanted:
    """A missing block: who mentioned it and is to be asked first, None once that is done; and its height, if known."""

    __slots__ = ("height", "informant")

    def __init__(self, informant: int, height: int | None) -> None:
        self.informant: int | None = informant
        self.height = height
