"""Transcripts: what a protocol does, event by event. With NETSIM_REWRITE=1 they are written anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsim.testing import replay

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").rglob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_transcript(path: Path) -> None:
    replay(path)
