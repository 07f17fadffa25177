"""What Raft's servers say to each other, in the paper's terms; `raft` tells who says it when.

All of it is said by one server to another and unsigned: Raft believes whoever speaks, and asks of the network only that
nobody speaks in another's name. Fabric's orderers have TLS for that.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from netsim.node.block import Batch, Block, short, short_id
from netsim.node.fields import Digest, Natural
from netsim.node.message import About, Message, MessageKind
from netsim.node.once import once


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One place of the log: a block, or nothing in the entry by which a leader opens its term (section 8)."""

    term: Natural
    block: Block | None

    def __str__(self) -> str:
        return f"h{self.block.height} {short(self.block.id)}" if self.block else "no-op"


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """How far a log reaches: its last entry, and the last block in it up to there."""

    index: Natural
    term: Natural
    height: Natural
    block: Digest

    def __str__(self) -> str:
        return f"i{self.index} t{self.term}"


class _Said(Message, frozen=True, array_like=True, dict=True):
    relayed: ClassVar[bool] = False

    term: Natural  # the sender's; of a request for a pre-vote and of its grant, the one that is wished for

    @once
    def about(self) -> About:
        return 0, -1, self.term


class Append(_Said, frozen=True, tag=60):
    """AppendEntries (section 5.3): what follows on the entry before. At most one block, and it comes last."""

    kind: ClassVar[MessageKind] = "blocks"

    before: Natural  # the paper's prevLogIndex
    before_term: Natural
    entries: tuple[Entry, ...]
    commit: Natural  # the leader's commit index

    @property
    def block(self) -> Block | None:
        """The block that it brings."""
        return self.entries[-1].block if self.entries else None

    @once
    def about(self) -> About:
        block = self.block
        return (short_id(block.id), block.height, self.term) if block else (0, -1, self.term)

    @property
    def bodies(self) -> tuple[Batch, ...]:
        return tuple(batch for entry in self.entries if entry.block for batch in entry.block.transactions)

    def __str__(self) -> str:
        entries = "".join(f", i{self.before + 1 + place} {entry}" for place, entry in enumerate(self.entries))
        return f"Append t{self.term} after i{self.before} t{self.before_term}{entries}, commit i{self.commit}"


class AppendReply(_Said, frozen=True, tag=61):
    """Success: the log agrees with the leader's up to an index, and that is on disk. Or the entry before is not there;
    then the index is that of the last entry that might agree, as etcd speeds up the repair of section 5.3: the highest,
    at or below the one that is missing, whose term is not above the missing one's."""

    success: bool
    before: Natural  # of the append that is answered
    index: Natural
    index_term: Natural

    def __str__(self) -> str:
        if self.success:
            return f"AppendReply t{self.term} has i{self.index}"
        return f"AppendReply t{self.term} lacks i{self.before}, perhaps i{self.index} t{self.index_term}"


class Heartbeat(_Said, frozen=True, tag=62):
    """The leader is alive; and the last entry that is committed, by index and term."""

    commit: Natural
    commit_term: Natural

    def __str__(self) -> str:
        return f"Heartbeat t{self.term}, commit i{self.commit}"


class HeartbeatReply(_Said, frozen=True, tag=63):
    """So is the follower. It says as well whether it is fetching the blocks of a snapshot."""

    fetching: bool

    def __str__(self) -> str:
        return f"HeartbeatReply t{self.term}{', fetching' if self.fetching else ''}"


class Commit(_Said, frozen=True, tag=64):
    """The last entry that is committed has just become so. Nobody answers."""

    commit: Natural
    commit_term: Natural

    def __str__(self) -> str:
        return f"Commit t{self.term} i{self.commit}"


class RequestVote(_Said, frozen=True, tag=65):
    """A candidate wants a vote (section 5.2), or would want one if it stood (`pre`; dissertation, section 9.6)."""

    pre: bool
    last: Natural  # the index of its last entry
    last_term: Natural

    def __str__(self) -> str:
        return f"Request{'PreVote' if self.pre else 'Vote'} t{self.term}, log to i{self.last} t{self.last_term}"


class Vote(_Said, frozen=True, tag=66):
    """The answer."""

    pre: bool
    granted: bool

    def __str__(self) -> str:
        return f"{'PreVote' if self.pre else 'Vote'} t{self.term} {'granted' if self.granted else 'denied'}"


class Snapshot(_Said, frozen=True, tag=67):
    """InstallSnapshot (section 7) without the state: the leader's log begins above what the follower lacks. What stands
    for the log up to here is the chain up to a block, which the follower fetches."""

    mark: Mark

    @once
    def about(self) -> About:
        return 0, self.mark.height, self.term

    def __str__(self) -> str:
        return f"Snapshot t{self.term} up to {self.mark}, h{self.mark.height} {short(self.mark.block)}"


class Fetch(Message, frozen=True, tag=68):
    """The asking node lacks the final blocks above this height."""

    relayed: ClassVar[bool] = False

    height: Natural

    @once
    def about(self) -> About:
        return 0, self.height, -1

    def __str__(self) -> str:
        return f"Fetch above h{self.height}"


class Fetched(Message, frozen=True, tag=69):
    """The next of them, lowest first."""

    kind: ClassVar[MessageKind] = "blocks"
    relayed: ClassVar[bool] = False

    blocks: tuple[Block, ...]

    @once
    def about(self) -> About:
        return 0, self.blocks[0].height if self.blocks else -1, -1

    @property
    def bodies(self) -> tuple[Batch, ...]:
        return tuple(batch for block in self.blocks for batch in block.transactions)

    def __str__(self) -> str:
        return "".join(("Fetched", *(f", h{block.height} {short(block.id)}" for block in self.blocks)))
