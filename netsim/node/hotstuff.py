"""Chained HotStuff (Yin, Malkhi, Reiter, Golan Gueta & Abraham, HotStuff: BFT Consensus in the Lens of Blockchain,
PODC 2019; arXiv 1803.05069v6, section 5 and Algorithms 3 to 5): three certificates in a row make a block final.

Theory of operation
===================

`chained` says how blocks are proposed, voted for and certified, and how views change. What is left are three rules, on
what a certificate says: QC(b) names the views in which b, its parent b' and its grandparent b'' were certified.

    lock        a replica that comes to know QC(b) is locked on b', if that is of a higher view than its lock (in
                Algorithm 4: b_lock; on b' there stands a chain of two certificates)
    vote        for a proposal whose certificate is of the locked view or a higher one (Algorithm 4, line 18: it extends
                the locked block, or its certificate is of a higher view. Views grow along a branch, so a certificate
                on a branch that extends the locked block is not of a lower view)
    final       with QC(b), if b, b' and b'' are of consecutive views: b'' and everything below (Algorithm 4, line 25,
                where each is the parent of the next)

A block in view v is certified by the leader of v + 1, 2δ after it was proposed, the next one 4δ, the one after that 6δ:
so it is final after six message delays at the leader of view v + 3, whose proposal tells everybody else after seven.
2(n − 1) messages per view; so as many per block under load, and four times as many for one block alone, which needs
three empty ones above it.

Why no two different blocks become final at one height (the paper's Theorem 2)
    Within a view at most one block is certified, for two quorums share a correct validator, and it votes once. Let b''
    be final, b'' and its successors b' and b having been certified in views v, v + 1, v + 2. Suppose that in a higher
    view a block is certified that does not extend b'', and take the lowest such view w > v + 2 (v + 1 and v + 2 belong
    to b' and b). Its certificate of the parent is of a view u < w. Were u ≥ v, then that parent would extend b'', by
    the choice of w or because it is b'', b' or b. So u < v. But n − f have voted for b and knew QC(b') by then: they
    are locked on b'' or on something higher, and a correct one of them has voted in w for a certificate of u < v,
    against the rule.

    The lock is written down before the vote leaves. To make blocks final on a certificate is safe in every state.

Liveness (the paper's Theorem 4)
    A lock on b' means that n − f have voted for b, which they did knowing QC(b'). So every quorum of NEW-VIEWs brings
    the next leader a certificate of a view not below any correct replica's lock, and all vote for what it proposes: as
    soon as it has n − f NEW-VIEWs, without waiting for the slowest (optimistic responsiveness). Four views in a row
    without a time-out make a block final, that is four views with live leaders: a term, or four terms of one view.

Where this differs from the paper
    * Leaders stay for a term (`chained`); `leader_span` 1 is the paper's rotation.
    * NEW-VIEW goes to all, not to the next leader alone, and n − f of them form a certificate, as in DiemBFT: the paper
      leaves open how replicas come together in one view (its section 4.4, and the PaceMaker of Algorithm 5). A term
      without a leader costs n(n − 1) messages; the paper's n are linear but bring nobody along.
    * No dummy blocks fill views without a block; the views' numbers in the certificates say whether they follow.
    * Signatures are not aggregated.
"""

from __future__ import annotations

from typing import Any, ClassVar

from netsim.node.ancestry import Missing
from netsim.node.chained import Chained
from netsim.node.chained_messages import QC, Ancestors, Answer, Ask, Ending, NewView, Proposal, Vote
from netsim.node.message import Message


class HotStuff(Chained):
    """One replica. Its parameters are those of `Chained`."""

    messages: ClassVar[tuple[type[Message], ...]] = (Proposal, Vote, NewView, Ask, Answer, Missing, Ancestors)
    ending: ClassVar[type[Ending]] = NewView

    def __init__(self, *world: Any) -> None:
        super().__init__(*world)
        self.locked_view = self.journal.locked()  # of the locked block; of its certificate nothing else matters
        self._written = self.locked_view

    def lock(self, qc: QC) -> None:
        self.locked_view = max(self.locked_view, qc.parent_view)

    def write_lock(self) -> None:
        if self.locked_view > self._written:
            self._written = self.locked_view
            self.journal.write_locked(self.locked_view)

    def safe(self, proposal: Proposal) -> bool:
        return proposal.justify.view >= self.locked_view

    def decides(self, qc: QC) -> int:
        consecutive = qc.view == qc.parent_view + 1 == qc.grandparent_view + 2
        return max(qc.height - 2, 0) if consecutive else 0

    @property
    def status(self) -> str:
        return f"{super().status}, locked on v{self.locked_view}"
