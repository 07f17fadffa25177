"""The summary as a whole."""

from __future__ import annotations

from typing import Any

from netsim.trace import Fidelity, gather

from .story import Story

KEYS = {
    "": "schema scenario engine version nodes validators duration_s wall_s blocks finality propagation_ms transactions "
    "messages rounds safety liveness fidelity expect trace_digest",
    "scenario": "name sha256 seed",
    "blocks": "proposed finalised empty open stale stale_rate interval_ms byzantine_share",
    "finality": "rule first_ms quorum_ms all_ms by_site reversal_probability attacker_share reverted",
    "propagation_ms": "p50 p90 p99 all",
    "transactions": "submitted finalised throughput_tps latency_ms",
    "messages": "sent delivered dropped bytes per_block duplicates duplicate_bytes control_bytes",
    "rounds": "mean max timeouts",
    "safety": "agreement violations evidence_count accused evidence",
    "liveness": "stalled_ms recovery_ms recoveries",
    "fidelity": "verdict twin pace displaced displaced_share displacement_ms displaced_finalisations_share lateness_ms "
    "timer_lateness_ms broker_lost dilation lookahead_ms rounds compute",
}


def test_a_summary_has_the_keys_of_schema_1_in_their_order() -> None:
    summary: Any = Story().decide(1, 0).summary()
    for section, keys in KEYS.items():
        assert list(summary[section] if section else summary) == keys.split()


def test_the_head_says_what_was_run() -> None:
    summary = Story(engine="emulate", wall_s=2.5, fidelity=Fidelity(pace="lockstep")).summary()
    assert summary["schema"] == 1
    assert summary["scenario"] == {"name": "story", "sha256": "ab" * 32, "seed": 7}
    assert (summary["engine"], summary["version"]) == ("emulate", "0.1.0")
    assert (summary["nodes"], summary["validators"]) == (4, 4)
    assert (summary["duration_s"], summary["wall_s"]) == (10, 2.5)


def test_the_digest_is_that_of_the_trace() -> None:
    story = Story().decide(1, 0).decide(2, 1000)
    trace = story.trace()
    trace.events = trace.events[trace.events[:, 1].argsort(kind="stable")]
    assert story.summary()["trace_digest"] == trace.digest()


def test_an_empty_trace_has_a_summary() -> None:
    summary = Story().summary()
    assert summary["finality"]["all_ms"]["count"] == 0
    assert summary["trace_digest"] == gather(Story().header, []).digest()
