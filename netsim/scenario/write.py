"""A scenario back into its language, every default written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from netsim.catalogue import Catalogue, Entry, Kind
from netsim.scenario import units
from netsim.scenario.declared import write_parameter
from netsim.scenario.distribution import write_distribution, write_weight
from netsim.scenario.inline import write_inline
from netsim.scenario.model import (
    WEIGHT,
    Access,
    Choice,
    Distribution,
    Expectation,
    Fault,
    Handover,
    Link,
    Misbehaviour,
    Radio,
    Scenario,
    Site,
    Spikes,
    names_of,
)

_LINE = 100  # characters of what is still written in one line
_NEVER = 1 << 30  # where a line is folded: values stay whole
_UNSIMULATED = ("description", "emulation", "expect")


def with_text(scenario: Scenario, catalogue: Catalogue) -> Scenario:
    """The scenario with its text and the hash over what of it is simulated."""
    tree = _tree(scenario, catalogue)
    sections = {key: _yaml({key: value}) for key, value in tree.items()}
    undescribed = {
        name: {key: value for key, value in profile.items() if key != "description"}
        for name, profile in tree["access"].items()
    }
    simulated = sections | {"access": _yaml({"access": undescribed})} | dict.fromkeys(_UNSIMULATED, "")
    code = scenario.consensus.code
    source = code.read_bytes() if code is not None else b""
    digest = sha256("".join(simulated.values()).encode() + source).hexdigest()
    return replace(scenario, text="".join(sections.values()), sha256=digest)


def _tree(scenario: Scenario, catalogue: Catalogue) -> dict[str, Any]:
    def nodes(numbers: tuple[int, ...]) -> str | list[str]:
        return "all" if len(numbers) == len(scenario.nodes) else names_of(numbers, scenario.nodes, scenario.sites)

    load, compute, emulation, backbone = scenario.workload, scenario.compute, scenario.emulation, scenario.backbone
    consensus = Choice(scenario.consensus.protocol, scenario.consensus.parameters)
    tree = {
        "name": scenario.name,
        "description": scenario.description,
        "seed": str(scenario.seed),
        "duration": units.write_duration(scenario.duration),
        "warmup": units.write_duration(scenario.warmup),
        "sites": {name: _site(name, site, scenario, catalogue) for name, site in scenario.sites.items()},
        "access": {name: _access(access, catalogue) for name, access in scenario.access.items()},
        "backbone": {"route_factor": units.write_number(backbone.route_factor)}
        | ({} if backbone.delay is None else {"delay": write_distribution(backbone.delay, catalogue)})
        | {
            "links": _links(backbone.links, catalogue),
            "time_of_day": units.write_time_of_day(backbone.time_of_day),
        },
        "transport": _choice(scenario.transport, "transports", "protocol", catalogue),
        "overlay": _overlay(scenario, catalogue),
        "gossip": {kind: _choice(choice, "gossip", "protocol", catalogue) for kind, choice in scenario.gossip.items()},
        "consensus": _choice(consensus, "protocols", "protocol", catalogue, scenario.consensus.folder)
        | {"validators": nodes(scenario.consensus.validators)},
        "workload": {
            "rate": units.write_rate(load.rate),
            "size": units.write_size(load.size),
            "arrival": load.arrival,
            "from": nodes(load.origins),
            "batch": units.write_duration(load.batch),
            "forward": load.forward,
        },
        "compute": "measured"
        if compute.measured
        else {
            "sign": units.write_duration(compute.sign),
            "verify": units.write_duration(compute.verify),
            "execute": units.write_duration(compute.execute),
        },
        "clocks": {
            "skew": units.write_duration(scenario.clocks.skew),
            "drift": f"{units.write_number(scenario.clocks.drift / 1000)} ppm",
        },
        "faults": [_fault(fault, scenario) for fault in scenario.faults],
        "misbehaviour": [_misbehaviour(item, scenario, catalogue) for item in scenario.misbehaviour],
        "finality": {} if scenario.finality_depth is None else {"depth": str(scenario.finality_depth)},
        "emulation": {
            "broker": emulation.broker,
            "nodes_per_process": str(emulation.nodes_per_process),
            "pace": emulation.pace,
            "dilation": units.write_number(emulation.dilation),
            "patience": units.write_duration(emulation.patience),
            "fidelity": {
                "displaced": units.write_share(emulation.displaced),
                "displacement_p99": units.write_duration(emulation.displacement_p99),
            },
        },
        "expect": {expected.key: _expectation(expected) for expected in scenario.expect},
        "trace": scenario.trace,
    }
    for optional in ("misbehaviour", "finality"):  # most scenarios have none
        if not tree[optional]:
            del tree[optional]
    return tree


def _site(name: str, site: Site, scenario: Scenario, catalogue: Catalogue) -> dict[str, Any]:
    own = [node for node in scenario.nodes if node.site == name]
    alike = len({node.weight for node in own}) == 1
    counted = [(f"{name}-{number}", site.access) for number in range(len(own))]
    short = alike and [(node.name, node.access) for node in own] == counted
    nodes = (
        str(len(own))
        if short
        else [
            {"name": node.name, "access": node.access} | ({} if alike else _weight(node.weight, scenario, catalogue))
            for node in own
        ]
    )
    location = {} if site.location is None else {"location": [units.write_number(degree) for degree in site.location]}
    weight = _weight(own[0].weight, scenario, catalogue) if alike else {}
    return location | {"nodes": nodes, "access": site.access} | weight


def _weight(weight: Distribution, scenario: Scenario, catalogue: Catalogue) -> dict[str, Any]:
    """A weight under the protocol's key, where it is not what all have by default."""
    if weight == WEIGHT:
        return {}
    entry = _protocol(scenario, catalogue)
    assert entry.weighs is not None, "weights are refused where nobody weighs"
    return {entry.weighs: write_weight(weight, catalogue)}


