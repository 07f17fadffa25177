"""What may fail."""

from __future__ import annotations

from netsim.catalogue.entry import Entry

FAULTS = (
    Entry(
        "faults",
        "partition",
        "Groups of nodes cannot talk to each other; those that are not named are one more group",
        "netsim.network.rules:Partition",
    ),
    Entry("faults", "block", "What some nodes send does not reach some others", "netsim.network.rules:Block"),
    Entry(
        "faults",
        "crash",
        "Nodes are killed, and restarted with what they had persisted when `for` is over",
        "netsim.scenario.model:Crash",
    ),
    Entry(
        "faults",
        "freeze",
        "Nodes are stopped, then continued: what has come in the meantime is handled then, in its order",
        "netsim.scenario.model:Freeze",
    ),
    Entry(
        "faults",
        "degrade",
        "Links between sites become slower or lose more",
        "netsim.scenario.model:Degrade",
        facts=(("written", "{at: 45 s, for: 5 s, degrade: {between: [a, b], delay: +50 ms, loss: 5 %}}"),),
    ),
    Entry(
        "faults",
        "churn",
        "Nodes drawn at random crash `every` so often and come back after `for`, with `rewire` to other neighbours",
        "netsim.scenario.model:Churn",
        facts=(
            ("written", "{every: 10 s, for: 1 s, churn: {nodes: 2, among: all, rewire: no}}, with `at` and `until`"),
        ),
    ),
    Entry("faults", "join", "Nodes are added"),
    Entry("faults", "leave", "Nodes go for good"),
    Entry(
        "faults",
        "asynchrony",
        "An adversary delays messages, each by a part of `delay`, until the global stabilisation time",
        "netsim.scenario.model:Asynchrony",
        facts=(("written", "{until: 20 s, asynchrony: {delay: up to 5 s, targets: leader}}"),),
    ),
)
