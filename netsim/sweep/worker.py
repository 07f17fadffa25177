"""What Dask loads in each worker process of this machine: it is killed with the process that started it."""

from __future__ import annotations

import os
from typing import Any

from netsim.engine.lifeline import die_with_parent


def dask_setup(worker: Any) -> None:
    """Called by Dask."""
    die_with_parent(os.getppid())()