def _protocol(scenario: Scenario, catalogue: Catalogue) -> Entry:
    consensus = scenario.consensus
    entry = catalogue.find(
        "protocols", consensus.protocol, None if consensus.folder is None else Path(consensus.folder)
    )
    assert entry is not None, "the scenario was read with this catalogue"
    return entry


def _access(access: Access, catalogue: Catalogue) -> dict[str, Any]:
    spikes, handover = access.spikes, access.handover
    return {
        "description": access.says,
        "up": write_distribution(access.up, catalogue),
        "down": write_distribution(access.down, catalogue),
        "core": write_distribution(access.core, catalogue),
        "bandwidth": {
            "up": units.write_bandwidth(access.bandwidth_up),
            "down": units.write_bandwidth(access.bandwidth_down),
        },
        **_radio(access.radio),
        "spikes": "none" if spikes is None else _spikes(spikes),
        "handover": "none" if handover is None else _handover(handover),
        "trace": "none" if access.recording is None else write_inline(access.recording),
        "one_at_a_time": "yes" if access.one_at_a_time else "no",
    }


def _radio(radio: Radio | None) -> dict[str, str]:
    if radio is None:
        return {"tdd": "none"}
    return {
        "tdd": radio.pattern,
        "slot": units.write_duration(radio.slot),
        "processing": units.write_duration(radio.processing),
        "uplink_grant": radio.grant,
        "k2": str(radio.grant_slots),
        "request_every": units.write_duration(radio.request_every),
        "bler": units.write_share(radio.bler),
        "attempts": str(radio.attempts),
        "operator": radio.operator,
    }


def _spikes(spikes: Spikes) -> dict[str, str]:
    return {
        "share": units.write_share(spikes.share),
        "median": units.write_duration(spikes.median),
        "p90": units.write_duration(spikes.p90),
        "lasts": units.write_duration(spikes.lasts),
    }


def _handover(handover: Handover) -> dict[str, str]:
    return {"every": units.write_duration(handover.every), "outage": units.write_duration(handover.outage)}


def _links(links: Sequence[Link], catalogue: Catalogue) -> list[dict[str, Any]]:
    """Links one way, two that follow each other and are the same as one both ways."""
    written = []
    place = 0
    while place < len(links):
        link = links[place]
        back = replace(link, source=link.target, target=link.source)
        both = link.source == link.target or links[place + 1 : place + 2] == (back,)
        ends = {"between": [link.source, link.target]} if both else {"from": link.source, "to": link.target}
        written.append(ends | _link(link, catalogue))
        place += 2 if both and link.source != link.target else 1
    return written


