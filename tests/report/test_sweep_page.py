"""What the page of a sweep and that of a comparison are drawn from, and tables for papers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from netsim.compare import load, match
from netsim.report.latex import escaped, latex
from netsim.report.page.sweep import Headline, as_latex, comparison, comparison_as_latex, page
from netsim.sweep.folder import read
from tests.commands import netsim
from tests.report.sweeps import HOSTILE, swept


def data_of(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found is not None
    return json.loads(found[1])


def test_every_point_is_there_with_its_intervals(tmp_path: Path) -> None:
    explore = data_of(page(swept(tmp_path)))["explore"]
    assert [factor["key"] for factor in explore["factors"]] == ["workload.rate", HOSTILE]
    rate = explore["factors"][0]
    assert (rate["numbers"], rate["unit"]) == ([200, 300, 400, 500, 600], "/s")  # in their order, not the scenario's
    assert (explore["x"], explore["lines"]) == ("workload.rate", HOSTILE)
    names = [figure["name"] for figure in explore["figures"]]
    assert names == [
        "finality at a quorum, median",
        "finality in a, median",
        "transaction latency, median",
        "throughput",
    ]
    assert len(explore["points"]) == 10
    slow = next(point for point in explore["points"] if point["at"] == [4, 1])
    # 2100.5, 2101 and 2101.5: Student's 4.303 standard errors of 0.5 / √3
    assert slow["values"][0] == pytest.approx([2101, 2099.758, 2102.242, 3], abs=1e-2)


def test_the_knee_is_marked_and_said_how(tmp_path: Path) -> None:
    charts = {chart["id"]: chart for chart in data_of(page(swept(tmp_path)))["charts"]}
    chart = charts["latency-throughput"]
    assert [series["points"][0] for series in chart["series"]] == [[200, 102], [200, 202]]
    assert chart["marks"] == [{"at": 400, "says": "knee for one, <b>two</b>"}, {"at": 400, "says": ""}]
    assert "Satopää et al. 2011" in chart["says"]
    assert "at 400 /s for one" in chart["says"]
    # 101, 102 and 103 ms: Student's 4.303 standard errors of 1 / √3
    assert chart["rows"][0] == ["one", 200, 200, 102, pytest.approx(99.516, abs=1e-3), pytest.approx(104.484, abs=1e-3)]


def test_what_each_choice_adds_is_averaged_over_the_rest(tmp_path: Path) -> None:
    charts = {chart["id"]: chart for chart in data_of(page(swept(tmp_path)))["charts"]}
    rows = {row[0]: row[1:] for row in charts["effects"]["rows"]}
    assert rows["workload.rate: 200 /s → 600 /s"][0] == pytest.approx(2000)
    assert rows[f"{HOSTILE}: one → <b>two</b>"][0] == pytest.approx(50)
    assert "interactions" in charts["effects"]["says"]


def test_a_point_whose_runs_failed_is_said_to_be_why_nothing_is_averaged(tmp_path: Path) -> None:
    folder = swept(tmp_path, seeds=1)
    kept = [line for line in (folder / "runs.jsonl").read_text("utf-8").splitlines() if '"point":3' not in line]
    (folder / "runs.jsonl").write_text("\n".join(kept) + "\n", encoding="utf-8")
    data = data_of(page(folder))
    assert "effects" not in {chart["id"] for chart in data["charts"]}
    assert data["notes"][-1].endswith("every combination: 1 point without a figure of finality")
    assert "one seed, so no intervals" in data["latex"]


def test_a_headline_comes_before_all_else(tmp_path: Path) -> None:
    found = data_of(page(swept(tmp_path), Headline(["It is so."], "<svg/>", "A study")))["headline"]
    assert found == {"sentences": ["It is so."], "picture": "data:image/svg+xml;base64,PHN2Zy8+", "title": "A study"}


def test_nothing_of_a_scenario_is_html(tmp_path: Path) -> None:
    for text in (page(swept(tmp_path)), comparison(*both(tmp_path))):
        assert "<img" not in text.partition("<script>")[0].replace("image", "")
        assert "<b>two" not in text


def both(folder: Path) -> Any:
    sides = [load(swept(folder, "first")), load(swept(folder, "other", more=5.0))]
    return (sides, *match(sides))


def test_a_comparison_has_a_line_for_each_side(tmp_path: Path) -> None:
    data = data_of(comparison(*both(tmp_path)))
    side = next(factor for factor in data["explore"]["factors"] if factor["key"] == "side")
    assert side["words"] == ["A", "B"]
    assert len(data["explore"]["points"]) == 20
    assert len(data["tables"]) == 10
    assert data["tables"][0]["rows"][0][-1] == "+5.00 ± 0.00"
    assert data["notes"][0] == f"A is {tmp_path / 'first'} (sweep)"


def test_a_table_for_a_paper(tmp_path: Path) -> None:
    assert latex(["a", "b"], [["x_1", "1.0 ± 0.2"]], caption="50 % of\nit") == (
        "% 50 % of it\n"
        "% \\usepackage{booktabs}\n"
        "% \\usepackage[T1]{fontenc}\n"
        "\\begin{tabular}{lr}\n"
        "\\toprule\n"
        "a & b \\\\\n"
        "\\midrule\n"
        "x\\_1 & 1.0 $\\pm$ 0.2 \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
    )
    assert escaped("\\input{x} $5 & 10 %") == "\\textbackslash{}input\\{x\\} \\$5 \\& 10 \\%"
    assert escaped("~^#{}<|>") == (
        "\\textasciitilde{}\\textasciicircum{}\\#\\{\\}\\textless{}\\textbar{}\\textgreater{}"
    )
    assert escaped("a--b ≥ 2 µs") == "a-{}-b $\\geq$ 2 \\textmu{}s"  # -- would be one longer dash
    assert escaped("[1 ms, 2 ms]") == "{[}1 ms, 2 ms]"  # \\\\ [ at the row's end would begin a length
    table = as_latex(*read(swept(tmp_path)))
    assert "600 /s & one & 2051.0 $\\pm$ 1.2 &" in table
    assert comparison_as_latex(*both(tmp_path)[:2]).count("\\toprule") == 10


def test_compare_writes_them(tmp_path: Path) -> None:
    swept(tmp_path, "first")
    swept(tmp_path, "other")
    done = netsim(tmp_path, "compare", "first", "other", "--output", "x.html", "--latex", "x.tex")
    assert done.returncode == 0
    assert "<!doctype html>" in (tmp_path / "x.html").read_text("utf-8")
    assert "\\toprule" in (tmp_path / "x.tex").read_text("utf-8")
