"""Compact: a message that carries transactions travels as its short form, for most of them are there already (BIP 152).

The short form is the message as it is, its transactions' bodies replaced by 6 bytes for each of them. Each node asks
the neighbours that lately were the first to bring something new, `high_bandwidth` of them, to send that form
unsolicited (SendCompact); to all others it is announced, and they ask for it, as in `announce`. Whoever lacks
transactions asks the sender for these. So a message takes half a round trip over a hop in high-bandwidth mode and one
and a half when it is announced first; either way one more where transactions are missing.

BIP 152 lets a node pass a block on in high-bandwidth mode before it has validated the block fully, when only the proof
of work is checked. Here the author's signature stands in its place: a node passes a message on when it has put it
together and the signature is right, and what the protocol thinks of its contents, execution included, comes after that.

Everything of another kind than blocks is announced as in `announce`: clients' transactions, which nobody can have
already, and votes. Among blocks, one that stands for no bytes (it is empty) is sent unsolicited as it is; one of which
the short form would leave more than half the bytes is announced to everybody, and sent as it is where the short form
saves nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from netsim.node.block import Batch
from netsim.node.fields import Digest, Natural
from netsim.node.gossip.announce import Announce, Announcement, Wanted
from netsim.node.gossip.strategy import Host
from netsim.node.message import Control, Message
from netsim.node.once import once

SHORT_ID = 6  # bytes: of SipHash-2-4 over the transaction's id, says BIP 152


def short_payload(message: Message) -> int:
    """Bytes that the short form stands for without carrying them: those of the message, ids instead of bodies."""
    return message.payload + sum(SHORT_ID * batch.count - batch.payload for batch in message.bodies)


class SendCompact(Control, frozen=True, tag=134):
    """Its sender wants short forms unsolicited, or no more (BIP 152's sendcmpct)."""

    unsolicited: bool

    def __str__(self) -> str:
        return "SendCompact" if self.unsolicited else "SendCompact no more"


class ShortForm(Control, frozen=True, tag=112):
    """A message with its transactions' bodies replaced by their short ids (cmpctblock)."""

    payload_size: Natural  # bytes of the short ids, and of what the message stands for beside its transactions
    inner: bytes  # the message as encoded

    @once
    def payload(self) -> int:
        return self.payload_size

    def __str__(self) -> str:
        return f"ShortForm of {vars(self).get('message', f'{len(self.inner)} bytes')}"


class GetTransactions(Control, frozen=True, tag=137):
    """Its sender has the short form of a message and lacks these transactions (getblocktxn)."""

    message: Digest
    batches: tuple[Batch, ...]

    def __str__(self) -> str:
        return f"GetTransactions of {self.message[:2].hex()}, {sum(batch.count for batch in self.batches)}"


class Bodies(Control, frozen=True, tag=115):
    """The transactions that were asked for (blocktxn)."""

    message: Digest
    batches: tuple[Batch, ...]

    @property
    def bodies(self) -> tuple[Batch, ...]:
        return self.batches

    def __str__(self) -> str:
        return f"Bodies of {self.message[:2].hex()}, {sum(batch.count for batch in self.batches)}"


@dataclass(frozen=True, slots=True)
class Partial:
    """A message whose short form is here, and whose missing transactions its sender was asked for."""

    sender: int
    message: Message
    missing: tuple[Batch, ...]


class Compact(Announce):
    """Sends short forms of blocks, unsolicited to those that want them so."""

    messages: ClassVar[tuple[type[Control], ...]] = (
        *Announce.messages,
        SendCompact,
        ShortForm,
        GetTransactions,
        Bodies,
    )

    def __init__(self, host: Host, parameters: Mapping[str, Any]) -> None:
        """Those of `announce`, and `high_bandwidth`."""
        self._blocks = host.kind == "blocks"
        self._limit: int = parameters["high_bandwidth"] if self._blocks else 0
        self._chosen: list[int] = []  # whom this node has asked to send unsolicited; who was first of late is last
        self._eager: set[int] = set()  # who has asked this node
        self._partials: dict[bytes, Partial] = {}
        super().__init__(host, parameters)

    def on_peers(self) -> None:
        super().on_peers()
        self._chosen = [peer for peer in self._chosen if peer in self._peers]
        self._eager.intersection_update(self._peers)

    def relay(self, sender: int, message: Message) -> None:
        super().relay(sender, message)
        if self._limit and sender in self._peers:
            self._prefer(sender)

    def on_control(self, sender: int, message: Control) -> None:
        if isinstance(message, ShortForm):
            self._on_short_form(sender, message)
        elif isinstance(message, GetTransactions):
            self._on_get_transactions(sender, message)
        elif isinstance(message, Bodies):
            self._on_bodies(sender, message)
        elif isinstance(message, SendCompact):
            if message.unsolicited and self._blocks and sender in self._peers:
                self._eager.add(sender)
            else:
                self._eager.discard(sender)
        else:
            if isinstance(message, Announcement) and sender in self._chosen and self._has_news(message):
                self._ask_for_unsolicited(sender)  # it was down meanwhile, and has forgotten
            super().on_control(sender, message)

    # --------------------------------------------------------------------------------------------------- what is sent

    def _send_unasked(self, message: Message, holders: Collection[int]) -> Collection[int]:
        eager = [peer for peer in self._peers if peer in self._eager and peer not in holders]
        short = self._short(message)
        if not eager or 2 * short.payload > message.payload:
            return ()
        self.host.send(eager, short)
        return eager

    def _answer(self, to: int, message: Message) -> None:
        self.host.send(to, self._short(message))

    def _short(self, message: Message) -> Message:
        """The short form, or the message itself where that is no longer. Made once for all nodes of a process."""
        short: Message | None = vars(message).get("short")
        if short is None and self._blocks and (size := short_payload(message)) < message.payload:
            vars(message)["short"] = short = ShortForm(self.host.topic, size, message.encoded)
            vars(short)["message"] = message
        return short or message

    def _on_get_transactions(self, sender: int, question: GetTransactions) -> None:
        message = self._known.get(question.message)
        if message is None:
            return
        self._has(sender, question.message)
        batches = tuple(dict.fromkeys(question.batches))
        if set(batches) <= set(message.bodies):
            self.host.send(sender, Bodies(self.host.topic, question.message, batches))
        else:
            self.host.reject("transactions of another message")

    # ------------------------------------------------------------------------------------------------ what is received

    def _on_short_form(self, sender: int, form: ShortForm) -> None:
        message = self._opened(form)
        if message is None:
            return
        digest = message.digest
        if digest in self._known:
            self.host.duplicate(form)
            self._has(sender, digest)
            return
        missing = self.host.missing(message.bodies)
        if not missing:
            self.host.accept(sender, message)
            return
        wanted = self._claim(sender, digest)
        if wanted is None:
            return
        partial = self._partials.get(digest)
        if partial is not None and partial.sender == wanted.asked != sender:
            self.host.duplicate(form)  # what is missing is on its way
            return
        self._partials[digest] = Partial(sender, message, missing)
        wanted.turns = max(wanted.turns, 1)  # unasked, it took its turn
        self._await(sender, digest, wanted)
        self.host.send(sender, GetTransactions(self.host.topic, digest, missing))

    def _on_bodies(self, sender: int, answer: Bodies) -> None:
        partial = self._partials.get(answer.message)
        if partial is not None and (partial.sender, partial.missing) == (sender, answer.batches):
            del self._partials[answer.message]
            self.host.accept(sender, partial.message)
        elif answer.message in self._known:
            self.host.duplicate(answer)
        else:
            self.host.reject("transactions that were not asked for")

    def _opened(self, form: ShortForm) -> Message | None:
        """The message in a short form; None, and counted, for what is none of this kind."""
        message: Message | None = vars(form).get("message")
        if message is None:
            message = self.host.decode(form.inner)
            if message is None:
                return None
            if isinstance(message, Control) or message.kind != self.host.kind or not message.relayed:
                self.host.reject("foreign type")
                return None
            if form.payload_size != short_payload(message):
                self.host.reject("short ids of other transactions")
                return None
            vars(form)["message"] = message
        return message

    def _forget(self, digest: bytes) -> Wanted | None:
        self._partials.pop(digest, None)
        return super()._forget(digest)

    # ----------------------------------------------------------------------------------------------------- whom to ask

    def _prefer(self, peer: int) -> None:
        """A neighbour was the first to bring something new: let it send unsolicited from now on."""
        if peer in self._chosen:
            self._chosen.remove(peer)
        else:
            self._ask_for_unsolicited(peer)
            if len(self._chosen) == self._limit:
                self.host.send(self._chosen.pop(0), SendCompact(self.host.topic, False))
        self._chosen.append(peer)

    def _ask_for_unsolicited(self, peer: int) -> None:
        self.host.send(peer, SendCompact(self.host.topic, True))

    def _has_news(self, announcement: Announcement) -> bool:
        return any(digest not in self._known for digest in announcement.digests)
