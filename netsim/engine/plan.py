"""What a scenario means for an engine: the same in every process, computed by each for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from netsim import __version__, catalogue, trace
from netsim.engine import columns
from netsim.engine.workload import Workload
from netsim.network import Network, churn
from netsim.node.misbehaviour import Deviation
from netsim.node.participant import Choice, Participant, Settings
from netsim.scenario import Scenario
from netsim.scenario.model import Asynchrony, Block, Churn, Crash, Degrade, Freeze, Partition

_SECOND = 10**9  # ns
_MOST_LIVES = 256  # of one node: the trace has 8 bits for the incarnation

Fault = Partition | Block | Crash | Freeze | Degrade | Asynchrony
Life = tuple[int | None, int | None]  # when an incarnation starts and when it crashes (ns), None: it does not


class Plan:
    """The network, the participants' settings, the clients and the nodes' lives."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.network = Network(scenario)
        self.settings = _settings(scenario)
        self.workload = Workload(scenario)
        self.protocol = self.settings.protocol
        self.codec = Participant.codec(self.settings)
        kinds = [*trace.KINDS, *(kind for kind in self.protocol.records if kind not in trace.KINDS)]
        self.codes = {kind: code for code, kind in enumerate(kinds)}
        left_out = trace.LEFT_OUT[scenario.trace]
        self.kept = [kind not in left_out for kind in kinds]
        self._expect(_Failing.of(scenario, self.network))
        self.byzantine = sorted({node for item in scenario.misbehaviour for node in item.nodes})
        self.depth = self.settings.parameters.get("depth")
        self.quorum = self.protocol.quorum(len(scenario.consensus.validators), self.settings.parameters)

    @cached_property
    def kit(self) -> columns.Kit:
        """What votes that are put off are reckoned with: see `columns`."""
        if self.kept[self.codes["deliver"]]:
            return columns.plain()
        blocks = self.scenario.duration // (self.settings.parameters["block_interval"] or _SECOND)
        return columns.kit(len(self.protocol.counted) * blocks * len(self.network.validators) ** 2)

    def amend(self, scenario: Scenario, at: int) -> None:
        """From `at` (ns) on, what fails is what fails in `scenario`, which is otherwise the same.

        Raises ValueError, and nothing has changed, where something would have been otherwise before.
        """
        failing = _Failing.of(scenario, self.network)
        now = _Failing(self.faults, self.lives, self.rewired)
        if any(now.before(node, at) != failing.before(node, at) for node in range(self.network.size)):
            raise ValueError(f"it would change what has happened before {at / 1e9:.3f} s")
        self.network.amend(scenario)
        self.scenario = scenario
        self._expect(failing)

    def _expect(self, failing: _Failing) -> None:
        self.faults = failing.faults
        self.lives = failing.lives
        self.rewired = failing.rewired

    def header(self, engine: Literal["emulate", "simulate"], fidelity: trace.Fidelity) -> trace.Header:
        """The head of this scenario's trace."""
        scenario = self.scenario
        return trace.Header(
            name=scenario.name,
            scenario_sha256=scenario.sha256,
            seed=scenario.seed,
            engine=engine,
            version=__version__,
            level=scenario.trace,
            duration_ns=scenario.duration,
            warmup_ns=scenario.warmup,
            nodes=list(self.network.names),
            sites=list(self.network.sites),
            node_sites=list(self.network.node_sites),
            validators=list(scenario.consensus.validators),
            byzantine=list(self.byzantine),
            quorum=self.quorum,
            finality_rule="commit" if self.depth is None else f"depth {self.depth}",
            kinds=list(self.codes),
            messages=Participant.message_names(self.settings),
            transactions=Participant.transaction_tags(self.settings),
            faults=[
                trace.Fault(
                    fault.kind,
                    fault.at,
                    scenario.duration if fault.end is None else min(fault.end, scenario.duration),
                    fault.says,
                    tuple(fault.nodes),
                )
                for fault in self.faults
            ],
            expectations=[trace.Expectation(item.key, item.equals, item.min, item.max) for item in scenario.expect],
            fidelity=fidelity,
            block_interval_ns=int(scenario.consensus.parameters["block_interval"]),
            weights=list(self.network.weights) if _mines(scenario) else [],
            compute="measured" if scenario.compute.measured else "modelled",
        )


