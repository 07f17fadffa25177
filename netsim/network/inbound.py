"""The receiving ends of the links for the nodes of one process: when does each copy of a message arrive?

A *flow* is what one incarnation of a sender sends to one receiver. The way of a copy:

    departure → window → access up → backbone → retransmissions → access down → order → the receiver's access point

* window: a large message of a stream waits for its flow's congestion window (`window.py`);
* access up and down: drawn by the profiles of sender and receiver, `core` included (`access.py`);
* backbone: through the flow's own queue where a bandwidth is given (first in, first out, size · 8 / bandwidth), then
  the span's delay and jitter (`backbone.py`), and what the busy hour adds when the copy comes there (`congestion.py`);
* retransmissions: what lost packets cost a stream; in a datagram they lose the message (`loss.py`);
* order: a stream delivers what was sent later no earlier, so time = max(time, previous arrival of the flow).

Of what a copy's time is made of, `retransmit` is both the wait for the window and the retransmissions.

At least 1 ns passes between departure and arrival. What happens to a copy depends on its flow's earlier messages and on
draws keyed by (purpose, sender, incarnation, receiver, sequence), and on what its link is like at that time, on nothing
else: processes may divide the receivers among them as they like. Draws depend on no time, so they are drawn ahead, for
many messages at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from netsim.network.ahead import Ahead, Delays, Draws, Layer, Luck
from netsim.network.link import serialisation
from netsim.network.loss import Loss
from netsim.network.path import Parts, Path
from netsim.network.window import Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netsim.network.network import Network

_ANY_SIZE = 1 << 62
_MANY = 64  # receivers from which on it pays to reckon with numpy's columns instead of lists
_SPARSE = 64  # a message to fewer than one in so many of those who are drawn for ahead is cheaper to draw by itself


@dataclass(slots=True)
class Arrivals:
    """What becomes of a message's copies, in the order of its receivers. Not to be changed."""

    column: list[int] | NDArray[np.int64]  # ns at which each copy reaches its receiver's access point, or would have
    lost: frozenset[int] | None  # positions of the copies that are lost on the way
    parts: list[Parts] | None  # ns; each sums up to the time since the departure
    places: list[int]  # of the receivers, among those that are here; the same object as long as they are the same

    @property
    def times(self) -> list[int]:
        """The same as the column, in a list: of many copies the column is numpy's."""
        return self.column if isinstance(self.column, list) else self.column.tolist()


class Inbound:
    """The receiving ends of the links for some nodes."""

    def __init__(self, network: Network, receivers: Sequence[int], parts: bool = False) -> None:
        """`parts`: also say what each copy's time is made of."""
        self.network = network
        self.receivers = tuple(receivers)
        self.places = {receiver: place for place, receiver in enumerate(self.receivers)}
        self.parts = parts
        # Receivers are told apart by how they are placed: there are few kinds of them, and as many kinds of senders.
        numbers: dict[tuple[str, str], int] = {}
        self.kinds = [numbers.setdefault(network.kinds[receiver], len(numbers)) for receiver in self.receivers]
        self.samples = [self.receivers[self.kinds.index(kind)] for kind in range(len(numbers))]  # one of each kind
        self._routes: dict[tuple[str, str], _Routes] = {}  # by the sender's kind
        self._sources: dict[tuple[int, int], _Source] = {}

    def arrive(
        self,
        sender: int,
        incarnation: int,
        sequence: int,
        receivers: Sequence[int],
        departures: int | list[int],
        size: int,
    ) -> Arrivals:
        """When the copies of one message arrive at those of its receivers that are here.

        To be called once per message, in the order of the sender's sequence numbers; gaps are fine. `receivers` are
        distinct. `departures` is in ns, one number for all copies or one for each, and never goes back in a flow: an
        uplink is first in, first out. `size` is in bytes.
        """
        return self._source(sender, incarnation).arrive(sequence, receivers, departures, size)

    def prepare(self, sender: int) -> None:
        """Draw ahead for the first messages of a node to all receivers here; it is drawn later otherwise."""
        self._source(sender, 0).prepare([receiver for receiver in self.receivers if receiver != sender])

    def _source(self, sender: int, incarnation: int) -> _Source:
        source = self._sources.get((sender, incarnation))
        if source is None:
            kind = self.network.kinds[sender]
            routes = self._routes.get(kind)
            if routes is None:
                routes = self._routes[kind] = _Routes(self, sender)
            source = self._sources[sender, incarnation] = _Source(self, routes, sender, incarnation)
        return source


