"""Evidence: two messages with one author's genuine signatures that a correct node would never both have signed.

What a correct author says one thing about is a message's `slot`. A witness remembers, for each author, type and slot,
the first message whose signature it has found genuine. A second one that differs proves that its author is Byzantine,
to whoever has both, whatever the protocol (Haeberlen, Kouznetsov and Druschel, PeerReview, SOSP 2007).

The memory is bounded, and has two generations. The young one grows old when it is full. An author of whom it holds more
than anybody's share has his part of it grow old alone: who signs about ever new slots makes nobody forget the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from netsim.node.message import Signed

REMEMBERED = 2048  # messages in a generation, if each author has signed his whole share
LEAST = 8  # each author's share, however many authors there are

_Claim = tuple[int, ...]  # type and slot
_Said = dict[_Claim, dict[int, Signed | None]]  # by claim and author; None: told already


class Witness:
    """One node's memory of what the others have signed."""

    def __init__(self, authors: int, tell: Callable[[Signed, Signed], None]) -> None:
        """`authors`: how many sign at all. `tell(first, second)` is called once for each author, type and slot."""
        self._tell = tell
        self._share = max(LEAST, REMEMBERED // max(authors, 1))
        # A third of the authors at most are Byzantine: half of all messages are not all theirs.
        self._most = (max(authors, 1) * self._share + 1) // 2
        self._young: _Said = {}
        self._old: _Said = {}
        self._counts: Counter[int] = Counter()  # by author: messages in the young generation
        self._total = 0  # of them

    def see(self, message: Signed) -> None:
        """A message whose signature is genuine."""
        claim = message.claim
        if claim is None:
            return
        author = message.signer
        said = self._young.get(claim)
        if said is not None and author in said:
            first = said[author]
        else:  # remembered from now on: that of the old generation, else this one
            old = self._old.get(claim)
            first = message if old is None else old.get(author, message)
            if len(self._young) >= self._share or self._total >= self._most:
                self._make_room(author)
            said = self._young.setdefault(claim, {})
            said[author] = first
            self._counts[author] += 1
            self._total += 1
        if first is message or first is None or first.digest == message.digest:
            return
        said[author] = None
        self._tell(first, message)

    @property
    def room(self) -> int:
        """How many more messages are remembered before the young generation grows old, if they have few slots."""
        return self._most - self._total

    def is_plain(self, groups: Sequence[Mapping[int, Signed]]) -> bool:
        """Whether all of these are the first of their authors about their slots, and there is room for them: then it
        makes no difference in which order they are seen. Each group is of one claim, by author."""
        young, old, nobody = self._young, self._old, dict[int, Signed | None]()
        slots, count = len(young), 0
        for messages in groups:
            claim = next(iter(messages.values())).claim
            if claim is None:
                return False
            slots += claim not in young
            count += len(messages)
            for known in (young.get(claim, nobody), old.get(claim, nobody)):
                if not known.keys().isdisjoint(messages):
                    return False
        return slots <= self._share and count <= self.room

    def see_all(self, groups: Sequence[Mapping[int, Signed]]) -> None:
        """Plain messages, in groups of one claim each, by author."""
        for messages in groups:
            claim = next(iter(messages.values())).claim
            assert claim is not None, "they are plain"
            self._young.setdefault(claim, {}).update(messages)
            self._counts.update(messages.keys())
            self._total += len(messages)

    def _make_room(self, author: int) -> None:
        """Something more that an author says is to be remembered."""
        if self._counts[author] >= self._share:
            self._age(author)
        if self._total >= self._most:
            self._old, self._young, self._total = self._young, {}, 0
            self._counts.clear()

    def _age(self, author: int) -> None:
        """What is young of an author becomes old, and what was old is forgotten."""
        _take(self._old, author)
        for claim, message in _take(self._young, author).items():
            self._old.setdefault(claim, {})[author] = message
        self._total -= self._counts.pop(author)


def _take(said: _Said, author: int) -> dict[_Claim, Signed | None]:
    """What an author has said, which is there no longer."""
    taken = {claim: by_author.pop(author) for claim, by_author in said.items() if author in by_author}
    for claim in taken:
        if not said[claim]:
            del said[claim]
    return taken
