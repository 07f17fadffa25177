"""Scenarios for the tests of the network, made from the few things that matter to it."""

from __future__ import annotations

from collections.abc import Iterable

from netsim.network import Network
from netsim.scenario.model import (
    Access,
    Backbone,
    Choice,
    Clocks,
    Compute,
    Consensus,
    Distribution,
    Emulation,
    Fault,
    Link,
    Node,
    Scenario,
    Site,
    Workload,
)

MS = 10**6
SECOND = 10**9
LOCATIONS = {"shenzhen": (22.543, 114.058), "hong-kong": (22.319, 114.169), "suzhou": (31.299, 120.585)}


def constant(value: int) -> Distribution:
    return Distribution("constant", (("value", value),))


def uniform_ns(low: int, high: int) -> Distribution:
    return Distribution("uniform", (("low", low), ("high", high)))


def lognormal(median: float, sigma: float, minimum: float = 0) -> Distribution:
    return Distribution("lognormal", (("median", median), ("sigma", sigma), ("minimum", minimum)))


def profile(
    name: str,
    up: Distribution | int = 0,
    down: Distribution | int = 0,
    core: int = 0,
    bandwidth_up: int | None = None,
    bandwidth_down: int | None = None,
) -> Access:
    """An access profile; a number stands for a constant delay in ns."""
    return Access(
        name,
        constant(up) if isinstance(up, int) else up,
        constant(down) if isinstance(down, int) else down,
        constant(core),
        bandwidth_up,
        bandwidth_down,
        "",
    )


IDEAL = profile("ideal")


def scenario(
    sizes: dict[str, int],
    *,
    access: Iterable[Access] = (IDEAL,),
    delay: int | None = None,
    route_factor: float = 1.5,
    links: Iterable[Link] = (),
    transport: str = "stream",
    overlay: Choice | None = None,
    faults: Iterable[Fault] = (),
    seed: int = 1,
) -> Scenario:
    """`sizes`: nodes at each site, the k-th of all with the k-th access profile in rotation."""
    profiles = tuple(access)
    names = [(site, f"{site}-{number}") for site, size in sizes.items() for number in range(size)]
    return Scenario(
        name="test",
        description="",
        seed=seed,
        duration=60 * SECOND,
        warmup=0,
        sites={
            site: Site(LOCATIONS.get(site), tuple(name for at, name in names if at == site), profiles[0].name)
            for site in sizes
        },
        nodes=tuple(Node(name, site, profiles[k % len(profiles)].name) for k, (site, name) in enumerate(names)),
        access={each.name: each for each in profiles},
        backbone=Backbone(route_factor, None if delay is None else constant(delay), tuple(links)),
        transport=Choice(transport, {}),
        overlay=overlay or Choice("complete", {}),
        gossip={},
        consensus=Consensus("pbft", {}, tuple(range(len(names)))),
        workload=Workload(0.0, 250, "poisson", (0,), MS),
        compute=Compute(0, 0, 0),
        clocks=Clocks(),
        faults=tuple(faults),
        misbehaviour=(),
        finality_depth=None,
        emulation=Emulation("embedded", "auto", "lockstep", 1.0, 0.01, MS, 2000 * MS),
        expect=(),
        trace="full",
    )


def network(sizes: dict[str, int], **rest: object) -> Network:
    """The network of such a scenario."""
    return Network(scenario(sizes, **rest))  # type: ignore[arg-type]
