"""Everything that a protocol of your own imports, in one place.

A protocol is a class that derives from `Consensus` (or `Branching`, where blocks may be built on any other), in any
module or in a file beside your scenario:

    consensus: {protocol: "my_protocol.py:MyProtocol", my_key: 20 ms}

netsim calls it with one thing at a time (`start`, `on_message`, `on_timer`, `on_transactions`), and it answers by
calling its `context`: `broadcast` and `send` messages, `set_timer`, `sign`, `persist` what must survive a crash, say
`proposed(block)` and `finalise(block)`. It never sleeps, reads no clock but `context.now` (integer nanoseconds), and
draws from no randomness but `context.rng`: then the same code runs in virtual time and in real processes, with the same
result to the nanosecond.

What the class says of itself:

    messages      the types of message that it sends: subclasses of `Signed` (they have an author, whose signature is
                  checked before you see them; `ProposalMessage` and `VoteMessage` are most of what one needs) or of
                  `Message`, each with an integer tag from 16 to 109
    parameters    a tuple of `Parameter`: keys of its own with unit, default and a sentence; they are validated like all
                  others, and reach you in base units (ns, bytes, shares of 1)
    records       kinds of trace rows of its own, for `context.record`
    facts         pairs of texts that `netsim list my_protocol.py:MyProtocol` prints
    docstring     its first line says what it is

`Chain` is what this node holds of blocks: `append` makes one final. `Mempool` is the transactions that wait:
`take(bytes)` for a new block, `valid`, `include` for a proposed one, `finalised`. `netsim.testing` has what the
built-in protocols are tested with. The worked example is scenarios/own-protocol/.
"""

from __future__ import annotations

from netsim.catalogue.entry import Parameter, Preset
from netsim.node.ancestry import ANCESTRY, Ancestry, Missing
from netsim.node.block import GENESIS, Batch, Block, Header, short, short_id
from netsim.node.branching import Branching
from netsim.node.certificate import Certificate
from netsim.node.chain import Chain
from netsim.node.consensus import Consensus, tolerated
from netsim.node.context import Context
from netsim.node.fields import Digest, Integer, Natural, Positive, Signature
from netsim.node.forms import BlockMessage, ProposalMessage, VoteMessage
from netsim.node.mempool import Mempool
from netsim.node.message import About, Message, MessageKind, Signed
from netsim.node.rhythm import PROPOSE, Rhythm

__all__ = [
    "ANCESTRY",
    "GENESIS",
    "PROPOSE",
    "About",
    "Ancestry",
    "Batch",
    "Block",
    "BlockMessage",
    "Branching",
    "Certificate",
    "Chain",
    "Consensus",
    "Context",
    "Digest",
    "Header",
    "Integer",
    "Mempool",
    "Message",
    "MessageKind",
    "Missing",
    "Natural",
    "Parameter",
    "Positive",
    "Preset",
    "ProposalMessage",
    "Rhythm",
    "Signature",
    "Signed",
    "VoteMessage",
    "short",
    "short_id",
    "tolerated",
]
