"""Jolteon (Gelashvili, Kokoris-Kogias, Sonnino, Spiegelman & Xiang, Jolteon and Ditto: Network-Adaptive Efficient
Consensus with Asynchronous Fallback, FC 2022; arXiv 2106.10362, section 3): two certificates in a row make a block
final.

Theory of operation
===================

It is DiemBFT from version 4 on and the protocol of Aptos; HotStuff-2 (Malkhi & Nayak, ePrint 2023/397) has the same two
chains. `chained` says how blocks are proposed, voted for and certified, and how views (the paper's rounds) change. What
is left are two rules, on what a certificate says: QC(b) names the views in which b and its parent b' were certified.

    vote        for a proposal of view v whose certificate is of v − 1; or that has a TC of v − 1, and a certificate not
                below the highest that a signer of the TC had seen ("safe to extend", Figure 2). A proposal says which
                by itself, so that replicas need no lock
    final       with QC(b), if b and b' are of consecutive views: b' and everything below (2-chain commit, Figure 2)

A block in view v is certified by the leader of v + 1, 2δ after it was proposed, the next one 4δ: so it is final after
four message delays at the leader of view v + 2, whose proposal tells everybody else after five. 2(n − 1) messages per
view; so as many per block under load, and three times as many for one block alone, which needs two empty ones above it.
Where HotStuff has a third phase, so that a new leader need not hear of what anybody is locked on, Jolteon has the TC:
n(n − 1) messages and n − f claims to check, when a leader fails.

Why no two different blocks become final at one height (the paper's Theorem 1)
    Within a view at most one block is certified, for two quorums share a correct validator, and it votes once. Let b'
    be final, b' and its successor b having been certified in views v and v + 1. Suppose that in a higher view a block
    is certified that does not extend b', and take the lowest such view w > v + 1. Its certificate of the parent is of a
    view u < w, and u < v: otherwise the parent would extend b', by the choice of w or because it is b' or b. So u < w −
    1, and the proposal had a TC of w − 1 ≥ v + 1, n − f endings. One of them is by a correct validator that voted for
    b, in view v + 1, hence before it gave up a term that ends in w − 1, and knowing QC(b'). It has claimed to have seen
    a certificate of v or higher, and no correct validator votes for a lower one: a contradiction.

    That an ending covers the whole rest of a term changes nothing in this: it is the paper's time-out of the term's
    last round, by a validator that has left out the rounds between.

    To make blocks final on a certificate is safe in every state.

Liveness (the paper's Theorem 2)
    Every ending brings its author's highest certificate along, so a leader that has a TC of its own making has the
    highest certificate that it needs. Three views in a row without a time-out make a block final, that is three views
    with live leaders: a term of three, or three terms of one view.

Where this differs from the paper
    * Leaders stay for a term (`chained`); `leader_span` 1 is the paper's rotation.
    * f + 1 endings make a validator join, as in DiemBFT's implementation.
    * The asynchronous fallback, which is Ditto's, is left out.
    * Signatures are not aggregated.
"""

from __future__ import annotations

from typing import ClassVar

from netsim.node.ancestry import Missing
from netsim.node.chained import Chained
from netsim.node.chained_messages import QC, Ancestors, Answer, Ask, Ending, Proposal, Timeout, Vote
from netsim.node.message import Message


class Jolteon(Chained):
    """One replica. Its parameters are those of `Chained`."""

    messages: ClassVar[tuple[type[Message], ...]] = (Proposal, Vote, Timeout, Ask, Answer, Missing, Ancestors)
    ending: ClassVar[type[Ending]] = Timeout

    def proven(self, proposal: Proposal) -> bool:
        return super().proven(proposal) and (proposal.tc is None or proposal.justify.view >= proposal.tc.highest)

    def safe(self, proposal: Proposal) -> bool:
        return True  # whatever is proven is safe to extend

    def decides(self, qc: QC) -> int:
        return max(qc.height - 1, 0) if qc.view == qc.parent_view + 1 else 0
