"""Every cause in the section "Bad input" of the language, and what a user is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim import catalogue
from netsim.scenario import ScenarioError, load

from .reading import SMALL, WHOLE, problems, read


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # the file as a whole
        ("", "1:1: `sites` is missing: a scenario needs nodes somewhere"),
        ("- 1\n", "1:1: a scenario is a mapping of keys, such as `sites`"),
        ("just words\n", "1:1: a scenario is a mapping of keys, such as `sites`"),
        (f"{SMALL}\tseed: 1\n", "2:1: a tab: YAML is indented with spaces"),
        (f"{SMALL}seed: 1\nseed: 2\n", "3:1: `seed` is given twice, the first time in line 2"),
        (f"{SMALL}seed: &s 1\n", "2:7: an anchor (`&s`): a scenario has neither anchors nor aliases"),
        # unknown names
        (f"{SMALL}durtion: 5 s\n", "2:1: unknown key `durtion`; did you mean `duration`?"),
        (f"{SMALL}zzz: 5 s\n", "2:1: unknown key `zzz`"),
        ("sites: {a: {node: 4}}\n", "1:13: unknown key `node`; did you mean `nodes`?"),
        (
            f"{SMALL}emulation: {{fidelity: {{displacd: 1 %}}}}\n",
            "2:24: unknown key `displacd`; did you mean `displaced`?",
        ),
        (f"{SMALL}consensus: {{windw: 8}}\n", "2:13: unknown key `windw`; did you mean `window`?"),
        (
            "sites: {a: {access: 6g}}\n",
            "1:21: `access` is `6g`, which is no access profile; there are 5g, 5g-long-period, 5g-urllc, 5g-nsa, "
            "lte, fibre, leased, ideal",
        ),
        (
            f"{SMALL}access: {{lab: {{extends: fiber}}}}\n",
            "2:25: `extends` is `fiber`, which is no access profile; did you mean `fibre`?",
        ),
        (
            "sites: {a: {access: labb}}\naccess: {lab: {}}\n",
            "1:21: `access` is `labb`, which is no access profile; did you mean `lab`?",
        ),
        (
            f"{SMALL}consensus: {{protocol: pbtf}}\n",
            "2:23: `protocol` is `pbtf`, which is no protocol; did you mean `pbft`?",
        ),
        (f"{SMALL}gossip: flod\n", "2:9: `gossip` is `flod`, which is no gossip strategy; did you mean `flood`?"),
        (
            f"{SMALL}gossip: {{votes: flod}}\n",
            "2:17: `votes` is `flod`, which is no gossip strategy; did you mean `flood`?",
        ),
        (
            f"{SMALL}overlay: {{topology: rign}}\n",
            "2:21: `topology` is `rign`, which is no topology; did you mean `ring`?",
        ),
        (f"{SMALL}transport: strem\n", "2:12: `transport` is `strem`, which is no transport; did you mean `stream`?"),
        (
            f"{SMALL}consensus: {{validators: [suzhou-0, suzou-1]}}\n",
            "2:36: `validators` names `suzou-1`, which is no node and no site; did you mean `suzhou-1`?",
        ),
        (
            f"{SMALL}workload: {{from: shenzen}}\n",
            "2:18: `from` names `shenzen`, which is no node and no site",
        ),
        (
            f"{SMALL}backbone: {{links: [{{between: [suzhou, suzou], delay: 1 ms}}]}}\n",
            "2:39: `between` names `suzou`, which is no site; did you mean `suzhou`?",
        ),
        (
            f"{SMALL}faults: [{{at: 1 s, crash: [suzhou-9]}}]\n",
            "2:28: `crash` names `suzhou-9`, which is no node and no site; did you mean `suzhou-3`?",
        ),
        (
            f"{SMALL}expect: {{safety.agrement: holds}}\n",
            "2:10: `safety.agrement` is no key of summary.json; did you mean `safety.agreement`?",
        ),
        # quantities
        (f"{SMALL}duration: 30\n", "2:11: `duration` is `30`, a number without a unit: ns, us, ms, s, min, h"),
        (f"{SMALL}duration: -30 s\n", "2:11: `duration` is `-30 s`, which is negative"),
        (f"{SMALL}duration: .inf\n", "2:11: `duration` is `.inf`, which is not finite"),
        (f"{SMALL}duration: 0 s\n", "2:11: `duration` must be more than zero"),
        (f"{SMALL}duration:\n", "2:10: `duration` has no value"),
        (f"{SMALL}duration: [30 s]\n", "2:11: `duration` is a single value, not a list"),
        (f"{SMALL}seed: 1.5\n", "2:7: `seed` is `1.5`, which is no whole number"),
        (f"{SMALL}workload: {{rate: 200}}\n", "2:18: `rate` is `200`, a number without a unit: /s, /min, /h"),
        (f"{SMALL}workload: {{size: 0 B}}\n", "2:18: `size` must be more than zero"),
        (
            f"{SMALL}access: {{lab: {{bandwidth: 100}}}}\n",
            "2:27: `bandwidth` is `100`, a number without a unit: bps, kbps, Mbps, Gbps",
        ),
        (f"{SMALL}backbone: {{delay: nan ms}}\n", "2:19: `delay` is `nan ms`, which is not finite"),
        (f"{SMALL}backbone: {{delay: 2 h}}\n", "2:19: `delay` is longer than an hour"),
        (f"{SMALL}backbone: {{route_factor: 0.5}}\n", "2:26: `route_factor` is from 1 to 10, not 0.5"),
        (f"{SMALL}consensus: {{timeout: 0 s}}\n", "2:22: `timeout` is `0 s`; the least is 1 ns"),
        (
            f"{SMALL}consensus: {{empty_blocks: no}}\n",
            "2:27: `empty_blocks` is when-needed, always or never, not `no`",
        ),
        (
            f"{SMALL}backbone: {{links: [{{between: [suzhou, suzhou], loss: 100 %}}]}}\n",
            "2:54: `loss` must be less than 100 %; the fault `block` loses everything",
        ),
        # distributions
        (
            f"{SMALL}access: {{lab: {{up: {{distribution: uniform, low: 2 ms, high: 1 ms}}}}}}\n",
            "2:20: `up` has its `low` above its `high`",
        ),
        (
            f"{SMALL}access: {{lab: {{up: {{distribution: lognormal, median: 2 ms}}}}}}\n",
            "2:20: `up` needs either `p99` or `sigma`",
        ),
        (
            f"{SMALL}access: {{lab: {{up: {{distribution: lognormal, median: 2 ms, p99: 1 ms}}}}}}\n",
            "2:20: `up` has its `p99` below its `median`",
        ),
        (
            f"{SMALL}access: {{lab: {{up: {{distribution: pareto, scale: 2 ms, mean: 2 ms}}}}}}\n",
            "2:20: `up` has a `mean` that is not above its `scale`",
        ),
        (
            f"{SMALL}access: {{lab: {{up: {{distribution: quantiles, points: {{0 %: 2 ms, 100 %: 1 ms}}}}}}}}\n",
            "2:54: `points` has durations that fall while the shares rise",
        ),
        (
            f"{SMALL}access: {{lab: {{up: {{distribution: quantiles, points: {{50 %: 1 ms}}}}}}}}\n",
            "2:54: `points` needs `0 %` and `100 %`, the least and the most that is ever drawn",
        ),
        (f"{SMALL}access: {{lab: {{up: {{low: 1 ms}}}}}}\n", "2:20: `distribution` is missing"),
        (
            f"{SMALL}access: {{lab: {{up: {{distribution: gauss}}}}}}\n",
            "2:35: `distribution` is `gauss`, which is no distribution; there are constant, uniform, normal, "
            "lognormal, pareto, gamma, quantiles, empirical",
        ),
        # sites and nodes
        ("sites: {}\n", "1:1: `sites` is missing: a scenario needs nodes somewhere"),
        ("sites:\n", "1:7: `sites` has no value; leave the key out for its default"),
        ("sites: [a, b]\n", "1:8: `sites` is a mapping, not a single value or a list"),
        ("sites: {a: 4}\n", "1:12: `a` is a mapping of keys, not `4`"),
        ("sites: {a: {nodes: 0}}\n", "1:20: `nodes` is from 1 to 100000, not 0"),
        ("sites: {a: {nodes: 1000000000000}}\n", "1:20: `nodes` is from 1 to 100000, not 1000000000000"),
        ("sites: {a: {nodes: []}}\n", "1:20: `nodes` is an empty list; a site has at least one node"),
        (
            "sites: {a: {nodes: 60000}, b: {nodes: 60000}}\n",
            "1:8: `sites` hold 120000 nodes at 2; the most is 100000 at 1000",
        ),
        ("sites: {a: {nodes: [{name: x}, {name: x}]}}\n", "1:39: `x` is the name of two nodes or sites"),
        (
            "sites: {a: {nodes: 2, location: [1, 2]}, b: {nodes: [{name: a-1}], location: [1, 2]}}\n",
            "1:61: `a-1` is the name of two nodes or sites",
        ),
        ("sites: {a: {nodes: [{name: a}]}}\n", "1:28: `a` is the name of two nodes or sites"),
        (
            "sites: {all: {}}\n",
            "1:9: `all` is no name: letters and digits, with `-` and `_` after the first, at most 63",
        ),
        (
            "sites: {a.b: {}}\n",
            "1:9: `a.b` is no name: letters and digits, with `-` and `_` after the first, at most 63",
        ),
        (
            "sites: {a: {location: [91, 0]}}\n",
            "1:23: `location` has the latitude 91, which is not from -90 to 90",
        ),
        (
            "sites: {a: {location: [0, -181]}}\n",
            "1:23: `location` has the longitude -181, which is not from -180 to 180",
        ),
        (
            "sites: {a: {location: 22.5}}\n",
            "1:23: `location` is a list of latitude and longitude in degrees, such as `[22.543, 114.058]`",
        ),
        ("sites: {a: {location: [x, 0]}}\n", "1:24: `location` is `x`, which is no number"),
        (
            "sites: {a: {location: [1, 2]}, b: {}}\n",
            "1:35: `b` has no `location`, and no delay to and from a is given: give it one, or a link in "
            "`backbone`, or `backbone.delay`",
        ),
        # access and backbone
        (
            f"{SMALL}access: {{a: {{extends: b}}, b: {{extends: a}}}}\n",
            "2:40: `extends` is `a`, which extends `b` itself",
        ),
        (
            f"{SMALL}backbone: {{links: [{{from: suzhou, delay: 1 ms}}]}}\n",
            "2:20: a link needs either `between` or both `from` and `to`",
        ),
        (
            f"{SMALL}backbone: {{links: [{{between: [suzhou], delay: 1 ms}}]}}\n",
            "2:30: `between` is a list of two sites, such as `[shenzhen, suzhou]`",
        ),
        (
            f"{SMALL}backbone: {{links: [{{between: [suzhou, suzhou]}}, {{from: suzhou, to: suzhou}}]}}\n",
            "2:49: a second link from suzhou to suzhou",
        ),
        # radio cells, spikes, handovers, recordings
        (f"{SMALL}access: {{lab: {{tdd: DDDS}}}}\n", "2:21: `tdd` is `DDDS`, without any slot up: U or F"),
        (f"{SMALL}access: {{lab: {{tdd: UU}}}}\n", "2:21: `tdd` is `UU`, without any slot down: D, S or F"),
        (
            f"{SMALL}access: {{lab: {{tdd: DXU}}}}\n",
            "2:21: `tdd` is `DXU`; a pattern is 1 to 40 letters out of D, S, U and F, or `none`",
        ),
        (
            f"{SMALL}access: {{lab: {{tdd: {'DU' * 21}}}}}\n",
            f"2:21: `tdd` is `{'DU' * 21}`; a pattern is 1 to 40 letters out of D, S, U and F, or `none`",
        ),
        (
            f"{SMALL}access: {{lab: {{bler: 5 %}}}}\n",
            "2:16: `bler` belongs to a radio cell, and neither this profile nor one that it extends has a `tdd`",
        ),
        (
            f"{SMALL}access: {{lab: {{extends: 5g, tdd: none, k2: 3}}}}\n",
            "2:40: `k2` belongs to a radio cell, and neither this profile nor one that it extends has a `tdd`",
        ),
        (
            f"{SMALL}access: {{lab: {{extends: 5g, slot: 1 us}}}}\n",
            "2:35: `slot` is from 10 us to 10 ms, not 1 us",
        ),
        (
            f"{SMALL}access: {{lab: {{extends: 5g, uplink_grant: always}}}}\n",
            "2:43: `uplink_grant` is configured or scheduled, not `always`",
        ),
        (f"{SMALL}access: {{lab: {{extends: 5g, attempts: 0}}}}\n", "2:39: `attempts` is from 1 to 16, not 0"),
        (
            f"{SMALL}access: {{lab: {{extends: 5g, bandwidth: {{up: 1 kbps}}}}}}\n",
            "2:40: `bandwidth` is 1 kbps up; in a cell the least is 10 kbps",
        ),
        (f"{SMALL}access: {{lab: {{spikes: {{p90: 1 ms}}}}}}\n", "2:24: `spikes` has its `p90` below its `median`"),
        (
            f"{SMALL}access: {{lab: {{spikes: {{median: 1 us}}}}}}\n",
            "2:24: `spikes` has a `p90` more than 500 times its `median`",
        ),
        (f"{SMALL}access: {{lab: {{handover: {{every: 1 ms}}}}}}\n", "2:34: `every` is 1 ms; the least is 10 ms"),
        (
            f"{SMALL}access: {{lab: {{handover: {{every: 1 s, outage: 0.6 s}}}}}}\n",
            "2:26: `handover` has an `outage` of more than half of `every`",
        ),
        (
            f"{SMALL}access: {{lab: {{extends: 5g, slot: 10 ms, handover: {{every: 149 ms}}}}}}\n",
            "2:52: `handover` leaves less time between two outages than two periods of the slot pattern, 100 ms",
        ),
        (
            f"{SMALL}access: {{lab: {{trace: nowhere/ping.csv}}}}\n",
            "2:23: `trace` names a file that cannot be read: No such file or directory",
        ),
        (
            f"{SMALL}access: {{lab: {{trace: {{delays: 5 6, lasts: 1 s}}}}}}\n",
            "2:32: `delays` is one or more numbers and at the end their unit, as in `5.2 5.1 7.4 ms`",
        ),
        (
            f"{SMALL}access: {{lab: {{trace: {{delays: 5 6 ms, lasts: 1 2 3 s}}}}}}\n",
            "2:23: `trace` has 2 `delays` and 3 times in `lasts`",
        ),
        (
            f"{SMALL}access: {{lab: {{trace: {{delays: 5 -6 ms, lasts: 1 s}}}}}}\n",
            "2:32: `delays` is `-6 ms`, which is negative",
        ),
        (
            f"{SMALL}access: {{lab: {{trace: {{delays: 5 6 ms, lasts: 1 0 s}}}}}}\n",
            "2:47: `lasts` holds a time that is not more than zero",
        ),
        (f"{SMALL}access: {{lab: {{one_at_a_time: 1}}}}\n", "2:31: `one_at_a_time` is yes or no, not `1`"),
        # presets, matrices, bursts, the time of day
        (
            f"{SMALL}backbone: publik\n",
            "2:11: `preset` is `publik`, which is no backbone preset; did you mean `public`?",
        ),
        (
            f"{SMALL}backbone: {{preset: public, delay: 3 ms}}\n",
            "2:35: `delay` is the same between every two nodes, and a `preset` is not: give one of them",
        ),
        (
            f"{SMALL}backbone: {{matrix: nowhere.csv}}\n",
            "2:20: `matrix` names a file that cannot be read: No such file or directory",
        ),
        (
            f"{SMALL}backbone: {{time_of_day: 25:00}}\n",
            "2:25: `time_of_day` is `25:00`, which is no time of day; one is written like `21:00`",
        ),
        (
            f"{SMALL}backbone: {{links: [{{between: [suzhou, suzhou], bursts: {{share: 1 %, loss: 9 %}}}}]}}\n",
            "2:56: `lasts` is missing",
        ),
        (
            f"{SMALL}backbone: {{links: [{{between: [suzhou, suzhou], "
            "bursts: {share: 100 %, loss: 9 %, lasts: 1 s}}]}\n",
            "2:64: `share` must be less than 100 %; what is always lost is the link's own `loss`",
        ),
        (
            f"{SMALL}backbone: {{links: [{{between: [suzhou, suzhou], congestion: {{peak: 9 pm}}}}]}}\n",
            "2:67: `peak` is `9 pm`, which is no time of day; one is written like `21:00`",
        ),
        # transport
        (f"{SMALL}transport: {{initial_window: 0}}\n", "2:29: `initial_window` is `0`; the least is 1"),
        (
            f"{SMALL}transport: {{protocol: datagram, idle_reset: no}}\n",
            "2:33: unknown key `idle_reset`",
        ),
        # topologies
        (
            f"{SMALL}overlay: {{topology: random, links: {{1: 2 %, 4: 3 %}}}}\n",
            "2:36: `links` has shares that add up to 5 %, not to 100 %",
        ),
        (
            f"{SMALL}overlay: {{topology: random, links: {{1: 50 %, 01: 50 %}}}}\n",
            "2:36: `links` gives a number twice",
        ),
        (
            f"{SMALL}overlay: {{topology: random, links: -1}}\n",
            "2:36: `links` is `-1`, which is not from 0 to 100000",
        ),
        (f"{SMALL}overlay: {{topology: file}}\n", "2:10: `overlay` needs either `file` or `edges`"),
        (
            f"{SMALL}overlay: {{topology: file, file: nowhere.gml}}\n",
            "2:33: `file` names a file that cannot be read: No such file or directory",
        ),
        (
            "overlay: {topology: file, file: nowhere.gml}\n",
            "1:33: `file` names a file that cannot be read: No such file or directory",
        ),
        (
            f"{SMALL}overlay: {{topology: file, edges: [[suzhou-0, suzhou-9]]}}\n",
            "2:46: `edges` names `suzhou-9`, which is no node; did you mean `suzhou-3`?",
        ),
        (
            f"{SMALL}overlay: {{topology: file, edges: [[suzhou-0, suzhou-1, suzhou-2]]}}\n",
            "2:35: `edges` is a pair of nodes, such as `[a-0, b-0]`",
        ),
        (
            f"{SMALL}overlay: {{topology: file, edges: [[suzhou-0, suzhou-1], [suzhou-3, suzhou-2]]}}\n",
            "2:34: `edges` do not join all nodes: suzhou-2, suzhou-3 cannot be reached from suzhou-0",
        ),
        (
            "sites: {a: {nodes: 2}}\noverlay: {topology: file, edges: [[a-0, a-1], [a-1, a-0]]}\n",
            "2:47: a second link between a-1 and a-0",
        ),
        (
            "sites: {a: {nodes: 2}}\noverlay: {topology: file, edges: [[a-0, a-1], [a-1, a-1]]}\n",
            "2:47: a link from a-1 to itself",
        ),
        # churn
        (
            f"{SMALL}faults: [{{every: 1 s, for: 2 s, churn: {{nodes: 1}}}}]\n",
            "2:28: `for` is 2 s, longer than `every`, 1 s: they would not be back before the next are drawn",
        ),
        (f"{SMALL}faults: [{{every: 1 s, churn: {{nodes: 1}}}}]\n", "2:10: `for` is missing"),
        (
            f"{SMALL}faults: [{{every: 2 s, for: 1 s, churn: {{nodes: 5}}}}]\n",
            "2:48: `nodes` is 5, and there are 4 among which to choose",
        ),
        (
            f"{SMALL}faults: [{{every: 2 s, for: 1 s, churn: {{nodes: 1, among: [x]}}}}]\n",
            "2:59: `among` names `x`, which is no node and no site",
        ),
        (
            f"{SMALL}faults: [{{every: 40 s, for: 1 s, churn: {{nodes: 1}}}}]\n",
            "2:18: `every` is 40 s, and the scenario ends at 30 s",
        ),
        (
            f"{SMALL}faults: [{{at: 9 s, every: 2 s, for: 1 s, until: 9 s, churn: {{nodes: 1}}}}]\n",
            "2:49: `until` is 9 s, and the first time is at 9 s",
        ),
        # what cannot exist
        (
            f"{SMALL}overlay: {{topology: random-regular, degree: 4}}\n",
            "2:45: `degree` is 4, not smaller than the number of nodes, 4",
        ),
        (
            "sites: {a: {nodes: 5}}\noverlay: {topology: random-regular, degree: 3}\n",
            "2:45: `degree` is 3 for 5 nodes: one of the two must be even",
        ),
        (
            "sites: {a: {nodes: 6}}\noverlay: {topology: random-regular, degree: 1}\n",
            "2:45: `degree` is 1: such a graph of more than two nodes is not connected",
        ),
        (
            "sites: {a: {nodes: 6}}\noverlay: {topology: small-world, degree: 3}\n",
            "2:42: `degree` is 3; in a small world it is even, as many neighbours on either side",
        ),
        (
            f"{SMALL}overlay: {{topology: scale-free, links: 4}}\n",
            "2:40: `links` is 4, not smaller than the number of nodes, 4",
        ),
        (f"{SMALL}overlay: random-regular\n", "2:10: `degree` is 4, not smaller than the number of nodes, 4"),
        (
            "sites: {a: {nodes: 13}}\nconsensus: {quorum: 20}\n",
            "2:21: `quorum` is 20, and there are 13 validators",
        ),
        (f"{SMALL}consensus: {{quorum: 0}}\n", "2:21: `quorum` is `0`; the least is 1"),
        (f"{SMALL}consensus: {{validators: []}}\n", "2:25: `validators` is an empty list"),
        (
            f"{SMALL}consensus: {{validators: [suzhou, suzhou-1]}}\n",
            "2:34: `validators` names suzhou-1 twice (as `suzhou` and as `suzhou-1`)",
        ),
        (
            f"{SMALL}warmup: 30 s\n",
            "2:9: `warmup` is 30 s, and `duration` 30 s: nothing is left to be measured",
        ),
        (
            f"{SMALL}workload: {{size: 1 MiB}}\n",
            "2:18: `size` is 1 MiB, more than a block holds (512 KiB)",
        ),
        (
            f"{SMALL}workload: {{batch: 1 h}}\n",
            "2:19: `batch` is longer than the scenario: no transaction would ever be handed over",
        ),
        (
            f"{SMALL}workload: {{rate: 10000000 /s}}\n",
            "2:11: `batch` and `rate` give more than 500000 transactions at once",
        ),
        # faults
        (f"{SMALL}faults: [{{at: 30 s, crash: suzhou}}]\n", "2:15: `at` is 30 s, and the scenario ends at 30 s"),
        (f"{SMALL}faults: [{{crash: suzhou}}]\n", "2:10: `at` is missing"),
        (f"{SMALL}faults: [{{at: 1 s, for: 0 s, crash: suzhou}}]\n", "2:25: `for` must be more than zero"),
        (
            f"{SMALL}faults: [{{at: 1 s, partition: [[suzhou-0], [suzhou-1, suzhou-0]]}}]\n",
            "2:55: `partition` names suzhou-0 twice",
        ),
        (
            f"{SMALL}faults: [{{at: 1 s, partition: [[suzhou], [suzhou-0]]}}]\n",
            "2:43: `partition` names suzhou-0 twice (as `suzhou` and as `suzhou-0`)",
        ),
        (
            f"{SMALL}faults: [{{at: 1 s, partition: [[suzhou]]}}]\n",
            "2:31: `partition` separates nobody: all nodes are in one group",
        ),
        (
            f"{SMALL}faults: [{{at: 1 s, partition: [all]}}]\n",
            "2:31: `partition` separates nobody: all nodes are in one group",
        ),
        (
            f"{SMALL}faults: [{{at: 1 s, partition: [all, [suzhou-1]]}}]\n",
            "2:38: `partition` names suzhou-1 twice (as `all` and as `suzhou-1`)",
        ),
        (
            f"{SMALL}faults: [{{at: 1 s, partition: []}}]\n",
            "2:31: `partition` is a list of groups, such as `[[suzhou], [shenzhen, hong-kong]]`",
        ),
        (
            f"{SMALL}faults: [{{at: 1 s, partitoin: [[suzhou-0]]}}]\n",
            "2:20: unknown key `partitoin`; did you mean `partition`?",
        ),
        (
            f"{SMALL}faults: [{{at: 1 s}}]\n",
            "2:10: a fault without any of partition, block, crash, freeze, degrade, churn, join, leave, asynchrony",
        ),
        (
            f"{SMALL}faults: [{{at: 1 s, crash: suzhou, partition: [[suzhou-0]]}}]\n",
            "2:10: `crash` and `partition` are two faults: give them an item each",
        ),
        (f"{SMALL}faults: [{{at: 1 s, block: {{from: suzhou}}}}]\n", "2:27: `to` is missing"),
        (
            f"{SMALL}faults: {{at: 1 s, crash: suzhou}}\n",
            "2:9: `faults` is a list, not a single value or a mapping",
        ),
        # emulation
        (f"{SMALL}emulation: {{pace: fast}}\n", "2:19: `pace` is lockstep or clock, not `fast`"),
        (f"{SMALL}emulation: {{dilation: 0}}\n", "2:23: `dilation` is from 0.001 to 1000, not 0"),
        (f"{SMALL}emulation: {{nodes_per_process: 0}}\n", "2:32: `nodes_per_process` is from 1 to 100000, not 0"),
        (
            f"{SMALL}emulation: {{broker: rabbit}}\n",
            "2:21: `broker` is `rabbit`, which is no broker; there are embedded, mosquitto, mqtt, mqtts",
        ),
        (
            f'{SMALL}emulation: {{broker: "mqtt://:1883"}}\n',
            "2:21: `broker` is written `mqtt://user:password@host:1883`",
        ),
        (
            f'{SMALL}emulation: {{broker: "mqtt://h:99999"}}\n',
            "2:21: `broker` is written `mqtt://user:password@host:1883`",
        ),
        (f"{SMALL}emulation: {{broker: mqtt}}\n", "2:21: `broker` is written `mqtt://user:password@host:1883`"),
        # expectations
        (
            f"{SMALL}expect: {{safety.agreement: hold}}\n",
            "2:28: `safety.agreement` is holds or violated, never `hold`; did you mean `holds`?",
        ),
        (
            f"{SMALL}expect: {{safety.agreement: {{min: 1}}}}\n",
            "2:28: `safety.agreement` is no number, so it has no `min` and no `max`",
        ),
        (
            f"{SMALL}expect: {{finality.quorum_ms: {{max: 400}}}}\n",
            "2:10: `finality.quorum_ms` holds several values; name one, such as `finality.quorum_ms.count`",
        ),
        (
            f"{SMALL}expect: {{finality.by_site.shenzhen.p50: {{max: 400}}}}\n",
            "2:10: `finality.by_site.shenzhen.p50` is no key of summary.json; "
            "did you mean `finality.by_site.suzhou.p50`?",
        ),
        (
            f"{SMALL}expect: {{blocks.finalised: {{max: 400 ms}}}}\n",
            "2:34: `max` is `400 ms`, but a plain number is meant, without a unit",
        ),
        (
            f"{SMALL}expect: {{blocks.finalised: {{min: 3, max: 2}}}}\n",
            "2:28: `blocks.finalised` has its `min` above its `max`",
        ),
        (f"{SMALL}expect: {{blocks.finalised: {{}}}}\n", "2:28: `blocks.finalised` needs a `min` or a `max`"),
        (f"{SMALL}expect: {{blocks.finalised: many}}\n", "2:28: `blocks.finalised` is `many`, which is no number"),
        # names
        (f"name: a/b\n{SMALL}", "1:7: `name` is one line of 1 to 100 characters without slashes"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, problem: str) -> None:
    assert problems(text) == [f"x.yaml:{problem}"]


def test_everything_is_said_at_once_in_the_order_of_the_file() -> None:
    text = """\
