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
    "|": "\\textbar{}",
    '"': "\\textquotedbl{}",
    "±": "$\\pm$",
    "−": "$-$",
    "–": "--",
    "→": "$\\to$",
    "≥": "$\\geq$",
    "≤": "$\\leq$",
    "×": "$\\times$",
    "µ": "\\textmu{}",
    "μ": "\\textmu{}",
    "…": "\\ldots{}",
}
_LIGATURES = ("--", "``", "''", ",,", "!`", "?`")  # TeX makes one letter of these: a dash, a quotation mark, ¡
# T1 has a straight quotation mark; pdfTeX knows the letters of Europe, and XeTeX or LuaTeX what their fonts have.
_PREAMBLE = ("% \\usepackage{booktabs}", "% \\usepackage[T1]{fontenc}")


def latex(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1, caption: str = "") -> str:
    """The table; the first `left` columns are flush left, all others, numbers, flush right.

    `caption` becomes a comment above it. Every cell is text: nothing in it is taken as LaTeX.
    """
    above = [f"% {' '.join(caption.split())}"] if caption else []
    lines = [
        *above,
        *_PREAMBLE,
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
    """Text as LaTeX prints it, at the beginning of a row too."""
    words = " ".join(text.split())
    letters = [_ESCAPED.get(letter, letter) for letter in words]
    for at in range(1, len(words)):
        if words[at - 1 : at + 1] in _LIGATURES:
            letters[at] = f"{{}}{letters[at]}"
    if words[:1] in ("[", "*"):  # after \\ these would begin a length, or forbid a new page
        letters[0] = f"{{{words[0]}}}"
    return "".join(letters)
