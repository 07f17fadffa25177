"""A table that can be pasted into a paper: LaTeX with booktabs."""

from __future__ import annotations

from collections.abc import Sequence

_ESCAPED = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "±": "$\\pm$",
    "−": "$-$",
    "–": "--",
    "→": "$\\to$",
}


def latex(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1, caption: str = "") -> str:
    """The table; the first `left` columns are flush left, all others, numbers, flush right.

    `caption` becomes a comment above it. Every cell is text: nothing in it is taken as LaTeX.
    """
    above = [f"% {' '.join(caption.split())}"] if caption else []
    lines = [
        *above,
        "% \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{'l' * left}{'r' * (len(headings) - left)}}}",
        "\\toprule",
        _row(headings),
        "\\midrule",
        *map(_row, rows),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return " & ".join(map(escaped, cells)) + " \\\\"


def escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(_ESCAPED.get(letter, letter) for letter in " ".join(text.split()))
