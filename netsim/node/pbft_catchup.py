"""How a PBFT replica learns what it has missed, and what it tells others who have.

The network loses messages (a partition, a crash), and nobody repeats the votes on a block that is final. So a replica
asks when it sees that others are beyond it, one node at a time, and another when no answer has come in a while. Reasons
to ask are what only a node that is further can have said:

* a height so far above the head that its primary must have executed what is missing here;
* a commit certificate or a stable checkpoint that cannot be executed here (`goal`), or a block that is decided or
  proposed anew and not held here (`wanted`);
* a message of a view that this replica has not entered, if its opening does not come by itself;
* a restart, and a view change that nobody seems to hear.

An answer proves itself. Lies of the asked only cost another question.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from netsim.node.block import Block
from netsim.node.pbft_messages import Answer, Ask, Committed

if TYPE_CHECKING:
    from netsim.node.pbft import PBFT

CHUNK = 64  # most blocks in one answer
CHUNK_BYTES = 4 << 20  # no further block is added to an answer that holds more
WANTED = 64  # most blocks asked for by id at a time
RETRIES = 4  # how often within `timeout` a replica asks again for what it lacks

RETRY = "retry"  # the timer


class CatchUp:
    """The questions and answers of one replica."""

    def __init__(self, replica: PBFT) -> None:
        self._replica = replica
        self._context = replica.context
        self._chain = replica.chain
        self._delay = max(replica.timeout // RETRIES, 1)
        self.wanted: dict[bytes, int] = {}  # blocks to be asked for by id, and their heights
        self._goal = 0  # a height that is known to be final somewhere
        self._sighted = -1  # a view that somebody is in
        self._asked: int | None = None  # who was asked last, unless the answer has come
        self._asked_at = 0
        self._waiting = False  # whether the timer runs
        self._turn = 0  # how many have been asked in turn

    @property
    def behind(self) -> bool:
        """Whether something is final that this replica cannot execute, or proposed anew that it does not hold."""
        return self._goal > self._chain.height or bool(self.wanted)

    def know(self, height: int) -> None:
        """A height is final somewhere."""
        self._goal = max(self._goal, height)

    def want(self, block: bytes, height: int) -> None:
        """A block is needed that is known by its id alone."""
        self.wanted[block] = height

    def sight(self, view: int) -> None:
        """Somebody acts in a view. If it is one to be entered, its opening may have been lost."""
        if self._replica.awaits(view):
            self._sighted = max(self._sighted, view)
            self.later()

    def settle(self, height: int) -> None:
        """Everything up to a height is final here."""
        if self.wanted:
            self.wanted = {block: at for block, at in self.wanted.items() if at > height}

    def later(self) -> None:
        """Look again in a while: what is missing may be on its way."""
        if not self._waiting:
            self._waiting = True
            self._context.set_timer(RETRY, self._delay)

    @property
    def asking(self) -> int | None:
        """Whose answer is awaited. Not for long: the question may have been lost, and there is news to ask about."""
        recent = self._context.now - self._asked_at < self._delay // RETRIES
        return self._asked if recent else None

    def ask(self, node: int) -> None:
        """Ask a node for whatever is lacking here, unless its answer is awaited already."""
        replica = self._replica
        if node not in (self.asking, replica.me):
            self._asked = node
            self._asked_at = self._context.now
            self.later()
            view = replica.view if replica.active else max(replica.view - 1, 0)
            wanted = tuple(self.wanted)[:WANTED]
            self._context.send(node, Ask(self._chain.height, replica.stable_height, view, wanted))

    def ask_one_of(self, nodes: Iterable[int]) -> None:
        """Ask the first of some nodes that are known to have what is lacking here."""
        for node in nodes:
            if node != self._replica.me:
                self.ask(node)
                return
        self.ask_next()

    def ask_next(self) -> None:
        """Ask a validator; they take turns, beginning with the one after this node."""
        replica = self._replica
        if replica.others:
            first = sum(node < replica.me for node in replica.others)
            self.ask(replica.others[(first + self._turn) % len(replica.others)])
            self._turn += 1

    def on_timer(self) -> None:
        """A while has passed."""
        replica = self._replica
        self._waiting = False
        self._asked = None
        replica.advance(impatient=True)
        between_views = replica.voting and not replica.active
        if between_views and self._context.now - replica.executed_at >= replica.timeout:
            replica.repeat_view_change()
            self.ask_next()
        elif self.behind or replica.awaits(self._sighted):
            self.ask_next()
        self._sighted = -1
        if between_views:
            self.later()

    def on_ask(self, sender: int, message: Ask) -> None:
        """Somebody lacks something."""
        replica = self._replica
        if message.height > self._chain.height + replica.window + 1:
            self.ask(sender)
        blocks: list[tuple[Block, Committed]] = []
        size = 0
        for block in self._chain.above(message.height, CHUNK):
            blocks.append((block, replica.certificates[block.height - 1]))
            size += block.payload
            if size > CHUNK_BYTES:
                break
        held = (self._chain.get(block) for block in message.blocks[:WANTED])
        opening = replica.opening
        self._context.send(
            sender,
            Answer(
                self._chain.height,
                tuple(blocks),
                tuple(block for block in held if block is not None),
                replica.stable if replica.stable_height > message.stable else None,
                opening if opening is not None and opening.view > message.view else None,
            ),
        )

    def on_answer(self, sender: int, message: Answer) -> None:
        """Somebody has more than this replica."""
        replica, chain = self._replica, self._chain
        self._asked = None
        before = chain.height
        for block in message.blocks:
            if self.wanted.pop(block.id, None) is not None:
                chain.remember(block)
        for block, proof in message.chain:
            if block.height > chain.height and not self._append(block, proof):
                self._context.reject("block without proof")
                break
        stable = message.stable
        if stable is not None and stable.height > replica.stable_height and replica.verifier.stable(stable):
            replica.stabilise(stable)
        opening = message.new_view
        if opening is not None and replica.awaits(opening.view) and replica.verifier.signed(opening):
            replica.on_new_view(sender, opening)
        replica.advance()
        if before < chain.height and (chain.height < message.height or self.behind):
            self.ask(sender)  # there may be more where this came from

    def _append(self, block: Block, proof: Committed) -> bool:
        """Make a block final that somebody else has proved to be."""
        head = self._chain.head
        if block.height != head.height + 1 or block.parent != head.id or proof.header != block.header:
            return False
        if not self._replica.verifier.committed(proof):
            return False
        self._replica.finalise(block, proof)
        return True
