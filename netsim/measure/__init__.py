"""What a trace says: finality, transactions, messages, safety, liveness, fidelity, and whether expectations were met.

`summarise` turns a trace into the content of `summary.json`; every other module here is one section of it. Nothing in
this room runs anything: a trace can be measured again years later.
"""

from netsim.measure.exit_code import outcome
from netsim.measure.summary import Summary, expectable, summarise

__all__ = ["Summary", "expectable", "outcome", "summarise"]
