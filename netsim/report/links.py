"""The links of a network as a picture and as a table: how long a message takes from city to city."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from netsim.measure.dist import dist_ms, ms, rank

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

# Okabe and Ito, "Color universal design" (2008), as in the picture of the network; each city keeps its colour.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_INK, _FAINT, _GRID = "#222222", "#767676", "#E8E8E4"
_DPI = 160
_WIDE, _LEAST_HIGH, _ROW, _BETWEEN = 6.4, 1.3, 0.2, 0.55  # inches: a panel, a line of words, what is between panels
_LEFT, _RIGHT, _ABOVE, _BELOW = 0.6, 3.6, 1.05, 0.85  # the margins; the words are in the right one
_P50, _P99 = _WIDE + 2.65, _WIDE + 3.4  # where the figures end, inches from a panel's left edge
_LONGEST = 25  # letters of a city's name and access
_LINEAR = 30  # the greatest p99 is at most so many times the least p50 where the scale is linear
_DEEPEST = 1000  # the greatest p99 over the left end of a logarithmic scale, at most
_POINTS = 500  # of a curve


class Way(Protocol):
    """From one city to another: the profiles of the nodes at either end, delays in ns, ascending, packets lost."""

    @property
    def source(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def access(self) -> tuple[str, str]: ...
    @property
    def delays(self) -> NDArray[np.int64]: ...
    @property
    def loss(self) -> float: ...


def table(ways: Sequence[Way]) -> str:
    """One line for each way, in milliseconds."""
    rows = [["from", "to", "minimum", "p50", "p95", "p99", "loss"]]
    for way in ways:
        dist = dist_ms(way.delays)
        figures = [_ms(figure) for figure in (dist["min"], dist["p50"], dist["p95"], dist["p99"])]
        rows.append([way.source, way.target, *figures, f"{100 * way.loss:.3g} %"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def check_form(path: Path) -> None:
    """Raises ValueError where a file's suffix says no form of picture."""
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".png"):
        raise ValueError(f"{path}: {suffix or 'a name without a suffix'} says no form of picture; use .svg or .png")


def draw(ways: Sequence[Way], path: Path, title: str, about: str) -> None:
    """Draw a panel for each receiving city, with a curve for each city that sends: the share that has arrived by then.

    The same ways give the same bytes. Raises ValueError for a suffix other than .svg and .png, OSError where it cannot
    be written.
    """
    check_form(path)
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cities = list(dict.fromkeys(way.source for way in ways) | dict.fromkeys(way.target for way in ways))
    colours = {city: _COLOURS[index % len(_COLOURS)] for index, city in enumerate(cities)}
    panels = {target: [way for way in ways if way.target == target] for target in cities}
    panels = {target: incoming for target, incoming in panels.items() if incoming}
    heights = [max(_LEAST_HIGH, _ROW * (len(incoming) + 1)) for incoming in panels.values()]
    style: dict[Any, Any] = {
        "svg.hashsalt": "netsim",
        "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
        "font.size": 9.0,
        "text.parse_math": False,
        "axes.linewidth": 0.6,
    }
    with mpl.rc_context(style):
        figure = Figure()
        FigureCanvasAgg(figure)
        wide = _LEFT + _WIDE + _RIGHT
        high = _ABOVE + sum(heights) + _BETWEEN * (len(panels) - 1) + _BELOW
        figure.set_size_inches(wide, high)
        top = high - _ABOVE
        for (target, incoming), height in zip(panels.items(), heights, strict=True):
            axes = figure.add_axes((_LEFT / wide, (top - height) / high, _WIDE / wide, height / high))
            _draw_panel(axes, target, incoming, colours)
            _scale(axes, ways, last=target == list(panels)[-1])
            top -= height + _BETWEEN
        _write_around(figure, title, about)
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else {"Software": None}
        figure.savefig(path, dpi=_DPI, metadata=metadata, bbox_inches="tight", pad_inches=0.2)


