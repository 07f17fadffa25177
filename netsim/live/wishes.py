"""What may be wished for on the live page: cut a city off, kill a node, heal.

Each makes of a scenario another one in which that is written down as an ordinary fault with its time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from netsim import catalogue
from netsim.scenario import Block, Crash, Fault, Partition, Scenario, ScenarioError, parse
from netsim.scenario.write import with_text

Answer = Callable[[int | None, str], None]  # at which time (ns) it happens, None: it does not; in words


@dataclass(frozen=True)
class _Wish:
    answer: Answer

    kills = False

    def of(self, scenario: Scenario, at: int) -> Scenario:
        return _with(scenario, self.faults(scenario, at))

    def faults(self, scenario: Scenario, at: int) -> tuple[Fault, ...]:
        """The scenario's faults as they are then; ValueError where that cannot be."""
        raise NotImplementedError

    def granted(self, at: int) -> None:
        self.answer(at, self.says)

    def refused(self, reason: str) -> None:
        self.answer(None, f"{self.says}: {reason}")

    @property
    def says(self) -> str:
        """What is wished for, in words."""
        raise NotImplementedError


@dataclass(frozen=True)
class CutOff(_Wish):
    """Nobody in a city can talk to anybody outside, until that is healed."""

    site: str

    def faults(self, scenario: Scenario, at: int) -> tuple[Fault, ...]:
        if self.site not in scenario.sites:
            raise ValueError(f"there is no city {self.site}")
        inside = tuple(number for number, node in enumerate(scenario.nodes) if node.site == self.site)
        outside = tuple(number for number, node in enumerate(scenario.nodes) if node.site != self.site)
        if not inside or not outside:
            raise ValueError("there is nobody to be cut off from")
        return *scenario.faults, Partition(at, scenario.duration, (inside, outside), self.says)

    @property
    def says(self) -> str:
        return f"cut off {self.site}"


@dataclass(frozen=True)
class Kill(_Wish):
    """A node crashes, and comes back when that is healed."""

    node: str

    kills = True

    def faults(self, scenario: Scenario, at: int) -> tuple[Fault, ...]:
        names = [node.name for node in scenario.nodes]
        if self.node not in names:
            raise ValueError(f"there is no node {self.node}")
        return *scenario.faults, Crash(at, None, (names.index(self.node),), self.says)

    @property
    def says(self) -> str:
        return f"kill {self.node}"


@dataclass(frozen=True)
class Heal(_Wish):
    """A fault is over: the scenario's own, or one that was wished for."""

    fault: int  # its place among the scenario's

    def faults(self, scenario: Scenario, at: int) -> tuple[Fault, ...]:
        fault = scenario.faults[self.fault] if self.fault < len(scenario.faults) else None
        if not isinstance(fault, Partition | Block | Crash):
            raise ValueError("there is no such fault")
        if not fault.at < at < (scenario.duration if fault.end is None else fault.end):
            raise ValueError("that fault is over, or has not begun")
        return *scenario.faults[: self.fault], replace(fault, end=at), *scenario.faults[self.fault + 1 :]

    @property
    def says(self) -> str:
        return f"heal fault {self.fault + 1}"


def _with(scenario: Scenario, faults: tuple[Fault, ...]) -> Scenario:
    """The scenario with these faults, read as if it had been written so from the beginning."""
    written = with_text(replace(scenario, faults=faults), catalogue).text
    folder = Path(scenario.consensus.folder or ".")  # where its own protocol lies, if it has one
    try:
        other = parse(written, str(folder / "scenario.yaml"), catalogue=catalogue)
    except ScenarioError as error:
        raise ValueError(error.problems[0].message) from None
    same = replace(other, faults=scenario.faults, text=scenario.text, sha256=scenario.sha256)
    assert same == scenario, "a fault changes nothing else"
    return other