seed: one
sites:
  shenzhen: {nodes: 4, acces: 5g}
  suzhou: {nodes: 4, access: 6g}
access:
  lab: {up: 3}
overlay: {topology: random-regular, degree: 3, seed: 1}
workload: {rate: 200, size: 250}
faults:
  - {at: 90 s, crash: suzhou-0}
  - {at: 5, crash: suzhou-9}
  - {at: 10 s, partition: [[suzhou], [suzhou-1]]}
seed: 2
warmup: 1 min
"""
    assert problems(text) == [
        "x.yaml:1:7: `seed` is `one`, which is no whole number",
        "x.yaml:3:24: unknown key `acces`; did you mean `access`?",
        "x.yaml:4:30: `access` is `6g`, which is no access profile; there are 5g, 5g-long-period, 5g-urllc, 5g-nsa, "
        "lte, fibre, leased, ideal",
        "x.yaml:6:13: `up` is `3`, a number without a unit: ns, us, ms, s, min, h",
        "x.yaml:7:48: unknown key `seed`",
        "x.yaml:8:18: `rate` is `200`, a number without a unit: /s, /min, /h",
        "x.yaml:8:29: `size` is `250`, a number without a unit: B, kB, KiB, MB, MiB, GB, GiB",
        "x.yaml:10:10: `at` is 90 s, and the scenario ends at 30 s",
        "x.yaml:11:10: `at` is `5`, a number without a unit: ns, us, ms, s, min, h",
        "x.yaml:12:39: `partition` names suzhou-1 twice (as `suzhou` and as `suzhou-1`)",
        "x.yaml:13:1: `seed` is given twice, the first time in line 1",
        "x.yaml:14:9: `warmup` is 60 s, and `duration` 30 s: nothing is left to be measured",
    ]


def test_nothing_is_concluded_from_what_is_broken() -> None:
    """A site that is malformed is not unknown, and a duration that is no duration has not passed."""
    text = "duration: 30\nsites: {a: {nodes: x}}\nfaults: [{at: 90 s, crash: a-3}]\nconsensus: {quorum: 20}\n"
    assert problems(text) == [
        "x.yaml:1:11: `duration` is `30`, a number without a unit: ns, us, ms, s, min, h",
        "x.yaml:2:20: `nodes` is `x`, which is no whole number",
    ]


def test_a_whole_scenario_has_no_problems() -> None:
    assert problems(WHOLE) == []


def test_the_error_reads_as_its_lines() -> None:
    with pytest.raises(ScenarioError) as raised:
        load(Path("nowhere/x.yaml"), catalogue=catalogue)
    assert str(raised.value) == "nowhere/x.yaml: cannot be read: No such file or directory"
    (problem,) = raised.value.problems
    assert (problem.file, problem.line, problem.column) == ("nowhere/x.yaml", None, None)


def test_a_flood_of_problems_is_cut_short_in_the_message_alone() -> None:
    with pytest.raises(ScenarioError) as raised:
        read(SMALL + "".join(f"key{n}: 1\n" for n in range(150)))
    assert len(raised.value.problems) == 150
    assert str(raised.value).splitlines()[-1] == "… and 50 more"
