"""What Byzantine nodes do, and what runs at a node: a participant, or one that misbehaves.

Strategies surround a whole participant and know no protocol (see `layer`). A node may follow several: what it says
passes through them in their order. An equivocator's faces follow each of the others by themselves.
"""

from __future__ import annotations

from functools import partial

from netsim.node.context import World
from netsim.node.misbehaviour.deviation import Deviation
from netsim.node.misbehaviour.layer import Layer, Make, Program
from netsim.node.participant import Participant, Settings

__all__ = ["Deviation", "Layer", "Program", "participant"]


def participant(world: World, settings: Settings) -> Program:
    """What runs at a node, as the settings say: an engine makes it anew at each start of the node."""
    make: Make = Participant
    for deviation in sorted(settings.misbehaviour.get(world.me, ()), key=lambda one: one.strategy.outermost):
        make = partial(deviation.strategy, deviation=deviation, make=make)
    return make(world, settings)
