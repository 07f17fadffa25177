"""The live page: what of it is known before the run begins. The rest comes by events, see `board.py`."""

from __future__ import annotations

from netsim.engine.plan import Plan
from netsim.report.page.document import html
from netsim.report.page.map import before
from netsim.running import EngineName
from netsim.trace import Fidelity


def page(plan: Plan, engine: EngineName, speed: float) -> str:
    """The whole page of a run, as HTML. `speed`: seconds of the scenario in one of the wall, at most."""
    scenario, network = plan.scenario, plan.network
    validators = frozenset(network.validators)
    clock = engine == "emulate" and scenario.emulation.pace == "clock"
    data = {
        "name": scenario.name,
        "description": scenario.description,
        "duration_s": scenario.duration / 1e9,
        "protocol": scenario.consensus.protocol,
        "quorum": plan.quorum,
        "how": "simulated" if engine == "simulate" else "emulated by the clock" if clock else "emulated in lockstep",
        "speed": 1 / scenario.emulation.dilation if clock else speed,
        "sites": list(network.sites),
        "nodes": [
            {"name": name, "site": site, "validates": node in validators}
            for node, (name, site) in enumerate(zip(network.names, network.node_sites, strict=True))
        ],
        "map": before(plan.header(engine, Fidelity()), network.graph),
    }
    return html(f"{scenario.name}, live", "live", data, ["map"])
