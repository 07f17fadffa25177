"""What a PBFT replica has heard about each height, between the water marks (section 4.2)."""

from __future__ import annotations

from typing import NamedTuple, cast

from netsim.node.block import Block
from netsim.node.bundle import Bundle
from netsim.node.pbft_messages import Checkpoint, Prepared, Proposal, Vote

Counted = Vote | Checkpoint


class Tally:
    """The votes of one phase at one height, or the checkpoints there.

    Of each author the one with the highest view is kept, of equal ones the first.

    Votes are counted as they come, also for views that this replica has not entered and for blocks that it does not
    know: nothing that arrives early is lost, and no author can make it hold more than one vote.
    """

    __slots__ = ("_authors", "_counts", "_known", "_more")

    def __init__(self) -> None:
        self._authors = 0  # a set, as bits
        self._known: dict[int, Counted] = {}
        self._more: list[Counted | Bundle] = []  # those of authors that are not among the known yet, in order
        self._counts: dict[tuple[int, bytes], int] = {}

    @property
    def _votes(self) -> dict[int, Counted]:
        """All of them, by author."""
        known = self._known
        for more in self._more:
            if isinstance(more, Bundle):
                known.update(cast("dict[int, Counted]", more.by_author()))
            else:
                known[more.signer] = more
        self._more.clear()
        return known

    def add(self, vote: Counted) -> int:
        """How many authors now vote for the same block in the same view; 0 where this vote is not news."""
        key = vote.view, vote.block
        author = 1 << vote.signer
        if self._authors & author:
            votes = self._votes
            earlier = votes[vote.signer]
            if earlier.view >= vote.view:
                return 0
            self._counts[earlier.view, earlier.block] -= 1
            votes[vote.signer] = vote
        else:
            self._authors |= author
            self._more.append(vote)
        count = self._counts[key] = self._counts.get(key, 0) + 1
        return count

    def takes(self, votes: Bundle) -> bool:
        """Whether all these are news and for the same block."""
        return votes.alike and not self._authors & votes.authors

    def add_all(self, votes: Bundle) -> None:
        """As `add` for each of these, which are all taken."""
        first = cast(Counted, votes.first)
        self._authors |= votes.authors
        self._more.append(votes)
        key = first.view, first.block
        self._counts[key] = self._counts.get(key, 0) + len(votes)

    def count(self, view: int, block: bytes) -> int:
        """How many authors vote for a block in a view."""
        return self._counts.get((view, block), 0)

    def most(self, view: int) -> int:
        """The largest number of authors who vote for one block in a view."""
        return max((count for (voted, _), count in self._counts.items() if voted == view), default=0)

    def by(self, node: int) -> Counted | None:
        """An author's vote."""
        return self._votes.get(node)

    def signatures(self, view: int, block: bytes, limit: int) -> tuple[tuple[int, ...], tuple[bytes, ...]]:
        """Signers and signatures of the first `limit` votes for a block in a view."""
        if self.count(view, block) == self._authors.bit_count():  # all of them, which need not be told apart
            matching = [*self._known.values()]
            for more in self._more:
                matching += cast("list[Counted]", more.messages) if isinstance(more, Bundle) else [more]
            matching = matching[:limit]
        else:
            matching = [vote for vote in self._votes.values() if vote.view == view and vote.block == block][:limit]
        return tuple([vote.signer for vote in matching]), tuple([vote.signature for vote in matching])


class Decision(NamedTuple):
    """A quorum of commits, as of the moment when it was one."""

    view: int
    block: bytes
    signers: tuple[int, ...]
    signatures: tuple[bytes, ...]


class Slot:
    """One height."""

    __slots__ = (
        "accepted",
        "commits",
        "committed_view",
        "decided",
        "prepared",
        "prepared_view",
        "prepares",
        "proposals",
        "refused_view",
    )

    def __init__(self) -> None:
        self.proposals: dict[int, Proposal] = {}  # by author: of its highest view the first
        self.accepted: tuple[Proposal, Block] | None = None  # what this replica prepares in its present view
        self.refused_view = -1  # the last view whose proposal here is not valid
        self.prepares = Tally()
        self.prepared: Prepared | None = None  # the prepared certificate with the highest view
        self.prepared_view = -1  # its view
        self.commits = Tally()
        self.committed_view = -1  # the last view in which this replica sent its commit
        self.decided: Decision | None = None  # by a quorum of commits, whether or not the block is known

    def prepare(self, proof: Prepared) -> None:
        """The block is prepared, in a view higher than any before."""
        self.prepared = proof
        self.prepared_view = proof.view


class Log(dict[int, Slot]):
    """The slots above the low water mark by height, each made when something is first heard of it."""

    def __init__(self, span: int) -> None:
        """`span`: how far the high water mark lies above the low one."""
        super().__init__()
        self.span = span
        self.low = 0  # everything up to here is executed, and a quorum holds it

    def open(self, height: int) -> Slot:
        """A height of which something is about to be known."""
        slot = self.get(height)
        if slot is None:
            slot = self[height] = Slot()
        return slot

    def discard(self, height: int) -> None:
        """Raise the low water mark."""
        self.low = height
        for old in [old for old in self if old <= height]:
            del self[old]
