"""The figures of a run for notebooks and papers: `run.plot.finality()` and its like, drawn with matplotlib.

Each has a title, units on its axes and a sentence that says what it shows. Colours are Okabe and Ito's, which can be
told apart with any colour vision, and shapes or dashes differ as well. A figure is an ordinary matplotlib one: change
it, save it (`figure.savefig("finality.pdf")`), or leave it as the last line of a cell, which shows it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netsim.export.frames import Frames

# Okabe and Ito, "Color universal design" (2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_SHAPES = ("o", "s", "^", "D", "v", "P", "X")
_DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.5)),
    (0, (5, 1.5, 1, 1.5)),
    (0, (3, 1)),
    (0, (8, 2)),
    (0, (2, 3)),
)
_INK, _FAINT, _GRID = "#222222", "#767676", "#E4E4E0"
_WHO = (("first_ms", "first validator"), ("quorum_ms", "quorum"), ("all_ms", "all validators"))
_MOST_CURVES = 300  # blocks of which propagation is drawn each; the median is over all
_WIDE_SPREAD = 20  # times the usual: from there on a logarithmic scale shows more
_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
    "font.size": 9.0,
    "text.parse_math": False,  # a $ in a name is a $
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "netsim",
}


class Picture(Figure):
    """A matplotlib figure that a notebook shows by itself, whatever backend is chosen."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        with mpl.rc_context(_STYLE):
            self.savefig(file, format="png", dpi=100, metadata={"Software": None})
        return file.getvalue()


