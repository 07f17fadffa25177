"""Evidence: two messages with one author's genuine signatures that a correct node would never both have signed.

What a correct author says one thing about is a message's `slot`. A witness remembers, for each author, type and slot,
the first message whose signature it has found genuine. A second one that differs proves that its author is Byzantine,
to whoever has both, whatever the protocol (Haeberlen, Kouznetsov and Druschel, PeerReview, SOSP 2007).

The memory is bounded: of each author the last messages, in two generations, so that nobody who signs about ever new
slots can fill a node. Two contradictions are found where no more than a generation lies between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netsim.node.message import Signed

REMEMBERED = 2048  # messages in a generation, shared among the authors
LEAST = 8  # messages of one author in a generation, however many authors there are

_Said = dict[tuple[int, ...], Signed | None]  # by type and slot; None: told already


class Witness:
    """One node's memory of what the others have signed."""

    def __init__(self, authors: int, tell: Callable[[Signed, Signed], None]) -> None:
        """`authors`: how many sign at all. `tell(first, second)` is called once for each author, type and slot."""
        self._tell = tell
        self._limit = max(LEAST, REMEMBERED // max(authors, 1))
        self._young: dict[int, _Said] = {}  # by author
        self._old: dict[int, _Said] = {}

    def see(self, message: Signed) -> None:
        """A message whose signature is genuine."""
        claim = message.claim
        if claim is None:
            return
        author = message.signer
        said = self._young.get(author)
        if said is None:
            said = self._young[author] = {}
        if claim in said:
            first = said[claim]
        else:  # remembered from now on: that of the old generation, else this one
            old = self._old.get(author)
            first = message if old is None else old.get(claim, message)
            if len(said) >= self._limit:
                self._old[author] = dict(said)
                said.clear()
            said[claim] = first
        if first is message or first is None or first.digest == message.digest:
            return
        said[claim] = None
        self._tell(first, message)

    def see_all(self, messages: Sequence[Signed], turn: Callable[[int], None]) -> None:
        """Messages of one claim, one behind the other; `turn(number)` is called before one is looked at closely."""
        claim = messages[0].claim
        if claim is None:
            return
        young, old, limit = self._young, self._old, self._limit
        for number, message in enumerate(messages):
            author = message.signer
            said = young.get(author)
            if said is not None and claim not in said and len(said) < limit:
                earlier = old.get(author)
                if earlier is None or claim not in earlier:
                    said[claim] = message
                    continue
            turn(number)
            self.see(message)
