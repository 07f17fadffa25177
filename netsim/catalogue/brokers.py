"""The brokers of an emulation."""

from __future__ import annotations

from netsim.catalogue.entry import Entry

BROKERS = (
    Entry(
        "brokers",
        "embedded",
        "A NATS server of the run's own, on loopback, nothing to install",
        "netsim.engine.broker:open_broker",
    ),
    Entry(
        "brokers",
        "mosquitto",
        "A Mosquitto of the run's own, where it is installed",
        "netsim.engine.broker:open_broker",
    ),
    Entry("brokers", "mqtt", "mqtt://user:pass@host:port, any MQTT 3.1.1 broker", "netsim.engine.broker:open_broker"),
    Entry("brokers", "mqtts", "mqtts://user:pass@host:port, the same over TLS", "netsim.engine.broker:open_broker"),
)
