"""tools/fit-link: a file of ping times to an access profile, with a picture of both distributions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from netsim import catalogue

if TYPE_CHECKING:
    from netsim.network.fit import Fit, Lasting
    from netsim.scenario.recording import Samples

_WRONG, _INCOMPLETE = 2, 4
_NS_PER_MS = 10**6
_SHARES = ((0.05, "p5"), (0.5, "p50"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99"), (0.999, "p99.9"))


def fit_link(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What ping printed, or a table of delays.")],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="NAME", help="The picture, .svg or .png; else FILE's name.svg.")
    ] = None,
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="TIME", help="Between two delays where FILE has no times, as in `1 s`."),
    ] = None,
) -> None:
    """Fit an access profile to measured delays and print it, ready for a scenario's `access:` section."""
    from netsim.network.fit import fits, lasting
    from netsim.report.fit_picture import SUFFIXES, draw
    from netsim.scenario import units
    from netsim.scenario.recording import read_samples

    picture = output or Path(f"{file.stem}.svg")
    if picture.suffix.lower() not in SUFFIXES:
        _fail(_WRONG, f"--output {picture} says no form of picture; use {' or '.join(SUFFIXES)}")
    try:
        spacing = None if every is None else units.duration(every)
    except ValueError as error:
        _fail(_WRONG, f"--every {error}")
    try:
        samples = read_samples(file)
        measured = [delay * (2 if samples.round_trips else 1) / _NS_PER_MS for delay in samples.delays]
        found = fits(measured, samples.round_trips)
    except ValueError as error:
        _fail(_WRONG, f"{file} {error}")
    best, times = found[0], samples.times
    if times is None and spacing:
        times = tuple(range(0, spacing * len(measured), spacing))
    episodes = None if times is None else lasting(measured, times, best)
    try:
        draw(measured, best, picture, f"{file.name}: {best.name}")
    except OSError as error:
        _fail(_INCOMPLETE, f"{error.strerror or error}: {picture}")
    for line in _account(file, samples, measured, found, times, episodes, picture):
        typer.echo(f"# {line}".rstrip())
    typer.echo(_profile(_name(file.stem), file.name, best, episodes))


def _account(
    file: Path,
    samples: Samples,
    measured: list[float],
    found: list[Fit],
    times: tuple[int, ...] | None,
    episodes: Lasting | None,
    picture: Path,
) -> list[str]:
    """What was measured, what was tried, and how well the chosen model fits."""
    import numpy as np

    best = found[0]
    what = "round trips" if samples.round_trips else "one-way delays"
    span = "" if times is None else f" over {times[-1] / 1e9:.6g} s"
    lines = [f"{file}: {len(measured)} {what}{span}"]
    lines += [note for note in samples.notes if note != "round trips, halved"]
    lines += ["", f"{'model':<30}{'parameters':>10}{'ΔBIC':>12}{'KS':>9}"]
    lines += [
        f"{fit.name:<30}{fit.parameters:>10}{fit.criterion - best.criterion:>+12.0f}{fit.distance:>9.4f}"
        for fit in found
    ]
    lines += [
        "Chosen: the least Bayesian information criterion (BIC). ΔBIC is how far a model is above it,",
        "KS Kolmogorov and Smirnov's distance between the measured and the fitted distribution.",
        "",
        f"{what.removesuffix('s') + ', ms':<30}{'measured':>10}{'fitted':>12}",
    ]
    lines += [
        f"{name:<30}{np.quantile(measured, share, method='inverted_cdf'):>10.2f}{best.quantile(share):>12.2f}"
        for share, name in _SHARES
        if len(measured) * min(share, 1 - share) >= 1
    ]
    lines.append("")
    if best.excess is not None:
        if episodes is None:
            lines.append(
                "How long spikes last is not known: no times (see --every), or none began. The default stands."
            )
        elif episodes.at_most:
            lines.append("Spikes last no longer than from one delay to the next, or shorter.")
        else:
            lines.append(f"Spikes last {episodes.length / 1e9:.3g} ± {episodes.error / 1e9:.2g} s (standard error).")
    lines.append(
        "`core` holds all that never varies, the way to whatever answered included. Bandwidth was not measured."
    )
    lines.append(f"The picture: {picture}")
    return lines


def _profile(name: str, source: str, fit: Fit, episodes: Lasting | None) -> str:
    """The fit in the scenario language."""
    import json

    from netsim.scenario import units
    from netsim.scenario.distribution import write_distribution

    def duration(milliseconds: float) -> str:
        return units.write_duration(round(milliseconds * 1000) * 1000)  # whole µs: nobody measures finer

    body = write_distribution(fit.distribution, catalogue)
    assert isinstance(body, dict), "nothing that is fitted is constant"
    drawn = f"{{{', '.join(f'{key}: {value}' for key, value in body.items() if key != 'minimum')}}}"
    lines = [
        "access:",
        f"  {name}:",
        f"    description: {json.dumps(f'fitted to {source}: {fit.name}', ensure_ascii=False)}",
        f"    up: {drawn}",
        f"    down: {drawn}",
        f"    core: {duration(fit.core)}",
    ]
    if fit.excess is not None:
        spikes = {
            "share": units.write_share(round(fit.excess.share, 4)),
            "median": duration(fit.excess.median),
            "p90": duration(fit.excess.p90),
        }
        if episodes is not None:
            spikes["lasts"] = units.write_duration(int(float(f"{episodes.length:.2e}")))
        lines.append(f"    spikes: {{{', '.join(f'{key}: {value}' for key, value in spikes.items())}}}")
    return "\n".join(lines)


def _name(stem: str) -> str:
    """A profile's name from a file's: what YAML might take for something else becomes a dash."""
    return re.sub(r"[^\w-]+", "-", stem, flags=re.ASCII).strip("-_") or "fitted"


def _fail(code: int, reason: str) -> NoReturn:
    typer.echo(f"fit-link: {reason}", err=True)
    raise SystemExit(code)


def main() -> None:
    """Entry of the program."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(fit_link)
    app(prog_name="fit-link")


if __name__ == "__main__":
    main()
