"""A scenario back into its language, every default written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import yaml

from netsim.catalogue import Catalogue, Kind
from netsim.scenario import units
from netsim.scenario.declared import write_parameter
from netsim.scenario.distribution import write_distribution
from netsim.scenario.model import Access, Choice, Expectation, Fault, Link, Scenario, Site, names_of

_LINE = 100  # characters of what is still written in one line
_NEVER = 1 << 30  # where a line is folded: values stay whole
_UNSIMULATED = ("description", "emulation", "expect")


def with_text(scenario: Scenario, catalogue: Catalogue) -> Scenario:
    """The scenario with its text and the hash over what of it is simulated."""
    tree = _tree(scenario, catalogue)
    simulated = {key: value for key, value in tree.items() if key not in _UNSIMULATED}
    simulated["access"] = {
        name: {key: value for key, value in profile.items() if key != "description"}
        for name, profile in tree["access"].items()
    }
    return replace(scenario, text=_yaml(tree), sha256=sha256(_yaml(simulated).encode()).hexdigest())


def _tree(scenario: Scenario, catalogue: Catalogue) -> dict[str, Any]:
    def nodes(numbers: tuple[int, ...]) -> str | list[str]:
        return "all" if len(numbers) == len(scenario.nodes) else names_of(numbers, scenario.nodes, scenario.sites)

    load, compute, emulation, backbone = scenario.workload, scenario.compute, scenario.emulation, scenario.backbone
    overlay = _choice(scenario.overlay, "topologies", "topology", catalogue)
    consensus = Choice(scenario.consensus.protocol, scenario.consensus.parameters)
    return {
        "name": scenario.name,
        "description": scenario.description,
        "seed": str(scenario.seed),
        "duration": units.write_duration(scenario.duration),
        "warmup": units.write_duration(scenario.warmup),
        "sites": {name: _site(name, site, scenario) for name, site in scenario.sites.items()},
        "access": {name: _access(access, catalogue) for name, access in scenario.access.items()},
        "backbone": {"route_factor": units.write_number(backbone.route_factor)}
        | ({} if backbone.delay is None else {"delay": units.write_duration(backbone.delay)})
        | {"links": [_link(link, catalogue) for link in backbone.links]},
        "transport": scenario.transport,
        "overlay": overlay,
        "gossip": {kind: _choice(choice, "gossip", "protocol", catalogue) for kind, choice in scenario.gossip.items()},
        "consensus": _choice(consensus, "protocols", "protocol", catalogue)
        | {"validators": nodes(scenario.consensus.validators)},
        "workload": {
            "rate": units.write_rate(load.rate),
            "size": units.write_size(load.size),
            "arrival": load.arrival,
            "from": nodes(load.origins),
            "batch": units.write_duration(load.batch),
        },
        "compute": {
            "sign": units.write_duration(compute.sign),
            "verify": units.write_duration(compute.verify),
            "execute": units.write_duration(compute.execute),
        },
        "faults": [_fault(fault, scenario) for fault in scenario.faults],
        "emulation": {
            "broker": emulation.broker,
            "nodes_per_process": str(emulation.nodes_per_process),
            "pace": emulation.pace,
            "dilation": units.write_number(emulation.dilation),
            "fidelity": {
                "displaced": units.write_share(emulation.displaced),
                "displacement_p99": units.write_duration(emulation.displacement_p99),
            },
        },
        "expect": {expected.key: _expectation(expected) for expected in scenario.expect},
        "trace": scenario.trace,
    }


def _site(name: str, site: Site, scenario: Scenario) -> dict[str, Any]:
    own = [node for node in scenario.nodes if node.site == name]
    counted = [(f"{name}-{number}", site.access) for number in range(len(own))]
    short = [(node.name, node.access) for node in own] == counted
    nodes = str(len(own)) if short else [{"name": node.name, "access": node.access} for node in own]
    location = {} if site.location is None else {"location": [units.write_number(degree) for degree in site.location]}
    return location | {"nodes": nodes, "access": site.access}


def _access(access: Access, catalogue: Catalogue) -> dict[str, Any]:
    return {
        "description": access.says,
        "up": write_distribution(access.up, catalogue),
        "down": write_distribution(access.down, catalogue),
        "core": units.write_duration(access.core),
        "bandwidth": {
            "up": units.write_bandwidth(access.bandwidth_up),
            "down": units.write_bandwidth(access.bandwidth_down),
        },
    }


def _link(link: Link, catalogue: Catalogue) -> dict[str, Any]:
    delay = {} if link.delay is None else {"delay": write_distribution(link.delay, catalogue)}
    return {
        "from": link.source,
        "to": link.target,
        **delay,
        "jitter": units.write_duration(link.jitter),
        "loss": units.write_share(link.loss),
        "bandwidth": units.write_bandwidth(link.bandwidth),
    }


def _choice(choice: Choice, kind: Kind, key: str, catalogue: Catalogue) -> dict[str, Any]:
    entry = catalogue.find(kind, choice.name)
    assert entry is not None, "the scenario was read with this catalogue"
    return {key: choice.name} | {
        parameter.name: write_parameter(parameter, choice.parameters[parameter.name]) for parameter in entry.parameters
    }


def _fault(fault: Fault, scenario: Scenario) -> dict[str, Any]:
    def names(numbers: tuple[int, ...]) -> list[str]:
        return names_of(numbers, scenario.nodes, scenario.sites)

    when = {"at": units.write_duration(fault.at)}
    if fault.end is not None:
        when["for"] = units.write_duration(fault.end - fault.at)
    match fault.kind:
        case "partition":
            return when | {"partition": [names(group) for group in fault.groups]}
        case "block":
            return when | {"block": {"from": names(fault.sources), "to": names(fault.targets)}}
        case "crash":
            return when | {"crash": names(fault.nodes)}


def _expectation(expected: Expectation) -> str | dict[str, str]:
    if expected.equals is not None:
        return expected.equals
    bounds = {"min": expected.min, "max": expected.max}
    return {name: units.write_number(bound) for name, bound in bounds.items() if bound is not None}


def _yaml(tree: Mapping[str, Any]) -> str:
    """The tree as YAML in which every scalar is written as it is, quoted only where YAML would misread it."""
    events: list[yaml.Event] = [
        yaml.StreamStartEvent(),
        yaml.DocumentStartEvent(explicit=False),
        yaml.MappingStartEvent(None, None, implicit=True, flow_style=False),
    ]
    for key, value in tree.items():
        events += [_scalar(key), *_events(value)]
    events += [yaml.MappingEndEvent(), yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent()]
    text: str = yaml.emit(events, Dumper=yaml.SafeDumper, allow_unicode=True, width=_NEVER)
    return text


def _events(value: Any) -> Iterator[yaml.Event]:
    """A value's events: in one line where that is short, else with an item per line."""
    flow = _length(value) <= _LINE
    if isinstance(value, dict):
        yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=flow)
        for key, inner in value.items():
            yield _scalar(key)
            yield from _events(inner)
        yield yaml.MappingEndEvent()
    elif isinstance(value, list):
        yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=flow)
        for inner in value:
            yield from _events(inner)
        yield yaml.SequenceEndEvent()
    else:
        yield _scalar(value)


def _length(value: Any) -> int:
    """About how many characters a value takes in one line."""
    if isinstance(value, dict):
        return 2 + sum(len(key) + 4 + _length(inner) for key, inner in value.items())
    if isinstance(value, list):
        return 2 + sum(2 + _length(inner) for inner in value)
    return len(value)


def _scalar(text: str) -> yaml.ScalarEvent:
    return yaml.ScalarEvent(None, None, (True, True), text, style=None if text else "'")
