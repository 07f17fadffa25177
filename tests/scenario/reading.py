"""How the tests of this room read scenarios, and two that use every feature between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from netsim import catalogue
from netsim.catalogue import Catalogue, Entry, Kind
from netsim.scenario import Distribution, Scenario, ScenarioError, parse

SMALL = "sites: {suzhou: {nodes: 4}}\n"

WHOLE = """\
name: greater-bay
description: "PBFT across Shenzhen, Hong Kong and Suzhou: everything at once"
seed: 7
duration: 60 s
warmup: 5 s

sites:
  shenzhen:  {location: [22.543, 114.058], nodes: 5, access: 5g-factory}
  hong-kong: {location: [22.319, 114.169], nodes: 4, access: fibre}
  suzhou:
    location: [31.299, 120.585]
    access: 5g
    nodes:
      - {name: suzhou-a}
      - {name: suzhou-b, access: leased}
      - {name: suzhou-c, access: lab}

access:
  5g-factory:
    extends: 5g
    description: private cells
    up: {distribution: lognormal, median: 5 ms, p99: 12 ms}
    core: 0.5 ms
    bandwidth: {up: 100 Mbps}
  lab: {down: {distribution: gamma, mean: 2 ms, deviation: 1 ms, minimum: 1 ms}, bandwidth: 10 Gbps}

backbone:
  route_factor: 1.4
  links:
    - {between: [shenzhen, hong-kong], delay: 4.5 ms, jitter: 0.4 ms, loss: 0.1 %, bandwidth: 1 Gbps}
    - {from: suzhou, to: hong-kong, delay: {distribution: pareto, scale: 16 ms, mean: 20 ms}}
    - {between: [suzhou, suzhou], delay: {distribution: normal, mean: 0.2 ms, deviation: 20 us, minimum: 0.1 ms}}

transport: datagram
overlay: {topology: random-regular, degree: 4}
gossip: {blocks: flood, votes: {protocol: direct}}

consensus:
  protocol: pbft
  block_interval: 500 ms
  block_size: 1 MiB
  timeout: 2 s
  window: 4
  quorum: 8
  validators: [shenzhen, hong-kong, suzhou-a]

workload: {rate: 6000 /min, size: 300 B, arrival: uniform, from: [hong-kong, suzhou-b], batch: 50 ms}
compute: {sign: 0 us, verify: 60 us, execute: 1 us}

faults:
  - {at: 20 s, for: 10 s, partition: [[suzhou], [shenzhen, hong-kong-0]]}
  - {at: 20 s, block: {from: suzhou, to: shenzhen}}
  - {at: 35 s, for: 5 s, crash: [shenzhen-0, suzhou]}
  - {at: 50 s, crash: shenzhen-1}

emulation:
  broker: mqtt://user:pass@localhost:1883
  nodes_per_process: 3
  pace: clock
  dilation: 2.5
  patience: 40 ms
  fidelity: {displaced: 2 %, displacement_p99: 3 ms}

expect:
  safety.agreement: holds
  finality.quorum_ms.p90: {max: 400}
  finality.by_site.suzhou.p50: {min: 1.5, max: 400}
  blocks.empty: 0

trace: blocks
"""

LINKS = """\
name: links
sites:
  shenzhen:  {location: [22.543, 114.058], nodes: 3, access: factory}
  hong-kong: {location: [22.319, 114.169], nodes: 2, access: crowded}
  suzhou:    {location: [31.299, 120.585], nodes: 2, access: recorded}

access:
  factory:
    extends: 5g
    tdd: DDDSUDDSUU
    slot: 0.25 ms
    processing: 0.2 ms
    uplink_grant: configured
    k2: 3
    request_every: 5 ms
    bler: 1 %
    attempts: 2
    operator: works
    spikes: {share: 2 %, median: 40 ms, p90: 90 ms, lasts: 300 ms}
    handover: {every: 20 s, outage: 60 ms}
  crowded: {extends: lte, spikes: {share: 5 %}, one_at_a_time: yes}
  recorded: {trace: {delays: 5.2 5.1 7.4 ms, lasts: 1 0.5 2 s}, bandwidth: 50 Mbps}

