"""What the report of the study says before all else."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from netsim.report.page.sweep import Headline
from netsim.study.findings import emulations, sentences
from netsim.study.picture import draw
from netsim.study.results import NoStudy, Study, read


def headline(folder: Path) -> Headline | None:
    """The study's sentences and its picture; None where a sweep is another one, or lacks runs. Raises OSError."""
    try:
        study = read(folder)
    except NoStudy:
        return None
    return headline_of(study, emulations(folder))


def headline_of(study: Study, check: str = "") -> Headline:
    """The same of a study that was read already; `check` says what became of the emulations. Raises OSError."""
    with TemporaryDirectory(prefix="netsim-study-") as work:
        path = Path(work, "study.svg")
        draw(study, path)
        picture = path.read_text(encoding="utf-8")
    title = "What the border, the distance and the radio each do to finality"
    return Headline(sentences(study, check), picture, title)
