"""How a node reaches its site's exchange and is reached from there: the choice of a model for each direction.

A profile gives a distribution per direction, over the air or the line, and a fixed one-way delay `core` between base
station and exchange. Draws of different messages are independent. This module is the one place that decides which model
a profile gets.
"""

from __future__ import annotations

from typing import Literal

from netsim.network.distribution import compiled
from netsim.network.leg import Leg
from netsim.scenario.model import Access

Direction = Literal["up", "down"]


def access_leg(profile: Access, direction: Direction) -> Leg:
    """One direction of an access profile: the drawn delay plus `core`."""
    distribution = profile.up if direction == "up" else profile.down
    return Leg(profile.core, (f"access-{direction}", compiled(distribution)))