class Plots:
    """The figures of one run."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._name = frames.header.name

    def __repr__(self) -> str:
        return f"<figures of {self._name}: {', '.join(name for name in dir(self) if not name.startswith('_'))}>"

    def finality(self) -> Picture:
        """How long each block took until it was final, by when it was proposed; faults are shaded."""
        blocks, header = self._frames.finality, self._frames.header
        with self._figure("Time to finality", "Each block by when it was proposed; faults are shaded.") as (
            figure,
            axes,
        ):
            for place, (column, label) in enumerate(_WHO):
                final = blocks.filter(pl.col(column).is_not_null())
                inside = "none" if place else COLOURS[place]
                axes.plot(
                    final["proposed_ms"] / 1e3, final[column], _SHAPES[place],
                    color=COLOURS[place], markersize=4, markerfacecolor=inside, label=label,
                )  # fmt: skip
            never = blocks.filter(pl.col("quorum_ms").is_null())
            if len(never):
                at = never["proposed_ms"] / 1e3
                label = f"not final at a quorum ({len(never)})"
                axes.plot(
                    at, np.full(len(at), 0.98), "x", color=COLOURS[6], label=label, transform=axes.get_xaxis_transform()
                )
            for number, fault in enumerate(header.faults):
                begin, end = fault.start_ns / 1e9, fault.end_ns / 1e9
                axes.axvspan(begin, end, color=_FAINT, alpha=0.18, linewidth=0, label="" if number else "fault")
            if header.warmup_ns:
                axes.axvline(header.warmup_ns / 1e9, color=_FAINT, linewidth=0.8, linestyle=":", label="warm-up ends")
            axes.set_xlim(0, header.duration_ns / 1e9)
            longest = blocks["all_ms"].max()
            if isinstance(longest, float) and longest > _WIDE_SPREAD * _typical(blocks["quorum_ms"]):
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter(_plain)
            else:
                axes.set_ylim(bottom=0)
            axes.set_xlabel("proposed at, s")
            axes.set_ylabel("final after, ms")
            _legend(figure, axes)
        return figure

    def tail(self) -> Picture:
        """What share of blocks takes longer than so many milliseconds, on a logarithmic scale."""
        counted = self._frames.finality.filter("counted")
        curves = [(label, counted[column].drop_nulls().to_numpy()) for column, label in _WHO]
        return self._tails("Time to finality", "The share of blocks that take longer.", curves, "final after, ms")

    def transactions(self) -> Picture:
        """What share of transactions waits longer, by the site of their clients, on a logarithmic scale."""
        known = self._frames.transactions.filter(pl.col("latency_ms").is_not_null())
        sites = self._frames.header.sites[: len(COLOURS) - 1]
        curves = [("all", known["latency_ms"].to_numpy())]
        if len(self._frames.header.sites) > 1:
            curves += [(site, known.filter(pl.col("site") == site)["latency_ms"].to_numpy()) for site in sites]
        says = "The share of transactions whose clients wait longer, from when they were due, by site."
        return self._tails("Transaction latency", says, curves, "final at the client's node after, ms")

    def propagation(self) -> Picture:
        """How a block spreads: the share of nodes that have it, over time; a thin line per block and their median."""
        received = self._frames.propagation.filter(
            pl.col("block").is_in(self._frames.finality.filter("counted")["block"].implode())
        )
        says = "The share of nodes that have a block in full: each block, and the median over the blocks."
        with self._figure("Propagation", says) as (figure, axes):
            curves = received.partition_by("block", maintain_order=True)
            for one in curves[:_MOST_CURVES]:
                axes.step(
                    one["received_ms"], one["share"] * 100, where="post", color=COLOURS[4], linewidth=0.5, alpha=0.5
                )
            median = received.group_by("share").agg(pl.col("received_ms").median()).sort("share")
            label = f"median over {len(curves)} blocks"
            axes.step(
                median["received_ms"], median["share"] * 100, where="post", color=COLOURS[0], linewidth=2, label=label
            )
            axes.set_xlim(left=0)
            axes.set_ylim(0, 102)
            axes.set_xlabel("since the proposal, ms")
            axes.set_ylabel("nodes that have it, %")
            _legend(figure, axes)
        return figure

    def cities(self) -> Picture:
        """When blocks are final at the validators of each site: the median, and from the 5th to the 95th percentile."""
        counted = self._frames.finality.filter("counted")["block"].implode()
        made = self._frames.finalisations.filter("validator", pl.col("block").is_in(counted))
        sites = [site for site in self._frames.header.sites if site in set(made["site"])]
        says = "When blocks are final at the validators of a site: the median, and the 5th to the 95th percentile."
        with self._figure("Time to finality by site", says, height=1.6 + 0.35 * len(sites)) as (figure, axes):
            for place, site in enumerate(sites):
                low, middle, high = _percentiles(
                    made.filter(pl.col("site") == site)["final_ms"].to_numpy(), (5, 50, 95)
                )
                axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=2, alpha=0.6)
                axes.plot([middle], [place], "o", color=COLOURS[0])
                axes.annotate(
                    f"{middle:.1f}", (middle, place), (0, 5), textcoords="offset points", ha="center", fontsize=8
                )
            axes.set_yticks(range(len(sites)), sites)
            axes.set_ylim(len(sites) - 0.4, -0.6)
            axes.set_xlim(left=0)
            axes.set_xlabel("final after, ms")
        return figure

    def traffic(self) -> Picture:
        """How many bytes each type of message put on the network."""
        sent = self._frames.traffic.filter(pl.col("what") == "sent")
        types = sent.group_by("type").agg(pl.col("bytes").sum(), pl.col("copies").sum()).sort("bytes", descending=True)
        says = "All copies sent in the whole run, by type of message."
        with self._figure("Traffic", says, height=1.6 + 0.3 * len(types)) as (figure, axes):
            places = range(len(types))
            axes.barh(places, (types["bytes"] / 1e6).to_list(), color=COLOURS[0], height=0.7)
            for place, (volume, copies) in enumerate(zip(types["bytes"], types["copies"], strict=True)):
                says = f"{copies} cop{'y' if copies == 1 else 'ies'}"
                axes.annotate(
                    says, (volume / 1e6, place), (4, 0), textcoords="offset points",
                    va="center", fontsize=8, color=_FAINT,
                )  # fmt: skip
            axes.set_yticks(places, types["type"].to_list())
            axes.set_ylim(len(types) - 0.4, -0.6)
            axes.margins(x=0.2)
            axes.set_xlabel("sent, MB")
        return figure

    def _tails(self, what: str, says: str, curves: Sequence[tuple[str, NDArray[np.float64]]], unit: str) -> Picture:
        with self._figure(what, says) as (figure, axes):
            longest = 1
            for place, (label, samples) in enumerate(curves):
                if len(samples):
                    ordered = np.sort(samples)
                    # What is above a sample, itself included: the greatest of n stands at 1 / n, and none at 0.
                    above = 1 - np.arange(len(ordered)) / len(ordered)
                    label = f"{label} ({len(ordered)})"
                    axes.step(
                        ordered, above * 100, where="pre", color=COLOURS[place], linestyle=_DASHES[place], label=label
                    )
                    longest = max(longest, len(ordered))
            axes.set_yscale("log")
            axes.set_ylim(50 / longest, 130)
            axes.set_xlim(left=0)
            axes.yaxis.set_major_formatter(_plain)
            axes.set_xlabel(unit)
            axes.set_ylabel("take longer, %")
            _legend(figure, axes)
        return figure

    @contextmanager
    def _figure(self, what: str, says: str, height: float = 3.8) -> Iterator[tuple[Picture, Axes]]:
        with mpl.rc_context(_STYLE):
            figure = Picture(figsize=(7.2, height), layout="constrained")
            axes = figure.subplots()
            figure.suptitle(f"{what} · {self._name}", fontsize=11, fontweight="bold", x=0.01, ha="left", color=_INK)
            axes.set_title(says, fontsize=8.5, loc="left", color=_FAINT)
            axes.grid(True, color=_GRID, linewidth=0.6)
            axes.set_axisbelow(True)
            yield figure, axes


def _legend(figure: Figure, axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower left", ncols=6, frameon=False, fontsize=8)


def _typical(durations: pl.Series) -> float:
    """Their median; infinity where there are none."""
    median = durations.median()
    return median if isinstance(median, float) else float("inf")


def _percentiles(samples: NDArray[np.float64], which: Sequence[int]) -> list[float]:
    """Nearest-rank, as everywhere."""
    ordered = np.sort(samples)
    return [float(ordered[max(0, -(-percentile * len(ordered) // 100) - 1)]) for percentile in which]


def _plain(value: float, _: float) -> str:
    return f"{value:g}"