backbone:
  preset: congested
  time_of_day: 20:30
  links:
    - {between: [shenzhen, hong-kong], jitter: 1 ms, bursts: {share: 1 %, loss: 30 %, lasts: 200 ms}}
    - {from: hong-kong, to: suzhou, congestion: {delay: 5 ms, loss: 2 %, peak: "9:00"}}

transport: {protocol: stream, initial_window: none, idle_reset: no, receive_window: 1 MiB}

overlay:
  topology: file
  edges:
    - [shenzhen-0, shenzhen-1]
    - [shenzhen-1, shenzhen-2]
    - [shenzhen-2, hong-kong-0]
    - [hong-kong-0, hong-kong-1]
    - [hong-kong-1, suzhou-0]
    - [suzhou-0, suzhou-1]

consensus: {protocol: pbft, spread: auto}

faults:
  - {every: 10 s, for: 1 s, churn: {nodes: 2, among: [hong-kong, suzhou-1], rewire: yes}}
  - {at: 2 s, every: 4 s, for: 4 s, until: 20 s, churn: {nodes: 1}}
"""


MINED = """\
name: mined
sites:
  shenzhen: {nodes: 3, hash_rate: 2.5}
  suzhou:
    hash_rate: {distribution: normal, mean: 400000, deviation: 100000, minimum: 1}
    nodes:
      - {name: suzhou-a}
      - {name: suzhou-b, hash_rate: {distribution: pareto, scale: 1, shape: 1.5}}
      - {name: suzhou-c, hash_rate: 0}
backbone: {delay: 50 ms}
consensus: {protocol: nakamoto, preset: bitcoin-2019, block_interval: 10 s, hash_rate: 7, block_transactions: 2000}
gossip: {protocol: gossipsub, preset: ethereum}
finality: {depth: auto}
misbehaviour:
  - {nodes: [suzhou-a], does: selfish}
  - {nodes: [shenzhen-0, suzhou-b], does: delay, at: 5 s, by: 20 ms, what: blocks}
  - {nodes: shenzhen-0, does: withhold, from: [suzhou, shenzhen-1]}
  - {nodes: suzhou-c, does: equivocate, towards: auto}
sweep:
  finality.depth: [2, 6]
  consensus: [{protocol: nakamoto, timeout: 4 s}, {protocol: nakamoto}]
"""


class Extended:
    """The catalogue with protocols that weigh and that are never final by themselves, and all misbehaviour built."""

    def entries(self, kind: Kind) -> Iterator[Entry]:
        return (self._extended(entry) for entry in catalogue.entries(kind))

    def find(self, kind: Kind, name: str, folder: Path | None = None) -> Entry | None:
        if (kind, name) == ("protocols", "planned"):
            return Entry("protocols", "planned", "Will be built one day")
        entry = catalogue.find(kind, name, folder)
        return None if entry is None else self._extended(entry)

    def load(self, entry: Entry) -> Any:
        return catalogue.load(entry)

    def _extended(self, entry: Entry) -> Entry:
        pbft = catalogue.find("protocols", "pbft")
        assert pbft is not None
        like = replace(pbft, name=entry.name)
        match entry.kind, entry.name:
            case "protocols", "nakamoto":
                return replace(like, depth="6", weighs="hash_rate")
            case "protocols", "clique":
                return replace(like, depth="auto")
            case "protocols", "snowman":
                return replace(like, weighs="stake")
            case "misbehaviour", _:
                return replace(entry, target=entry.target or "netsim.node:pbft")
        return entry


EXTENDED = Extended()


def read(text: str, overrides: Sequence[str] = (), seed: int | None = None, using: Catalogue = catalogue) -> Scenario:
    """A text as a scenario; what is wrong with it is called `x.yaml`."""
    return parse(text, "x.yaml", overrides=overrides, seed=seed, catalogue=using)


def problems(
    text: str, overrides: Sequence[str] = (), seed: int | None = None, using: Catalogue = catalogue
) -> list[str]:
    """Everything that is wrong with a text, as it is printed."""
    try:
        read(text, overrides, seed, using)
    except ScenarioError as error:
        return [str(problem) for problem in error.problems]
    return []


class _Dumper(yaml.SafeDumper):
    """Writes everything out, even where the same object stands twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump(tree: dict[str, Any]) -> str:
    """A tree as YAML."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def constant(delay: int) -> Distribution:
    """The distribution that a bare duration means; ns."""
    return Distribution("constant", (("value", delay),))
