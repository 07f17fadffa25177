"""From well-formed sections to a scenario: names become numbers, and what does not fit together is found."""

from __future__ import annotations

from netsim.catalogue import Catalogue
from netsim.scenario import check, summary, units
from netsim.scenario.document import Path
from netsim.scenario.findings import Findings
from netsim.scenario.model import (
    Access,
    Backbone,
    Block,
    Choice,
    Compute,
    Consensus,
    Crash,
    Emulation,
    Expectation,
    Fault,
    Link,
    Partition,
    Scenario,
    Workload,
)
from netsim.scenario.places import Places
from netsim.scenario.profiles import Profiles
from netsim.scenario.schema import (
    BlockSection,
    BoundsSection,
    ConsensusSection,
    CrashSection,
    FaultSection,
    Language,
    PartitionSection,
)


def resolve(language: Language, name: str, profiles: set[str], catalogue: Catalogue, findings: Findings) -> Scenario:
    """Put the scenario together, without its text.

    `name`: the scenario's where it gives none; `profiles`: the names of all its access profiles, also of malformed
    ones. Raises ScenarioError with everything that was found until here and is found now.
    """
    places = Places(language.sites, findings)
    access = _access(language, Profiles(language.access, profiles, catalogue, findings), places, findings)
    backbone = _backbone(language, places, findings)
    consensus = _consensus(language, places)
    workload = _workload(language, places)
    faults = _faults(language, places, findings)
    expect = _expect(language, places, findings)
    _check(language, places, backbone, consensus, findings)
    findings.conclude()
    return Scenario(
        name=name if language.name is None else language.name,
        description=language.description,
        seed=language.seed,
        duration=language.duration,
        warmup=language.warmup,
        sites=places.sites,
        nodes=places.nodes,
        access=access,
        backbone=backbone,
        transport=language.transport,
        overlay=Choice(language.overlay.entry.name, language.overlay.parameters),
        gossip={kind: Choice(chosen.entry.name, chosen.parameters) for kind, chosen in language.gossip.items()},
        consensus=consensus,
        workload=workload,
        compute=Compute(language.compute.sign, language.compute.verify, language.compute.execute),
        faults=faults,
        emulation=_emulation(language),
        expect=expect,
        trace=language.trace,
    )


def _check(language: Language, places: Places, backbone: Backbone, consensus: Consensus, findings: Findings) -> None:
    """Every check whose sections are sound."""
    load, chosen = language.workload, language.consensus
    checks = [
        (("warmup", "duration"), check.warmup(language.warmup, language.duration)),
        (("sites", "backbone"), check.backbone(backbone, places.sites)),
        (
            ("sites", "overlay"),
            check.overlay(language.overlay.entry.name, language.overlay.parameters, len(places.nodes)),
        ),
        (("sites", "consensus"), check.quorum(chosen.parameters, len(consensus.validators))),
        (("workload", "duration"), check.workload(load, language.duration)),
        (("workload", "consensus"), check.block_size(chosen.parameters, load)),
    ]
    for sections, found in checks:
        if findings.sound(*sections):
            for path, message in found:
                findings.add(path, message)


def _access(language: Language, profiles: Profiles, places: Places, findings: Findings) -> dict[str, Access]:
    found: dict[str, Access] = {}
    for name, site in language.sites.items():
        wanted: list[tuple[str, Path]] = [(site.access, ("sites", name, "access"))]
        if not isinstance(site.nodes, int):
            wanted += [
                (node.access, ("sites", name, "nodes", place, "access"))
                for place, node in enumerate(site.nodes)
                if node.access is not None
            ]
        for profile, path in wanted:
            access = found.get(profile) or profiles.resolve(profile, path)
            if access is not None:
                found[profile] = access
    return found


def _backbone(language: Language, places: Places, findings: Findings) -> Backbone:
    links = []
    given: set[tuple[str, str]] = set()
    for number, link in enumerate(language.backbone.links):
        path: Path = ("backbone", "links", number)
        if link.between is not None:
            source, target = link.between
            places.site(source, (*path, "between", 0))
            places.site(target, (*path, "between", 1))
        else:
            source, target = link.from_ or "", link.to or ""
            places.site(source, (*path, "from"))
            places.site(target, (*path, "to"))
        ways = [(source, target)] if link.between is None or source == target else [(source, target), (target, source)]
        for way in ways:
            if way in given:
                findings.add(path, f"a second link from {way[0]} to {way[1]}", sentence=True)
            given.add(way)
            links.append(Link(*way, link.delay, link.jitter, link.loss, link.bandwidth))
    return Backbone(language.backbone.route_factor, language.backbone.delay, tuple(links))