class _Routes:
    """The paths from all senders that are placed alike to the receivers here, and what holds for all of them."""

    def __init__(self, inbound: Inbound, sender: int) -> None:
        """`sender`: one of them."""
        network, kinds = inbound.network, inbound.kinds
        self.paths = paths = [network.path(sender, receiver) for receiver in inbound.samples]  # by kind of receiver
        self.kinds = kinds  # by place
        self.ordered = network.transport == "stream"
        self.constant = all(path.constant is not None for path in paths)
        self.queued = any(path.bandwidth is not None for path in paths)
        self.congested = any(path.strain is not None for path in paths)
        self.lossy = any(path.loss is not None for path in paths)
        self.steady = all(path.loss is None or path.loss.steady for path in paths)
        self.whole = not (inbound.parts or self.queued or self.congested or self.lossy)
        # The largest message that waits for no window.
        self.unhindered = min((path.window.unhindered for path in paths if path.window), default=_ANY_SIZE)
        self.layers: list[Layer]
        if self.whole:
            self.layers = [Delays([path.legs for path in paths], kinds)]
        else:
            self.layers = [Delays([(path.legs[part],) for path in paths], kinds) for part in range(3)]
        if self.lossy:
            self.layers.append(Luck())

    def to(self, place: int) -> Path:
        """The way to the receiver at a place."""
        return self.paths[self.kinds[place]]


