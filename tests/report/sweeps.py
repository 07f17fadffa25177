"""Sweeps whose runs are made up."""

from __future__ import annotations

from pathlib import Path

from netsim import catalogue
from netsim.scenario import load, points
from netsim.sweep import Folder, Run

HOSTILE = "<img src=x onerror=alert(1)>"
TEXT = f"""\
name: "{HOSTILE}"
duration: 1 s
sites: {{a: {{nodes: 4, access: ideal}}}}
backbone: {{delay: 10 ms}}
consensus: {{protocol: pbft, block_interval: 250 ms}}
sweep:
  workload.rate: [600 /s, 200 /s, 300 /s, 400 /s, 500 /s]
  "{HOSTILE}":
    one: {{backbone.delay: 10 ms}}
    "<b>two</b>": {{backbone.delay: 20 ms}}
"""
RATES = (600, 200, 300, 400, 500)


def figures(rate: int, other: int, seed: int) -> dict[str, object]:
    """A network that is full at 400 a second, and then slow."""
    latency = 100.0 * (1 + other) + 20 * max(0, rate - 400) + seed
    return {
        "finality.quorum_ms.p50": latency / 2,
        "finality.by_site.a.p50": latency / 3,
        "transactions.throughput_tps": float(min(rate, 400)),
        "transactions.latency_ms.p50": latency,
        "safety.agreement": "holds",
        "trace_digest": f"{rate}-{other}-{seed}",
    }


def swept(folder: Path, name: str = "swept", seeds: int = 3, more: float = 0.0) -> Path:
    """A sweep's folder: five loads × two names."""
    file = folder / f"{name}.yaml"
    file.write_text(TEXT, encoding="utf-8")
    with Folder(folder / name, load(file, catalogue=catalogue), points(file, catalogue=catalogue)) as out:
        for point in range(10):
            for seed in range(1, seeds + 1):
                found = figures(RATES[point // 2], point % 2, seed)
                quorum = found["finality.quorum_ms.p50"]
                assert isinstance(quorum, float)
                out.add(Run(point, seed, found | {"finality.quorum_ms.p50": quorum + more}))
    return folder / name