@dataclass(frozen=True)
class _Failing:
    """What fails in a scenario: its faults, and what they and its churn make of each node."""

    faults: list[Fault]
    lives: list[list[Life]]
    rewired: dict[int, list[tuple[int, churn.Peers]]]  # by node: (time, its peers from then on)

    @staticmethod
    def of(scenario: Scenario, network: Network) -> _Failing:
        """Raises ValueError where a node crashes too often."""
        given = (fault for fault in scenario.faults if not isinstance(fault, Churn))
        faults: list[Fault] = [*given, *churn.crashes(scenario)]
        crashes = _crashes(faults, scenario.duration)
        lives = [_lives(crashes.get(node, ()), scenario.duration) for node in range(network.size)]
        for name, its in zip(network.names, lives, strict=True):
            if len(its) > _MOST_LIVES:
                raise ValueError(f"{name} crashes {len(its) - 1} times; {_MOST_LIVES - 1} are the most")
        return _Failing(faults, lives, churn.rewired(scenario, network.peers))

    def before(self, node: int, at: int) -> list[tuple[int, object]]:
        """What a node's faults have done to it before `at` (ns)."""
        turns = [turn for life in self.lives[node] for turn in life if turn is not None and turn < at]
        changes = [change for change in self.rewired.get(node, ()) if change[0] < at]
        return [*((turn, None) for turn in turns), *changes]


def _settings(scenario: Scenario) -> Settings:
    def implementation(kind: catalogue.Kind, name: str, folder: str | None = None) -> Any:
        entry = catalogue.find(kind, name, None if folder is None else Path(folder))
        assert entry is not None, f"{kind} {name!r} passed validation"
        return catalogue.load(entry)

    consensus = scenario.consensus
    depth = {} if scenario.finality_depth is None else {"depth": scenario.finality_depth}
    return Settings(
        protocol=implementation("protocols", consensus.protocol, consensus.folder),
        parameters=consensus.parameters | depth,
        gossip={
            kind: Choice(implementation("gossip", choice.name), choice.parameters)
            for kind, choice in scenario.gossip.items()
        },
        block_size=consensus.parameters["block_size"],
        forward=scenario.workload.forward == "leader",
        misbehaviour={
            node: [
                Deviation(implementation("misbehaviour", item.does), item.parameters, item.at)
                for item in scenario.misbehaviour
                if node in item.nodes
            ]
            for node in sorted({node for item in scenario.misbehaviour for node in item.nodes})
        },
    )


def _mines(scenario: Scenario) -> bool:
    """Whether the protocol's blocks are drawn by hash rate."""
    folder = scenario.consensus.folder
    entry = catalogue.find("protocols", scenario.consensus.protocol, None if folder is None else Path(folder))
    return entry is not None and entry.weighs == "hash_rate"


def _crashes(faults: Sequence[Fault], duration: int) -> dict[int, list[tuple[int, int]]]:
    """By node: when each of its crashes begins and ends (ns), in no order."""
    found: dict[int, list[tuple[int, int]]] = {}
    for fault in faults:
        if fault.kind == "crash":
            for node in set(fault.nodes):
                found.setdefault(node, []).append((fault.at, duration if fault.end is None else fault.end))
    return found


def _lives(crashes: Sequence[tuple[int, int]], duration: int) -> list[Life]:
    """A node's incarnations: overlapping crashes are one."""
    lives: list[Life] = []
    start: int | None = 0
    for at, end in sorted(crashes):
        if start is not None and at < start:  # it would crash before it is back: it stays down longer
            start = max(start, end)
            continue
        lives.append((start, at))
        start = end
    if start is not None and start < duration:
        lives.append((start, None))
    return lives
