"""Bugs, at least one in each protocol, that the schedule fuzzer must find: a lock that is dropped, a quorum that is too
small, a promise that is not written down.

Each names the protocol that it breaks. `broken` is the class, where one rule is not as it should be; or the protocol
itself, where options of `Chaos` break it (`forgets`: keys that are not persisted; `quorum`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netsim.node.block import Block
from netsim.node.chained_messages import QC
from netsim.node.clique import Clique
from netsim.node.consensus import Consensus
from netsim.node.hotstuff import HotStuff
from netsim.node.jolteon import Jolteon
from netsim.node.nakamoto import Mined, Nakamoto
from netsim.node.qbft import QBFT
from netsim.node.raft import Raft
from netsim.node.raft_log import NOBODY
from netsim.node.raft_messages import RequestVote
from netsim.node.tendermint import Tendermint
from netsim.testing import survive


@dataclass(frozen=True)
class Mutant:
    """`within`: schedules, with the seeds from 0 on, one of which finds it; `long`: that takes more than a few seconds.
    `patience`: of `survive`; 0: what is wrong shows before the calm."""

    protocol: str
    says: str
    broken: type[Consensus] | str
    within: int = 200
    long: bool = False
    patience: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def hunt(self) -> tuple[int, str] | None:
        """The seed of the first schedule that finds it and what goes wrong there; None where none does."""
        for seed in range(self.within):
            try:
                survive(seed, self.broken, patience=self.patience, **self.options)
            except Exception as error:
                return seed, str(error).partition("\n")[0]
        return None


class WithoutLock(Tendermint):
    """Begins each round as if nothing had been locked or found valid (against lines 15, 23 and 29)."""

    def _start_round(self, round: int) -> None:
        self.locked, self.locked_round = None, -1
        self.valid, self.polka = None, None
        super()._start_round(round)


class ForgetsWhatIsPrepared(QBFT):
    """Leads and accepts a new round whatever the round changes say to be prepared."""

    @staticmethod
    def _highest_prepared(log: Any) -> None:
        return None

    def _justified(self, message: Any, log: Any) -> bool:
        return True


class TwoChain(HotStuff):
    """Decides on two certificates in a row instead of three."""

    def decides(self, qc: QC) -> int:
        return max(qc.height - 1, 0)


class AcrossGaps(Jolteon):
    """Takes two certificates in a row for final, whatever lies between their views."""

    def decides(self, qc: QC) -> int:
        return max(qc.height - 1, 0)


class HalfIsEnough(Raft):
    """One server fewer than a majority."""

    @staticmethod
    def quorum(validators: int, parameters: Mapping[str, Any]) -> int:
        return validators // 2


class VotesTwice(Raft):
    """Does not write down whom it has voted for."""

    def _resume(self, term: int, vote: int) -> None:
        super()._resume(term, NOBODY)


class Blind(Raft):
    """Votes for whoever asks first, whatever it lacks (against section 5.4.1)."""

    def _behind(self, message: RequestVote) -> bool:
        return False


class Stubborn(Nakamoto):
    """Never changes over to another chain."""

    def _add(self, mined: Mined) -> None:
        if mined.block.parent == self.tree.tip.id:
            super()._add(mined)
        else:
            self.chain.remember(mined.block)


class Equal(Clique):
    """Every block is as good as another, and the first seen wins: signers wait for each other for ever."""

    def _difficulty(self, block: Block) -> int:
        return 1

    def _preferred(self, new: Block, tip: Block) -> bool:
        return False


# What makes elections frequent, and logs short.
RAFT = {
    "election_ticks": (2, 3),
    "snapshot_interval": (1, 3, 10),
    "inflight": (1, 2, 512),
    "first_election": ("at-once", "timeout"),
}

MUTANTS = (
    Mutant("pbft", "a quorum of two of four", "pbft", options={"nodes": 4, "quorum": 2}),
    Mutant("pbft", "promises of view changes are not persisted", "pbft", options={"forgets": ("view", "new-view")}),
    Mutant("tendermint", "a quorum of two of four", "tendermint", options={"nodes": 4, "quorum": 2}),
    Mutant("tendermint", "the lock is dropped", WithoutLock, 400),
    Mutant("tendermint", "votes are not persisted", "tendermint", options={"forgets": ("prevote", "precommit")}),
    Mutant("qbft", "a quorum of two of four", "qbft", options={"nodes": 4, "quorum": 2}),
    Mutant("qbft", "what is prepared does not count", ForgetsWhatIsPrepared, 800, long=True),
    Mutant("qbft", "proposals and votes are not persisted", "qbft", options={"forgets": ("proposal", "prepare")}),
    Mutant("hotstuff", "a quorum of two of four", "hotstuff", options={"nodes": 4, "quorum": 2}),
    Mutant("hotstuff", "two certificates decide", TwoChain, 1500, long=True),
    Mutant("hotstuff", "the last vote is not persisted", "hotstuff", options={"forgets": ("voted",)}),
    Mutant("jolteon", "a quorum of two of four", "jolteon", options={"nodes": 4, "quorum": 2}),
    Mutant("jolteon", "views may be left out between certificates", AcrossGaps, 1500, long=True),
    Mutant("jolteon", "the last vote is not persisted", "jolteon", options={"forgets": ("voted",)}),
    Mutant("raft", "half of the servers are enough", HalfIsEnough, options={"nodes": 4, "faulty": 0}),
    Mutant(
        "raft",
        "the vote is not persisted",
        VotesTwice,
        1500,
        long=True,
        options={"nodes": 3, "faulty": 0, "vary": RAFT},
    ),
    Mutant("raft", "a candidate may lack entries", Blind, 800, long=True, options={"vary": RAFT}),
    Mutant("nakamoto", "another chain is never followed", Stubborn, patience=60),
    Mutant("nakamoto", "blocks are not persisted", "nakamoto", patience=60, options={"forgets": ("block",)}),
    Mutant("clique", "all blocks weigh the same", Equal, patience=300),
    Mutant("snowman", "a quarter is enough, once", "snowman", options={"alpha": 5, "alpha_preference": 5, "beta": 1}),
    Mutant("snowman", "a single poll decides", "snowman", 1500, long=True, options={"alpha": 11, "beta": 1}),
)
