"""The table of validation: what agrees is said to, what does not is named with its reason, and the exit code tells."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netsim.validate import agreement, bench, bitcoin, links, radio, simblock
from netsim.validate.__main__ import app
from netsim.validate.figure import EMULATOR_DIFFERS, Effort, Experiment, Explained, Figure, Run, Sample, judge

ROOT = Path(__file__).parents[1]
HOPS = next(one for one in bench.EXPERIMENTS if one.name == "hops line")


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and output of the command, in this process."""
    result = CliRunner().invoke(app, [*arguments, "--jobs", "1"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_quick_slice_agrees_in_every_line() -> None:
    code, output = run("--quick", "--json")
    rows = json.loads(output)
    assert {row["group"] for row in rows} == {"radio", "links", "gossip", "agreement", "forks"}
    assert [row for row in rows if row["agrees"] == "no"] == []
    assert code == 0
    emulated = [row for row in rows if row["emulated"] is not None]
    assert {row["what"] for row in emulated} >= {"flooding, line of 12: hops to a node, over all pairs"}
    assert all(row["emulated"] == row["simulated"] for row in emulated)


@pytest.mark.long
def test_the_whole_table_has_no_line_that_nobody_can_explain() -> None:
    result = subprocess.run(
        [str(ROOT / "tools" / "validate"), "--jobs", "2"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_command_runs_its_experiments_in_processes_of_their_own() -> None:
    command = [str(ROOT / "tools" / "validate"), "--quick", "--only", "gossip/flood star", "--jobs", "2", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (row,) = json.loads(result.stdout)
    assert (row["agrees"], row["simulated"], row["runs"]) == ("exact", 39.0, 1)


@pytest.mark.parametrize("broken", [9.0, 3.9722])
def test_an_oracle_that_is_wrong_is_reported(broken: float, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(HOPS, figures=(replace(HOPS.figures[0], predicted=broken),), emulated=False)
    monkeypatch.setattr(bench, "EXPERIMENTS", (wrong,))
    monkeypatch.setattr("netsim.validate.__main__.EXPERIMENTS", (wrong,))
    code, output = run("--quick")
    assert code == 1
    assert "no  flooding, line of 12: hops to a node, over all pairs: not explained" in output
    assert "1 figures, 0 agree" in output


def test_a_figure_that_cannot_be_measured_is_a_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(seed: int, effort: Effort, run: Run) -> list[Sample]:
        raise ValueError("no such thing")

    monkeypatch.setattr(bench, "EXPERIMENTS", (replace(HOPS, measure=measure),))
    monkeypatch.setattr("netsim.validate.__main__.EXPERIMENTS", bench.EXPERIMENTS)
    code, output = run("--quick")
    assert code == 1
    assert "ValueError with seed 1: no such thing" in output
    code, output = run("--quick", "--json")
    assert code == 1
    assert json.loads(output)[0]["simulated"] is None


def test_an_unknown_experiment_is_said_to_be_one() -> None:
    result = CliRunner().invoke(app, ["--only", "perpetual motion"])
    assert result.exit_code == 2
    assert "perpetual motion" in result.output


def figure(predicted: float | tuple[float, float] | None, **more: object) -> Figure:
    return replace(Figure("something", "ms", predicted, "a law"), **more)  # type: ignore[arg-type]


def samples(*values: float) -> list[Sample]:
    return [Sample(value) for value in values]


def test_exact_means_every_run_to_the_last_bit() -> None:
    exact = figure(0.3, exact=True)
    assert judge("", exact, samples(0.3, 0.3)).verdict == "exact"
    assert judge("", exact, samples(0.3, 0.1 + 0.2)).verdict == "no"


def test_a_mean_agrees_within_what_chance_explains() -> None:
    spread = [10.0 + (number - 4.5) / 10 for number in range(10)]  # deviation 0.30, standard error 0.096
    assert judge("", figure(10.3), samples(*spread)).verdict == "yes"
    line = judge("", figure(10.6), samples(*spread))
    assert (line.verdict, line.reason, line.alarming) == ("no", "not explained", True)
    assert line.half == pytest.approx(2.262 * 0.3028 / 10**0.5, rel=1e-3)  # Student, nine degrees of freedom
    assert judge("", figure(10.6, within=0.3), samples(*spread)).verdict == "yes"


def test_a_published_deviation_widens_the_interval() -> None:
    ours = samples(*(3000.0 + 10 * number for number in range(10)))
    assert judge("", figure(3200), ours).verdict == "no"
    assert judge("", figure(3200, deviation=300.0, runs=10), ours).verdict == "yes"


def test_each_run_may_have_a_prediction_of_its_own() -> None:
    paired = [Sample(5.0, 5.0), Sample(7.0, 7.0)]
    line = judge("", figure(None, exact=True), paired)
    assert (line.verdict, line.predicted, line.measured) == ("exact", 6.0, 6.0)
    assert judge("", figure(None, exact=True), [*paired, Sample(7.0, 5.0)]).verdict == "no"


def test_bounds_hold_the_mean() -> None:
    assert judge("", figure((11.0, 16.0)), samples(10.9, 12.0)).verdict == "yes"
    line = judge("", figure((11.0, 16.0)), samples(10.0, 11.0))
    assert (line.verdict, line.difference) == ("no", -0.5)


def test_an_explanation_holds_only_for_what_it_explains() -> None:
    known = figure(5.0, explained=Explained(7.0, 8.0, "the mesh is larger"))
    line = judge("", known, samples(*[7.4, 7.5] * 5))
    assert (line.verdict, line.reason, line.alarming) == ("no", "the mesh is larger", False)
    assert judge("", known, samples(*[9.4, 9.5] * 5)).alarming


def test_an_emulation_that_differs_does_not_agree() -> None:
    line = judge("", figure(60.0, exact=True), samples(60.0), emulated=61.0)
    assert (line.verdict, line.reason, line.alarming) == ("no", EMULATOR_DIFFERS, True)


# ------------------------------------------------------------------------------------------- the predictions themselves


def test_the_wait_for_a_slot_is_what_counting_gives() -> None:
    for pattern in ("DDDSU", "DSUU", "DDDDDDDSUU", "DDFU"):
        for direction, letters in (("up", "UF"), ("down", "DSF")):
            steps = 100  # per slot; in the middle of each
            waits = []
            for step in range(len(pattern) * steps):
                time = (step + 0.5) / steps
                slot = next(s for s in range(1 + int(time), 3 * len(pattern)) if pattern[s % len(pattern)] in letters)
                waits.append(slot - time)
            assert radio.alignment(pattern, direction) == pytest.approx(sum(waits) / len(waits) / 2)


def test_slow_start_is_what_counting_round_by_round_gives() -> None:
    packet = 1448 * 8 / 100_000  # ms at 100 Mbit/s
    sent, window, time = 0, 10, 0.0
    while sent + window < 691:  # packets of a million bytes
        sent, time = sent + window, max(time + packet + 100, time + window * packet)
        window *= 2
    rest = 1_000_000 * 8 / 100_000 - sent * packet
    assert links.slow_start_ms(1_000_000, 100, 50) == pytest.approx(time + rest + 50)


def test_the_example_of_unequal_delays_was_worked_by_hand() -> None:
    delays = [[0, 5, 12, 120], [5, 0, 12, 120], [12, 12, 0, 130], [120, 120, 130, 0]]
    assert agreement.qth_smallest(delays, 3, 0) == [29, 29, 36, 144]
    assert agreement.qth_smallest(delays, 3, 3) == [144, 144, 137, 245]


def test_the_miniature_reaches_everybody_and_is_a_function_of_its_seed() -> None:
    p50, p90, last = simblock.figures(1, nodes=60, blocks=3)
    assert 0 < p50 < p90 < last
    assert simblock.figures(1, nodes=60, blocks=3) == (p50, p90, last)
    network = simblock.Miniature.drawn(2, nodes=1000)
    assert [network.region.count(region) for region in range(6)] == [332, 500, 9, 118, 22, 19]
    assert sum(map(len, network.neighbours)) / 1000 == pytest.approx(17.29)
    mean = sum(network.latency(0, 0) for _ in range(4000)) / 4000
    assert mean == pytest.approx(simblock.LATENCY_MS[network.region[0]][network.region[0]], rel=0.05)


def test_the_shipped_bitcoin_is_the_one_of_the_miniature() -> None:
    scenario = bitcoin.shipped(1)
    sites = list(scenario.sites)
    assert tuple(sites) == simblock.SITES
    assert [len(site.nodes) for site in scenario.sites.values()] == [332, 500, 9, 118, 22, 19]
    given = {(link.source, link.target): link for link in scenario.backbone.links}
    for i, source in enumerate(sites):
        for j, target in enumerate(sites):
            link = given[source, target]
            mean = simblock.LATENCY_MS[i][j]
            assert link.delay is not None
            scale, shape = link.delay.parameters["scale"], link.delay.parameters["shape"]
            assert scale == (mean - 5) * 10**6
            assert shape == pytest.approx(0.2 * mean)
            assert link.bandwidth == round(min(simblock.UPLOAD_MBPS[i], simblock.DOWNLOAD_MBPS[j]) * 10**6)
    shares = dict(scenario.overlay.parameters["links"])
    for links_, share in enumerate(simblock.DEGREES, 1):
        if links_ in shares:
            assert shares[links_] == pytest.approx(share)
    assert scenario.consensus.parameters["block_bytes"] == simblock.BLOCK_BYTES


def test_experiments_have_names_of_their_own() -> None:
    names = [one.name for one in bench.EXPERIMENTS]
    assert len(set(names)) == len(names)
    one: Experiment
    for one in bench.EXPERIMENTS:
        assert one.figures
        assert all(item.source for item in one.figures)
