"""How a Raft server gets the blocks of a snapshot: it fetches them, a chunk at a time, from whoever has them.

Fabric's orderers do the same: the snapshot that a leader sends holds no more than the number of a block, and the blocks
up to there are pulled. What is fetched is final at the node that was asked, so it is final here at once. The snapshot
takes the place of the log when the chain is as long; until then the old log stands, so that a server never claims to
hold an entry whose block it lacks. The one that offered the snapshot is asked first, and when no answer comes the
others in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.node.raft_messages import Fetch, Fetched, Mark

if TYPE_CHECKING:
    from netsim.node.raft import Raft

CHUNK = 64  # most blocks in one answer
CHUNK_BYTES = 4 << 20  # no further block is added to an answer that holds more
FETCH = "fetch"  # the timer


class Transfer:
    """The questions and answers of one server."""

    def __init__(self, server: Raft, retry: int) -> None:
        """`retry`: ns until another node is asked."""
        self._server = server
        self._context = server.context
        self._chain = server.chain
        self._retry = retry
        self._turn = 0
        self.goal: Mark | None = None  # the snapshot that is to take the place of the log

    def begin(self, sender: int, mark: Mark) -> None:
        """Somebody offers a snapshot beyond what this server holds."""
        if self.goal is not None and mark.index <= self.goal.index:
            return
        asking = self.goal is not None
        self.goal = mark
        if not self._arrived() and not asking:
            self._ask(sender)

    def on_timer(self) -> None:
        """No answer, or not all of it: ask the next."""
        others = [node for node in self._server.validators if node != self._server.me]
        if self.goal is not None and not self._arrived() and others:
            self._turn += 1
            self._ask(others[(self._server.me + self._turn) % len(others)])

    def on_fetch(self, sender: int, message: Fetch) -> None:
        """Somebody lacks blocks."""
        blocks = []
        size = 0
        for block in self._chain.above(message.height, CHUNK):
            blocks.append(block)
            size += block.payload
            if size > CHUNK_BYTES:
                break
        if blocks:
            self._context.send(sender, Fetched(tuple(blocks)))

    def on_fetched(self, sender: int, message: Fetched) -> None:
        """Here are some."""
        if self.goal is None:
            return  # late: they came from somebody else
        before = self._chain.height
        for block in message.blocks:
            if block.height > self._chain.height and not self._server.make_final(block):
                break
        if not self._arrived() and self._chain.height > before:
            self._ask(sender)

    def _arrived(self) -> bool:
        """Whether the chain is as long as the snapshot asks; if so, it is installed."""
        goal = self.goal
        if goal is not None and self._chain.height >= goal.height:
            self.goal = None
            self._context.cancel_timer(FETCH)
            self._server.install(goal)
        return self.goal is None

    def _ask(self, node: int) -> None:
        self._context.send(node, Fetch(self._chain.height))
        self._context.set_timer(FETCH, self._retry)