def _consensus(language: Language, places: Places) -> Consensus:
    section = language.consensus.section
    assert isinstance(section, ConsensusSection)
    validators = places.numbers(section.validators, ("consensus", "validators"))
    return Consensus(language.consensus.entry.name, language.consensus.parameters, validators)


def _workload(language: Language, places: Places) -> Workload:
    load = language.workload
    origins = places.numbers(load.from_, ("workload", "from"))
    return Workload(load.rate, load.size, load.arrival, origins, load.batch)


def _faults(language: Language, places: Places, findings: Findings) -> tuple[Fault, ...]:
    faults = []
    for number, section in enumerate(language.faults):
        if section is None:
            continue
        path: Path = ("faults", number)
        if section.at >= language.duration and findings.sound("duration"):
            at, end = units.write_duration(section.at), units.write_duration(language.duration)
            findings.add((*path, "at"), f"is {at}, and the scenario ends at {end}")
        faults.append(_fault(section, path, language.duration, places, findings))
    return tuple(faults)


def _fault(section: FaultSection, path: Path, duration: int, places: Places, findings: Findings) -> Fault:
    end = None if section.for_ is None else section.at + section.for_
    until = duration if end is None else end
    match section:
        case PartitionSection():
            groups = _groups(section, (*path, "partition"), places, findings)
            words = [places.say(group) for group in groups]
            says = " cut off from ".join(words) if len(words) == 2 else f"{' | '.join(words)} cut off from each other"
            return Partition(section.at, until, groups, says)
        case BlockSection():
            sources = places.numbers(section.block.from_, (*path, "block", "from"))
            targets = places.numbers(section.block.to, (*path, "block", "to"))
            says = f"nothing from {places.say(sources)} reaches {places.say(targets)}"
            return Block(section.at, until, sources, targets, says)
        case CrashSection():
            nodes = places.numbers(section.crash, (*path, "crash"))
            says = places.say(nodes)
            return Crash(section.at, end, nodes, f"{says} crash{'' if ', ' in says else 'es'}")
    raise AssertionError(f"no such fault: {section}")


def _groups(section: PartitionSection, path: Path, places: Places, findings: Findings) -> tuple[tuple[int, ...], ...]:
    """The groups, and one more of the nodes that are in none."""
    taken: dict[int, str] = {}
    groups = [places.numbers(names, (*path, number), taken) for number, names in enumerate(section.partition)]
    groups.append(tuple(number for number in range(len(places.nodes)) if number not in taken))
    if all(groups[:-1]) and len(groups) == 2 and not groups[-1]:
        findings.add(path, "separates nobody: all nodes are in one group")
    return tuple(group for group in groups if group)


def _expect(language: Language, places: Places, findings: Findings) -> tuple[Expectation, ...]:
    known = summary.keys(places.sites)
    expected = []
    for key, wanted in language.expect.items():
        path: Path = ("expect", key)
        by_site = key.startswith("finality.by_site.")
        try:
            if findings.sound("sites") or not by_site:
                summary.check_key(key, known)
        except ValueError as error:
            findings.add(path, str(error), at_key=True)
            continue
        if isinstance(wanted, BoundsSection):
            if known.get(key) is not None:
                findings.add(path, "is no number, so it has no `min` and no `max`")
            expected.append(Expectation(key, min=wanted.min, max=wanted.max))
            continue
        try:
            summary.check_equals(known.get(key), wanted)
        except ValueError as error:
            findings.add(path, str(error))
        expected.append(Expectation(key, equals=wanted))
    return tuple(expected)


def _emulation(language: Language) -> Emulation:
    section = language.emulation
    return Emulation(
        section.broker,
        section.nodes_per_process,
        section.pace,
        section.dilation,
        section.fidelity.displaced,
        section.fidelity.displacement_p99,
    )
