"""Running a scenario in either engine and reading from its trace what the experiments ask for."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from netsim import catalogue
from netsim.scenario import Scenario, parse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netsim.network import Network
    from netsim.trace import Trace

MS = 1e6  # nanoseconds
FREE = "compute: {sign: 0 us, verify: 0 us, execute: 0 us}"  # what the laws are stated for
NEVER = -1


def scenario(text: str, seed: int = 0, *overrides: str) -> Scenario:
    """A scenario from YAML, with overrides as on the command line."""
    return parse(text, "validation.yaml", overrides=overrides, seed=seed, catalogue=catalogue)


def network(text: str, seed: int = 0, *overrides: str) -> Network:
    """The network of a scenario."""
    from netsim.network import Network

    return Network(scenario(text, seed, *overrides))


def simulated(scenario: Scenario) -> Trace:
    """The simulator's trace."""
    from netsim.engine.plan import Plan
    from netsim.engine.simulator import simulate

    with TemporaryDirectory(prefix="netsim-validate-") as work:
        return simulate(Plan(scenario), Path(work))


def emulated(scenario: Scenario) -> Trace:
    """The emulator's trace, in lockstep. Raises RuntimeError where it is not exact or differs from the simulator's."""
    from netsim.engine.plan import Plan
    from netsim.running import run
    from netsim.trace import read

    with TemporaryDirectory(prefix="netsim-validate-") as folder:
        result = run(Plan(scenario), Path(folder), "emulate")
        fidelity = result.summary["fidelity"]
        if result.failure or (fidelity["verdict"], fidelity["twin"]) != ("exact", "equal"):
            raise RuntimeError(result.failure or f"{fidelity['verdict']}, twin {fidelity['twin']}")
        return read(Path(folder))


def arrivals(trace: Trace) -> NDArray[np.int64]:
    """When each node had each block, counted from its proposal: ns by block (in order) and node; NEVER.

    Blocks are those proposed after the warm-up.
    """
    import numpy as np

    from netsim.measure.blocks import join, positions
    from netsim.measure.events import BLOCK, NODE, TIME, Events

    events = Events(trace)
    blocks = join(events)
    rows = np.concatenate((events.of("propose"), events.of("have")))
    rows = rows[np.argsort(-rows[:, TIME], kind="stable")]  # so that the first of a node is written last
    block = positions(blocks.ids, rows[:, BLOCK])
    table = np.full((len(blocks.ids), len(trace.header.nodes)), NEVER)
    table[block, rows[:, NODE]] = rows[:, TIME] - blocks.proposed_ns[block]
    return table[blocks.measured]


def finality(trace: Trace) -> NDArray[np.int64]:
    """When each block was final at each node, counted from its proposal: ns by block and node; NEVER."""
    import numpy as np

    from netsim.measure.blocks import join
    from netsim.measure.events import Events

    blocks = join(Events(trace))
    made = blocks.finalisations
    table = np.full((len(blocks.ids), len(trace.header.nodes)), NEVER)
    table[made.block, made.node] = made.time_ns - blocks.proposed_ns[made.block]
    return table[blocks.measured]


def proposed(trace: Trace) -> NDArray[np.int64]:
    """When each block was proposed, in ns, in the order of `finality`'s rows."""
    from netsim.measure.blocks import join
    from netsim.measure.events import Events

    blocks = join(Events(trace))
    found: NDArray[np.int64] = blocks.proposed_ns[blocks.measured]
    return found


def proposers(trace: Trace) -> list[int]:
    """Who proposed each block, in order."""
    from netsim.measure.blocks import join
    from netsim.measure.events import Events

    blocks = join(Events(trace))
    found: list[int] = blocks.proposers[blocks.measured].tolist()
    return found


def moments(seed: int, count: int, duration_s: int) -> NDArray[np.int64]:
    """So many times in ns, one at random in each of as many equal parts of the duration."""
    import numpy as np

    part = duration_s * 10**9 // count
    return np.arange(count, dtype=np.int64) * part + np.random.default_rng(seed).integers(0, part, count)


def whole(values: NDArray[np.int64]) -> float:
    """What all of some integers are, or else their mean: equal ones lose nothing to rounding."""
    first: int = values.flat[0].item()
    return first if (values == first).all() else float(values.mean())


def copies(trace: Trace, kind: str = "sent") -> dict[str, int]:
    """How many copies of each type of message were sent (or `delivered`, `repeated`) in the whole run."""
    from netsim.measure.events import DETAIL, HEIGHT, Events

    totals: dict[str, int] = {}
    for row in Events(trace).of(kind).tolist():
        name = trace.header.messages[row[DETAIL]]
        totals[name] = totals.get(name, 0) + row[HEIGHT]
    return totals


def copies_by_block(trace: Trace, name: str) -> list[int]:
    """How many copies of one type of message were sent for each block, by height; the trace must be full."""
    from netsim.measure.events import DETAIL, HEIGHT, Events

    (tag,) = (tag for tag, known in trace.header.messages.items() if known == name)
    counts: dict[int, int] = {}
    for row in Events(trace).of("send").tolist():
        if row[DETAIL] & 0xFF == tag:
            counts[row[HEIGHT]] = counts.get(row[HEIGHT], 0) + (row[DETAIL] >> 8)
    return [counts[height] for height in sorted(counts)]
