"""What the processes of an emulation say to each other, and the seal that tells their words from anybody else's.

Topics under `netsim/<run>/`:

* `out/<process>`: the process's outbox. It publishes once; every other process subscribes and applies its own links.
* `report`: from the processes to the coordinator.
* `grant/<process>`, `all`: from the coordinator to one process, and to all.

Every payload is sealed with a key that only this run's processes have. Whatever else arrives on a topic, malformed,
forged, oversized or replayed under another topic, is counted and dropped before it is decoded.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from typing import Union

import msgspec

_SEAL_BYTES = 16
_TOPICS = 1 << 12  # whose seals' beginnings are remembered
BATCH_BYTES = 1 << 20  # an outbox is published in pieces of about this size, well below any broker's limit


class Sealed:
    """Seals payloads with the run's key, bound to their topic, and opens them."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._openings: dict[str, blake2b] = {}  # by topic: its seal, as far as the topic goes

    def close(self, topic: str, payload: bytes) -> bytes:
        """The payload with its seal in front."""
        return self._seal(topic, payload) + payload

    def open(self, topic: str, data: bytes) -> bytes | None:
        """The payload, or None where the seal is not ours."""
        payload = data[_SEAL_BYTES:]
        return payload if compare_digest(data[:_SEAL_BYTES], self._seal(topic, payload)) else None

    def _seal(self, topic: str, payload: bytes) -> bytes:
        opening = self._openings.get(topic)
        if opening is None:
            name = topic.encode()
            opening = blake2b(len(name).to_bytes(4, "big") + name, digest_size=_SEAL_BYTES, key=self._key)
            if len(self._openings) < _TOPICS:
                self._openings[topic] = opening
        seal = opening.copy()
        seal.update(payload)
        return seal.digest()


class Topics:
    """The topics of one run."""

    def __init__(self, token: str) -> None:
        self.report = f"netsim/{token}/report"
        self.all = f"netsim/{token}/all"
        self._outbox = f"netsim/{token}/out/"
        self._grant = f"netsim/{token}/grant/"

    def outbox(self, process: int) -> str:
        """Where a process publishes its nodes' messages."""
        return f"{self._outbox}{process}"

    def grant(self, process: int) -> str:
        """Where the coordinator speaks to one process."""
        return f"{self._grant}{process}"


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """One message of one node on its way. `departures`: one for all addressees, or one each (ns); `begun` likewise.

    An empty `begun` is the same as `departures`, or of no interest.
    """

    sender: int
    incarnation: int
    sequence: int
    sent: int
    begun: list[int]
    departures: list[int]
    receivers: list[int]
    message: bytes


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """What a process publishes to its outbox at once. Sequences count from 1; an empty batch is the probe, 0."""

    process: int
    sequence: int
    envelopes: list[Envelope]


# --- from the coordinator ---------------------------------------------------------------------------------------------


class Probe(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Publish a probe to your outbox: everybody has subscribed."""


class Amendment(msgspec.Struct, frozen=True, array_like=True):
    """From this time on (ns) what fails is what fails in this scenario (pickled), which is otherwise the same."""

    number: int
    at: int
    scenario: bytes


class Grant(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Lockstep: handle what lies before the horizon, once you have received these outboxes up to their marks.

    `marks` by process: of those that have something for you since your last grant. The amendments come before that.
    """

    number: int
    horizon: int
    marks: dict[int, int]
    amendments: list[Amendment] = []


class Begin(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Clock pace: logical time 0 is at this time of the machine's monotonic clock (ns)."""

    epoch: int


class Gone(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """Clock pace: this process was killed with its node; its successor may take the node over."""

    process: int


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Say what you are waiting for."""


class Finish(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """The run is over: wait for every outbox up to its mark (for `patience` seconds), write totals, and leave."""

    marks: dict[int, int]
    patience: float


class Amend(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """Clock pace: something else fails, soon."""

    amendment: Amendment


Order = Union[Probe, Grant, Begin, Gone, Ask, Finish, Amend]  # noqa: UP007 (msgspec needs the plain form on 3.11)


# --- to the coordinator -----------------------------------------------------------------------------------------------


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """All subscriptions are acknowledged."""

    process: int


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The probes of all others have arrived."""

    process: int


class Report(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """After a window (lockstep) or from time to time (clock): where the process stands.

    `next` is its next event, and `acts` the earliest time at which what it holds may make it send anything; `caused`,
    per process, the earliest arrival that this window's messages may cause there. Where the run is steered, `busy` is
    when the last work that its nodes have begun is done, and `late` how late it handled something, on the wall (ns).
    """

    process: int
    grant: int  # the number of the grant; clock: 1 where the end is reached
    next: int
    acts: int
    sequence: int
    caused: dict[int, int]
    news: list[tuple[bool, int, int, int]]
    crashed: bool = False  # its node has crashed and everything is written: kill it
    busy: int = 0
    late: int = 0
    part: int = 0  # of a long window: 1, 2, … before it is done, then 0


class Waiting(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The answer to Ask: the outboxes that have not arrived up to their marks, as (process, received, mark)."""

    process: int
    missing: list[tuple[int, int, int]]


class Failed(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """The process cannot go on; one line says why, the rest is for the log."""

    process: int
    reason: str
    details: str


class Finished(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Everything is written; the process ends."""

    process: int
    lost: int  # batches that the broker lost on the way here
    rejected: int  # payloads on our topics that were not ours
    lateness: list[int]
    news: list[tuple[bool, int, int, int]]


Word = Union[Hello, Ready, Report, Waiting, Failed, Finished]  # noqa: UP007
