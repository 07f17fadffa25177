"""tools/fit-link finds the link again that a file of delays was drawn from, and prints it as a scenario has it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from netsim import catalogue
from netsim.fit_link import main
from netsim.network.conditions import Spells
from netsim.network.distribution import compiled
from netsim.network.draws import draw_array, key
from netsim.network.fit import Body, Excess, Fit, fits, lasting
from netsim.scenario import parse
from netsim.scenario.model import Distribution, Spikes

pytestmark = pytest.mark.xdist_group("fit-link")  # one run serves many tests

ROOT = Path(__file__).parents[1]
MS, S = 10**6, 10**9

CORE, MEDIAN, SIGMA = 4.0, 2.2, 0.7  # ms, ms; of one direction
SPIKES = Spikes(share=0.05, median=75 * MS, p90=250 * MS, lasts=2 * S)
SPIKE_SIGMA = log(SPIKES.p90 / SPIKES.median) / 1.2815515655446004
PINGS, EVERY = 10_000, S // 2
WINDOWS = PINGS * EVERY // SPIKES.lasts
KOLMOGOROV = 1.36  # over √n: what the distance between a sample of n and its distribution exceeds in 1 of 20 cases


def drawn(distribution: Distribution, purpose: str, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Delays of a distribution in ms, as the network draws them."""
    lots = draw_array(np.full(count, key(1, purpose), np.uint64), np.arange(count, dtype=np.uint64))
    return np.asarray(compiled(distribution).lookup(lots) / MS)


def lognormal(median: float, sigma: float) -> Distribution:
    return Distribution("lognormal", (("median", median * MS), ("sigma", sigma), ("minimum", 0)))


def excess(spikes: Spikes, times: range) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What spikes add to round trips, in ms, as a node's access has it."""
    spells = Spells(spikes, seed=1, node=0)
    return np.array([2 * spells.at(time) / MS for time in times])


@pytest.fixture(scope="module")
def round_trips() -> np.ndarray[Any, np.dtype[np.float64]]:
    body = lognormal(MEDIAN, SIGMA)
    spikes = excess(SPIKES, range(0, PINGS * EVERY, EVERY))
    delays = 2 * CORE + drawn(body, "up", PINGS) + drawn(body, "down", PINGS) + spikes
    return np.array([round(delay, 3) for delay in delays])  # ping prints no more


