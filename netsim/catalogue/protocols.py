"""The consensus protocols, and how one that is not here declares itself."""

from __future__ import annotations

from typing import Any

from netsim.catalogue.entry import Entry, Parameter, Preset

# What every protocol understands, whatever it is.
BLOCKS = (
    Parameter(
        "block_interval", "duration", "1 s", "between two proposals of blocks with transactions; 0 s: back to back"
    ),
    Parameter("block_size", "size", "512 KiB", "most bytes of transactions in a block", minimum=1),
    Parameter(
        "block_transactions",
        "integer",
        "none",
        "most transactions in a block; none: as many as fit",
        choices=("none",),
        minimum=1,
    ),
    Parameter("timeout", "duration", "3 s", "how long a replica waits for progress before it acts", minimum=1),
    Parameter(
        "spread",
        "duration",
        "auto",
        "each proposal is late by a random part of it; auto: the longest slot pattern among the radio cells",
        choices=("auto",),
    ),
)


def _but_timeout(default: str, says: str) -> tuple[Parameter, ...]:
    """What every protocol understands, with a timeout of one's own."""
    timeout = Parameter("timeout", "duration", default, says, minimum=1)
    return tuple(timeout if parameter.name == "timeout" else parameter for parameter in BLOCKS)


def _chained(span: str, says: str) -> tuple[Parameter, ...]:
    """What protocols understand in which blocks certify each other."""
    return (
        Parameter("leader_span", "integer", span, says, minimum=1),
        Parameter(
            "empty_blocks",
            "choice",
            "when-needed",
            "whether leaders propose without transactions; when-needed: while a block with transactions is not final",
            choices=("when-needed", "always", "never"),
        ),
        Parameter(
            "quorum",
            "integer",
            "auto",
            "replicas that must agree; auto is n-f, and fewer are unsafe: only to show what goes wrong",
            choices=("auto",),
            minimum=1,
        ),
    )


