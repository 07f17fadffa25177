"""What a chained replica writes down, so that a crash can never make it contradict itself.

    voted           the highest view in which it may not vote any more, having voted in it or given it up; its last
                    vote: written before that leaves
    locked          the view that it is locked on (HotStuff): likewise
    ending          the last term that it gave up, as it said it: written before it leaves
    proposal        its own last proposal: likewise
    accepted/7      the proposal that it voted for in view 7, while that is not final
    accepted        the views of these
    high-qc, tc     the highest certificates that it had when it wrote something of the above
    final/7         the final block at height 7, as proposed

Each is one small value, so that the cost of a block does not grow with the chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from netsim.node.chained_messages import QC, TC, Ending, Proposal, Vote
from netsim.node.context import World

_T = TypeVar("_T")
_ENCODER = msgspec.msgpack.Encoder()


class Journal:
    """Typed access to what is persisted through the Context."""

    def __init__(self, world: World) -> None:
        self._persist = world.persist
        self._restore = world.restore
        self._high_qc: QC | None = None  # as written last
        self._tc: TC | None = None
        self._accepted: list[int] = []

    def voted(self) -> tuple[int, Vote | None] | None:
        """As written last, or None at the first start."""
        return self._read("voted", tuple[int, Vote | None])

    def write_voted(self, view: int, vote: Vote | None) -> None:
        self._write("voted", (view, vote))

    def locked(self) -> int:
        return self._read("locked", int) or 0

    def write_locked(self, view: int) -> None:
        self._write("locked", view)

    def ending(self, kind: type[Ending]) -> Ending | None:
        return self._read("ending", kind)

    def write_ending(self, message: Ending) -> None:
        self._write("ending", message)

    def proposal(self) -> Proposal | None:
        return self._read("proposal", Proposal)

    def write_proposal(self, message: Proposal) -> None:
        self._write("proposal", message)

    def certificates(self) -> tuple[QC | None, TC | None]:
        self._high_qc, self._tc = self._read("high-qc", QC), self._read("tc", TC)
        return self._high_qc, self._tc

    def write_certificates(self, high_qc: QC, tc: TC | None) -> None:
        """Write what is not written already."""
        if high_qc is not self._high_qc:
            self._high_qc = high_qc
            self._write("high-qc", high_qc)
        if tc is not None and tc is not self._tc:
            self._tc = tc
            self._write("tc", tc)

    def accepted(self) -> list[Proposal]:
        """In the order of views."""
        self._accepted = self._read("accepted", list[int]) or []
        found = (self._read(f"accepted/{view}", Proposal) for view in self._accepted)
        return [proposal for proposal in found if proposal is not None]

    def write_accepted(self, proposal: Proposal) -> None:
        self._write(f"accepted/{proposal.view}", proposal)
        self._accepted.append(proposal.view)
        self._write("accepted", self._accepted)

    def final(self) -> Iterator[Proposal]:
        """The whole chain above genesis, lowest first."""
        height = 1
        while (entry := self._read(f"final/{height}", Proposal)) is not None:
            yield entry
            height += 1

    def write_final(self, proposal: Proposal) -> None:
        self._write(f"final/{proposal.block.height}", proposal)

    def clear(self, view: int) -> None:
        """Drop what was accepted up to a view: it is final, or will never be."""
        done = [one for one in self._accepted if one <= view]
        if done:
            self._accepted = [one for one in self._accepted if one > view]
            self._write("accepted", self._accepted)
            for one in done:
                self._persist(f"accepted/{one}", b"")

    def _write(self, key: str, value: object) -> None:
        self._persist(key, _ENCODER.encode(value))

    def _read(self, key: str, kind: type[_T]) -> _T | None:
        data = self._restore(key)
        return msgspec.msgpack.decode(data, type=kind) if data else None