class Command:
    """The command, called in this process in a folder of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.chdir(folder)
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int | str | None, str, str]:
        """Its exit code, and what it printed on standard output and standard error."""
        self._monkeypatch.setattr("sys.argv", ["fit-link", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, *self._capsys.readouterr()


@pytest.fixture
def fit_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, monkeypatch, capsys)


@dataclass(frozen=True)
class Printed:
    """What the command printed and left."""

    text: str
    folder: Path

    @property
    def profile(self) -> dict[str, str]:
        (profile,) = yaml.load(self.text, yaml.BaseLoader)["access"].values()
        assert isinstance(profile, dict)
        return profile


@pytest.fixture(scope="module")
def printed(round_trips: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Printed]:
    folder = tmp_path_factory.mktemp("fit")
    lines = (
        f"[{1_690_000_000 + number * EVERY / S + delay / 1000:.6f}] 64 bytes: icmp_seq={number + 1} time={delay} ms\n"
        for number, delay in enumerate(round_trips)
    )
    (folder / "hk 5g.txt").write_text("".join(lines), encoding="utf-8")
    command = [str(ROOT / "tools" / "fit-link"), "hk 5g.txt", "--output", "hk.png"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    yield Printed(done.stdout, folder)


def milliseconds(text: str) -> float:
    number, unit = text.split()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def test_the_parameters_come_back_within_their_statistical_error(printed: Printed) -> None:
    """Bounds are four standard errors: of shares and of logarithms' means and deviations by the number of spikes.

    Those of the body are the spread of such estimates over a dozen seeds.
    """
    profile: dict[str, Any] = printed.profile
    assert profile["up"] == profile["down"]
    assert profile["up"]["distribution"] == "lognormal"
    assert milliseconds(profile["core"]) == pytest.approx(CORE, abs=4 * 0.045)
    assert milliseconds(profile["up"]["median"]) == pytest.approx(MEDIAN, abs=4 * 0.047)
    assert float(profile["up"]["sigma"]) == pytest.approx(SIGMA, abs=4 * 0.018)
    spikes, count = profile["spikes"], SPIKES.share * WINDOWS
    share = float(spikes["share"].removesuffix(" %")) / 100
    assert share == pytest.approx(SPIKES.share, abs=4 * sqrt(SPIKES.share * (1 - SPIKES.share) / WINDOWS))
    median, p90 = milliseconds(spikes["median"]), milliseconds(spikes["p90"])
    assert log(median / (SPIKES.median / MS)) == pytest.approx(0, abs=4 * SPIKE_SIGMA / sqrt(count))
    assert log(p90 / median) / 1.28155 == pytest.approx(SPIKE_SIGMA, abs=4 * SPIKE_SIGMA / sqrt(2 * count))
    lasts, error = map(float, re.findall(r"Spikes last (\S+) ± (\S+) s", printed.text)[0])
    assert milliseconds(spikes["lasts"]) == pytest.approx(1000 * lasts, rel=0.01)
    assert lasts == pytest.approx(SPIKES.lasts / S, abs=4 * error)
    assert error < 0.3


def test_the_fit_is_told_beside_the_data(printed: Printed, round_trips: Any) -> None:
    rows = dict(re.findall(r"^# (p[\d.]+) +(\S+ +\S+)$", printed.text, re.MULTILINE))
    assert list(rows) == ["p5", "p50", "p90", "p95", "p99", "p99.9"]
    measured, fitted = map(float, rows["p50"].split())
    assert measured == pytest.approx(np.median(round_trips), abs=0.01)
    assert fitted == pytest.approx(measured, rel=0.02)
    models = re.findall(r"^# ([a-z ]+?) +(\d) +([+]\d+) +(0\.\d+)$", printed.text, re.MULTILINE)
    assert len(models) == 6
    chosen, parameters, above, distance = models[0]
    assert (chosen, parameters, above) == ("shifted lognormal and spikes", "6", "+0")
    assert float(distance) < KOLMOGOROV / sqrt(PINGS)


def test_the_profile_is_a_part_of_a_scenario(printed: Printed) -> None:
    scenario = parse(f"sites: {{suzhou: {{access: hk-5g}}}}\n{printed.text}", "x.yaml", catalogue=catalogue)
    access = scenario.access["hk-5g"]
    assert access.spikes is not None
    assert access.spikes.lasts == pytest.approx(SPIKES.lasts, rel=0.5)
    assert access.up == access.down


def test_there_is_a_picture(printed: Printed) -> None:
    assert (printed.folder / "hk.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert "# The picture: hk.png" in printed.text


def test_without_times_a_file_says_nothing_of_how_long_spikes_last_unless_it_is_told(
    fit_link: Command, tmp_path: Path
) -> None:
    body = 5 + drawn(lognormal(2, 0.5), "up", 2000)
    delays = body + excess(SPIKES, range(0, 2000 * EVERY, EVERY)) / 2
    (tmp_path / "delays.csv").write_text("one_way_ms\n" + "\n".join(f"{delay:.3f}" for delay in delays))
    code, said, _ = fit_link("delays.csv")
    profile = yaml.load(said, yaml.BaseLoader)["access"]["delays"]
    assert code == 0
    assert profile["spikes"].keys() == {"share", "median", "p90"}
    assert "How long spikes last is not known" in said
    assert milliseconds(profile["core"]) == pytest.approx(5, abs=0.2)
    first = (tmp_path / "delays.svg").read_bytes()
    _, said, _ = fit_link("delays.csv", "--every", "500 ms")
    lasts = milliseconds(yaml.load(said, yaml.BaseLoader)["access"]["delays"]["spikes"]["lasts"])
    assert 1000 < lasts < 4000
    assert (tmp_path / "delays.svg").read_bytes() == first


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("5\nabc\n", "says in line 2: `abc` is no number"),
        ("5\n6\n", "holds 2 delays, and a fit needs 50"),
        ("5\n" * 60, "holds the same delay again and again, 5 ms"),
        ("", "is empty"),
    ],
)
def test_bad_input_is_exit_code_2_and_one_line(text: str, wrong: str, fit_link: Command, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text)
    assert fit_link("x.csv") == (2, "", f"fit-link: x.csv {wrong}\n")
    assert list(tmp_path.iterdir()) == [tmp_path / "x.csv"]


def test_wrong_options_are_exit_code_2_and_a_picture_that_cannot_be_written_4(
    fit_link: Command, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text("\n".join(map(str, range(1, 100))))
    complaint = "fit-link: --output x.pdf says no form of picture; use .png or .svg\n"
    assert fit_link("x.csv", "--output", "x.pdf") == (2, "", complaint)
    complaint = "fit-link: --every is `3`, a number without a unit: ns, us, ms, s, min, h\n"
    assert fit_link("x.csv", "--every", "3") == (2, "", complaint)
    complaint = "fit-link: No such file or directory: none/x.svg\n"
    assert fit_link("x.csv", "--output", "none/x.svg") == (4, "", complaint)


# ---- the fit itself


def one_way(distribution: Distribution, count: int = 5000) -> list[Fit]:
    return fits(list(drawn(distribution, "fit", count)), round_trips=False)


@pytest.mark.parametrize(
    ("distribution", "name"),
    [
        (Distribution("normal", (("mean", 9.0 * MS), ("deviation", 1.0 * MS), ("minimum", 0))), "normal"),
        (Distribution("gamma", (("mean", 9.0 * MS), ("deviation", 6.0 * MS), ("minimum", 0))), "gamma"),
        (lognormal(9, 0.6), "lognormal"),
    ],
)
def test_the_simplest_model_that_will_do_is_chosen(distribution: Distribution, name: str) -> None:
    best, *others = one_way(distribution)
    assert best.name == name
    assert best.distance < KOLMOGOROV / sqrt(5000)
    assert {fit.name for fit in others if fit.criterion < best.criterion} == set()
    assert best.distribution.parameters == pytest.approx(distribution.parameters, rel=0.06)


def test_a_direction_varies_more_than_half_a_round_trip(round_trips: Any) -> None:
    """Two independent directions with the printed parameters give the round trips' spread, which halves do not."""
    body = lognormal(MEDIAN, SIGMA)
    calm = 2 * CORE + drawn(body, "up", 5000) + drawn(body, "down", 5000)
    best = fits(list(calm), round_trips=True)[0]
    again = 2 * best.core + drawn(best.distribution, "one", 5000) + drawn(best.distribution, "two", 5000)
    for share in (0.1, 0.5, 0.9, 0.99):
        below = np.mean(again <= np.quantile(calm, share))
        assert below == pytest.approx(share, abs=4 * sqrt(2 * share * (1 - share) / 5000))
    halves = np.log(calm / 2 - CORE)
    assert best.body.second > 1.2 * float(np.std(halves))


