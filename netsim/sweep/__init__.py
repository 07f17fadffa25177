"""A sweep: every combination of what varies, each with several seeds, simulated on many cores.

`run` is one simulation, `workers` does many of them through Dask, `folder` keeps each as soon as it is there, and
`table` is what they come to. The independent unit is the run: what is said of a point is the mean over its seeds, with
the interval that holds the true mean with 95 % confidence (Student's).
"""

from netsim.sweep.emulated import Emulated, emulate, read_emulated
from netsim.sweep.folder import Folder, OtherSweep, Recorded
from netsim.sweep.run import Run, SweepError, measured
from netsim.sweep.table import Mean, mean, table, write_tables
from netsim.sweep.workers import State, joined, sweep

__all__ = [
    "Emulated",
    "Folder",
    "Mean",
    "OtherSweep",
    "Recorded",
    "Run",
    "State",
    "SweepError",
    "emulate",
    "joined",
    "mean",
    "measured",
    "read_emulated",
    "sweep",
    "table",
    "write_tables",
]
