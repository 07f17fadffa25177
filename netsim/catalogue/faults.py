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
    Entry("faults", "freeze", "Nodes are stopped, then continued"),
    Entry("faults", "degrade", "Links become slower or lose more"),
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
    Entry("faults", "asynchrony", "An adversary delays messages before the global stabilisation time"),
)