def spiky(share: float, lasts: int, count: int, every: int = EVERY) -> tuple[list[float], range, Fit]:
    """One-way delays with spikes, their times, and the fit that knows all about them but how long spikes last."""
    times = range(0, count * every, every)
    spikes = Spikes(share=share, median=75 * MS, p90=200 * MS, lasts=lasts)
    known = Fit(
        name="",
        parameters=6,
        round_trips=False,
        core=5,
        body=Body("lognormal", 2, 0.5),
        excess=Excess(share, 75, log(200 / 75) / 1.28155),
        log_likelihood=0,
        criterion=0,
        distance=0,
    )
    return list(5 + drawn(lognormal(2, 0.5), "body", count) + excess(spikes, times) / 2), times, known


@pytest.mark.parametrize(
    ("share", "lasts", "count", "every"),
    [(0.05, 4 * S, 20_000, S), (0.4, 2 * S, 10_000, S // 2), (0.05, 2 * S, 40_000, S // 20), (0.2, S, 5000, S)],
    ids=["seldom", "often", "seen again and again", "as long as the time between two delays"],
)
def test_how_long_spikes_last_comes_back(share: float, lasts: int, count: int, every: int) -> None:
    found = lasting(*spiky(share, lasts, count, every))
    assert found is not None
    assert found.length == pytest.approx(lasts, abs=4 * found.error)
    assert found.error < lasts / 4


def test_spikes_shorter_than_the_time_between_two_delays_are_said_to_be_no_longer() -> None:
    found = lasting(*spiky(0.05, EVERY // 10, 10_000))
    assert found is not None
    assert found.length == pytest.approx(EVERY, abs=4 * found.error if found.error else EVERY // 5)


def test_gaps_in_the_times_do_not_matter() -> None:
    delays, times, fit = spiky(0.1, 4 * S, 10_000)
    kept = [number for number in range(len(delays)) if number % 7 and not 2000 < number < 6000]
    part = lasting([delays[number] for number in kept], [times[number] for number in kept], fit)
    assert part is not None
    assert part.length == pytest.approx(4 * S, abs=4 * part.error)


def test_where_there_are_no_spikes_none_lasts() -> None:
    calm = list(drawn(lognormal(9, 0.6), "fit", 1000))
    best = fits(calm, round_trips=False)[0]
    assert best.excess is None
    assert lasting(calm, range(1000), best) is None


@pytest.mark.parametrize("values", [[1, 2], [10, 11, 12], [0, 5], [1] * 49 + [1000], [0.001, 3_600_000]])
def test_odd_delays_are_fitted_all_the_same(values: list[float]) -> None:
    for found in fits(values * 50, round_trips=True):
        assert np.isfinite([found.criterion, found.distance, found.quantile(0.5)]).all()