class _Source:
    """What one incarnation of a sender sends here: the state of its flows.

    Messages mostly go to the same receivers as the one before, so the state of those flows is kept in their order, in
    lists that are made anew as a whole: that is several times faster than a look-up for each copy. What is not needed
    for the receivers of a message is not made: most nodes never hear most others.
    """

    def __init__(self, inbound: Inbound, routes: _Routes, sender: int, incarnation: int) -> None:
        self._place = inbound.places
        self._in_parts = inbound.parts
        self._routes = routes
        self._ordered = routes.ordered
        self._constant = routes.constant
        self._queued = routes.queued
        self._congested = routes.congested
        self._lossy = routes.lossy
        self._steady = routes.steady
        self._whole = routes.whole
        self._unhindered = routes.unhindered
        self._windows: dict[int, Window] = {}  # by place
        self._draws = Draws(inbound.network.seed, sender, incarnation, inbound.receivers)
        self._peers = inbound.network.peers[sender]
        # By place, but for the flows of the latest message: the previous arrival (in datagrams none, and so 0), and the
        # end of the queue before the backbone; 0 where there is none.
        self._arrived: dict[int, int] = {}
        self._queue_end: dict[int, int] = {}
        # Of the latest message, in the order of its receivers:
        self._receivers: list[int] = []
        self._places: list[int] = []
        self._times: list[int] = []
        self._latest: NDArray[np.int64] | None = None  # the same as a column, instead, where there is one
        self._ends: list[int] = []
        self._bandwidths: list[int | None] = []
        self._losses: list[Loss | None] = []
        self._odds: list[int] = []  # of losing a packet at the worst of times, for messages of
        self._odds_size = 0  # so many bytes
        # Where delays are constant:
        self._delays: list[int] = []
        self._parts: list[Parts] | None = None
        self._free = self._unhindered  # the largest message that finds its way free, and
        self._held_until = 0  # when all messages have arrived that a window has held back
        self._ahead: Ahead | None = None
        self._columns: list[int] | None = None

    def arrive(self, sequence: int, receivers: Sequence[int], departures: int | list[int], size: int) -> Arrivals:
        """See `Inbound.arrive`."""
        if receivers != self._receivers:
            self._address(receivers)
        if self._constant:
            if size > self._free:
                return self._hold(departures, size)
            # These are in order, since the departures are.
            if isinstance(departures, int):
                return Arrivals([departures + delay for delay in self._delays], None, self._parts, self._places)
            ways = zip(departures, self._delays, strict=True)
            return Arrivals([departure + delay for departure, delay in ways], None, self._parts, self._places)
        if self._latest is not None and size <= self._unhindered:
            return self._arrive_many(sequence, departures)
        if isinstance(departures, int):
            departures = [departures] * len(receivers)
        begins = departures if size <= self._unhindered else self._through_windows(departures, size)
        if self._latest is not None:
            return self._arrive_many(sequence, begins)
        rows = self._rows(sequence)
        times: list[int] = []
        parts: list[Parts] = []
        lost = None
        if self._whole:
            for begin, delay, before in zip(begins, rows[0], self._times, strict=True):
                time = begin + (delay or 1)
                times.append(time if time > before else before)
        else:
            ups, spans, downs = rows[:3]
            again = [0] * len(ups)
            if self._queued or not self._steady or self._congested:
                ready = [begin + up for begin, up in zip(begins, ups, strict=True)]
                if self._congested:
                    spans = self._through_strain(ready, spans)
                if self._queued:
                    spans = self._through_queues(ready, spans, size)
            else:
                ready = begins
            if self._lossy:
                again, lost = self._lose(rows[3], ready, size)
            for departure, begin, up, span, more, down, before in zip(
                departures, begins, ups, spans, again, downs, self._times, strict=True
            ):
                delay = up + span + more + down
                time = begin + (delay or 1)
                if time < before:
                    time = before
                times.append(time)
                held = begin - departure
                parts.append((up, span, held + more, down, time - begin - delay))
        if self._ordered:
            self._times = times
        return Arrivals(times, lost, parts if self._in_parts else None, self._places)

    def _arrive_many(self, sequence: int, begins: int | list[int]) -> Arrivals:
        """`arrive` for so many receivers that columns pay, where the way is drawn as a whole."""
        import numpy as np

        assert self._ahead is not None, "then nothing is drawn ahead"
        assert self._latest is not None
        delays = self._ahead.arrays(sequence)[0]
        if self._columns is not None:
            delays = delays[self._columns]
        times = np.maximum(delays, 1).astype(np.int64, copy=False)
        times += begins
        np.maximum(times, self._latest, out=times)
        if self._ordered:
            self._latest = times
        return Arrivals(times, None, None, self._places)

    def prepare(self, receivers: Sequence[int]) -> None:
        """See `Inbound.prepare`."""
        self._address(receivers)
        if not self._constant:
            self._rows(0)

    def _rows(self, sequence: int) -> list[list[int]]:
        """What each layer has for the receivers of this message."""
        if self._ahead is None:
            return [
                [layer.one(self._draws, place, sequence) for place in self._places] for layer in self._routes.layers
            ]
        rows = self._ahead.rows(sequence)
        columns = self._columns
        return rows if columns is None else [[row[column] for column in columns] for row in rows]

    def _hold(self, departures: int | list[int], size: int) -> Arrivals:
        """What `arrive` does with constant delays, while windows hold messages back."""
        if isinstance(departures, int):
            departures = [departures] * len(self._places)
        begins = departures if size <= self._unhindered else self._through_windows(departures, size)
        times: list[int] = []
        parts: list[Parts] = []
        for place, departure, begin, delay in zip(self._places, departures, begins, self._delays, strict=True):
            time = max(begin + delay, self._arrived.get(place, 0))
            self._arrived[place] = time
            times.append(time)
            up, span, down = (leg.fixed for leg in self._routes.to(place).legs)
            parts.append((up, span, begin - departure, down, time - begin - up - span - down))
        if size > self._unhindered or min(departures) < self._held_until:
            self._free, self._held_until = -1, max(self._held_until, *times)
        else:
            self._free = self._unhindered
        return Arrivals(times, None, parts if self._in_parts else None, self._places)

    def _through_windows(self, departures: list[int], size: int) -> list[int]:
        """When each copy would have departed if it had waited for its flow's congestion window before."""
        begins = []
        for place, departure in zip(self._places, departures, strict=True):
            window = self._windows.get(place)
            if window is None and (slow_start := self._routes.to(place).window) is not None:
                window = self._windows[place] = Window(slow_start)
            begins.append(departure if window is None else departure + window.wait(departure, size))
        return begins

    def _through_strain(self, ready: list[int], spans: list[int]) -> list[int]:
        """The backbone's delays and what congestion adds to them."""
        hours = [self._routes.to(place).strain for place in self._places]
        return [
            span if hour is None else span + hour.delay(begin)
            for span, begin, hour in zip(spans, ready, hours, strict=True)
        ]

    def _through_queues(self, ready: list[int], spans: list[int], size: int) -> list[int]:
        """The backbone's delays and what each flow waits for its own bandwidth."""
        works = {limit: limit and serialisation(size, limit) for limit in set(self._bandwidths)}
        busy = [works[limit] for limit in self._bandwidths]
        self._ends = [
            end if work is None else (end if end > begin else begin) + work
            for begin, end, work in zip(ready, self._ends, busy, strict=True)
        ]
        return [
            span if work is None else span + end - begin
            for span, begin, end, work in zip(spans, ready, self._ends, busy, strict=True)
        ]

    def _lose(self, lucks: list[int], ready: list[int], size: int) -> tuple[list[int], frozenset[int] | None]:
        """What losses cost each copy in ns, and which copies they cost altogether.

        `ready`: when each copy comes to the backbone; of no account where losses do not depend on time.
        """
        delays = [0] * len(lucks)
        if size != self._odds_size:
            known = {loss: loss.most_odds(size) for loss in set(self._losses) if loss is not None}
            self._odds = [0 if loss is None else known[loss] for loss in self._losses]
            self._odds_size = size
        unlucky = [
            (position, loss)
            for position, (luck, odds, loss) in enumerate(zip(lucks, self._odds, self._losses, strict=True))
            if luck < odds and loss is not None and (self._steady or luck < loss.odds(size, ready[position]))
        ]
        if not self._ordered:
            return delays, frozenset(position for position, _ in unlucky) or None
        for position, loss in unlucky:
            delays[position], by_timer = loss.recovery(lucks[position], size, ready[position])
            window = self._windows.get(self._places[position])
            if window is not None and size > self._unhindered:
                window.lost(by_timer)
        return delays, None

    def _address(self, receivers: Sequence[int]) -> None:
        """Turn to other receivers than those of the message before."""
        old, new = self._places, [self._place[receiver] for receiver in receivers]
        self._receivers = list(receivers)
        self._places = new
        routes = self._routes
        if self._constant:
            self._delays = [routes.to(place).minimum or 1 for place in new]
            if self._in_parts:
                self._parts = [parts for place in new if (parts := routes.to(place).constant) is not None]
            return
        arrived = self._arrived
        if self._ordered:
            before = self._times if self._latest is None else self._latest.tolist()
            arrived.update(zip(old, before, strict=True))
        self._times = [arrived.get(place, 0) for place in new]
        self._latest = None
        if self._queued:
            self._queue_end.update(zip(old, self._ends, strict=True))
            self._ends = [self._queue_end.get(place, 0) for place in new]
            self._bandwidths = [routes.to(place).bandwidth for place in new]
        if self._lossy:
            self._losses = [routes.to(place).loss for place in new]
            self._odds_size = 0
        self._ahead = self._drawn_ahead(new)
        if self._ahead is not None:
            columns = [self._ahead.columns[place] for place in new]
            self._columns = None if len(columns) == len(self._ahead.columns) and columns == sorted(columns) else columns
            if self._whole and len(new) >= _MANY:
                import numpy as np

                self._latest = np.array(self._times, np.int64)

    def _drawn_ahead(self, places: list[int]) -> Ahead | None:
        """The draws that hold these places; None where it is cheaper to draw for a message alone."""
        fewest = len(places) * _SPARSE
        if len(self._neighbours) <= fewest and self._neighbours.issuperset(places):
            return self._gossip
        return self._everybody if len(self._place) <= fewest else None

    @cached_property
    def _neighbours(self) -> frozenset[int]:
        """The places of the sender's neighbours in the overlay."""
        return frozenset(self._place[peer] for peer in self._peers if peer in self._place)

    @cached_property
    def _gossip(self) -> Ahead:
        """For messages to neighbours in the overlay."""
        return Ahead(self._draws, self._routes.layers, sorted(self._neighbours))

    @cached_property
    def _everybody(self) -> Ahead:
        """For messages to anyone."""
        return Ahead(self._draws, self._routes.layers, range(len(self._place)))
