"""The cyclic garbage collector, for as long as millions of objects live that are no garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_ALLOCATIONS = 200_000  # between two looks at the young objects; Python's own 700 finds next to nothing, and often


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for garbage seldom, and not among what is there already. Reference counts free nearly everything anyway:
    only a node that crashes leaves cycles."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, *before[1:])
    try:
        yield
    finally:
        gc.freeze()  # what is young is now as old as what was there before, and is not looked at on the way out
        gc.unfreeze()
        gc.set_threshold(*before)