def _draw_panel(axes: Axes, target: str, incoming: Sequence[Way], colours: dict[str, str]) -> None:
    """What arrives at one city, the quickest first."""
    _write(axes, 0, -0.1, f"to {target} · {incoming[0].access[1]}", size=10.5, weight="bold", va="bottom")
    with_dists = sorted(((way, dist_ms(way.delays)) for way in incoming), key=lambda both: both[1]["p50"] or 0)
    _write(axes, _P50, 0.1, "p50, ms", color=_FAINT, ha="right")
    _write(axes, _P99, 0.1, "p99, ms", color=_FAINT, ha="right")
    _write(axes, _WIDE + 0.45, 0.1, "from", color=_FAINT)
    written = [(_ms(dist["p50"]), _ms(dist["p99"])) for _, dist in with_dists]
    for line, (way, dist) in enumerate(with_dists, 1):
        colour = colours[way.source]
        covered_by = written[line:].count(written[line - 1])  # and so drawn broader, to be seen at all
        _draw_curve(axes, way, colour, 1.6 + 1.8 * covered_by)
        down = 0.1 + line * _ROW
        _write(axes, _WIDE + 0.2, down, "●", color=colour)
        access = f" · {way.access[0]}"
        _write(axes, _WIDE + 0.45, down, _short(way.source, _LONGEST - len(access)) + access)
        _write(axes, _P50, down, _ms(dist["p50"]), ha="right")
        _write(axes, _P99, down, _ms(dist["p99"]), ha="right")


def _draw_curve(axes: Axes, way: Way, colour: str, width: float) -> None:
    """The share of messages that take at most so long, with its middle and its 99th percentile marked."""
    import numpy as np

    count = len(way.delays)
    if not count:
        return
    ranks = np.unique(np.linspace(0, count - 1, _POINTS).round().astype(np.int64))
    milliseconds, shares = way.delays[ranks] / 1e6, (ranks + 1) / count
    axes.step([milliseconds[0], *milliseconds], [0, *shares], where="post", color=colour, linewidth=width, zorder=2)
    for percentile, inside in ((50, colour), (99, "white")):
        at = ms(way.delays[rank(percentile, count)])
        size = 3.4 + width
        axes.plot([at], [percentile / 100], "o", color=inside, markeredgecolor=colour, markersize=size, zorder=3)


def _scale(axes: Axes, ways: Sequence[Way], last: bool) -> None:
    """One scale of time for all panels, linear from 0 where that shows everything, else logarithmic."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    dists = [dist_ms(way.delays) for way in ways]
    most = max(dist["p99"] or 1 for dist in dists)
    seen = [dist for dist in dists if (dist["p50"] or 0) > most / _DEEPEST] or dists  # others are at the left edge
    if most <= _LINEAR * min(dist["p50"] or most for dist in seen):
        axes.set_xlim(0, 1.15 * most)
    else:
        least = min(dist["min"] or 0 for dist in seen)
        axes.set_xscale("log")
        axes.set_xlim(max(least, most / _DEEPEST) / 1.15, 1.3 * most)
        axes.xaxis.set_major_locator(FixedLocator(list(_one_two_five(*axes.get_xlim()))))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylim(0, 1.04)
    axes.set_yticks([0, 0.5, 1], ["0", "50", "100 %"])
    axes.grid(color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=_FAINT, labelbottom=last)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#BBBBBB")
    if last:
        axes.set_xlabel("one-way delay, ms", color=_INK)


def _one_two_five(low: float, high: float) -> Iterator[float]:
    """1, 2, 5, 10, 20, 50, … between two bounds."""
    for exponent in range(-7, 8):
        for digit in (1, 2, 5):
            if low <= digit * 10.0**exponent <= high:
                yield digit * 10.0**exponent


def _write(axes: Axes, right: float, down: float, text: str, **style: Any) -> None:
    """Words so many inches right of a panel's upper left corner and below it."""
    axes.annotate(
        text, (0, 1), xycoords="axes fraction", xytext=(72 * right, -72 * down), textcoords="offset points",
        **{"va": "center", "color": _INK, "annotation_clip": False, **style},
    )  # fmt: skip


def _write_around(figure: Figure, title: str, about: str) -> None:
    """The title and what was measured above, how to read it below."""
    wide, high = figure.get_size_inches()
    left = 0.2 / wide
    figure.text(left, 1 - 0.32 / high, title, fontsize=15, fontweight="bold", color=_INK, va="center")
    figure.text(left, 1 - 0.6 / high, about, color=_FAINT, va="center")
    to_read = "Each curve: the share of messages that have arrived by then.  ● half of them   ○ 99 of 100"
    figure.text(left, 0.22 / high, to_read, fontsize=8, color=_FAINT, va="center")


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: max(longest, 2) - 1]}…"


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
