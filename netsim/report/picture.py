"""A picture of a network: the cities, their nodes by kind of access, the links by their delay or traffic."""

from __future__ import annotations

from itertools import combinations
from math import cos, floor, log10, pi, sin
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.report.layout import Box, By, City, Layout, Point, delay_ms, great_circle_km, lay_out

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

# Okabe and Ito, "Color universal design" (2008): told apart with any colour vision; shapes differ as well.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_SHAPES = ("o", "s", "D", "^", "v", "P", "X")
_INK, _FAINT, _DISC = "#222222", "#767676", "#F3F3F1"
_DPI = 160
_INCHES_PER_UNIT, _LARGEST = 0.62, 8.0  # how large a layout is drawn, and the most inches that it may take
_LARGEST_NODE = 14.0  # points across
_SMALLEST_LABELLED = 12.0  # numbers in smaller nodes would be specks
_LABELLED_CITIES = 5  # with more, only each city's way to its nearest neighbour says how far it is
_TRUE = "Cities keep their bearings but not their distances; the true ones are written on the lines."
_MOST_KINDS = 24  # in the legend
_NAMED_CLUSTERS = 8  # with more, their names would cover them: they are small and stand above each
_SKEWED = 30  # the greatest traffic over the least from which on the scale is logarithmic


def draw(graph: nx.Graph[Any], path: Path, title: str, by: By = "geography", colour: str = "delay") -> None:
    """Draw a network into an .svg or .png file, byte for byte the same for the same graph.

    `colour` is "delay" or "traffic", which needs links that have bytes. Raises ValueError as `lay_out` does.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layout = lay_out(graph, by)
    left, bottom, right, top = layout.extent
    scale = min(_INCHES_PER_UNIT, _LARGEST / max(right - left, top - bottom))
    style: dict[Any, Any] = {
        "svg.hashsalt": "netsim",
        "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
        "font.size": 9.0,
        "text.parse_math": False,  # a $ in a name is a $
    }
    with mpl.rc_context(style):
        figure = Figure()
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        _frame(figure, axes, layout.extent, scale)
        names = _draw_cities(axes, layout)
        _frame(figure, axes, _around_all(figure, axes, layout.extent, names, scale), scale)
        _draw_links(figure, axes, graph, layout, colour)
        _draw_nodes(axes, graph, layout, min(_LARGEST_NODE, 0.62 * 72 * scale))
        if layout.by == "geography":
            _draw_distances(axes, graph, layout)
        elif layout.ms_per_unit is not None:
            _draw_scale(axes, layout)
        _write_around(axes, title, _TRUE if layout.by_geography and layout.says else layout.says)
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else {"Software": None}
        figure.savefig(path, dpi=_DPI, metadata=metadata, bbox_inches="tight", pad_inches=0.25)


def _frame(figure: Figure, axes: Axes, box: Box, scale: float) -> None:
    """Make the figure as large as the box is, at so many inches per unit of the layout."""
    left, bottom, right, top = box
    figure.set_size_inches((right - left) * scale, (top - bottom) * scale)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _around_all(figure: Figure, axes: Axes, box: Box, names: list[Annotation], scale: float) -> Box:
    """The box, enlarged by what the cities' names need beside it."""
    left, bottom, right, top = box
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for name in names:
        around = name.get_window_extent(renderer).transformed(axes.transData.inverted())
        left, bottom = min(left, around.x0), min(bottom, around.y0)
        right, top = max(right, around.x1), max(top, around.y1)
    air = 0.1 / scale
    return left - air, bottom - air, right + air, top + air


def _draw_cities(axes: Axes, layout: Layout) -> list[Annotation]:
    """The discs, and their names where no other city is."""
    from matplotlib.patches import Circle

    names = []
    few = layout.by != "cluster" or len(layout.cities) <= _NAMED_CLUSTERS
    for city in layout.cities:
        (x, y), radius = city.centre, city.radius
        axes.add_patch(Circle((x, y), radius, facecolor=_DISC, edgecolor="#D8D8D4", linewidth=0.8, zorder=0))
        angle = layout.outward(city) if few else pi / 2
        east, north = cos(angle), sin(angle)
        beside = abs(east) > 0.8
        count = f"{len(city.nodes)} node{'s' if len(city.nodes) != 1 else ''}"
        name = axes.annotate(
            city.name if not few else f"{city.name}\n{count}" if beside else f"{city.name} · {count}",
            (x + radius * east, y + radius * north),
            xytext=(6 * east, 6 * north),
            textcoords="offset points",
            ha="left" if east > 0.3 else "right" if east < -0.3 else "center",
            va="center" if beside else "bottom" if north > 0 else "top",
            fontsize=11 if few else 7.5,
            fontweight="bold",
            color=_INK,
            zorder=6,
        )
        names.append(name)
    return names


