"""The blocks that a Snowman node has not decided, and what polls have said of them.

Snowball (arXiv 1906.08936, figure 3) chooses between two. The blocks on one parent are told apart bit by bit of their
ids (as in AvalancheGo, snowball.Tree): where the first of them part, a Snowball instance chooses between those with a 0
there and those with a 1, and so on in the part that is chosen. With one choice among all, three equal parts of a
network would have no majority between them; of two sides one has it.

A vote for a block is a vote for each block below it, so one poll is a step of every instance on the way from the last
accepted block to where the votes part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netsim.node.block import Block

BITS = 256  # of a block's id


class Snowball:
    """The choice between two colours, 0 and 1."""

    def __init__(self, colour: int, wins: int = 0, confidence: int = 0) -> None:
        """What is preferred until a poll says otherwise; and what it has won before there was another."""
        self.preference = colour  # the paper's col
        self.strength = [0, 0]  # the paper's d: how many polls each has won
        self.strength[colour] = wins
        self.last = colour  # the paper's lastcol: what won the last poll
        self.confidence = confidence  # the paper's cnt: how many polls in a row it has won by α

    def win(self, colour: int, confident: bool) -> None:
        """A colour has won a poll, by α if `confident`."""
        self.strength[colour] += 1
        if self.strength[colour] > self.strength[self.preference]:
            self.preference = colour
        self.confidence = (self.confidence if colour == self.last else 0) + 1 if confident else 0
        self.last = colour

    def fail(self) -> None:
        """Neither has won a poll."""
        self.confidence = 0


class Rivals:
    """The blocks on one parent whose ids have some first bits in common, and the choice where they part."""

    def __init__(self, block: bytes) -> None:
        self.block = block  # one of them
        self.bit = BITS  # where they part; a single one never does
        self.sides: list[Rivals] = []  # with a 0 there, with a 1 there
        self.choice = Snowball(0)

    def add(self, block: bytes) -> Rivals:
        """Another block; what they are all in then."""
        bit = BITS - (_number(block) ^ _number(self.block)).bit_length()
        if bit >= self.bit:
            side = _bit(block, self.bit)
            self.sides[side] = self.sides[side].add(block)
            return self
        joint = Rivals(self.block)
        joint.bit = bit
        joint.sides = [self, Rivals(block)] if _bit(block, bit) else [Rivals(block), self]
        # What the present ones have won together, each of their common bits has won.
        joint.choice = Snowball(1 - _bit(block, bit), sum(self.choice.strength), self.choice.confidence)
        return joint

    def __iter__(self) -> Iterator[bytes]:
        """All of them."""
        if self.sides:
            yield from self.sides[0]
            yield from self.sides[1]
        else:
            yield self.block

    @property
    def preferred(self) -> bytes:
        return self.sides[self.choice.preference].preferred if self.sides else self.block

    def accepted(self, beta: int) -> bytes | None:
        """The block all whose bits have won β polls in a row."""
        if self.choice.confidence < beta:
            return None
        return self.sides[self.choice.last].accepted(beta) if self.sides else self.block

    def votes(self, support: Mapping[bytes, int]) -> int:
        """How many votes there are for any of them."""
        return sum(support.get(block, 0) for block in self)

    def leading(self, support: Mapping[bytes, int]) -> int:
        """How many votes there are for the side that has more."""
        return max(side.votes(support) for side in self.sides or [self])

    def poll(self, support: Mapping[bytes, int], preference: int, confidence: int) -> bytes | None:
        """Take a poll's votes; the block that has won, if one has."""
        sides = self.sides or [self]
        votes = [side.votes(support) for side in sides]
        winner = votes.index(max(votes))
        if votes[winner] < preference:
            self.fail()
            return None
        self.choice.win(winner, votes[winner] >= confidence)
        if not self.sides:
            return self.block
        self.sides[1 - winner].fail()
        return self.sides[winner].poll(support, preference, confidence)

    def fail(self) -> None:
        """None of them has won a poll."""
        self.choice.fail()
        for side in self.sides:
            side.fail()


def _number(block: bytes) -> int:
    return int.from_bytes(block, "big")


def _bit(block: bytes, bit: int) -> int:
    return _number(block) >> (BITS - 1 - bit) & 1


class Tree:
    """The undecided blocks above the last accepted one."""

    def __init__(self, root: Block) -> None:
        self.root = root  # the last accepted block
        self._blocks: dict[bytes, Block] = {}
        self._rivals: dict[bytes, Rivals] = {}  # by parent

    def __len__(self) -> int:
        return len(self._blocks)

    def __contains__(self, block: bytes) -> bool:
        return block in self._blocks

    def __iter__(self) -> Iterator[Block]:
        """The undecided blocks, parents before their children."""
        return iter(self._blocks.values())

    def holds(self, block: bytes) -> bool:
        """Whether a block is the root or undecided."""
        return block == self.root.id or block in self._blocks

    def add(self, block: Block) -> None:
        """Put a new block on the tree, whose parent it holds."""
        self._blocks[block.id] = block
        rivals = self._rivals.get(block.parent)
        self._rivals[block.parent] = Rivals(block.id) if rivals is None else rivals.add(block.id)

    @property
    def tip(self) -> Block:
        """Where the preferences lead to."""
        block = self.root
        while (rivals := self._rivals.get(block.id)) is not None:
            block = self._blocks[rivals.preferred]
        return block

    def support(self, votes: Iterable[bytes]) -> dict[bytes, int]:
        """How many votes there are for each undecided block or one above it; votes for others count nothing."""
        found: dict[bytes, int] = {}
        for vote in votes:
            block = self._blocks.get(vote)
            while block is not None:
                found[block.id] = found.get(block.id, 0) + 1
                block = self._blocks.get(block.parent)
        return found

    def poll(self, votes: Iterable[bytes], preference: int, confidence: int) -> bool:
        """Take a poll's votes; whether a block on the root has won so that it counts. `preference`: votes that win;
        `confidence`: votes that make the win count towards acceptance."""
        support = self.support(votes)
        won: dict[bytes, bytes] = {}  # by parent
        above: bytes | None = self.root.id
        while above is not None and (rivals := self._rivals.get(above)) is not None:
            winner = rivals.poll(support, preference, confidence)
            if winner is not None:
                won[above] = winner
            above = winner
        for parent, rivals in self._rivals.items():
            if parent not in won:
                rivals.fail()
        return self.root.id in won and support[won[self.root.id]] >= confidence

    def leading(self, support: Mapping[bytes, int]) -> int:
        """The most votes that there are for a side in the choice of the next block."""
        rivals = self._rivals.get(self.root.id)
        return rivals.leading(support) if rivals is not None else 0

    def accepted(self, beta: int) -> Block | None:
        """The next block that has won β polls in a row."""
        rivals = self._rivals.get(self.root.id)
        block = rivals.accepted(beta) if rivals is not None else None
        return self._blocks[block] if block is not None else None

    def accept(self, block: Block) -> list[Block]:
        """Make an undecided block on the root the root; its rivals and all above them, which are rejected."""
        rejected: list[Block] = []
        falling = [rival for rival in self._rivals.pop(self.root.id) if rival != block.id]
        while falling:
            one = falling.pop()
            rejected.append(self._blocks.pop(one))
            falling += self._rivals.pop(one, ())
        self.root = self._blocks.pop(block.id)
        return rejected