def _link(link: Link, catalogue: Catalogue) -> dict[str, Any]:
    """What a link says of itself. Only few have the last two, and a matrix has very many links."""
    written: dict[str, Any] = {} if link.delay is None else {"delay": write_distribution(link.delay, catalogue)}
    written |= {
        "jitter": units.write_duration(link.jitter),
        "loss": units.write_share(link.loss),
        "bandwidth": units.write_bandwidth(link.bandwidth),
    }
    if link.bursts is not None:
        written["bursts"] = {
            "share": units.write_share(link.bursts.share),
            "loss": units.write_share(link.bursts.loss),
            "lasts": units.write_duration(link.bursts.lasts),
        }
    if link.congestion is not None:
        written["congestion"] = {
            "delay": units.write_duration(link.congestion.delay),
            "loss": units.write_share(link.congestion.loss),
            "peak": units.write_time_of_day(link.congestion.peak),
        }
    return written


def _overlay(scenario: Scenario, catalogue: Catalogue) -> dict[str, Any]:
    overlay = scenario.overlay
    if "edges" not in overlay.parameters:
        return _choice(overlay, "topologies", "topology", catalogue)
    names = [node.name for node in scenario.nodes]
    edges = [[names[source], names[target]] for source, target in overlay.parameters["edges"]]
    return {"topology": overlay.name, "edges": edges}


def _choice(choice: Choice, kind: Kind, key: str, catalogue: Catalogue, folder: str | None = None) -> dict[str, Any]:
    entry = catalogue.find(kind, choice.name, None if folder is None else Path(folder))
    assert entry is not None, "the scenario was read with this catalogue"
    return {key: choice.name} | {
        parameter.name: write_parameter(parameter, choice.parameters[parameter.name]) for parameter in entry.parameters
    }


def _fault(fault: Fault, scenario: Scenario) -> dict[str, Any]:
    def names(numbers: tuple[int, ...]) -> list[str]:
        return names_of(numbers, scenario.nodes, scenario.sites)

    when = {"at": units.write_duration(fault.at)}
    if fault.kind == "churn":
        when |= {
            "every": units.write_duration(fault.every),
            "for": units.write_duration(fault.lasts),
            "until": units.write_duration(fault.end),
        }
    elif fault.kind == "asynchrony":
        when["until"] = units.write_duration(fault.end)
    elif fault.end is not None:
        when["for"] = units.write_duration(fault.end - fault.at)
    match fault.kind:
        case "partition":
            return when | {"partition": [names(group) for group in fault.groups]}
        case "block":
            return when | {"block": {"from": names(fault.sources), "to": names(fault.targets)}}
        case "crash":
            return when | {"crash": names(fault.nodes)}
        case "freeze":
            return when | {"freeze": names(fault.nodes)}
        case "degrade":
            here, there = fault.links[0]
            both = len(fault.links) > 1 or here == there
            ends: dict[str, Any] = {"between": [here, there]} if both else {"from": here, "to": there}
            worse = {"delay": units.write_duration(fault.delay), "loss": units.write_share(fault.loss)}
            return when | {"degrade": ends | worse}
        case "asynchrony":
            targets = "leader" if fault.targets is None else names(fault.targets)
            return when | {"asynchrony": {"delay": units.write_duration(fault.delay), "targets": targets}}
        case "churn":
            drawn = {"nodes": str(fault.count), "among": names(fault.nodes), "rewire": "yes" if fault.rewire else "no"}
            return when | {"churn": drawn}


def _misbehaviour(item: Misbehaviour, scenario: Scenario, catalogue: Catalogue) -> dict[str, Any]:
    entry = catalogue.find("misbehaviour", item.does)
    assert entry is not None, "the scenario was read with this catalogue"

    def names(numbers: tuple[int, ...]) -> list[str]:
        everybody = len(numbers) == len(scenario.nodes)
        return ["all"] if everybody else names_of(numbers, scenario.nodes, scenario.sites)

    written: dict[str, Any] = {"nodes": names(item.nodes), "does": item.does, "at": units.write_duration(item.at)}
    for parameter in entry.parameters:
        value = item.parameters[parameter.name]
        if parameter.unit == "nodes" and value is not None:
            value = names(value)
        written[parameter.name] = write_parameter(parameter, value)
    return written


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
