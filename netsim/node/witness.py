"""Evidence: two messages with one author's genuine signatures that a correct node would never both have signed.

What a correct author says one thing about is a message's `slot`. A witness remembers, for each author, type and slot,
the first message whose signature it has found genuine. A second one that differs proves that its author is Byzantine,
to whoever has both, whatever the protocol (Haeberlen, Kouznetsov and Druschel, PeerReview, SOSP 2007).

The memory is bounded, and has two generations. The young one grows old when it is full. An author of whom it holds more
than anybody's share has his part of it grow old alone: who signs about ever new slots makes nobody forget the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from netsim.node.bundle import Bundle
from netsim.node.message import Signed

REMEMBERED = 2048  # messages in a generation, if each author has signed his whole share
LEAST = 8  # each author's share, however many authors there are

_Claim = tuple[int, ...]  # type and slot


class _Said:
    """What has been said about one claim, by author; None: told already."""

    __slots__ = ("_bundles", "_messages", "authors")

    def __init__(self) -> None:
        self.authors = 0  # a set, as bits
        self._messages: dict[int, Signed | None] = {}
        self._bundles: list[Bundle] = []  # what is in none of the messages yet

    def has(self, author: int) -> bool:
        return bool(self.authors >> author & 1)

    def put(self, author: int, message: Signed | None) -> None:
        self.authors |= 1 << author
        self._messages[author] = message

    def add(self, bundle: Bundle) -> None:
        """Messages of others than those who have said something."""
        self.authors |= bundle.authors
        self._bundles.append(bundle)

    @property
    def messages(self) -> dict[int, Signed | None]:
        for bundle in self._bundles:
            self._messages.update(bundle.by_author())
        self._bundles.clear()
        return self._messages

    def take(self, author: int) -> Signed | None:
        """What an author has said, who has then said nothing."""
        self.authors &= ~(1 << author)
        return self.messages.pop(author)


_Generation = dict[_Claim, _Said]


class Witness:
    """One node's memory of what the others have signed."""

    def __init__(self, authors: int, tell: Callable[[Signed, Signed], None]) -> None:
        """`authors`: how many sign at all. `tell(first, second)` is called once for each author, type and slot."""
        self._tell = tell
        self._share = max(LEAST, REMEMBERED // max(authors, 1))
        # A third of the authors at most are Byzantine: half of all messages are not all theirs.
        self._most = (max(authors, 1) * self._share + 1) // 2
        self._young: _Generation = {}
        self._old: _Generation = {}
        self._counts: Counter[int] = Counter()  # by author: messages in the young generation, but for
        self._uncounted: list[Bundle] = []  # those in here
        self._total = 0  # of them

    def see(self, message: Signed) -> None:
        """A message whose signature is genuine."""
        claim = message.claim
        if claim is None:
            return
        author = message.signer
        said = self._young.get(claim)
        if said is not None and said.has(author):
            first = said.messages[author]
        else:  # remembered from now on: that of the old generation, else this one
            old = self._old.get(claim)
            first = message if old is None or not old.has(author) else old.messages[author]
            if len(self._young) >= self._share or self._total >= self._most:
                self._make_room(author)
            said = self._young.get(claim)
            if said is None:
                said = self._young[claim] = _Said()
            said.put(author, first)
            self._counts[author] += 1
            self._total += 1
        if first is message or first is None or first.digest == message.digest:
            return
        said.messages[author] = None
        self._tell(first, message)

    @property
    def room(self) -> int:
        """How many more messages are remembered before the young generation grows old, if they have few slots."""
        return self._most - self._total

    def is_plain(self, bundles: Sequence[Bundle]) -> bool:
        """Whether all of these are the first of their authors about their slots, and there is room for them: then it
        makes no difference in which order they are seen. No two bundles are of one claim."""
        young, old = self._young, self._old
        slots, count = len(young), 0
        for bundle in bundles:
            claim = bundle.first.claim
            if claim is None:
                return False
            slots += claim not in young
            count += len(bundle)
            for generation in (young, old):
                known = generation.get(claim)
                if known is not None and known.authors & bundle.authors:
                    return False
        return slots <= self._share and count <= self.room

    def see_all(self, bundles: Sequence[Bundle]) -> None:
        """Plain messages."""
        for bundle in bundles:
            claim = bundle.first.claim
            assert claim is not None, "they are plain"
            said = self._young.get(claim)
            if said is None:
                said = self._young[claim] = _Said()
            said.add(bundle)
            self._uncounted.append(bundle)
            self._total += len(bundle)

    def _make_room(self, author: int) -> None:
        """Something more that an author says is to be remembered."""
        if self._counts[author] + sum([bundle.authors >> author & 1 for bundle in self._uncounted]) >= self._share:
            self._age(author)
        if self._total >= self._most:
            self._old, self._young, self._total = self._young, {}, 0
            self._counts.clear()
            self._uncounted.clear()

    def _age(self, author: int) -> None:
        """What is young of an author becomes old, and what was old is forgotten."""
        for bundle in self._uncounted:
            self._counts.update(bundle.by_author().keys())
        self._uncounted.clear()
        _take(self._old, author)
        for claim, message in _take(self._young, author).items():
            self._old.setdefault(claim, _Said()).put(author, message)
        self._total -= self._counts.pop(author)


def _take(generation: _Generation, author: int) -> dict[_Claim, Signed | None]:
    """What an author has said, which is there no longer."""
    taken = {claim: said.take(author) for claim, said in generation.items() if said.has(author)}
    for claim in taken:
        if not generation[claim].authors:
            del generation[claim]
    return taken
