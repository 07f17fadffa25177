"""The laws: for each protocol, what its papers say of n validators, where every link has the same one-way delay δ.

Signatures, execution and bandwidth cost nothing, a message to oneself takes no time, and the dissemination of
transactions is not counted. Finality is counted from the moment at which the leader sends the proposal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Number = int | Fraction


@dataclass(frozen=True, slots=True)
class Formula:
    """A function of the number of validators, and how it is written."""

    text: str
    of: Callable[[int], Number]


def constant(value: Number) -> Formula:
    """The same for any number of validators."""
    return Formula(str(value), lambda n: value)


@dataclass(frozen=True, slots=True)
class Law:
    """What holds for one protocol. A formula that is None is not stated, and nothing is measured for it.

    quorum        validators that must agree
    first, last   message delays until a block is final at the first and at the last validator
    messages      sent per block, proposal included
    survives      most crashed validators with which the others, whichever they are, still make blocks final
    equivocators  fewest Byzantine validators with which, in a partition, two blocks are final at one height

    `consensus`: the protocol's keys, as YAML, with which the law is stated; `depth`: confirmations that make a block
    final. `apart`: messages that are not sent for a block, such as heartbeats, by the names of their types. `slowness`:
    how many times longer than usual it must be watched until there are blocks enough.
    """

    protocol: str
    source: str
    quorum: Formula | None = None
    first: Formula | None = None
    last: Formula | None = None
    messages: Formula | None = None
    survives: Formula | None = None
    equivocators: Formula | None = None
    consensus: str = "block_interval: 0 s, empty_blocks: always"
    depth: int | None = None
    apart: tuple[str, ...] = ()
    slowness: int = 1
    note: str = ""


def tolerated(n: int) -> int:
    """f = ⌊(n − 1) / 3⌋."""
    return (n - 1) // 3


def byzantine_quorum(n: int) -> int:
    """⌈(n + f + 1) / 2⌉: the least such that two quorums share a correct validator."""
    return -(-(n + tolerated(n) + 1) // 2)


def crashes_beside(quorum: Formula) -> Formula:
    """n − q: a quorum must be left."""
    return Formula("n-q", lambda n: n - quorum.of(n))


def split_by(quorum: Formula) -> Formula:
    """2q − n: two quorums share so many, and all of them must lie."""
    return Formula("2q-n", lambda n: 2 * quorum.of(n) - n)


def _byzantine(
    protocol: str, source: str, quorum: Formula, first: Formula, last: Formula, messages: Formula, **more: Any
) -> Law:
    """Of a protocol that decides by quorums, whoever lies."""
    return Law(protocol, source, quorum, first, last, messages, crashes_beside(quorum), split_by(quorum), **more)


_BETA = 20
_MAJORITY = Formula("⌊n/2⌋+1", lambda n: n // 2 + 1)
_MINORITY = Formula("⌊(n-1)/2⌋", lambda n: (n - 1) // 2)
_PBFT_QUORUM = Formula("⌈(n+f+1)/2⌉", byzantine_quorum)
_TENDERMINT_QUORUM = Formula("⌊2n/3⌋+1", lambda n: 2 * n // 3 + 1)
_QBFT_QUORUM = Formula("⌈2n/3⌉", lambda n: -(-2 * n // 3))
_ALL_BUT_F = Formula("n-f", lambda n: n - tolerated(n))
_TWO_ROUNDS = Formula("(n-1)(2n+1)", lambda n: (n - 1) * (2 * n + 1))
_LINEAR = Formula("2(n-1)", lambda n: 2 * (n - 1))
_ONE_EACH = Formula("n-1", lambda n: n - 1)

LAWS: tuple[Law, ...] = (
    _byzantine(
        "pbft",
        "Castro and Liskov, OSDI 1999",
        _PBFT_QUORUM,
        constant(3),
        constant(3),
        Formula("2n(n-1)", lambda n: 2 * n * (n - 1)),
        apart=("Checkpoint",),
        note="without checkpoints",
    ),
    _byzantine(
        "tendermint",
        "Buchman, Kwon and Milosevic, arXiv 1807.04938",
        _TENDERMINT_QUORUM,
        constant(3),
        constant(3),
        _TWO_ROUNDS,
    ),
    _byzantine(
        "qbft",
        "Saltini and Hyland-Wood, arXiv 1909.10194; Moniz, arXiv 2002.03613",
        _QBFT_QUORUM,
        constant(3),
        constant(3),
        _TWO_ROUNDS,
    ),
    _byzantine(
        "hotstuff",
        "Yin et al., arXiv 1803.05069",
        _ALL_BUT_F,
        constant(6),
        constant(7),
        _LINEAR,
        note="messages per view; the first is the leader that collects the last votes",
    ),
    _byzantine(
        "jolteon",
        "Gelashvili et al., arXiv 2106.10362; Malkhi and Nayak, ePrint 2023/397",
        _ALL_BUT_F,
        constant(4),
        constant(5),
        _LINEAR,
        note="messages per view; the first is the leader that collects the last votes",
    ),
    Law(
        "raft",
        "Ongaro and Ousterhout, USENIX ATC 2014",
        _MAJORITY,
        constant(2),
        constant(3),
        Formula("3(n-1)", lambda n: 3 * (n - 1)),
        _MINORITY,
        consensus="block_interval: 1 s, empty_blocks: always",
        apart=("Heartbeat", "HeartbeatReply"),
        note="with commit messages; without heartbeats",
    ),
    Law(
        "nakamoto",
        "Nakamoto, Bitcoin, 2008",
        _MAJORITY,
        constant(0),
        constant(1),
        _ONE_EACH,
        Formula("n-1", lambda n: n - 1),
        consensus="block_interval: 1000 s",  # forks are rare
        depth=1,
        slowness=10_000,
        note="depth 1: a block is final where it has arrived",
    ),
    Law(
        "clique",
        "Szilágyi, EIP-225, 2017",
        _MAJORITY,
        constant(0),
        constant(1),
        _ONE_EACH,
        _MINORITY,
        consensus="block_interval: 1 s, empty_blocks: always",
        depth=1,
        slowness=10,
        note="depth 1: a block is final where it has arrived",
    ),
    Law(
        "snowman",
        "Team Rocket et al., arXiv 1906.08936",
        Formula("n-⌊(n-1)/4⌋", lambda n: n - (n - 1) // 4),
        constant(2 * _BETA),
        constant(2 * _BETA + 1),
        Formula("(n-1)(1+2nβ)", lambda n: (n - 1) * (1 + 2 * n * _BETA)),
        Formula("⌊(n-1)/4⌋", lambda n: (n - 1) // 4),
        consensus=f"block_interval: 2 s, empty_blocks: always, beta: {_BETA}, alpha_preference: auto",
        slowness=10,
        note="all others are asked in each poll, of which three quarters must agree β = 20 times in a row",
    ),
)


def law_of(protocol: str) -> Law | None:
    """The law of a protocol, by its name."""
    return next((law for law in LAWS if law.protocol == protocol), None)
