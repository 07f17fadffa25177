"""Gossip strategies, measured by a scripted proposer: copies of a block, and how long they take."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import exp, isqrt
from typing import TYPE_CHECKING

from netsim.validate.figure import Effort, Experiment, Explained, Figure, Run, Sample
from netsim.validate.laboratory import FREE, MS, NEVER, arrivals, copies, copies_by_block, proposers, scenario, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netsim.network import Network
    from netsim.scenario import Scenario

_DELTA_MS = 2


def _relay(nodes: int, blocks: int, overlay: str, gossip: str, interval_s: int = 1, more: str = "") -> str:
    """So many blocks in the order of the nodes, none in flight when the next is proposed, or when the run ends.

    Nobody asks for what it has missed: that would be relay of another kind.
    """
    return f"""
duration: {(2 * blocks + 1) * interval_s * 500} ms
sites: {{here: {{nodes: {nodes}, access: ideal}}}}
backbone: {{delay: {_DELTA_MS} ms}}
overlay: {overlay}
gossip: {{blocks: {gossip}, votes: push, transactions: push}}
consensus: {{protocol: scripted, block_interval: {interval_s} s, arrival: fixed, proposers: round-robin, timeout: 1 h}}
workload: {{rate: 0 /s}}
{FREE}
{more}
"""


def _flooding(overlay: str, nodes: int, says: str, edges: Callable[[int], int] | None = None) -> Experiment:
    """`edges`: a closed form; without one they are counted in the graph."""

    def measure(seed: int, effort: Effort, run: Run) -> list[Sample]:
        blocks = effort.of(10, 3)
        setting = scenario(_relay(nodes, blocks, overlay, "flood"), seed)
        links = edges(nodes) if edges is not None else _links(setting)
        return [Sample(copies(run(setting))["Scripted"] / blocks, 2.0 * links - (nodes - 1))]

    figure = Figure(f"flooding, {says}: copies of a block", "", None, "2E-(N-1)", exact=True)
    return Experiment("gossip", f"flood {says}", (figure,), measure)


def _links(setting: Scenario) -> int:
    from netsim.network import Network

    return Network(setting).graph.number_of_edges()


def _hops(overlay: str, nodes: int, predicted: Fraction, source: str, emulated: bool = False) -> Experiment:
    """With constant delays a block's way takes as many of them as there are hops on the shortest path."""

    def measure(seed: int, effort: Effort, run: Run) -> list[Sample]:
        trace = run(scenario(_relay(nodes, nodes, f"{{topology: {overlay}}}", "flood"), seed))
        reached = arrivals(trace)
        hops, rest = divmod(int(reached.sum()), _DELTA_MS * 10**6)
        assert not rest
        return [Sample(hops / reached.size)]

    figure = Figure(
        f"flooding, {overlay} of {nodes}: hops to a node, over all pairs", "", float(predicted), source, exact=True
    )
    return Experiment("gossip", f"hops {overlay}", (figure,), measure, emulated=emulated, once=True)


def _grid_edges(nodes: int) -> int:
    columns = isqrt(nodes - 1) + 1
    rows = nodes // columns
    assert rows * columns == nodes
    return 2 * rows * columns - rows - columns


def _line_hops(nodes: int) -> Fraction:
    """The mean of |i − j| over all pairs, equal ones included."""
    return Fraction(nodes * nodes - 1, 3 * nodes)


_RANDOM_DELAYS = """
backbone:
  links: [{between: [here, here], delay: {distribution: lognormal, median: 50 ms, p99: 300 ms}}]
"""


def _dijkstra(seed: int, effort: Effort, run: Run) -> list[Sample]:
    """Arrival times against scipy's shortest paths, the delay of each copy being that of its edge."""
    import numpy as np

    from netsim.network import Network

    blocks = effort.of(2, 1)
    text = _relay(effort.of(1000, 200), blocks, "{topology: random-regular, degree: 8}", "flood", 5)
    text = text.replace(f"backbone: {{delay: {_DELTA_MS} ms}}", _RANDOM_DELAYS)
    setting = scenario(text, seed)
    trace = run(setting)
    reached = arrivals(trace)
    paths = shortest_paths(Network(setting), proposers(trace))
    return [
        Sample(float((reached != paths).sum())),
        Sample(float(reached.max(axis=1).sum()) / blocks / MS, float(np.max(paths, axis=1).sum()) / blocks / MS),
    ]


