"""What Byzantine nodes may do."""

from __future__ import annotations

from netsim.catalogue.entry import Entry, Parameter

_WHAT = ("all", "blocks", "votes", "transactions")

MISBEHAVIOUR = (
    Entry("misbehaviour", "silent", "Says nothing at all, and listens", "netsim.node.misbehaviour.silent:Silent"),
    Entry(
        "misbehaviour",
        "equivocate",
        "Has two faces: two proposals, two votes, one to each half of the others",
        "netsim.node.misbehaviour.equivocate:Equivocate",
        parameters=(
            Parameter(
                "towards",
                "nodes",
                "auto",
                "who sees the second face; auto: the second half of the others",
                choices=("auto",),
            ),
        ),
    ),
    Entry(
        "misbehaviour",
        "withhold",
        "Keeps messages of its own back",
        "netsim.node.misbehaviour.withhold:Withhold",
        parameters=(
            Parameter("what", "choice", "blocks", "which kind of message", choices=_WHAT),
            Parameter("from", "nodes", "all", "from whom"),
        ),
    ),
    Entry(
        "misbehaviour",
        "delay",
        "Sends its own messages later",
        "netsim.node.misbehaviour.delay:Delay",
        parameters=(
            Parameter("by", "duration", "500 ms", "how much later", minimum=1),
            Parameter("what", "choice", "all", "which kind of message", choices=_WHAT),
        ),
    ),
    Entry(
        "misbehaviour",
        "forge",
        "Says what it says in the names of others too, with bad signatures",
        "netsim.node.misbehaviour.forge:Forge",
    ),
    Entry(
        "misbehaviour",
        "censor",
        "Leaves transactions out of the blocks that it proposes",
        "netsim.node.misbehaviour.censor:Censor",
        parameters=(Parameter("of", "nodes", "all", "whose clients' transactions"),),
    ),
    Entry(
        "misbehaviour",
        "selfish",
        "Mines in secret, and shows its blocks when that costs others more (nakamoto)",
        "netsim.node.misbehaviour.selfish:SelfishMining",
    ),
)
