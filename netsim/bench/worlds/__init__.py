"""The scenarios that are timed: YAML files beside this one."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netsim.engine.plan import Plan


def text(name: str) -> str:
    """A world as it is written."""
    return resources.files(__package__).joinpath(f"{name}.yaml").read_text("utf-8")


def plan(name: str, *overrides: str, source: str | None = None) -> Plan:
    """A world with changes, as in `--set`; `source`: another text than its own."""
    from netsim import catalogue
    from netsim.engine.plan import Plan
    from netsim.scenario import parse

    return Plan(parse(text(name) if source is None else source, name, overrides=overrides, catalogue=catalogue))
