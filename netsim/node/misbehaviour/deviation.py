"""What a Byzantine node does, as its settings say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsim.node.misbehaviour.layer import Layer


@dataclass(frozen=True, slots=True)
class Deviation:
    """One strategy of a node, its declared parameters (lists of nodes as tuples of numbers; None: auto), and from when
    on it follows it (ns on its own clock)."""

    strategy: type[Layer]
    parameters: Mapping[str, Any]
    at: int = 0
