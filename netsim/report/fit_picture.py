"""A picture of measured delays and of what was fitted to them: the shares below, and on a logarithmic scale above."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsim.network.fit import Fit

SUFFIXES = (".png", ".svg")
_MEASURED, _FITTED = "#222222", "#D55E00"  # Okabe and Ito's orange stands out from black with any colour vision
_FAINT = "#767676"
_DPI = 160
_SHARES = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"))
_MOST_POINTS = 4000  # of a curve; a picture shows no more


def draw(delays: Sequence[float], fit: Fit, path: Path, title: str) -> None:
    """Draw delays in ms and the fit into an .svg or .png file, byte for byte the same for the same delays."""
    import matplotlib as mpl
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    ordered = np.sort(np.asarray(delays, np.float64))
    count = len(ordered)
    places = np.unique(np.concatenate((np.linspace(0, count - 1, _MOST_POINTS).astype(int), np.arange(count)[-500:])))
    places = places[places < count]
    wide = ordered[-1] > 8 * ordered[0]
    grid = np.geomspace(max(ordered[0], 1e-3) * 0.95, ordered[-1] * (1.3 if wide else 1.05), 1200)
    fitted = fit.cdf(grid)
    style: dict[Any, Any] = {
        "svg.hashsalt": "netsim",
        "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
        "font.size": 9.0,
        "text.parse_math": False,  # a $ in a name is a $
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(9.5, 4.2), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        left.step(ordered[places], (places + 1) / count, where="post", color=_MEASURED, linewidth=2.4, alpha=0.55)
        left.plot(grid, fitted, color=_FITTED, linewidth=1.3)
        left.set_ylim(0, 1.02)
        left.set_ylabel("share of delays below")
        # What lies above a delay, itself included: so the greatest of n stands at 1 / n, and none at 0.
        right.step(ordered[places], 1 - places / count, where="pre", color=_MEASURED, linewidth=2.4, alpha=0.55)
        right.plot(grid, np.maximum(1 - fitted, 1e-12), color=_FITTED, linewidth=1.3)
        right.set_yscale("log")
        right.set_ylim(0.5 / count, 1.3)
        right.set_ylabel("share of delays above")
        for axes in (left, right):
            if wide:
                axes.set_xscale("log")
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if grid[-1] < 1000 * grid[0] else (1,)))
                axes.xaxis.set_minor_formatter("")
            axes.set_xlim(grid[0], grid[-1])
            axes.xaxis.set_major_formatter(_plain_number)
            axes.yaxis.set_major_formatter(_percent)
            axes.set_xlabel("round trip, ms" if fit.round_trips else "one-way delay, ms")
            axes.grid(True, which="major", color="#E4E4E0", linewidth=0.6)
            axes.set_axisbelow(True)
        for share, name in _SHARES:
            if count * (1 - share) >= 1:
                right.axhline(1 - share, color=_FAINT, linewidth=0.5, linestyle=(0, (2, 3)))
                right.annotate(
                    name, (0, 1 - share), xycoords=("axes fraction", "data"), xytext=(3, 1),
                    textcoords="offset points", ha="left", va="bottom", fontsize=7.5, color=_FAINT,
                )  # fmt: skip
        left.plot([], [], color=_MEASURED, linewidth=2.4, alpha=0.55, label=f"measured ({count})")
        left.plot([], [], color=_FITTED, linewidth=1.3, label=fit.name)
        left.legend(loc="lower right", frameon=False)
        figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left", color=_MEASURED)
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else {"Software": None}
        figure.savefig(path, dpi=_DPI, metadata=metadata)


def _plain_number(value: float, _: int | None = None) -> str:
    """A tick as a person writes it."""
    return f"{value:g}"


def _percent(share: float, _: int | None = None) -> str:
    return f"{100 * share:g} %"