def shortest_paths(network: Network, sources: list[int]) -> NDArray[np.int64]:
    """For the k-th block: ns from its proposer to each node, where the k-th message of each node goes along its edges.

    Every node sends a block once, to all its neighbours but one, so its k-th message is the k-th block.
    """
    import numpy as np
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    nodes = network.size
    inbound = network.inbound(range(nodes))
    starts = np.cumsum([0, *(len(network.peers[node]) for node in range(nodes))])
    ends = np.concatenate([np.array(network.peers[node]) for node in range(nodes)])
    found = []
    for number, source in enumerate(sources):
        began = number * 10**13  # far apart, so that no block waits for the order of a stream
        times = [inbound.arrive(node, 0, number, list(network.peers[node]), began, 0).times for node in range(nodes)]
        weights = np.concatenate([np.array(row, np.int64) for row in times]) - began
        graph = csr_matrix((weights.astype(float), ends, starts), shape=(nodes, nodes))
        found.append(dijkstra(graph, indices=[source])[0].astype(np.int64))
    return np.array(found)


_SCIPY = "scipy's Dijkstra on 1000 nodes of degree 8"
_DIJKSTRA = Experiment(
    "gossip",
    "dijkstra",
    (
        Figure("flooding, random delays: arrivals that differ from shortest paths", "", 0.0, _SCIPY,
               exact=True),
        Figure("flooding, random delays: last arrival", "ms", None, _SCIPY, exact=True),
    ),
    _dijkstra,
)  # fmt: skip

_MONTE_CARLO = "synchronous rounds, simulated independently; Pittel 1987: log2 n + ln n"
_ROUNDS = {16: 7.414, 64: 11.158, 256: 14.670, 1024: 18.097}


def _push_rounds(nodes: int) -> Experiment:
    """Rounds until everybody knows, when all who know push to one other in each round. A round is a link's delay."""

    def measure(seed: int, effort: Effort, run: Run) -> list[Sample]:
        blocks = effort.of({16: 120, 64: 40, 256: 15, 1024: 3}[nodes], 8)
        gossip = f"{{protocol: push, fanout: 1, mode: forever, interval: {_DELTA_MS} ms}}"
        reached = arrivals(run(scenario(_relay(nodes, blocks, "complete", gossip), seed)))
        assert (reached >= 0).all()
        return [Sample(float(reached.max(axis=1).mean()) / MS / _DELTA_MS)]

    figure = Figure(f"push to 1, {nodes} nodes: rounds until all know", "", _ROUNDS[nodes], _MONTE_CARLO, within=0.01)
    return Experiment("gossip", f"push {nodes}", (figure,), measure, long=nodes > 16)


_DYING = 400  # nodes
_SHARES = {2: 79.7, 3: 94.1, 4: 98.0, 5: 99.3}


def _infect_and_die(fanout: int) -> Experiment:
    def measure(seed: int, effort: Effort, run: Run) -> list[Sample]:
        text = _relay(_DYING, effort.of(15, 5), "complete", f"{{protocol: push, fanout: {fanout}, mode: die}}")
        reached = arrivals(run(scenario(text, seed, _ONE_PROPOSER)))
        return [Sample(100 * float((reached != NEVER).mean()))]

    share = _SHARES[fanout] / 100
    missed = exp(-fanout * share)
    shift = fanout * share * missed / (1 - fanout * missed) * 2 / _DYING  # of share, where f/(n-2) stands for f/n
    figure = Figure(
        f"push to {fanout}, infect and die, {_DYING} nodes: reached", "%", _SHARES[fanout],
        f"π = 1 - e^(-fπ), Eugster et al. 2004; {100 * shift:.2f} % more, as nobody draws itself or who told it",
        within=100 * shift + 0.05,
    )  # fmt: skip
    return Experiment("gossip", f"infect and die {fanout}", (figure,), measure, long=True)


_ONE_PROPOSER = "consensus.validators=[here-0]"  # whom no block can fail to reach
_COMPACT = f"""
duration: 20500 ms
warmup: 5 s
sites: {{here: {{nodes: 2, access: ideal}}}}
backbone: {{delay: {_DELTA_MS} ms}}
gossip: {{blocks: {{protocol: compact, high_bandwidth: 0}}, votes: direct, transactions: direct}}
consensus: {{protocol: scripted, block_interval: 1 s, arrival: fixed, validators: [here-0]}}
workload: {{rate: 50 /s, arrival: uniform, from: [here-0], batch: 10 ms}}
{FREE}
"""
_UNSOLICITED = "gossip.blocks={protocol: compact, high_bandwidth: 1}"
_UNKNOWN = "gossip.transactions={protocol: announce, trickle: 100 s}"


