"""How the tests of this room read scenarios, and one that uses every feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from netsim import catalogue
from netsim.scenario import Scenario, ScenarioError, parse

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
  fidelity: {displaced: 2 %, displacement_p99: 3 ms}

expect:
  safety.agreement: holds
  finality.quorum_ms.p90: {max: 400}
  finality.by_site.suzhou.p50: {min: 1.5, max: 400}
  blocks.empty: 0

trace: blocks
"""


def read(text: str, overrides: Sequence[str] = (), seed: int | None = None) -> Scenario:
    """A text as a scenario; what is wrong with it is called `x.yaml`."""
    return parse(text, "x.yaml", overrides=overrides, seed=seed, catalogue=catalogue)


def problems(text: str, overrides: Sequence[str] = (), seed: int | None = None) -> list[str]:
    """Everything that is wrong with a text, as it is printed."""
    try:
        read(text, overrides, seed)
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
