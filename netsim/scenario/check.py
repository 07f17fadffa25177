"""What no key can be judged for alone: is there such a graph, can that quorum exist, does it all fit together.

Each check looks at sections that are well formed by themselves and returns where something is wrong, and what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from netsim.scenario import units
from netsim.scenario.document import Path
from netsim.scenario.model import Backbone, Consensus, Distribution, Misbehaviour, Node, Site
from netsim.scenario.schema import WorkloadSection
from netsim.scenario.weights import always_zero

Found = Iterator[tuple[Path, str]]

_MOST_IN_A_BATCH = 500_000  # of 2²⁰ numbers that a batch has, with room for chance


def overlay(topology: str, parameters: Mapping[str, Any], nodes: int) -> Found:
    """Whether the graph exists. For one or two nodes every topology is the only connected graph that there is."""
    if nodes >= 3 and topology in _GRAPHS:
        for key, wrong in _GRAPHS[topology](parameters, nodes):
            yield ("overlay", key), wrong


def _random_regular(parameters: Mapping[str, Any], nodes: int) -> Iterator[tuple[str, str]]:
    degree = parameters["degree"]
    if degree >= nodes:
        yield "degree", f"is {degree}, not smaller than the number of nodes, {nodes}"
    elif degree < 2:
        yield "degree", "is 1: such a graph of more than two nodes is not connected"
    elif degree * nodes % 2:
        yield "degree", f"is {degree} for {nodes} nodes: one of the two must be even"


def _small_world(parameters: Mapping[str, Any], nodes: int) -> Iterator[tuple[str, str]]:
    degree = parameters["degree"]
    if degree >= nodes:
        yield "degree", f"is {degree}, not smaller than the number of nodes, {nodes}"
    elif degree % 2:
        yield "degree", f"is {degree}; in a small world it is even, as many neighbours on either side"


def _scale_free(parameters: Mapping[str, Any], nodes: int) -> Iterator[tuple[str, str]]:
    if parameters["links"] >= nodes:
        yield "links", f"is {parameters['links']}, not smaller than the number of nodes, {nodes}"


_GRAPHS: dict[str, Callable[[Mapping[str, Any], int], Iterator[tuple[str, str]]]] = {
    "random-regular": _random_regular,
    "small-world": _small_world,
    "scale-free": _scale_free,
}


def backbone(given: Backbone, sites: Mapping[str, Site]) -> Found:
    """Whether every delay between sites is known."""
    if given.delay is not None:
        return
    known = {(link.source, link.target) for link in given.links if link.delay is not None}
    for name, site in sites.items():
        if site.location is not None:
            continue
        for other in sites:
            if other != name and not {(name, other), (other, name)} <= known:
                yield (
                    ("sites", name),
                    f"has no `location`, and no delay to and from {other} is given: give it one, or a link in "
                    "`backbone`, or `backbone.delay`",
                )
                break


def quorum(parameters: Mapping[str, Any], validators: int) -> Found:
    """Whether a quorum of these validators can exist."""
    wanted = parameters.get("quorum")
    if wanted is not None and wanted > validators:
        yield ("consensus", "quorum"), f"is {wanted}, and there are {validators} validators"


def weights(key: str | None, validators: Sequence[Distribution]) -> Found:
    """Whether any validator has some weight. `key`: the one that gives it, None where nobody weighs."""
    if key is not None and validators and all(map(always_zero, validators)):
        yield ("consensus",), f"has no validator with any `{key}`: at least one must have more than 0"


_VALIDATORS_ONLY = ("equivocate", "forge", "censor", "selfish")  # what others never do, so they could not do it wrong
_MINED = "nakamoto"


def misbehaviour(
    items: Sequence[Misbehaviour], consensus: Consensus, nodes: Sequence[Node]
) -> Iterator[tuple[str, str]]:
    """Whether the last of the items makes sense, beside those before it; by its own keys."""
    *before, last = items
    if last.does == "selfish" and consensus.protocol != _MINED:
        yield "does", f"is `selfish`, which is a way of mining, and {consensus.protocol} has no miners"
    twice = {node for item in before if item.does == last.does for node in item.nodes} & set(last.nodes)
    if twice:
        yield "nodes", f"names {nodes[min(twice)].name}, of which `{last.does}` is said already"
    followers = set(last.nodes) - set(consensus.validators)
    if followers and last.does in _VALIDATORS_ONLY:
        yield "nodes", f"names {nodes[min(followers)].name}, and only a validator can `{last.does}`"
    correct = set(consensus.validators).difference(*(item.nodes for item in before))
    if correct and correct <= set(last.nodes):
        yield "nodes", "leaves no validator that is correct"


def warmup(length: int, duration: int) -> Found:
    """Whether anything is left to be measured."""
    if length >= duration:
        lengths = f"{units.write_duration(length)}, and `duration` {units.write_duration(duration)}"
        yield ("warmup",), f"is {lengths}: nothing is left to be measured"


def workload(load: WorkloadSection, duration: int) -> Found:
    """Whether the batches can be made."""
    if load.rate and load.batch > duration:
        yield ("workload", "batch"), "is longer than the scenario: no transaction would ever be handed over"
    elif load.rate * load.batch / 1e9 > _MOST_IN_A_BATCH:
        yield ("workload", "batch"), f"and `rate` give more than {_MOST_IN_A_BATCH} transactions at once"


def block_size(parameters: Mapping[str, Any], load: WorkloadSection) -> Found:
    """Whether a transaction fits into a block."""
    most = parameters.get("block_size")
    if load.rate and most is not None and load.size > most:
        yield (
            ("workload", "size"),
            f"is {units.write_size(load.size)}, more than a block holds ({units.write_size(most)})",
        )
