"""How a node reaches its site's exchange and is reached from there: the choice of a model for each direction.

The sender's half and the receiver's half hold what has state or depends on time: the radio's slots or a queue,
handovers, spikes, a recording. What is drawn for each message by itself, and the fixed one-way delay `core` between
base station and exchange, belong to the way between them (`access_leg`). This module is the one place that decides
which model a profile gets.
"""

from __future__ import annotations

from typing import Literal

from netsim.network import radio
from netsim.network.conditions import Conditions, Outages, Playback, Spells, recorded_median, spike_median
from netsim.network.distribution import compiled
from netsim.network.leg import Leg
from netsim.network.link import (
    Downlink,
    FreeDownlink,
    FreeUplink,
    QueuedDownlink,
    QueuedUplink,
    SlowedDownlink,
    SlowedUplink,
    Uplink,
)
from netsim.scenario.model import Access

Direction = Literal["up", "down"]


def access_leg(profile: Access, direction: Direction) -> Leg:
    """One direction of an access profile: the drawn delay plus `core`."""
    distribution = profile.up if direction == "up" else profile.down
    return Leg(0, (f"access-{direction}", compiled(distribution)), (f"core-{direction}", compiled(profile.core)))


def uplink(profile: Access, seed: int, node: int, backlog: bytes | None = None) -> Uplink:
    """A sender's half; `backlog` as a former one left it."""
    conditions = _conditions(profile, seed, node)
    if conditions is None:
        return _plain_uplink(profile, seed, node, backlog)
    return SlowedUplink(lambda rest: _plain_uplink(profile, seed, node, rest), conditions, backlog)


def downlink(profile: Access, seed: int, node: int) -> Downlink | None:
    """A receiver's half, None where it would add nothing."""
    conditions = _conditions(profile, seed, node)
    outages = _outages(profile, seed, node)
    inner: Downlink
    if profile.radio is not None:
        slots = radio.Slots(profile.radio, radio.phase(profile.radio, seed), outages)
        inner = radio.RadioDownlink(slots, profile.bandwidth_down, seed, node)
    elif profile.bandwidth_down is not None:
        inner = QueuedDownlink(profile.bandwidth_down, outages)
    elif conditions is None and outages is None:
        return None
    else:
        inner = FreeDownlink(outages)
    return inner if conditions is None else SlowedDownlink(inner, conditions)


def free(profile: Access) -> bool:
    """Whether neither half holds state or depends on time: a copy departs when it is sent, and is through at once."""
    limits = (profile.radio, profile.bandwidth_up, profile.bandwidth_down)
    changes = (profile.handover, profile.spikes, profile.recording)
    return all(part is None for part in (*limits, *changes))


def least(profile: Access) -> int:
    """The least time that either half takes, in ns."""
    slots = 0 if profile.radio is None else radio.least(profile.radio)
    return slots + (0 if profile.recording is None else min(profile.recording.delays))


def median(profile: Access, direction: Direction) -> int:
    """The sum of the medians of a half's parts, in ns, for a small isolated message at a random moment."""
    total = 0 if profile.radio is None else round(radio.latency(profile.radio, direction).quantile(0.5))
    if profile.spikes is not None:
        total += spike_median(profile.spikes)
    if profile.recording is not None:
        total += recorded_median(profile.recording)
    return total


def _plain_uplink(profile: Access, seed: int, node: int, backlog: bytes | None) -> Uplink:
    outages = _outages(profile, seed, node)
    if profile.radio is not None:
        slots = radio.Slots(profile.radio, radio.phase(profile.radio, seed), outages)
        return radio.RadioUplink(slots, profile.bandwidth_up, seed, node, backlog)
    if profile.bandwidth_up is not None:
        return QueuedUplink(profile.bandwidth_up, outages, backlog)
    return FreeUplink(outages)


def _outages(profile: Access, seed: int, node: int) -> Outages | None:
    handover = profile.handover
    return None if handover is None or not handover.outage else Outages(handover, seed, node)


def _conditions(profile: Access, seed: int, node: int) -> Conditions | None:
    if profile.spikes is None and profile.recording is None:
        return None
    spells = None if profile.spikes is None else Spells(profile.spikes, seed, node)
    return Conditions(spells, None if profile.recording is None else Playback(profile.recording, seed, node))
