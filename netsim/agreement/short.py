"""Short forms of the shipped scenarios: the same faults, the parts of the run in which nothing happens cut down."""

from __future__ import annotations

SHORT: dict[str, list[str]] = {
    "greater-bay.yaml": ["duration=4 s", "warmup=1 s"],
    "constant-delay.yaml": ["duration=2 s"],
    "suzhou-cut-off.yaml": [
        "duration=8 s",
        "faults=[{at: 2 s, for: 3 s, partition: [[suzhou], [shenzhen, hong-kong]]}]",
    ],
    "bitcoin-2019.yaml": [
        "duration=60 s",
        "consensus.block_interval=5 s",
        "finality.depth=2",
        "sites.north-america.nodes=2",
        "sites.europe.nodes=2",
        *(f"sites.{site}.nodes=1" for site in ("south-america", "asia-pacific", "japan", "australia")),
    ],
    "the-border.yaml": ["duration=4 s", "warmup=1 s", "backbone={preset: congested, time_of_day: 21:00}"],
    "border-study.yaml": ["duration=4 s", "warmup=1 s"],
    "churn.yaml": [
        "duration=6 s",
        "warmup=1 s",
        "faults=[{every: 2 s, for: 1 s, churn: {nodes: 2, rewire: yes}}]",
        *(f"sites.{site}.nodes=3" for site in ("shenzhen", "hong-kong", "suzhou")),
    ],
    "selfish-mining.yaml": ["duration=30000 s"],
    "byzantine-leader.yaml": [
        "duration=6 s",
        "misbehaviour.0.at=2 s",
        *(f"sites.{site}.nodes=3" for site in ("shenzhen", "hong-kong", "suzhou")),
    ],
    "too-many-traitors.yaml": [
        "duration=6 s",
        "misbehaviour.0.at=1 s",
        *(
            f"faults.{fault}={{at: 1 s, block: {{from: {here}, to: {there}}}}}"
            for fault, here, there in ((0, "shenzhen", "hong-kong"), (1, "hong-kong", "shenzhen"))
        ),
    ],
    "protocols-compared.yaml": ["duration=3 s", "warmup=0 s"],
    "leader-crash.yaml": ["duration=8 s", "faults=[{at: 1500 ms, for: 4 s, crash: [shenzhen-0]}]"],
}