def _backoff(factor: str, steps: str, why: str, why_steps: str) -> tuple[Parameter, ...]:
    """By what a timeout grows."""
    return (
        Parameter(
            "backoff",
            "number",
            factor,
            f"factor by which the timeout grows with each leader given up in a row; {why}",
            minimum=1,
        ),
        Parameter("backoff_steps", "integer", steps, f"how often it grows at most; {why_steps}", minimum=0),
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
            Parameter(
                "full_blocks",
                "choice",
                "wait",
                "whether a block that can take no more transactions waits for `block_interval`, or is proposed at once",
                choices=("wait", "at-once"),
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
            ("finality", "deterministic, 3 message delays"),
            ("messages", "2n(n-1) per block, sent directly"),
            ("tolerates", "f = ⌊(n-1)/3⌋ Byzantine replicas"),
            ("quorum", "⌈(n+f+1)/2⌉"),
            ("source", "Castro and Liskov, Practical Byzantine Fault Tolerance, OSDI 1999"),
        ),
        (
            Preset(
                "fisco-bcos",
                (
                    ("timeout", "3 s"),
                    ("block_transactions", "1000"),
                    ("block_size", "64 MiB"),
                    ("block_interval", "500 ms"),
                    ("full_blocks", "at-once"),
                ),
                "FISCO BCOS 3.x: consensus_timeout 3000 ms, tx_count_limit 1000 and no limit of bytes, min_seal_time "
                "500 ms between two blocks unless one is full; the leader stays, and there it changes with each block",
            ),
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
        byzantine=False,
    ),
    Entry(
        "protocols",
        "tendermint",
        "Rotating proposers, prevotes and precommits, locks",
        "netsim.node.tendermint:Tendermint",
        (
            *_but_timeout(
                "3 s", "how long the proposal of a first round is waited for; as CometBFT's timeout_propose by default"
            ),
            Parameter(
                "timeout_vote",
                "duration",
                "1 s",
                "how long others are waited for where a quorum of votes agrees on nothing; as CometBFT's "
                "timeout_prevote and timeout_precommit by default",
                minimum=1,
            ),
            Parameter(
                "timeout_delta",
                "duration",
                "500 ms",
                "by how much each timeout grows with a round; as CometBFT's deltas by default",
            ),
            Parameter(
                "empty_blocks",
                "choice",
                "when-needed",
                "whether blocks without transactions are proposed; when-needed: after a failed round, as in CometBFT "
                "without create_empty_blocks",
                choices=("when-needed", "always", "never"),
            ),
            Parameter(
                "quorum",
                "integer",
                "auto",
                "validators that must agree; auto is the least integer above 2n/3, and fewer are unsafe: only to show "
                "what goes wrong",
                choices=("auto",),
                minimum=1,
            ),
        ),
        (
            ("finality", "deterministic, 3 message delays"),
            ("messages", "(n-1)(2n+1) per block, sent directly"),
            ("tolerates", "f = ⌊(n-1)/3⌋ Byzantine validators"),
            ("quorum", "⌊2n/3⌋ + 1"),
            ("source", "Buchman, Kwon and Milosevic, The latest gossip on BFT consensus, arXiv 1807.04938"),
        ),
    ),
    Entry(
        "protocols",
        "qbft",
        "IBFT 2.0's successor, as in Besu and Quorum: proposals justified by round changes",
        "netsim.node.qbft:QBFT",
        (
            *_but_timeout(
                "1 s",
                "how long a first round may take, doubled with each further one; as Besu's requesttimeoutseconds by "
                "default, and the block interval as its blockperiodseconds",
            ),
            Parameter(
                "round_timer",
                "choice",
                "always",
                "when the timer of a later round runs: always, as in Besu, so that who is cut off runs ahead; or only "
                "with a quorum in that round or beyond, as in PBFT",
                choices=("always", "with-quorum"),
            ),
            Parameter(
                "empty_blocks",
                "choice",
                "when-needed",
                "whether blocks without transactions are proposed; when-needed: after a failed round; always, as Besu",
                choices=("when-needed", "always", "never"),
            ),
            Parameter(
                "quorum",
                "integer",
                "auto",
                "validators that must agree; auto is ⌈2n/3⌉, and fewer are unsafe: only to show what goes wrong",
                choices=("auto",),
                minimum=1,
            ),
        ),
        (
            ("finality", "deterministic, 3 message delays"),
            ("messages", "(n-1)(2n+1) per block, sent directly"),
            ("tolerates", "f = ⌊(n-1)/3⌋ Byzantine validators"),
            ("quorum", "⌈2n/3⌉"),
            ("source", "Moniz, The Istanbul BFT Consensus Algorithm, arXiv 2002.03613; Besu's QBFT"),
        ),
    ),
    Entry(
        "protocols",
        "hotstuff",
        "Chained HotStuff: linear messages, a chain of three certificates",
        "netsim.node.hotstuff:HotStuff",
        (
            *_but_timeout("1 s", "a view may take before a replica gives up its leader; libhotstuff's default"),
            *_backoff("2", "4", "libhotstuff doubles it", "the paper names no bound"),
            *_chained("4", "views that a leader keeps its post; fewer than 4 need more live leaders in a row"),
        ),
        (
            ("finality", "deterministic, 7 message delays, 6 at the leader that collects the votes"),
            ("messages", "2(n-1) per view; a view per block under load, 4 for one alone; n(n-1) to replace a leader"),
            ("tolerates", "f = ⌊(n-1)/3⌋ Byzantine replicas; live with 4 views of live leaders in a row"),
            ("quorum", "n-f"),
            (
                "source",
                "Yin, Malkhi, Reiter, Golan Gueta and Abraham, HotStuff: BFT Consensus in the Lens of Blockchain, "
                "PODC 2019, arXiv 1803.05069",
            ),
        ),
    ),
    Entry(
        "protocols",
        "jolteon",
        "Jolteon, DiemBFT v4, HotStuff-2: chained, a chain of two certificates",
        "netsim.node.jolteon:Jolteon",
        (
            *_but_timeout("1 s", "a view may take before a replica gives up its leader; DiemBFT's and Aptos's default"),
            *_backoff("1.2", "6", "DiemBFT's and Aptos's default", "DiemBFT's and Aptos's default"),
            *_chained("3", "views that a leader keeps its post; fewer than 3 need more live leaders in a row"),
        ),
        (
            ("finality", "deterministic, 5 message delays, 4 at the leader that collects the votes"),
            ("messages", "2(n-1) per view; a view per block under load, 3 for one alone; n(n-1) to replace a leader"),
            ("tolerates", "f = ⌊(n-1)/3⌋ Byzantine replicas; live with 3 views of live leaders in a row"),
            ("quorum", "n-f"),
            (
                "source",
                "Gelashvili, Kokoris-Kogias, Sonnino, Spiegelman and Xiang, Jolteon and Ditto, FC 2022, "
                "arXiv 2106.10362; Malkhi and Nayak, HotStuff-2, ePrint 2023/397",
            ),
        ),
    ),
    Entry(
        "protocols",
        "raft",
        "A leader and a majority, as an ordering service; crashes only",
        "netsim.node.raft:Raft",
        (
            *(parameter for parameter in BLOCKS if parameter.name != "timeout"),
            Parameter(
                "timeout",
                "duration",
                "1 s",
                "the least election timeout, where no tick is given; drawn up to twice as long; etcd's default",
                minimum=1,
            ),
            Parameter(
                "tick",
                "duration",
                "auto",
                "what a server counts time in; auto: timeout / election_ticks, 100 ms by default as in etcd",
                choices=("auto",),
                minimum=1,
            ),
            Parameter(
                "election_ticks",
                "integer",
                "10",
                "ticks without a leader until an election: so many up to less than twice as many; etcd's default",
                minimum=2,
            ),
            Parameter("heartbeat_ticks", "integer", "1", "ticks between heartbeats; etcd's default", minimum=1),
            Parameter(
                "inflight",
                "integer",
                "512",
                "appends to one server that are not acknowledged, and blocks not committed; etcd's default",
                minimum=1,
            ),
            Parameter(
                "commit_message",
                "choice",
                "at-once",
                "whether followers hear at once what is committed, as in etcd, or with the next append or heartbeat",
                choices=("at-once", "with-next"),
            ),
            Parameter(
                "batch_timeout",
                "duration",
                "0 s",
                "how long the oldest transaction waits for the block to fill; 0 s: not at all",
            ),
            Parameter(
                "empty_blocks",
                "choice",
                "when-needed",
                "whether the leader proposes without transactions; Raft never needs it",
                choices=("when-needed", "always", "never"),
            ),
            Parameter(
                "snapshot_interval",
                "integer",
                "10000",
                "entries after which final ones are dropped from the log; etcd's default",
                minimum=1,
            ),
            Parameter(
                "catch_up",
                "integer",
                "5000",
                "final entries that stay in the log for slow followers; etcd's default",
                minimum=0,
            ),
            Parameter(
                "first_election",
                "choice",
                "at-once",
                "whether the first validator stands when the network starts, as Fabric has it, or timeouts decide",
                choices=("at-once", "timeout"),
            ),
        ),
        (
            ("finality", "deterministic, 2 message delays at the leader, 3 at followers"),
            ("messages", "3(n-1) per block, 2(n-1) without commit messages; and 2(n-1) per heartbeat"),
            ("tolerates", "⌊(n-1)/2⌋ crashed servers, safe with any number; none that lies"),
            ("quorum", "⌊n/2⌋+1"),
            (
                "source",
                "Ongaro and Ousterhout, In Search of an Understandable Consensus Algorithm, USENIX ATC 2014; "
                "Ongaro, Consensus: Bridging Theory and Practice, 2014",
            ),
        ),
        (
            Preset(
                "fabric",
                (
                    ("block_interval", "0 s"),
                    ("timeout", "5 s"),
                    ("tick", "500 ms"),
                    ("election_ticks", "10"),
                    ("heartbeat_ticks", "1"),
                    ("batch_timeout", "2 s"),
                    ("block_transactions", "500"),
                    ("block_size", "2 MiB"),
                    ("inflight", "5"),
                    ("snapshot_interval", "8"),
                    ("catch_up", "4"),
                ),
                "Hyperledger Fabric 2.x, sampleconfig/configtx.yaml; a snapshot every 16 MB, or eight full blocks",
            ),
        ),
        byzantine=False,
    ),
    Entry(
        "protocols",
        "nakamoto",
        "Proof of work: whoever draws the lot extends the chain with the most work, and depth makes blocks final",
        "netsim.node.nakamoto:Nakamoto",
        (*BLOCKS, Parameter("block_bytes", "size", "0 B", "a block's size on the wire beside its transactions'")),
        (
            ("finality", "probabilistic: depth k, reversed with a probability that falls exponentially in k"),
            ("messages", "n-1 per block, sent directly, whether it stays or not"),
            ("tolerates", "less than half of the hash rate, where delays are small beside the interval; any crashes"),
            ("quorum", "none; more than half of the miners for quorum_ms"),
            ("blocks", "block_interval is the mean of an exponential distribution; spread does nothing"),
            (
                "source",
                "Nakamoto, Bitcoin, 2008; Garay, Kiayias and Leonardos, The Bitcoin Backbone Protocol, EUROCRYPT 2015",
            ),
        ),
        (
            Preset(
                "bitcoin-2019",
                (("block_interval", "600 s"), ("block_bytes", "535000 B"), ("timeout", "60 s")),
                "SimBlock's Bitcoin of 2019: a block of 535 kB every 600 s; the time-out is Bitcoin Core's for getdata",
            ),
        ),
        depth="6",
        weighs="hash_rate",
        byzantine=False,
    ),
    Entry(
        "protocols",
        "clique",
        "Proof of authority: signers take turns, and others fill in",
        "netsim.node.clique:Clique",
        (
            *BLOCKS,
            Parameter(
                "wiggle",
                "duration",
                "500 ms",
                "a signer out of turn waits for a random part of ⌊n/2⌋+1 times as long (go-ethereum's wiggleTime)",
            ),
            Parameter(
                "ties",
                "choice",
                "eip-3436",
                "which of two chains of equal difficulty is followed; first-seen may come to a halt",
                choices=("eip-3436", "first-seen"),
            ),
            Parameter(
                "empty_blocks",
                "choice",
                "always",
                "whether signers make blocks without transactions; with an interval of 0 s always means when-needed",
                choices=("when-needed", "always", "never"),
            ),
        ),
        (
            ("finality", "probabilistic: depth blocks, 1 message delay each when back to back"),
            ("messages", "n-1 per block, sent directly"),
            ("tolerates", "⌊(n-1)/2⌋ signers down; forks while two fill in for one"),
            ("quorum", "⌊n/2⌋+1: of so many blocks in a row no two have the same signer"),
            ("source", "Szilágyi, EIP-225, 2017; go-ethereum, consensus/clique; EIP-3436 for ties"),
        ),
        presets=(
            Preset("geth", (("block_interval", "15 s"), ("wiggle", "500 ms")), "EIP-225's and go-ethereum's period"),
        ),
        depth="auto",
        byzantine=False,
    ),
    Entry(
        "protocols",
        "snowman",
        "Repeated sampling of a few validators, until all prefer the same",
        "netsim.node.snowman:Snowman",
        (
            *BLOCKS,
            Parameter(
                "sample",
                "integer",
                "20",
                "validators asked in a poll (k), all others if they are fewer; AvalancheGo's default",
                minimum=1,
            ),
            Parameter(
                "alpha",
                "integer",
                "auto",
                "votes of the sample that count towards acceptance (α); auto: three quarters, 15 of 20 as AvalancheGo",
                choices=("auto",),
                minimum=1,
            ),
            Parameter(
                "alpha_preference",
                "integer",
                "auto",
                "votes of the sample that win a poll; auto: a majority, as in the paper; AvalancheGo has 15 of 20",
                choices=("auto",),
                minimum=1,
            ),
            Parameter("beta", "integer", "20", "polls in a row that make a block final (β); AvalancheGo's", minimum=1),
            Parameter(
                "proposer_window",
                "duration",
                "5 s",
                "after which another may propose in the place of a proposer that is down; AvalancheGo's",
                minimum=1,
            ),
            Parameter(
                "processing",
                "integer",
                "10",
                "most undecided blocks with which one more is proposed; AvalancheGo's optimal processing",
                minimum=1,
            ),
            Parameter(
                "empty_blocks",
                "choice",
                "when-needed",
                "whether blocks without transactions are proposed; Snowman never needs them",
                choices=("when-needed", "always", "never"),
            ),
        ),
        (
            ("finality", "by metastability: 1 + 2β message delays where everybody is asked"),
            ("messages", "n-1 + 2Knβ per block, sent directly; K = min(sample, n-1)"),
            ("tolerates", "K-α of a sample down; Byzantine validators with a chance that falls with β"),
            ("quorum", "α of K, β times in a row"),
            ("source", "Team Rocket et al., arXiv 1906.08936; AvalancheGo, snow/consensus/snowman"),
        ),
        presets=(
            Preset(
                "avalanchego",
                (
                    ("block_interval", "2 s"),
                    ("timeout", "5 s"),
                    ("sample", "20"),
                    ("alpha", "15"),
                    ("alpha_preference", "15"),
                    ("beta", "20"),
                    ("proposer_window", "5 s"),
                    ("processing", "10"),
                ),
                "AvalancheGo 1.11 and the C-chain's target of a block every 2 s; time-outs begin at 5 s",
            ),
        ),
        weighs="stake",
        byzantine=False,
    ),
)


def declared_by(protocol: Any, name: str) -> Entry:
    """The entry of a protocol that is no part of netsim: what its class says of itself.

    Its keys are those of every protocol and its own `parameters`, a tuple of `Parameter`; further attributes that it
    may have are `facts`, `presets`, `depth`, `weighs` and `byzantine`, as in an `Entry`. The first line of its
    docstring says what it is.
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
        getattr(protocol, "byzantine", True),
    )
