"""The tables of a run as files for other programs: a folder of CSV or Parquet, and what their columns mean."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from netsim.export.frames import TABLES, Frames
from netsim.trace import Trace

Form = Literal["csv", "parquet"]
MEANING = "columns.csv"


def write(trace: Trace, folder: Path, form: Form) -> dict[str, int]:
    """Write every table that the trace's level allows, and `columns.csv`, into a folder; how many rows each has.

    Raises OSError.
    """
    frames = Frames(trace)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for table in held(trace):
        frame = getattr(frames, table)
        path = folder / f"{table}.{form}"
        if form == "csv":
            frame.write_csv(path)
        else:
            frame.write_parquet(path)
        written[table] = len(frame)
    _write_meaning(folder, written)
    return written


def held(trace: Trace) -> Iterator[str]:
    """The tables that there are of a trace of this level."""
    level = trace.header.level
    missing = {"full": (), "blocks": ("messages",), "summary": ("messages", "transactions")}[level]
    return (table for table in TABLES if table not in missing)


def _write_meaning(folder: Path, tables: dict[str, int]) -> None:
    with (folder / MEANING).open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["table", "has_a_row_for", "column", "holds"])
        for table in tables:
            for column, holds in TABLES[table].columns.items():
                lines.writerow([table, TABLES[table].says, column, holds])
