"""Random messages of every type: with fields that make sense now and then, and with any others."""

from __future__ import annotations

from hypothesis import strategies as st

from netsim.node.block import GENESIS, Batch, Block, Header
from netsim.node.gossip import gossipsub, plumtree
from netsim.node.gossip.announce import Announcement, Request
from netsim.node.gossip.compact import Bodies, GetTransactions, SendCompact, ShortForm, short_payload
from netsim.node.message import Control, Message, Signed
from netsim.node.pbft_messages import (
    Answer,
    Ask,
    Checkpoint,
    Commit,
    Committed,
    NewView,
    Prepare,
    Prepared,
    PrePrepare,
    Proposal,
    Stable,
    ViewChange,
)
from netsim.node.transactions import Transactions

NODES = 4
NUMBERS = st.one_of(st.integers(0, 5), st.integers(0, (1 << 62) - 1))
NODE = st.one_of(st.integers(0, NODES - 1), st.integers(0, 300))
DIGESTS = st.one_of(st.just(GENESIS.id), st.binary(min_size=32, max_size=32))
SIGNATURES = st.binary(min_size=64, max_size=64)
BATCHES = st.builds(
    Batch, NODE, NUMBERS.map(lambda number: number >> 1), st.integers(1, 1 << 21), st.integers(0, 1 << 30)
)
BLOCKS = st.builds(Block, NUMBERS, DIGESTS, NODE, st.integers(-5, 1 << 60), st.lists(BATCHES, max_size=2).map(tuple))
HEADERS = st.one_of(BLOCKS.map(lambda block: block.header), st.builds(Header, NUMBERS, DIGESTS, NODE, NUMBERS, DIGESTS))
SIGNERS = st.lists(NODE, max_size=4).map(tuple)
PROOF = (SIGNERS, st.lists(SIGNATURES, max_size=4).map(tuple))
PROPOSALS = st.builds(Proposal, NODE, SIGNATURES, NUMBERS, HEADERS)
PREPARED = st.builds(Prepared, *PROOF, PROPOSALS)
COMMITTED = st.builds(Committed, *PROOF, NUMBERS, HEADERS)
STABLE = st.builds(Stable, *PROOF, NUMBERS, DIGESTS)
VIEW_CHANGES = st.builds(
    ViewChange, NODE, SIGNATURES, NUMBERS, st.none() | COMMITTED, st.lists(PREPARED, max_size=2).map(tuple)
)
NEW_VIEWS = st.builds(
    NewView,
    NODE,
    SIGNATURES,
    NUMBERS,
    st.lists(VIEW_CHANGES, max_size=3).map(tuple),
    st.lists(PROPOSALS, max_size=2).map(tuple),
)
PRE_PREPARES = st.builds(PrePrepare, NODE, SIGNATURES, NUMBERS, BLOCKS)
SIGNED: st.SearchStrategy[Signed] = st.one_of(
    PRE_PREPARES,
    st.builds(Prepare, NODE, SIGNATURES, NUMBERS, NUMBERS, DIGESTS),
    st.builds(Commit, NODE, SIGNATURES, NUMBERS, NUMBERS, DIGESTS),
    st.builds(Checkpoint, NODE, SIGNATURES, NUMBERS, DIGESTS),
    VIEW_CHANGES,
    NEW_VIEWS,
)
TOPICS = st.integers(0, 4)
DIGEST_LISTS = st.lists(DIGESTS, max_size=3).map(tuple)
BATCH_LISTS = st.lists(BATCHES, max_size=3).map(tuple)
CONTROLS: st.SearchStrategy[Control] = st.one_of(
    st.builds(Announcement, TOPICS, DIGEST_LISTS),
    st.builds(Request, TOPICS, DIGEST_LISTS),
    st.builds(SendCompact, TOPICS, st.booleans()),
    st.builds(ShortForm, TOPICS, NUMBERS, st.one_of(st.binary(max_size=9), SIGNED.map(lambda signed: signed.encoded))),
    st.builds(lambda topic, inner: ShortForm(topic, short_payload(inner), inner.encoded), TOPICS, PRE_PREPARES),
    st.builds(GetTransactions, TOPICS, DIGESTS, BATCH_LISTS),
    st.builds(Bodies, TOPICS, DIGESTS, BATCH_LISTS),
    st.builds(plumtree.IHave, TOPICS, st.lists(st.tuples(DIGESTS, NUMBERS), max_size=3).map(tuple)),
    st.builds(plumtree.Graft, TOPICS, DIGEST_LISTS),
    st.builds(plumtree.Prune, TOPICS),
    st.builds(gossipsub.Graft, TOPICS),
    st.builds(gossipsub.Prune, TOPICS, NUMBERS),
    st.builds(gossipsub.IHave, TOPICS, DIGEST_LISTS),
    st.builds(gossipsub.IWant, TOPICS, DIGEST_LISTS),
)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    SIGNED,
    CONTROLS,
    st.builds(Transactions, BATCHES),
    st.builds(Ask, NUMBERS, NUMBERS, NUMBERS, st.lists(DIGESTS, max_size=3).map(tuple)),
    st.builds(
        Answer,
        NUMBERS,
        st.lists(st.tuples(BLOCKS, COMMITTED), max_size=2).map(tuple),
        st.lists(BLOCKS, max_size=2).map(tuple),
        st.none() | STABLE,
        st.none() | NEW_VIEWS,
    ),
)
