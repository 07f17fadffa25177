"""A network for tests of protocols: no engine, no delays of its own; what happens next is what the test says.

`Network` holds the participants and every message between them. A test delivers them one by one, in any order, loses
or doubles them, lets time pass, cuts links, kills nodes and starts them again; or it gives a delay and lets the
network run by itself.

`replay` runs a transcript: a text file of commands and, below each, everything that happened. A reader learns a
protocol from its transcripts; a change of behaviour shows as a difference in them. The form is that of etcd's raft.

    # comment
    submit 0 2
    deliver
    ----
    0->123 PrePrepare v0 h1 9f3a             a message that is delivered: from whom, to whom, what it says
      123 final h1 9f3a                      what that made the receivers do

With NETSIM_REWRITE=1 the files are written anew: inspect the difference, and keep it only if you understand it.

`fuzz` and `survive` put a protocol through random schedules: see `chaos`. `check_laws` holds what blocks cost and how
long they take, in the simulator, against formulas: see `laws`.
"""

from netsim.testing.chaos import Chaos, Found, fuzz, seeds, survive
from netsim.testing.laws import check_laws
from netsim.testing.network import MS, PARAMETERS, Envelope, Network, Place, misbehaviour, settings, strategy
from netsim.testing.transcript import replay

__all__ = [
    "MS",
    "PARAMETERS",
    "Chaos",
    "Envelope",
    "Found",
    "Network",
    "Place",
    "check_laws",
    "fuzz",
    "misbehaviour",
    "replay",
    "seeds",
    "settings",
    "strategy",
    "survive",
]
