"""The table that ends a run: when a block is final, whether the figure can be trusted, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.measure.dist import Dist, samples_needed
from netsim.measure.evidence import Accused
from netsim.measure.expect import Judged
from netsim.measure.fidelity import Fidelity, Verdict
from netsim.measure.safety import Violation
from netsim.measure.summary import Summary

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

_WIDEST = 100  # columns; a wider table is harder to read along
_LABELS = 21  # columns of the labels on the left, the same in both halves of the table
_SHOWN_RECOVERIES = 8
_SHOWN_VIOLATIONS = 3
_SHOWN_ACCUSED = 5
_VERDICT_STYLES: dict[Verdict, str] = {
    "exact": "bold green",
    "valid": "bold cyan",
    "degraded": "bold yellow",
    "invalid": "bold red",
}
_GOOD, _BAD, _OPEN = ("✓", "green"), ("✗", "bold red"), ("?", "yellow")


def print_summary(
    summary: Summary, folder: Path | None = None, console: Console | None = None, twin_differs: str = ""
) -> None:
    """Print a summary and the run's folder. `twin_differs` says where the twin first differs, where that is known."""
    from rich.console import Console

    console = console or Console()
    console.print(render(summary, min(console.width, _WIDEST), twin_differs))
    if folder is not None:
        console.print(f" Everything is in {folder}/", highlight=False, markup=False, soft_wrap=True)


def render(summary: Summary, width: int, twin_differs: str = "") -> RenderableType:
    """The table alone, in so many columns."""
    from rich import box
    from rich.console import Group
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.rule import Rule
    from rich.text import Text

    parts: list[RenderableType] = [_durations(summary), Rule(style="dim"), _facts(summary, twin_differs)]
    doubt = in_doubt(summary)
    if doubt:
        parts += [Rule(style="dim"), Padding(Text(doubt, style="dim"), (0, 1))]
    return Panel(
        Group(*parts), title=_title(summary), title_align="left", box=box.ROUNDED, width=width, border_style="dim"
    )


def _title(summary: Summary) -> Text:
    from rich.text import Text

    head = Text(summary["scenario"]["name"], style="bold")
    emulated, wall = summary["duration_s"], summary["wall_s"]
    verb = "emulated" if summary["engine"] == "emulate" else "simulated"
    nodes, validators = summary["nodes"], summary["validators"]
    size = f"{nodes} nodes" + (f", {validators} validators" if validators != nodes else "")
    head.append(f" · seed {summary['scenario']['seed']} · {size} · {emulated:g} s {verb}", style="not bold")
    if wall > 0:
        head.append(f" in {wall:.1f} s", style="not bold")
    return head


