"""A page as one HTML file: styles, scripts and data stand in it, so that it opens from a disk and can be sent on.

`assets/` holds what the pages share: `core.js` (elements, numbers, colours), `charts.js` (a chart from its document)
and `page.css`; and the script of each page. Apache ECharts draws the charts; its licence stands beside it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import msgspec

_ASSETS = Path(__file__).parent / "assets"
_SHARED = ("echarts.min.js", "core.js", "charts.js")


def html(title: str, page: str, data: Mapping[str, Any], parts: Sequence[str] = ()) -> str:
    """A whole page, on which `netsim.pages[page](main, data)` of the script `page`.js puts what is to be seen.

    `parts` names further scripts that the page needs. Titles and data may hold any text whatever: nothing of them is
    taken as HTML or as a script, and the page's policy lets no script run but those that stand here.
    """
    scripts = [asset(name) for name in (*_SHARED, *(f"{part}.js" for part in parts), f"{page}.js")]
    scripts.append(f"netsim.begin({as_script(page)})")
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    others = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'; frame-src 'self'"
    policy = f"{others}; script-src {hashes}"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(title)}</title>",
            f"<style>{asset('page.css')}</style>",
            "</head>",
            "<body>",
            "<main><noscript>This page draws its charts with JavaScript.</noscript></main>",
            f'<script type="application/json" id="data">{as_script(data)}</script>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>",
            "",
        )
    )


@cache
def asset(name: str) -> str:
    """A file of `assets/` as text."""
    return (_ASSETS / name).read_text(encoding="utf-8")


def as_script(value: object) -> str:
    """JSON that may stand in a script: nothing in it can end the script or open a comment."""
    return msgspec.json.encode(value).decode().replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
