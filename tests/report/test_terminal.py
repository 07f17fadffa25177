"""The table that ends a run says what matters, at any width, and how far it can be trusted."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from netsim.measure.evidence import Accused
from netsim.measure.expect import Judged
from netsim.measure.liveness import Recovery
from netsim.measure.safety import Violation
from netsim.measure.summary import Summary
from netsim.report.terminal import print_summary

from .sample import around, plain, summary, text


def shown(what: Summary, width: int = 80, twin_differs: str = "") -> str:
    console = plain(width)
    print_summary(what, Path("runs/greater-bay-1"), console, twin_differs)
    return text(console)


def line(printed: str, start: str) -> str:
    """The one line of the table that starts so."""
    (found,) = (row for row in printed.splitlines() if row.lstrip("│ ").startswith(start))
    return found


def test_the_verdict_and_the_twin_stand_on_the_line_of_the_headline_figure() -> None:
    what = summary()
    headline = line(shown(what), "quorum")
    assert f"{what['finality']['quorum_ms']['p50']:.1f}" in headline
    assert f"{what['finality']['quorum_ms']['p99']:.1f}" in headline
    assert "exact · twin equal" in headline


def test_first_quorum_all_and_every_city_have_their_percentiles() -> None:
    what = summary()
    printed = shown(what)
    rows = {
        "first validator": what["finality"]["first_ms"],
        "all validators": what["finality"]["all_ms"],
        **{f"in {site}": dist for site, dist in what["finality"]["by_site"].items()},
    }
    for label, dist in rows.items():
        assert f"{dist['p50']:.1f}" in line(printed, label)
        assert f"{dist['p99']:.1f}" in line(printed, label)


def test_cost_and_chain_are_told() -> None:
    printed = shown(summary())
    assert "198.8 transactions/s · 10 934 of 11 012 final" in line(printed, "Throughput")
    assert "55 final · 1 open" in line(printed, "Blocks")
    assert "312.0 per block" in line(printed, "Messages")
    assert "agreement holds" in line(printed, "Safety")
    assert "1.02 s" in line(printed, "Longest stall")
    assert "Recovery" not in printed
    assert printed.splitlines()[-1] == " Everything is in runs/greater-bay-1/"


def test_duplicates_and_the_cost_of_gossip_itself_are_told_where_there_are_any() -> None:
    what = summary()
    assert "duplicates" not in shown(what)
    what["messages"] |= {"duplicates": 9120, "duplicate_bytes": 4_200_000, "control_bytes": 0}
    assert "4.2 MB in 9 120 duplicates" in shown(what)
    assert "gossip control" not in shown(what)
    what["messages"] |= {"control_bytes": 12_300}
    assert "4.2 MB in 9 120 duplicates · 12.3 kB gossip control" in shown(what)


@pytest.mark.parametrize(
    ("blocks", "doubt"),
    [
        (7, "~ p50 and p99 of 7 blocks: too few, 20 and 1 000 needed"),
        (55, "~ p99 of 55 blocks: too few, 1 000 needed"),
        (1000, ""),
    ],
)
def test_figures_of_too_few_samples_are_marked(blocks: int, doubt: str) -> None:
    printed = shown(summary(blocks))
    assert (doubt or "too few") in printed if doubt else "too few" not in printed
    assert ("~" in line(printed, "quorum")) is bool(doubt)


def test_a_degraded_run_names_what_was_displaced_and_where_the_twin_differs() -> None:
    what = summary()
    what["fidelity"].update(
        verdict="degraded",
        pace="clock",
        twin="differs",
        displaced=231,
        displaced_share=0.0123,
        displacement_ms=around(0.8, 231),
        displaced_finalisations_share=0.34,
        lateness_ms=around(7, 1000),
        timer_lateness_ms=around(0.2, 1000),
    )
    printed = shown(what, twin_differs="suzhou-2 at 4.01 s, block 17 (deliver)")
    assert "degraded · twin differs" in line(printed, "quorum")
    assert "clock pace" in line(printed, "first validator")
    assert "1.23 % displaced" in printed
    assert "34 % of finality touched" in printed
    assert "p50 6.90 ms" in line(printed, "Lateness")
    assert "a bare timer's 0.20" in line(printed, "Lateness")
    assert "suzhou-2 at 4.01 s, block 17" in printed


def test_messages_lost_by_the_broker_are_named_beside_the_verdict() -> None:
    what = summary()
    what["fidelity"].update(verdict="invalid", broker_lost=3)
    printed = shown(what)
    assert "invalid" in line(printed, "quorum")
    assert "3 lost by the broker" in printed


def test_nothing_that_belongs_beside_the_verdict_is_lost_where_there_is_little_room() -> None:
    what = summary()
    what["finality"]["by_site"] = {}
    what["fidelity"].update(pace="clock", verdict="invalid", displaced=5, displaced_share=0.05, broker_lost=3)
    what["fidelity"].update(displacement_ms=around(0.8, 5), displaced_finalisations_share=0.5)
    printed = " ".join(shown(what, 120).replace("│", "").split())
    for phrase in ("5 % displaced", "p99 of them", "50 % of finality touched", "3 lost by the broker"):
        assert phrase in printed


def test_a_simulation_has_no_twin() -> None:
    what = summary()
    what["engine"] = "simulate"
    what["fidelity"].update(pace="virtual", twin="skipped")
    printed = shown(what)
    assert "twin" not in printed
    assert "simulated" in printed


def test_a_violation_shows_both_blocks_and_who_has_them() -> None:
    what = summary()
    conflict = Violation(
        kind="conflict",
        height=12,
        blocks=("0a1b2c3d4e5f6071", "77ffaa0011223344"),
        nodes=(["shenzhen-0", "shenzhen-1"], ["suzhou-1"]),
        times_ms=([60.2, 61.0], [70.1]),
    )
    what["safety"].update(agreement="violated", violations=[conflict] * 5)
    printed = shown(what)
    assert "agreement is violated" in line(printed, "Safety")
    assert printed.count("conflict at height 12") == 3
    assert "0a1b2c3d at shenzhen-0 and 1 more, from 60.2 ms on" in printed
    assert "77ffaa00 at suzhou-1, from 70.1 ms on" in printed
    assert "and 2 more in summary.json" in printed


def test_recoveries_are_shown_where_there_were_faults() -> None:
    what = summary()
    what["liveness"]["recoveries"] = [Recovery(fault="suzhou cut off", ms=2310.4), Recovery(fault="crash", ms=None)]
    printed = shown(what)
    assert "2.31 s after  suzhou cut off" in printed
    assert "never  crash" in printed


def test_of_many_recoveries_the_first_are_shown_and_the_rest_is_summed_up() -> None:
    what = summary()
    some = [Recovery(fault=f"churn: suzhou-{number}", ms=1000.0 + number) for number in range(20)]
    what["liveness"]["recoveries"] = [*some, Recovery(fault="churn: shenzhen-0", ms=None)]
    printed = shown(what)
    assert "churn: suzhou-7" in printed
    assert "churn: suzhou-8" not in printed
    assert "13 more, the longest after 1.02 s, 1 never" in printed


def test_expectations_are_told_apart_without_colour() -> None:
    what = summary()
    what["expect"] = [
        Judged(key="blocks.finalised", bound="≥ 40", value=55, passed=True),
        Judged(key="finality.all_ms.max", bound="≤ 100", value=201.123456789, passed=False),
        Judged(key="finality.all_ms.p99", bound="≤ 400", value=201.1, passed=None),
        Judged(key="liveness.recovery_ms", bound="≤ 3000", value=None, passed=None),
    ]
    printed = shown(what, 100)
    assert "✓ blocks.finalised ≥ 40: 55" in printed
    assert "✗ finality.all_ms.max ≤ 100: 201.123" in printed
    assert "? finality.all_ms.p99 ≤ 400: 201.1, but of too few samples" in printed
    assert "? liveness.recovery_ms ≤ 3000: no value" in printed


def test_a_run_without_a_single_block_can_be_shown() -> None:
    what = summary(1)
    for key in ("first_ms", "quorum_ms", "all_ms"):
        what["finality"][key] = around(1, 0)
    what["messages"]["per_block"] = None
    what["transactions"].update(submitted=None, finalised=None, throughput_tps=None, latency_ms=around(1, 0))
    what["rounds"].update(mean=None, max=None)
    printed = shown(what)
    assert "too few" in printed
    assert "Throughput" not in printed


@pytest.mark.parametrize("width", [60, 80, 120, 300])
def test_the_table_fits_its_console_and_a_pipe_gets_no_escape_codes(width: int) -> None:
    printed = shown(summary(), width)
    assert max(map(len, printed.splitlines())) <= min(width, 100)
    assert "\x1b" not in printed


def test_names_are_never_taken_for_markup() -> None:
    what = summary()
    what["scenario"]["name"] = "[red]odd[/red]"
    what["finality"]["by_site"] = {"[bold]x": around(10, 30)}
    printed = shown(what)
    assert "[red]odd[/red]" in printed
    assert "in [bold]x" in printed


def test_a_terminal_gets_colours() -> None:
    console = Console(file=plain().file, width=80, force_terminal=True, color_system="standard")
    print_summary(summary(), console=console)
    assert "\x1b[1;32mexact" in text(console)


def test_evidence_says_who_contradicts_itself_how_often_and_who_has_seen_it() -> None:
    what = summary()
    assert "Evidence" not in shown(what)
    what["safety"]["accused"] = [
        Accused(node="hong-kong-1", count=24, messages=["PrePrepare", "Commit"], first_ms=1020.0, witnesses=4),
        *[Accused(node=f"suzhou-{n}", count=1, messages=["Commit"], first_ms=30.0, witnesses=n) for n in range(5)],
    ]
    printed = " ".join(shown(what).replace("│", " ").split())
    assert "hong-kong-1 contradicts itself 24 times (PrePrepare, Commit); first at 1.02 s" in printed
    assert "seen by 4 correct nodes" in printed
    assert "suzhou-0 contradicts itself once (Commit); first at 30.0 ms" in printed
    assert "seen by no correct nodes" in printed
    assert "seen by 1 correct node" in printed
    assert "suzhou-4" not in printed
    assert "and against 1 more in summary.json" in printed


def test_what_depth_is_worth_is_said_where_finality_is_probabilistic() -> None:
    what = summary()
    assert "Finality rule" not in shown(what), "a block that is final by commit stays"
    what["finality"].update(rule="depth 6", attacker_share=0.1, reversal_probability=0.00059141)
    rule = line(shown(what, 100), "Finality rule")
    assert "depth 6; an attacker with 10 % reverts it with probability 0.059 %" in rule
    what["finality"].update(reversal_probability=None, attacker_share=None, reverted=15)
    assert "depth 6 · 15 reverted" in line(shown(what, 100), "Finality rule")
