"""The study in one picture: above, when a PBFT block is final in each city; below, what each cause adds by protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.study.findings import brief, called, steps
from netsim.study.results import ACCESS, BORDER, CITIES, PLACE, PROTOCOL, Study, in_city

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".svg", ".png")
_DPI = 160
_ASIDE = 0.03  # curves stand beside each other, as some lie upon each other
_INK, _SOFT, _GRID, _PAPER = "#222222", "#5f5f5f", "#e4e4e0", "#ffffff"  # of its own, so also readable on a dark page
# Okabe and Ito (2008), apart with any colour vision: one half for the radio, the other for the protocols.
_RADIO = ("#0072b2", "#d55e00", "#e69f00")
_MARKERS = ("o", "s", "^")
_PROTOCOLS = ("#444444", "#009e73", "#cc79a7", "#56b4e9")


def draw(study: Study, path: Path) -> None:
    """Draw the study into an .svg or .png file, byte for byte the same for the same runs."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.hashsalt": "netsim",
        "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
        "font.size": 10.0,
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "text.parse_math": False,  # a $ in a name is a $
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(10.0, 7.4), layout="constrained", facecolor=_PAPER)
        FigureCanvasAgg(figure)
        parts: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1))
        grid = [part.subplots(1, len(CITIES), sharey=True) for part in parts]
        for column, city in enumerate(CITIES):
            _levels(grid[0][column], study, city)
            _causes(grid[1][column], study, city)
            grid[0][column].set_title(called(city), fontweight="bold", fontsize=11, loc="left")
        grid[0][0].set_ylabel(f"{called(study.base(PROTOCOL))}: median finality, ms")
        grid[1][0].set_ylabel("added to the median, ms")
        grid[0][0].set_ylim(bottom=0)
        _legend(parts[0], _keys(study))
        _legend(parts[1], grid[1][0].get_legend_handles_labels()[0])
        title = "What the border, the distance and the radio do to finality"
        figure.suptitle(f"{title}\n", fontsize=13, fontweight="bold", x=0.01, ha="left")
        figure.text(0.01, 0.955, about(study), fontsize=9, color=_SOFT, va="center")
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else {"Software": None}
        figure.savefig(path, dpi=_DPI, metadata=metadata)


def about(study: Study) -> str:
    """What the picture's figures are, what their bars rest on, and what stays as it is where one cause changes."""
    seeds = f"Means over {study.seeds} seeds, whiskers: 95 % intervals (Student)" if study.seeds > 1 else "One seed"
    rest = f"{study.base(BORDER)} border, {called(study.base(ACCESS))}, Suzhou {study.base(PLACE)} of the quorum"
    return f"{seeds}. Below, each cause by itself; all else as here: {rest}."


def levels(study: Study, city: str) -> list[dict[str, Any]]:
    """The curves above: of each access and place of Suzhou, the mean and half its interval at each border."""
    found = []
    for access in study.words[ACCESS]:
        for place in study.words[PLACE]:
            means = [
                study.mean(in_city(city), {ACCESS: access, PLACE: place, BORDER: border})
                for border in study.words[BORDER]
            ]
            points = [None if one is None else (one.mean, one.half or 0.0) for one in means]
            found.append({"access": access, "suzhou": place, "points": points})
    return found


def causes(study: Study, city: str) -> dict[str, dict[str, tuple[float, float] | None]]:
    """The bars below: of each cause and protocol, what it adds at the base, and half its interval."""
    found: dict[str, dict[str, tuple[float, float] | None]] = {}
    for name, (factor, start, end) in steps(study.words).items():
        found[name] = {}
        for protocol in study.words[PROTOCOL]:
            effect = study.effect(in_city(city), factor, start, end, {PROTOCOL: protocol})
            found[name][protocol] = None if effect is None else (effect.mean, effect.half or 0.0)
    return found


def _levels(axes: Axes, study: Study, city: str) -> None:
    borders = study.words[BORDER]
    for number, curve in enumerate(levels(study, city)):
        colour = _RADIO[(number // len(study.words[PLACE])) % len(_RADIO)]
        outside = curve["suzhou"] == study.words[PLACE][0]
        aside = (number - len(study.words[PLACE]) * (len(study.words[ACCESS]) - 1) / 2) * _ASIDE
        points = [(at + aside, *point) for at, point in enumerate(curve["points"]) if point is not None]
        at, means, halves = (list(values) for values in zip(*points, strict=True))
        axes.errorbar(
            at, means, yerr=halves, color=colour, capsize=2, linewidth=1.6,
            linestyle="-" if outside else (0, (4, 2)),
            marker=_MARKERS[(number // len(study.words[PLACE])) % len(_MARKERS)], markersize=5.5,
            markerfacecolor=colour if outside else _PAPER,
        )  # fmt: skip
    axes.set_xticks(range(len(borders)), borders)
    axes.set_xlim(-0.4, len(borders) - 0.6)
    _plain(axes)


def _keys(study: Study) -> list[Any]:
    """What colours, markers and dashes above stand for."""
    from matplotlib.lines import Line2D

    common: dict[str, Any] = {"xdata": [], "ydata": [], "linewidth": 1.6, "markersize": 5.5}
    keys = [
        Line2D(**common, color=_RADIO[at % len(_RADIO)], marker=_MARKERS[at % len(_MARKERS)], label=called(access))
        for at, access in enumerate(study.words[ACCESS])
    ]
    words = {"out": "Suzhou's votes not needed", "in": "needed"}
    for at, place in enumerate(study.words[PLACE]):
        dashes, face = ((0, (4, 2)), _PAPER) if at else ("-", _INK)
        look: dict[str, Any] = {"linestyle": dashes, "markerfacecolor": face, "label": words.get(place, place)}
        keys.append(Line2D(**common, color=_INK, marker="o", **look))
    return keys


def _legend(part: Any, handles: list[Any]) -> None:
    part.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)


def _causes(axes: Axes, study: Study, city: str) -> None:
    found = causes(study, city)
    protocols = study.words[PROTOCOL]
    width = 0.8 / len(protocols)
    for number, protocol in enumerate(protocols):
        there = [(at, bar) for at, bars in enumerate(found.values()) if (bar := bars[protocol]) is not None]
        axes.bar(
            [at + (number - (len(protocols) - 1) / 2) * width for at, _ in there], [bar[0] for _, bar in there], width,
            yerr=[bar[1] for _, bar in there], capsize=2, color=_PROTOCOLS[number % len(_PROTOCOLS)],
            edgecolor=_PAPER, error_kw={"elinewidth": 1, "ecolor": _INK},
            label=called(protocol),
        )  # fmt: skip
    ends = [f"{brief(start)} → {brief(end)}" for _, start, end in steps(study.words).values()]
    axes.set_xticks(range(len(found)), [f"{name}\n{words}" for name, words in zip(found, ends, strict=True)])
    axes.axhline(0, color=_SOFT, linewidth=0.8)
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.grid(True, axis="y", color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, labelsize=9)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_SOFT)
