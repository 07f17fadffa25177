"""The README's pictures of pages: what the command takes is what is shown, and is there."""

from __future__ import annotations

import re

from netsim.renew_pictures import PICTURES
from tests.commands import ROOT


def test_the_readme_shows_the_pictures_that_the_command_takes() -> None:
    shown = re.findall(r"\]\(scenarios/pictures/([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(PICTURES)
    for name in shown:
        picture = ROOT / "scenarios" / "pictures" / name
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < 150_000