def _durations(summary: Summary) -> RenderableType:
    """Everything that is a distribution of milliseconds, with the verdict beside the finality at the quorum."""
    from rich.table import Table
    from rich.text import Text

    finality = summary["finality"]
    table = Table(box=None, padding=(0, 1), show_edge=False, header_style="dim")
    table.add_column("Finality, ms", min_width=_LABELS, no_wrap=True, overflow="ellipsis", header_style="bold")
    for heading in ("p50", "p99", "samples"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("can it be trusted?")

    def row(label: str, dist: Dist, beside: Text | str = "", style: str = "") -> None:
        table.add_row(
            Text(label), _figure(dist, 50), _figure(dist, 99), Text(_count(dist["count"]), "dim"), beside, style=style
        )

    # The verdict stands beside the headline figure, and what it rests on above it and below.
    phrases = rests_on(summary["fidelity"])

    def reason() -> Text:
        return Text(next(phrases, ""), "dim")

    row("first validator", finality["first_ms"], reason())
    row("quorum", finality["quorum_ms"], _verdict(summary["fidelity"]), style="bold")
    row("all validators", finality["all_ms"], reason())
    for site, dist in finality["by_site"].items():
        if dist["count"]:
            row(f"  in {site}", dist, reason())
    row("Transaction latency", summary["transactions"]["latency_ms"], reason())
    row("Block interval", summary["blocks"]["interval_ms"], Text(", ".join(phrases), "dim"))
    return table


def _verdict(fidelity: Fidelity) -> Text:
    from rich.text import Text

    text = Text(fidelity["verdict"], style=_VERDICT_STYLES[fidelity["verdict"]])
    if fidelity["pace"] == "virtual":
        return text
    twin = {"equal": " · twin equal", "differs": " · twin differs", "skipped": " · no twin"}[fidelity["twin"]]
    return text.append(twin, style="red" if fidelity["twin"] == "differs" and not fidelity["displaced"] else "not bold")


def rests_on(fidelity: Fidelity) -> Iterator[str]:
    """What the verdict rests on, in phrases: first the pace, then what is worth knowing at that pace."""
    if fidelity["pace"] == "clock":
        yield f"clock pace, dilation {fidelity['dilation']:g}"
        yield f"{_percent(fidelity['displaced_share'])} displaced"
        if fidelity["displaced"]:
            yield f"p99 of them by {_ms(fidelity['displacement_ms']['p99'])} ms"
        if fidelity["displaced_finalisations_share"]:
            yield f"{_percent(fidelity['displaced_finalisations_share'])} of finality touched"
    elif fidelity["pace"] == "lockstep":
        yield "lockstep"
        yield f"{_count(fidelity['rounds'])} rounds"
    else:
        yield "simulated in one process"
        if "verified" in fidelity:
            yield "verified: two runs, equal digests" if fidelity["verified"] == "equal" else "not repeatable"
    if fidelity["compute"] == "measured":
        yield "compute measured"
    if fidelity["broker_lost"]:
        yield f"{_count(fidelity['broker_lost'])} lost by the broker"


def _facts(summary: Summary, twin_differs: str) -> RenderableType:
    """Everything else, in words."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1), pad_edge=True)
    grid.add_column(min_width=_LABELS, max_width=_LABELS, no_wrap=True)
    grid.add_column()

    def fact(label: str, text: Text | str) -> None:
        grid.add_row(Text(label), text if isinstance(text, Text) else Text(text))

    if summary["fidelity"]["lateness_ms"]["count"] and summary["fidelity"]["pace"] == "clock":
        fact("Lateness", _lateness(summary["fidelity"]))
    if twin_differs:
        label = "Twin" if "verified" not in summary["fidelity"] else "Again"
        fact(label, Text(f"first differs at {twin_differs}", "yellow"))
    for label, sentence in (
        ("Finality rule", _rule(summary)),
        ("Throughput", _throughput(summary)),
        ("Blocks", _blocks(summary)),
        ("Messages", _messages(summary)),
        ("", _wasted(summary)),
        ("Rounds", _rounds(summary)),
    ):
        if sentence:
            fact(label, sentence)
    violations = summary["safety"]["violations"]
    fact("Safety", _judged(_BAD, "agreement is violated") if violations else _judged(_GOOD, "agreement holds"))
    for violation in violations[:_SHOWN_VIOLATIONS]:
        fact("", _violation(violation))
    if len(violations) > _SHOWN_VIOLATIONS:
        fact("", f"and {len(violations) - _SHOWN_VIOLATIONS} more in summary.json")
    accused = summary["safety"]["accused"]
    for number, node in enumerate(accused[:_SHOWN_ACCUSED]):
        fact("" if number else "Evidence", _accusation(node))
    if len(accused) > _SHOWN_ACCUSED:
        fact("", f"and against {len(accused) - _SHOWN_ACCUSED} more in summary.json")

    liveness = summary["liveness"]
    fact("Longest stall", _seconds(liveness["stalled_ms"]))
    recoveries = liveness["recoveries"]
    for recovery in recoveries[:_SHOWN_RECOVERIES]:
        after = "never" if recovery["ms"] is None else f"{_seconds(recovery['ms'])} after"
        fact(
            "Recovery",
            Text(after, "bold red" if recovery["ms"] is None else "").append(f"  {recovery['fault']}", "dim"),
        )
    if rest := recoveries[_SHOWN_RECOVERIES:]:
        never = sum(recovery["ms"] is None for recovery in rest)
        longest = max((recovery["ms"] for recovery in rest if recovery["ms"] is not None), default=None)
        others = [f"{len(rest)} more"]
        others += [] if longest is None else [f"the longest after {_seconds(longest)}"]
        others += [f"{never} never"] if never else []
        fact("", Text(", ".join(others), "bold red" if never else ""))

    for number, expected in enumerate(summary["expect"]):
        fact("" if number else "Expected", _expectation(expected))
    return grid


def _lateness(fidelity: Fidelity) -> str:
    """How late events were on the wall, and what of it the machine itself costs."""
    late, timer = fidelity["lateness_ms"], fidelity["timer_lateness_ms"]
    text = f"p50 {_ms(late['p50'])} ms, p99 {_ms(late['p99'])} ms"
    return text + (f" · a bare timer's {_ms(timer['p50'])}, {_ms(timer['p99'])} ms" if timer["count"] else "")


def _rule(summary: Summary) -> str:
    """What finality by depth is worth; nothing where a block is final by commit."""
    finality = summary["finality"]
    words = []
    if finality["reversal_probability"] is not None and finality["attacker_share"] is not None:
        share, probability = _percent(finality["attacker_share"]), 100 * finality["reversal_probability"]
        words.append(f"{finality['rule']}; an attacker with {share} reverts it with probability {probability:.2g} %")
    elif finality["rule"].startswith("depth"):
        words.append(finality["rule"])
    if finality["reverted"]:
        words.append(f"{_count(finality['reverted'])} reverted")
    return " · ".join(words)


def _throughput(summary: Summary) -> str:
    figures = summary["transactions"]
    if not figures["submitted"] or figures["throughput_tps"] is None:
        return ""
    share = f"{_count(figures['finalised'] or 0)} of {_count(figures['submitted'])} final"
    return f"{figures['throughput_tps']:.1f} transactions/s · {share}"


def _blocks(summary: Summary) -> str:
    blocks = summary["blocks"]
    others = ((blocks["empty"], "of them empty"), (blocks["open"], "open"), (blocks["stale"], "stale"))
    words = [f"{_count(number)} {word}" for number, word in others if number]
    return " · ".join([f"{_count(blocks['finalised'])} final", *words])


def _messages(summary: Summary) -> str:
    counts = summary["messages"]
    head = "" if counts["per_block"] is None else f"{counts['per_block']:.1f} per block · "
    dropped = f" · {_count(counts['dropped'])} dropped" if counts["dropped"] else ""
    return f"{head}{_count(counts['sent'])} sent, {_bytes(counts['bytes'])}{dropped}"


def _wasted(summary: Summary) -> str:
    counts = summary["messages"]
    shares = (
        (counts["duplicate_bytes"], f"in {_count(counts['duplicates'])} duplicates"),
        (counts["control_bytes"], "gossip control"),
    )
    return " · ".join(f"{_bytes(size)} {where}" for size, where in shares if size)


def _rounds(summary: Summary) -> str:
    rounds = summary["rounds"]
    if rounds["mean"] is None or (rounds["max"] == 1 and not rounds["timeouts"]):
        return ""
    return f"{rounds['mean']:.2f} per block, at most {rounds['max']} · {_count(rounds['timeouts'])} time-outs"


def _violation(violation: Violation) -> Text:
    from rich.text import Text

    text = Text(f"{violation['kind']} at height {violation['height']}", "red")
    for block, nodes, times in zip(violation["blocks"], violation["nodes"], violation["times_ms"], strict=True):
        others = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
        text.append(f"\n  {block[:8]} at {nodes[0]}{others}, from {_seconds(min(times))} on")
    return text


def _accusation(accused: Accused) -> str:
    count, witnesses = accused["count"], accused["witnesses"]
    often = "once" if count == 1 else "twice" if count == 2 else f"{_count(count)} times"
    seen = f"{witnesses or 'no'} correct node{'' if witnesses == 1 else 's'}"
    types = ", ".join(accused["messages"])
    first = _seconds(accused["first_ms"])
    return f"{accused['node']} contradicts itself {often} ({types}); first at {first}, seen by {seen}"


def _expectation(expected: Judged) -> Text:
    value, passed = expected["value"], expected["passed"]
    found = "no value" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    if passed is None and value is not None:
        found += ", but of too few samples"
    mark = {True: _GOOD, False: _BAD, None: _OPEN}[passed]
    return _judged(mark, f"{expected['key']} {expected['bound']}").append(f": {found}", "dim")


def _judged(mark: tuple[str, str], text: str) -> Text:
    from rich.text import Text

    return Text(f"{mark[0]} ", mark[1]).append(text, "default not bold")


def in_doubt(summary: Summary) -> str:
    """What must be said of small samples, or nothing."""
    blocks = summary["finality"]["quorum_ms"]["count"]
    lacking = [percentile for percentile in (50, 99) if blocks < samples_needed(percentile)]
    if not lacking:
        return ""
    figures = " and ".join(f"p{percentile}" for percentile in lacking)
    needed = " and ".join(_count(samples_needed(percentile)) for percentile in lacking)
    return f"~ {figures} of {_count(blocks)} blocks: too few, {needed} needed"


def _figure(dist: Dist, percentile: int) -> Text:
    """A percentile, marked and dimmed where the samples are too few for it."""
    from rich.text import Text

    value = dist[f"p{percentile}"]  # type: ignore[literal-required]
    if value is None:
        return Text("-", "dim")
    doubtful = dist["count"] < samples_needed(percentile)
    return Text(f"~{_ms(value)}" if doubtful else _ms(value), "dim not bold" if doubtful else "")


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}".replace(",", " ")


def _seconds(milliseconds: float) -> str:
    return f"{_ms(milliseconds)} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _bytes(number: int) -> str:
    size, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"
