"""From well-formed sections to a scenario: names become numbers, and what does not fit together is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path as File

from netsim.catalogue import Catalogue
from netsim.catalogue.own import file_of, is_file
from netsim.scenario import backbone as links
from netsim.scenario import check, summary, units
from netsim.scenario.declared import read_depth
from netsim.scenario.document import Path
from netsim.scenario.findings import Findings
from netsim.scenario.model import (
    Access,
    Asynchrony,
    Backbone,
    Block,
    Choice,
    Churn,
    Clocks,
    Compute,
    Consensus,
    Crash,
    Degrade,
    Emulation,
    Expectation,
    Fault,
    Freeze,
    Misbehaviour,
    Node,
    Partition,
    Scenario,
    Workload,
)
from netsim.scenario.places import Places
from netsim.scenario.profiles import Profiles
from netsim.scenario.schema import (
    AsynchronySection,
    BlockSection,
    BoundsSection,
    ChurnSection,
    ComputeSection,
    ConsensusSection,
    CrashSection,
    DegradeSection,
    FaultSection,
    FreezeSection,
    Language,
    MisbehaviourSection,
    OnceSection,
    PartitionSection,
    SiteSection,
)
from netsim.scenario.topology import read_topology
from netsim.scenario.vertices import Charted, chart, some, unreached
from netsim.scenario.weights import weighed


def resolve(
    language: Language, name: str, folder: File, profiles: set[str], catalogue: Catalogue, findings: Findings
) -> Scenario:
    """Put the scenario together, without its text.

    `name`: the scenario's where it gives none; `folder`: where the files are that it names; `profiles`: the names of
    all its access profiles, also of malformed ones. Raises ScenarioError with everything that was found until here and
    is found now.
    """
    notes: list[str] = []
    charted = _charted(language, folder, findings, notes)
    own = charted.profiles | language.access
    places = Places(charted.sites, findings)
    access = _access(charted.sites, Profiles(own, profiles | set(own), folder, catalogue, findings, notes))
    backbone = links.resolve(language.backbone, places, charted.links, folder, catalogue, findings, notes)
    overlay = _overlay(language, places, charted, findings)
    consensus = _consensus(language, places, access, folder)
    nodes = _weighed(language, places, charted.sites, findings)
    workload = _workload(language, places)
    faults = _faults(language, places, findings)
    misbehaviour = _misbehaviour(language, places, consensus, findings)
    depth = _depth(language, consensus, findings)
    expect = _expect(language, places, findings)
    _check(language, places, nodes, backbone, consensus, findings)
    findings.conclude()
    return Scenario(
        name=name if language.name is None else language.name,
        description=language.description,
        seed=language.seed,
        duration=language.duration,
        warmup=language.warmup,
        sites=places.sites,
        nodes=nodes,
        access=access,
        backbone=backbone,
        transport=Choice(language.transport.entry.name, language.transport.parameters),
        overlay=overlay,
        gossip={kind: Choice(chosen.entry.name, chosen.parameters) for kind, chosen in language.gossip.items()},
        consensus=consensus,
        workload=workload,
        compute=_compute(language),
        clocks=Clocks(language.clocks.skew, language.clocks.drift),
        faults=faults,
        misbehaviour=misbehaviour,
        finality_depth=depth,
        emulation=_emulation(language),
        expect=expect,
        trace=language.trace,
        notes=tuple(notes),
        sweep={name: len(values) for name, values in language.sweep.items()},
        emulated=tuple(language.emulation.points),
    )


def _check(
    language: Language,
    places: Places,
    nodes: Sequence[Node],
    backbone: Backbone,
    consensus: Consensus,
    findings: Findings,
) -> None:
    """Every check whose sections are sound."""
    load, chosen = language.workload, language.consensus
    checks = [
        (("warmup", "duration"), check.warmup(language.warmup, language.duration)),
        (("sites", "backbone", "overlay"), check.backbone(backbone, places.sites)),
        (
            ("sites", "overlay"),
            check.overlay(language.overlay.entry.name, language.overlay.parameters, len(places.nodes)),
        ),
        (("sites", "consensus"), check.quorum(chosen.parameters, len(consensus.validators))),
        (
            ("sites", "overlay", "consensus"),
            check.weights(chosen.entry.weighs, [nodes[number].weight for number in consensus.validators]),
        ),
        (("workload", "duration"), check.workload(load, language.duration)),
        (("workload", "consensus"), check.block_size(chosen.parameters, load)),
    ]
    for sections, found in checks:
        if findings.sound(*sections):
            for path, message in found:
                findings.add(path, message)


def _compute(language: Language) -> Compute:
    costs = language.compute
    if isinstance(costs, ComputeSection):
        return Compute(costs.sign, costs.verify, costs.execute)
    return Compute(0, 0, 0, measured=True)


def _charted(language: Language, folder: File, findings: Findings, notes: list[str]) -> Charted:
    """What the topology file makes of the sites, where there is one."""
    chosen, charted = language.overlay, Charted(dict(language.sites))
    if chosen.entry.name != "file":
        return charted
    file, edges = chosen.parameters["file"], chosen.parameters["edges"]
    if (edges is None) == (file is None):
        findings.add(("overlay",), "needs either `file` or `edges`")
        findings.broken.add("overlay")
    if file is None or not findings.sound("sites", "overlay"):
        return charted
    try:
        topology = read_topology(folder / file)
    except ValueError as error:
        findings.add(("overlay", "file"), str(error))
        findings.broken.add("overlay")
        return charted
    notes += topology.notes
    return chart(topology, language.sites, chosen.parameters["access"], findings, notes)


def _access(sites: Mapping[str, SiteSection], profiles: Profiles) -> dict[str, Access]:
    found: dict[str, Access] = {}
    for name, site in sites.items():
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


def _overlay(language: Language, places: Places, charted: Charted, findings: Findings) -> Choice:
    chosen = language.overlay
    if chosen.entry.name != "file":
        return Choice(chosen.entry.name, chosen.parameters)
    edges = chosen.parameters["edges"]
    if not findings.sound("sites", "overlay"):
        return Choice(chosen.entry.name, {})
    joined = _joined(charted.edges if edges is None else edges, edges is not None, places, findings)
    return Choice(chosen.entry.name, {"edges": joined})


def _joined(
    edges: Sequence[tuple[str, str]], by_hand: bool, places: Places, findings: Findings
) -> tuple[tuple[int, int], ...]:
    """Pairs of the numbers of neighbours."""
    path: Path = ("overlay", "edges")
    found: dict[frozenset[int], tuple[int, int]] = {}
    for number, (here, there) in enumerate(edges):
        source = places.node(here, (*path, number, 0))
        target = places.node(there, (*path, number, 1))
        if source is None or target is None:
            continue
        if source == target:
            findings.add((*path, number), f"a link from {here} to itself", sentence=True)
        elif frozenset((source, target)) in found:
            findings.add((*path, number), f"a second link between {here} and {there}", sentence=True)
        found[frozenset((source, target))] = source, target
    if by_hand and len(found) == len(edges):
        names = [node.name for node in places.nodes]
        apart = unreached(names, edges)
        if apart:
            findings.add(path, f"do not join all nodes: {some(apart)} cannot be reached from {names[0]}")
    return tuple(found.values())


def _consensus(language: Language, places: Places, access: Mapping[str, Access], folder: File) -> Consensus:
    section = language.consensus.section
    assert isinstance(section, ConsensusSection)
    validators = places.numbers(section.validators, ("consensus", "validators"))
    parameters = dict(language.consensus.parameters)
    if "spread" in parameters and parameters["spread"] is None:
        # A second is a whole number of periods: without an offset every block would meet the same slots.
        cells = [profile.radio for profile in access.values() if profile.radio is not None]
        parameters["spread"] = max((len(cell.pattern) * cell.slot for cell in cells), default=0)
    name = language.consensus.entry.name
    if ":" not in name:
        return Consensus(name, parameters, validators)
    if not is_file(name):
        return Consensus(name, parameters, validators, str(folder.resolve()))
    file = file_of(name, folder)
    return Consensus(f"{file.name}:{name.partition(':')[2]}", parameters, validators, str(file.parent))


def _weighed(
    language: Language, places: Places, sections: Mapping[str, SiteSection], findings: Findings
) -> tuple[Node, ...]:
    if not findings.sound("sites", "overlay", "consensus"):
        return places.nodes
    section = language.consensus.section
    assert isinstance(section, ConsensusSection)
    return weighed(places.nodes, sections, section, language.consensus.entry, findings)


def _workload(language: Language, places: Places) -> Workload:
    load = language.workload
    origins = places.numbers(load.from_, ("workload", "from"))
    return Workload(load.rate, load.size, load.arrival, origins, load.batch, load.forward)


def _faults(language: Language, places: Places, findings: Findings) -> tuple[Fault, ...]:
    faults = []
    for number, section in enumerate(language.faults):
        if section is None:
            continue
        path: Path = ("faults", number)
        begin, key = _begin(section)
        if begin >= language.duration and findings.sound("duration"):
            at, end = units.write_duration(begin), units.write_duration(language.duration)
            findings.add((*path, key), f"is {at}, and the scenario ends at {end}")
        faults.append(_fault(section, path, language.duration, places, findings))
    return tuple(faults)


def _begin(section: FaultSection) -> tuple[int, str]:
    """When it fails for the first time, and the key that says so."""
    if isinstance(section, AsynchronySection):
        return section.at, "at"
    if isinstance(section, ChurnSection):
        return section.first, "every" if section.at is None else "at"
    assert isinstance(section, OnceSection)
    return section.at, "at"


def _fault(section: FaultSection, path: Path, duration: int, places: Places, findings: Findings) -> Fault:
    if isinstance(section, ChurnSection):
        return _churn(section, path, duration, places, findings)
    if isinstance(section, AsynchronySection):
        return _asynchrony(section, path, duration, places)
    assert isinstance(section, OnceSection)
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
        case FreezeSection():
            nodes = places.numbers(section.freeze, (*path, "freeze"))
            return Freeze(section.at, until, nodes, f"{places.say(nodes)} stopped")
        case DegradeSection():
            return _degrade(section, path, until, places)
    raise AssertionError(f"no such fault: {section}")


def _degrade(section: DegradeSection, path: Path, until: int, places: Places) -> Degrade:
    worse, path = section.degrade, (*path, "degrade")
    if worse.between is not None:
        here, there = worse.between
        for place, name in enumerate(worse.between):
            places.site(name, (*path, "between", place))
    else:
        assert worse.from_ is not None
        assert worse.to is not None
        here, there = worse.from_, worse.to
        places.site(here, (*path, "from"))
        places.site(there, (*path, "to"))
    both = worse.between is not None and here != there
    parts = [f"{units.write_duration(worse.delay)} slower"] if worse.delay else []
    parts += [f"{units.write_share(worse.loss)} more lost"] if worse.loss else []
    says = f"{here} {'and' if worse.between is not None else 'to'} {there}: {', '.join(parts)}"
    links = ((here, there), (there, here)) if both else ((here, there),)
    return Degrade(section.at, until, links, worse.delay, worse.loss, says)


def _asynchrony(section: AsynchronySection, path: Path, duration: int, places: Places) -> Asynchrony:
    wanted = section.asynchrony
    leader = wanted.targets == ("leader",)
    targets = None if leader else places.numbers(wanted.targets, (*path, "asynchrony", "targets"))
    whose = "the leader" if targets is None else places.say(targets)
    says = f"messages of {whose} up to {units.write_duration(wanted.delay)} late"
    return Asynchrony(section.at, min(section.until, duration), wanted.delay, targets, says)


def _churn(section: ChurnSection, path: Path, duration: int, places: Places, findings: Findings) -> Churn:
    drawn = section.churn
    nodes = places.numbers(drawn.among, (*path, "churn", "among"))
    if len(nodes) < drawn.nodes and nodes:
        findings.add((*path, "churn", "nodes"), f"is {drawn.nodes}, and there are {len(nodes)} among which to choose")
    every, lasts = units.write_duration(section.every), units.write_duration(section.for_)
    says = f"churn: {drawn.nodes} of {places.say(nodes)} every {every} for {lasts}"
    says += ", then with other neighbours" if drawn.rewire else ""
    until = duration if section.until is None else section.until
    return Churn(section.first, until, section.every, section.for_, drawn.nodes, nodes, drawn.rewire, says)


def _groups(section: PartitionSection, path: Path, places: Places, findings: Findings) -> tuple[tuple[int, ...], ...]:
    """The groups, and one more of the nodes that are in none."""
    taken: dict[int, str] = {}
    groups = [places.numbers(names, (*path, number), taken) for number, names in enumerate(section.partition)]
    groups.append(tuple(number for number in range(len(places.nodes)) if number not in taken))
    if all(groups[:-1]) and len(groups) == 2 and not groups[-1]:
        findings.add(path, "separates nobody: all nodes are in one group")
    return tuple(group for group in groups if group)


def _misbehaviour(
    language: Language, places: Places, consensus: Consensus, findings: Findings
) -> tuple[Misbehaviour, ...]:
    found = []
    for number, chosen in enumerate(language.misbehaviour):
        if chosen is None:
            continue
        path: Path = ("misbehaviour", number)
        section = chosen.section
        assert isinstance(section, MisbehaviourSection)
        if section.at >= language.duration and findings.sound("duration"):
            at, end = units.write_duration(section.at), units.write_duration(language.duration)
            findings.add((*path, "at"), f"is {at}, and the scenario ends at {end}")
        parameters = {
            declared.name: places.numbers(chosen.parameters[declared.name], (*path, declared.name))
            if declared.unit == "nodes" and chosen.parameters[declared.name] is not None
            else chosen.parameters[declared.name]
            for declared in chosen.entry.parameters
        }
        nodes = places.numbers(section.nodes, (*path, "nodes"))
        found.append(Misbehaviour(nodes, chosen.entry.name, section.at, parameters))
        if findings.sound("sites", "overlay", "consensus"):
            for key, message in check.misbehaviour(found, consensus, places.nodes):
                findings.add((*path, key), message)
    return tuple(found)


def _depth(language: Language, consensus: Consensus, findings: Findings) -> int | None:
    """How many blocks deep is final; None where the protocol itself says what is."""
    entry, given = language.consensus.entry, language.finality.depth
    if entry.depth is None:
        if given is not None and findings.sound("consensus"):
            findings.add(("finality", "depth"), f"has no use: {entry.name} is final by commit", at_key=True)
        return None
    depth = read_depth(entry.depth) if given is None else given
    return len(consensus.validators) // 2 + 1 if depth == "auto" else depth


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
        section.patience,
    )