def _write_around(axes: Axes, title: str, says: str) -> None:
    """The legend and the title above, how to read the picture below."""
    handles, kinds = axes.get_legend_handles_labels()
    if any(kinds):
        legend = axes.legend(
            handles,
            kinds,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=4,
            frameon=False,
            borderaxespad=0.2,
            handletextpad=0.2,
            columnspacing=1.2,
        )
        for mark in legend.legend_handles:
            mark.set_sizes([80])  # type: ignore[union-attr]
    rows = -(-len(kinds) // 4)
    axes.annotate(
        title, (0, 1), xycoords="axes fraction", xytext=(4, 18 * rows + 8), textcoords="offset points",
        ha="left", va="bottom", fontsize=15, fontweight="bold", color=_INK,
    )  # fmt: skip
    if says:
        axes.annotate(
            says, (0, 0), xycoords="axes fraction", xytext=(4, -6), textcoords="offset points",
            ha="left", va="top", fontsize=8, color=_FAINT,
        )  # fmt: skip


def _draw_links(figure: Figure, axes: Axes, graph: nx.Graph[Any], layout: Layout, colour: str) -> None:
    """Links between cities stand out from those within one, and both share one scale of colours."""
    import matplotlib as mpl
    from matplotlib.collections import LineCollection
    from matplotlib.colors import ListedColormap, LogNorm, Normalize

    if not graph.number_of_edges():
        return
    lines, values, widths = [], [], []
    thin = min(1.0, 100 / graph.number_of_edges())  # many links are drawn finer, so that they do not become a wall
    for a, b, attributes in graph.edges(data=True):
        between = graph.nodes[a].get("site") != graph.nodes[b].get("site")
        lines.append((layout.positions[a], layout.positions[b]))
        carried = attributes["bytes"] + attributes["bytes_back"] if colour == "traffic" else 0
        values.append(float(carried) if colour == "traffic" else delay_ms(attributes))
        widths.append(0.4 + thin if between else 0.3 + 0.5 * thin)
    label = "median one-way delay, ms"
    if colour == "traffic":
        values, label = _in_unit(values)
    # The pale end of the scale would vanish on white.
    shades = mpl.colormaps["viridis_r"].resampled(256)([0.15 + 0.85 * k / 255 for k in range(256)])
    colours = ListedColormap(shades).with_extremes(bad="#CCCCCC")  # bad: what is nought on a logarithmic scale
    most, least = max(values), min((value for value in values if value > 0), default=0.0)
    skewed = colour == "traffic" and most > _SKEWED * least > 0
    norm = LogNorm(least, most) if skewed else Normalize(0, most)
    links = LineCollection(lines, array=values, cmap=colours, linewidths=widths, alpha=0.45 + 0.35 * thin, zorder=1)
    axes.add_collection(links)
    if most > 0:
        links.set_norm(norm)
        wide, high = figure.get_size_inches()
        tall = min(3 / high, 0.9)
        place = axes.inset_axes((1 + 0.3 / wide, 0.5 - tall / 2, 0.16 / wide, tall))
        bar = figure.colorbar(links, cax=place, format="%g" if skewed else None)
        bar.set_label(label, color=_INK)
        if bar.solids is not None:
            bar.solids.set_alpha(1)
        bar.outline.set_visible(False)


def _in_unit(counts: list[float]) -> tuple[list[float], str]:
    """Bytes in the unit that gives readable numbers, and what the scale is called."""
    unit, per = next(
        ((unit, per) for unit, per in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if max(counts) >= per), ("B", 1.0)
    )
    return [count / per for count in counts], f"traffic of the run, both directions together, {unit}"


def _draw_scale(axes: Axes, layout: Layout) -> None:
    """By latency: a line as long as so much delay is."""
    assert layout.ms_per_unit is not None
    left, bottom, right, _ = layout.extent
    most = (right - left) / 4 * layout.ms_per_unit
    power = 10.0 ** floor(log10(most))
    shown = next(step * power for step in (5, 2, 1) if step * power <= most)
    axes.plot((left, left + shown / layout.ms_per_unit), (bottom, bottom), color=_INK, linewidth=1.5, zorder=5)
    axes.annotate(
        f"{shown:g} ms", (left, bottom), xytext=(0, 4), textcoords="offset points", fontsize=8.5, color=_INK, zorder=6
    )


def _draw_nodes(axes: Axes, graph: nx.Graph[Any], layout: Layout, across: float) -> None:
    """Nodes as marks so many points across; those that are large enough carry what their city's name leaves open.

    Marks tell the kinds of access apart where cities are discs, and else the cities.
    """
    import networkx as nx

    told = "access" if layout.by == "geography" else "site"
    kinds = sorted({str(kind or "") for _, kind in graph.nodes(data=told)})
    for index, kind in enumerate(kinds):
        nodes = [node for node, of in graph.nodes(data=told) if str(of or "") == kind]
        x, y = zip(*(layout.positions[node] for node in nodes), strict=True)
        label = f"{kind} access" if told == "access" else kind
        axes.scatter(
            x,
            y,
            s=across**2,
            marker=_SHAPES[(index + index // len(_SHAPES)) % len(_SHAPES)],
            color=_COLOURS[index % len(_COLOURS)],
            edgecolors="white",
            linewidths=across / 12,
            label=label if kind and index < _MOST_KINDS else "",
            zorder=3,
        )
    cuts = [layout.positions[node] for node in nx.articulation_points(graph)]
    if cuts:
        x, y = zip(*sorted(cuts), strict=True)
        axes.scatter(
            x, y, s=(1.5 * across) ** 2, facecolors="none", edgecolors=_INK, linewidths=1.5,
            label="cut node: without it the rest falls apart", zorder=3.5,
        )  # fmt: skip
    if across >= _SMALLEST_LABELLED:
        for node, position in layout.positions.items():
            label = _short(str(graph.nodes[node].get("name", node)), str(graph.nodes[node].get("site", "")))
            axes.annotate(label, position, ha="center", va="center_baseline", fontsize=7, color="white", zorder=4)


def _short(name: str, site: str) -> str:
    """What of a node's name its city does not say already."""
    return name.removeprefix(f"{site}-")


def _draw_distances(axes: Axes, graph: nx.Graph[Any], layout: Layout) -> None:
    """On the way between two cities: how far they are really apart, and the median delay of the links between them."""
    delays: dict[frozenset[str], list[float]] = {}
    for a, b, attributes in graph.edges(data=True):
        pair = frozenset((str(graph.nodes[a].get("site", "")), str(graph.nodes[b].get("site", ""))))
        delays.setdefault(pair, []).append(delay_ms(attributes))
    for one, other in _neighbours(layout):
        between = sorted(delays.get(frozenset((one.name, other.name)), []))
        if not between:
            continue
        text = f"{between[len(between) // 2]:.1f} ms"
        if one.place is not None and other.place is not None:
            text = f"{great_circle_km(one.place, other.place):,.0f} km · ".replace(",", " ") + text
        axes.annotate(
            text,
            _midpoint(one, other),
            ha="center",
            va="center",
            fontsize=8.5,
            color=_INK,
            bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": "#BBBBBB", "linewidth": 0.6},
            zorder=5,
        )


def _neighbours(layout: Layout) -> list[tuple[City, City]]:
    """The pairs of cities whose distance is written: all while they are few, then each with its nearest if known."""
    pairs = list(combinations(layout.cities, 2))
    if len(layout.cities) <= _LABELLED_CITIES:
        return pairs
    if not layout.by_geography:
        return []

    def distance(pair: tuple[City, City]) -> float:
        assert pair[0].place is not None
        assert pair[1].place is not None
        return great_circle_km(pair[0].place, pair[1].place)

    nearest = [min((pair for pair in pairs if city in pair), key=distance) for city in layout.cities]
    return [pair for pair in pairs if pair in nearest]


def _midpoint(one: City, other: City) -> Point:
    """The middle of the gap between two discs."""
    (ax, ay), (bx, by) = one.centre, other.centre
    length = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5
    share = (length + one.radius - other.radius) / (2 * length)
    return ax + (bx - ax) * share, ay + (by - ay) * share
