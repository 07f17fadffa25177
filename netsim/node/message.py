"""What nodes say to each other: immutable msgpack arrays, tagged by an integer, signed by their author."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import ClassVar, Literal, Self, Union

import msgspec

from netsim.node.block import Batch
from netsim.node.fields import Natural, Signature
from netsim.node.once import once

MessageKind = Literal["blocks", "votes", "transactions"]
MESSAGE_KINDS: tuple[MessageKind, ...] = ("blocks", "votes", "transactions")
About = tuple[int, int, int]  # (short block id, height, round) for the trace; 0 and -1 where it does not apply
NOTHING: About = (0, -1, -1)


class Message(msgspec.Struct, frozen=True, array_like=True, dict=True):
    """Base of all messages. A subclass gives `tag=<integer>` and, where it is signed, derives from `Signed`.

    `dict=True` is there for the cached properties: a message that reaches a hundred nodes of one process is encoded,
    measured and digested once.
    """

    kind: ClassVar[MessageKind] = "votes"
    relayed: ClassVar[bool] = True  # False for what is said to one node alone: gossip leaves it where it arrived

    @once
    def about(self) -> About:
        """The block that the message is about, for its rows in the trace."""
        return NOTHING

    @property
    def bodies(self) -> tuple[Batch, ...]:
        """The transactions that the message brings along: their numbers are in it, their bytes only on the link."""
        return ()

    @once
    def payload(self) -> int:
        """Bytes that the message stands for without carrying them (the bodies of transactions)."""
        return sum(batch.payload for batch in self.bodies)

    @once
    def tag(self) -> int:
        """What names the type of message in the trace: an integer below 256."""
        return tag_of(type(self))

    @once
    def encoded(self) -> bytes:
        """The message on the wire: a version byte and the msgpack array."""
        return WIRE_VERSION + _ENCODER.encode(self)

    @classmethod
    def decoded(cls, data: bytes) -> Self:
        """The inverse of `encoded`, for what one has persisted oneself: it is not checked as a stranger's would be."""
        return msgspec.msgpack.decode(data[len(WIRE_VERSION) :], type=cls)

    @once
    def size(self) -> int:
        """Bytes on the link: what is encoded and the payload that it stands for."""
        return len(self.encoded) + self.payload

    @once
    def digest(self) -> bytes:
        """32 bytes that name the message."""
        return blake2b(_ENCODER.encode(self), digest_size=32, person=b"netsim-message").digest()

    @property
    def lot(self) -> bytes:
        """32 bytes for whoever lets chance decide over a message: the same at all nodes and in both engines.

        The digest, but where it covers signatures within the message: those differ between the engines.
        """
        return self.digest


class Signed(Message, frozen=True, array_like=True, dict=True):
    """A message with an author. The digest covers every field but the signature, and the type.

    `signer` and `signature` come first on the wire: every signed message opens alike.
    """

    signer: Natural
    signature: Signature

    @property
    def slot(self) -> tuple[int, ...] | None:
        """What a correct author says one thing about: two different messages of one author, type and slot prove that
        it is Byzantine. None where a correct author may say several."""
        return None

    @once
    def claim(self) -> tuple[int, ...] | None:
        """The type and the slot, for whoever looks for two messages that contradict each other."""
        slot = self.slot
        return None if slot is None else (self.tag, *slot)

    @once
    def digest(self) -> bytes:
        """32 bytes that name the message: the same whatever the signature's bytes."""
        bare = msgspec.structs.replace(self, signature=b"") if self.signature else self
        return blake2b(_ENCODER.encode(bare), digest_size=32, person=b"netsim-message").digest()

    def signed(self, sign: Callable[[bytes], bytes]) -> Self:
        """The same message with the author's signature. What is sent has passed through here."""
        message = msgspec.structs.replace(self, signature=sign(self.digest))
        vars(message)["digest"] = self.digest  # it does not cover the signature: no need to hash again
        return message


class Control(Message, frozen=True, array_like=True, dict=True):
    """What a gossip strategy says on its own behalf: to one neighbour, unsigned. The base of all such messages.

    `topic` is the kind of message that it is about, an index into MESSAGE_KINDS; it opens the message on the wire. In
    the trace each topic has a tag of its own, so a subclass takes three: `tag`, from 128 on, and the two numbers after
    it. What brings a message in another form has its tag between 112 and 127: its bytes are content, not control.
    """

    relayed: ClassVar[bool] = False

    topic: Natural

    @once
    def tag(self) -> int:
        return tag_of(type(self)) + self.topic


def tag_of(message: type[Message]) -> int:
    """The integer that opens a message type on the wire and names it in the trace."""
    tag = message.__struct_config__.tag
    if not isinstance(tag, int):
        raise TypeError(f"{message.__name__} needs an integer tag")
    return tag


WIRE_VERSION = b"\x01"
_ENCODER = msgspec.msgpack.Encoder()


class WireError(ValueError):
    """Bytes that are no message: truncated, malformed, of another version, of an unknown type, or too large."""


class Codec:
    """Decodes what arrives from strangers: any bytes give one of the known messages or a `WireError`."""

    def __init__(self, types: Iterable[type[Message]], limit: int = 16 << 20) -> None:
        """`types`: every message type that may arrive, tags distinct. `limit`: most bytes of one message."""
        self._limit = limit
        self._decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Union[tuple(types)])  # noqa: UP007

    def decode(self, data: bytes) -> Message:
        """Bytes to a message. Raises WireError, and nothing else."""
        if len(data) > self._limit:
            raise WireError(f"{len(data)} bytes, more than {self._limit}")
        if data[:1] != WIRE_VERSION:
            raise WireError(f"wire version {data[:1].hex() or 'missing'}, not {WIRE_VERSION.hex()}")
        try:
            return self._decoder.decode(data[1:])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
            raise WireError(str(error)) from None
