"""The consensus protocols, and how one that is not here declares itself."""

from __future__ import annotations

from typing import Any

from netsim.catalogue.entry import Entry, Parameter

# What every protocol understands, whatever it is.
BLOCKS = (
    Parameter(
        "block_interval", "duration", "1 s", "between two proposals of blocks with transactions; 0 s: back to back"
    ),
    Parameter("block_size", "size", "512 KiB", "most bytes of transactions in a block", minimum=1),
    Parameter("timeout", "duration", "3 s", "how long a replica waits for progress before it acts", minimum=1),
    Parameter(
        "spread",
        "duration",
        "auto",
        "each proposal is late by a random part of it; auto: the longest slot pattern among the radio cells",
        choices=("auto",),
    ),
)

PROTOCOLS = (
    Entry(
        "protocols",
        "pbft",
        "Practical Byzantine fault tolerance: a leader, three phases, a view change when it fails",
        "netsim.node.pbft:PBFT",
        (
            *BLOCKS,
            Parameter(
                "empty_blocks",
                "choice",
                "when-needed",
                "whether the leader proposes without transactions; PBFT never needs it",
                choices=("when-needed", "always", "never"),
            ),
            Parameter("window", "integer", "8", "blocks that may be in agreement at once", minimum=1),
            Parameter("checkpoint", "integer", "16", "blocks between two checkpoints", minimum=1),
            Parameter(
                "quorum",
                "integer",
                "auto",
                "replicas that must agree; auto is ⌈(n+f+1)/2⌉, and fewer are unsafe: only to show what goes wrong",
                choices=("auto",),
                minimum=1,
            ),
        ),
        (
            ("finality", "3 message delays"),
            ("messages", "2n(n-1) per block, sent directly"),
            ("tolerates", "f = ⌊(n-1)/3⌋ Byzantine replicas"),
            ("source", "Castro and Liskov, Practical Byzantine Fault Tolerance, OSDI 1999"),
        ),
    ),
    Entry(
        "protocols",
        "scripted",
        "Blocks when the script says so, by one proposer at a time, without any agreement: to measure relay alone",
        "netsim.node.scripted:Script",
        (
            *BLOCKS,
            Parameter(
                "arrival",
                "choice",
                "exponential",
                "whether intervals are drawn, as a lottery's, or all the same",
                choices=("exponential", "fixed"),
            ),
            Parameter(
                "proposers",
                "choice",
                "random",
                "who proposes the next block: any validator, or the next in order",
                choices=("random", "round-robin"),
            ),
            Parameter("block_bytes", "size", "0 B", "a block's size on the wire beside its transactions'"),
        ),
        (
            ("finality", "when the block and its ancestors are there: relay and nothing else"),
            ("tolerates", "nothing: the script ends where a proposer stays down"),
        ),
    ),
    Entry("protocols", "tendermint", "Rotating proposers, prevotes and precommits, locks"),
    Entry("protocols", "qbft", "IBFT 2.0's successor, as in Besu and Quorum"),
    Entry("protocols", "hotstuff", "Chained HotStuff: linear messages, a chain of three certificates"),
    Entry("protocols", "jolteon", "HotStuff-2: chained, a chain of two certificates"),
    Entry("protocols", "raft", "A leader and a majority; crashes only"),
    Entry("protocols", "nakamoto", "Proof of work, the heaviest chain"),
    Entry("protocols", "clique", "Proof of authority: signers take turns"),
    Entry("protocols", "snowman", "Repeated sampling of a few validators"),
)


def declared_by(protocol: Any, name: str) -> Entry:
    """The entry of a protocol that is no part of netsim: what its class says of itself.

    Its keys are those of every protocol and its own `parameters`, a tuple of `Parameter`; further attributes that it
    may have are `facts`, `presets`, `depth` and `weighs`, as in an `Entry`. The first line of its docstring says what
    it is.
    """
    first_line = (protocol.__doc__ or "").strip().partition("\n")[0]
    own = tuple(getattr(protocol, "parameters", ()))
    taken = {parameter.name for parameter in own}
    return Entry(
        "protocols",
        name,
        first_line or "A protocol of one's own",
        f"{protocol.__module__}:{protocol.__qualname__}",
        (*(parameter for parameter in BLOCKS if parameter.name not in taken), *own),
        tuple(getattr(protocol, "facts", ())),
        tuple(getattr(protocol, "presets", ())),
        getattr(protocol, "depth", None),
        getattr(protocol, "weighs", None),
    )
