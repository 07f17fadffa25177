"""Certificates, view changes and new views: the genuine ones are believed, and nothing that was changed in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from netsim.node.block import GENESIS, Block
from netsim.node.identity import KeyedHash
from netsim.node.message import Signed
from netsim.node.pbft import PBFT
from netsim.node.pbft_messages import (
    Checkpoint,
    Commit,
    Committed,
    NewView,
    Prepare,
    Prepared,
    Proposal,
    Stable,
    ViewChange,
)
from netsim.node.pbft_proofs import Verifier, plan

NODES = 7
QUORUM = PBFT.quorum(NODES, {})
IDENTITIES = KeyedHash(1)
VERIFIER = Verifier(range(NODES), QUORUM, 4, IDENTITIES.verify)


def sign(message: Signed) -> Any:
    return message.signed(lambda digest: IDENTITIES.sign(message.signer, digest))


def signatures(signers: tuple[int, ...], make: Callable[[int], Signed]) -> tuple[tuple[int, ...], tuple[bytes, ...]]:
    return signers, tuple(sign(make(signer)).signature for signer in signers)


def chain(length: int, salt: int = 0) -> list[Block]:
    blocks = [GENESIS]
    for height in range(1, length + 1):
        blocks.append(Block(height, blocks[-1].id, 0, salt))
    return blocks[1:]


BLOCKS = chain(6)
OTHERS = chain(6, salt=1)


def proposed(block: Block, view: int, author: int | None = None) -> Proposal:
    author = view % NODES if author is None else author
    made: Proposal = sign(Proposal(author, b"", view, block.header))
    return made


def prepared(block: Block, view: int = 0, signers: tuple[int, ...] = ()) -> Prepared:
    signers = signers or tuple(node for node in range(NODES) if node != view % NODES)[: QUORUM - 1]
    proof = signatures(signers, lambda signer: Prepare(signer, b"", view, block.height, block.id))
    return Prepared(*proof, proposed(block, view))


def committed(block: Block, view: int = 0, signers: tuple[int, ...] = tuple(range(QUORUM))) -> Committed:
    proof = signatures(signers, lambda signer: Commit(signer, b"", view, block.height, block.id))
    return Committed(*proof, view, block.header)


def stable(block: Block) -> Stable:
    proof = signatures(tuple(range(QUORUM)), lambda signer: Checkpoint(signer, b"", block.height, block.id))
    return Stable(*proof, block.height, block.id)


def view_change(signer: int, view: int, executed: Committed | None = None, *reported: Prepared) -> ViewChange:
    made: ViewChange = sign(ViewChange(signer, b"", view, executed, reported))
    return made


def new_view(view: int, changes: tuple[ViewChange, ...], proposals: tuple[Proposal, ...]) -> NewView:
    made: NewView = sign(NewView(view % NODES, b"", view, changes, proposals))
    return made


def distrust(change: ViewChange) -> bool:
    return False


def test_genuine_certificates_are_believed() -> None:
    assert VERIFIER.prepared(prepared(BLOCKS[0]))
    assert VERIFIER.prepared(prepared(BLOCKS[0], view=12))
    assert VERIFIER.committed(committed(BLOCKS[0], view=3))
    assert VERIFIER.stable(stable(BLOCKS[3]))


GOOD, BAD = prepared(BLOCKS[0]), bytes(64)


@pytest.mark.parametrize(
    "proof",
    [
        replace(GOOD, signers=GOOD.signers[1:], signatures=GOOD.signatures[1:]),
        replace(GOOD, signatures=GOOD.signatures[1:]),
        replace(GOOD, signatures=(*GOOD.signatures[1:], BAD)),
        replace(GOOD, signers=(GOOD.signers[1], *GOOD.signers[1:])),
        replace(GOOD, signers=(NODES, *GOOD.signers[1:])),
        prepared(BLOCKS[0], signers=tuple(range(QUORUM - 1))),  # the primary among its backups
        replace(GOOD, proposal=proposed(OTHERS[0], 0)),
        replace(GOOD, proposal=proposed(BLOCKS[0], 1)),
        replace(GOOD, proposal=proposed(BLOCKS[0], 0, author=1)),
        replace(GOOD, proposal=replace(GOOD.proposal, signature=BAD)),
        replace(GOOD, proposal=replace(GOOD.proposal, view=NODES)),
    ],
)
def test_prepared_certificates_with_a_fault_are_not(proof: Prepared) -> None:
    assert not VERIFIER.prepared(proof)


@pytest.mark.parametrize(
    "proof",
    [
        committed(BLOCKS[0], signers=tuple(range(QUORUM - 1))),
        replace(committed(BLOCKS[0]), signers=(0, *range(QUORUM - 1))),
        replace(committed(BLOCKS[0]), view=1),
        replace(committed(BLOCKS[0]), header=OTHERS[0].header),
        Committed(prepared(BLOCKS[0]).signers, prepared(BLOCKS[0]).signatures, 0, BLOCKS[0].header),
    ],
)
def test_commit_certificates_with_a_fault_are_not(proof: Committed) -> None:
    assert not VERIFIER.committed(proof)


def test_stable_checkpoints_with_a_fault_are_not() -> None:
    proof = stable(BLOCKS[3])
    assert not VERIFIER.stable(replace(proof, height=5))
    assert not VERIFIER.stable(replace(proof, block=OTHERS[3].id))
    assert not VERIFIER.stable(replace(proof, signers=proof.signers[1:], signatures=proof.signatures[1:]))


def test_view_changes_report_without_a_gap_from_what_is_executed() -> None:
    executed, views = committed(BLOCKS[1]), (0, 1, 0, 2, 0)
    reports = [prepared(block, view) for block, view in zip(BLOCKS[2:], views, strict=False)]
    assert VERIFIER.view_change(view_change(1, 3, executed, *reports[:4]))
    assert VERIFIER.view_change(view_change(1, 3))
    for false in (
        view_change(1, 0),
        view_change(1, 3, executed, *reports[1:3]),
        view_change(1, 3, executed, reports[0], reports[2]),
        view_change(1, 3, executed, reports[1], reports[0]),
        view_change(1, 3, None, *reports[:2]),
        view_change(1, 2, executed, *reports[:4]),  # a certificate of the very view that begins
        view_change(1, 3, replace(executed, view=1), *reports[:2]),
        view_change(1, 3, executed, replace(reports[0], signatures=(BAD,) * (QUORUM - 1))),
    ):
        assert not VERIFIER.view_change(false)
    narrow = Verifier(range(NODES), QUORUM, 2, IDENTITIES.verify)
    assert not narrow.view_change(view_change(1, 3, executed, *reports[:3])), "more than can be in flight"


def test_a_new_view_starts_from_the_highest_block_that_anybody_executed() -> None:
    reports = (prepared(BLOCKS[2]), prepared(BLOCKS[3]))
    changes = (
        view_change(1, 1, committed(BLOCKS[0])),
        view_change(2, 1, committed(BLOCKS[1]), *reports),
        view_change(3, 1),
    )
    opening = plan(changes)
    assert opening.base == committed(BLOCKS[1])
    assert opening.height == 2
    assert opening.again == reports
    assert plan((view_change(1, 1), view_change(2, 1))).height == 0


def test_at_each_height_the_certificate_of_the_highest_view_counts() -> None:
    early, late = prepared(OTHERS[0], 0), prepared(BLOCKS[0], 2)
    follows_early = prepared(OTHERS[1], 0)
    for order in ((1, 2), (2, 1)):
        reports = {1: (early, follows_early), 2: (late,)}
        opening = plan([view_change(node, 3, None, *reports[node]) for node in order])
        assert opening.again == (late,), "what stood on the other block is cut off"


CHANGES = (
    view_change(1, 1, None, prepared(BLOCKS[0])),
    *(view_change(node, 1) for node in range(2, QUORUM + 1)),
)
AGAIN = (proposed(BLOCKS[0], 1),)


def test_a_new_view_is_believed_when_it_proposes_what_follows_from_its_view_changes() -> None:
    opening = VERIFIER.new_view(new_view(1, CHANGES, AGAIN), distrust)
    assert opening == plan(CHANGES)


@pytest.mark.parametrize(
    "message",
    [
        new_view(1, CHANGES, ()),
        new_view(1, CHANGES, (proposed(OTHERS[0], 1),)),
        new_view(1, CHANGES, (*AGAIN, proposed(BLOCKS[1], 1))),
        new_view(1, CHANGES, (proposed(BLOCKS[0], 1, author=2),)),
        new_view(1, CHANGES, (proposed(BLOCKS[0], 1 + NODES),)),
        new_view(1, CHANGES, (replace(AGAIN[0], signature=BAD),)),
        new_view(1, CHANGES[1:], ()),
        new_view(1, (*CHANGES[:-1], CHANGES[0]), AGAIN),
        new_view(1, (*CHANGES[:-1], view_change(6, 2)), AGAIN),
        new_view(1, (*CHANGES[:-1], replace(CHANGES[-1], signature=BAD)), AGAIN),
        new_view(1, (*CHANGES[:-1], view_change(NODES, 1)), AGAIN),
        new_view(1, (view_change(1, 1, None, replace(GOOD, signatures=(BAD,) * (QUORUM - 1))), *CHANGES[1:]), AGAIN),
        replace(new_view(1, CHANGES, AGAIN), signer=2),
        new_view(0, CHANGES, AGAIN),
    ],
)
def test_a_new_view_with_a_fault_is_not(message: NewView) -> None:
    assert VERIFIER.new_view(message, distrust) is None