def _compact(seed: int, effort: Effort, run: Run) -> list[Sample]:
    """Round trips to the other node: announced or not, with its transactions there or not."""

    def round_trips(*overrides: str) -> Sample:
        reached = arrivals(run(scenario(_COMPACT, seed, *overrides)))
        return Sample(whole(reached[:, 1]) / MS / (2 * _DELTA_MS))

    return [round_trips(), round_trips(_UNSOLICITED), round_trips(_UNKNOWN), round_trips(_UNSOLICITED, _UNKNOWN)]


_BIP_152 = "BIP 152"


def _plumtree(seed: int, effort: Effort, run: Run) -> list[Sample]:
    """The second half of the blocks, when the tree has settled."""
    blocks = 20
    text = _relay(100, blocks, "{topology: random-regular, degree: 6}", "plumtree", 2, "trace: full")
    counts = copies_by_block(run(scenario(text, seed)), "Scripted")[blocks // 2 :]
    return [Sample(sum(counts) / len(counts))]


def _gossipsub(seed: int, effort: Effort, run: Run) -> list[Sample]:
    """Copies of a block that a node has had already."""
    nodes, blocks = 100, effort.of(20, 5)
    text = _relay(nodes, blocks, "{topology: random-regular, degree: 20}", "{protocol: gossipsub, flood_publish: no}")
    return [Sample(copies(run(scenario(text, seed)), "repeated")["Scripted"] / blocks / nodes)]


_LARGER = (
    "every node grafts D neighbours at the start and accepts others' grafts, and only a mesh of more than D_hi = "
    "12 is cut back to D: meshes have 9 to 10 links. Over M links in all there are 2M-(N-1) copies of a block, so"
    " that a node gets two duplicates less than it has links"
)

EXPERIMENTS: tuple[Experiment, ...] = (
    _flooding("complete", 40, "complete graph of 40"),
    _flooding("ring", 100, "ring of 100"),
    _flooding("star", 40, "star of 40", lambda nodes: nodes - 1),
    _flooding("line", 100, "line of 100", lambda nodes: nodes - 1),
    _flooding("grid", 90, "grid of 9 by 10", _grid_edges),
    _flooding("{topology: tree, children: 3}", 100, "tree of 100", lambda nodes: nodes - 1),
    _flooding("{topology: random-regular, degree: 6}", 100, "random regular, degree 6, 100 nodes"),
    _flooding("{topology: small-world, degree: 6}", 100, "small world, degree 6, 100 nodes"),
    _flooding("{topology: scale-free, links: 3}", 100, "scale-free, 3 links, 100 nodes"),
    _hops("line", 12, _line_hops(12), "(n²-1)/3n", emulated=True),
    _hops("grid", 30, _line_hops(5) + _line_hops(6), "(m²-1)/3m + (n²-1)/3n for m by n"),
    _DIJKSTRA,
    *(_push_rounds(nodes) for nodes in _ROUNDS),
    *(_infect_and_die(fanout) for fanout in _SHARES),
    Experiment(
        "gossip",
        "compact",
        (
            Figure("compact, announced: round trips a hop", "", 1.5, _BIP_152, exact=True),
            Figure("compact, unsolicited: round trips a hop", "", 0.5, _BIP_152, exact=True),
            Figure("compact, announced, transactions missing: round trips a hop", "", 2.5, _BIP_152, exact=True),
            Figure("compact, unsolicited, transactions missing: round trips a hop", "", 1.5, _BIP_152, exact=True),
        ),
        _compact,
        once=True,
    ),
    Experiment(
        "gossip",
        "plumtree",
        (
            Figure("plumtree, 100 nodes of degree 6, settled: copies of a block", "", 99.0,
                   "N-1; Leitão, Pereira and Rodrigues, SRDS 2007", exact=True),
        ),
        _plumtree,
    ),
    Experiment(
        "gossip",
        "gossipsub",
        (
            Figure("gossipsub, libp2p's D = 6, 100 nodes: duplicates of a block at a node", "", 5.0,
                   "D-1, the rule of thumb",
                   within=0.5, explained=Explained(6.5, 8.5, _LARGER)),
        ),
        _gossipsub,
        long=True,
    ),
)  # fmt: skip
