from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.scenario.document import LARGEST_FILE, Mark, read, read_file


def test_every_value_and_every_key_has_a_mark() -> None:
    document = read("a:\n  b: [1, two]\nc: {d: e}\n", "x.yaml")
    assert document.root == {"a": {"b": ["1", "two"]}, "c": {"d": "e"}}
    assert document.mark(("a", "b", 1)) == Mark("x.yaml", 2, 10)
    assert document.mark(("a", "b"), key=True) == Mark("x.yaml", 2, 3)
    assert document.mark(("c", "d")) == Mark("x.yaml", 3, 8)


def test_what_is_not_there_is_marked_where_it_would_be() -> None:
    document = read("a:\n  b: 1\n", "x.yaml")
    assert document.mark(("a", "z", 3)) == Mark("x.yaml", 2, 3)


def test_scalars_stay_text() -> None:
    document = read("[no, 1:30, 1e3, 0x10, null, ~, 2026-01-01, '7', 1_000]", "x.yaml")
    assert document.root == ["no", "1:30", "1e3", "0x10", "null", "~", "2026-01-01", "7", "1_000"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [1, 2", "x.yaml:1:9: not YAML: while parsing a flow sequence that begins in line 1, expected ',' or ']'"),
        ("a:\n\tb: 1\n", "x.yaml:2:1: a tab: YAML is indented with spaces"),
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3:1: `a` is given twice, the first time in line 1"),
        ("a: &x 1\n", "x.yaml:1:4: an anchor (`&x`): a scenario has neither anchors nor aliases"),
        ("a: *x\n", "x.yaml:1:4: an alias (`*x`): write out what it stands for"),
        ("a: !!python/object:os.system x\n", "x.yaml:1:4: a tag (`tag:yaml.org,2002:python/object:os.system`)"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2:1: a second document begins; a scenario is one"),
        ("? [a, b]\n: c\n", "x.yaml:1:3: a key is one word, not a list or a mapping"),
        ("a: " + "[" * 50, "x.yaml:1:23: nested more than 20 levels deep"),
        ("- " * 50, "x.yaml:1:41: nested more than 20 levels deep"),
        ('a: "\\0"\n', "x.yaml:1:4: holds the character U+0000, which cannot be printed"),
        ('a: "\\ud800"\n', "x.yaml:1:4: holds the character U+D800, which cannot be printed"),
        ("a: b\x07\n", "x.yaml:1:5: holds the character U+0007, which YAML forbids"),
        ('a: "\\UFFFFFFFF"\n', "x.yaml:1:1: not YAML: "),
        (f"%YAML 1.{'1' * 5000}\n---\na: 1\n", "x.yaml:1:1: not YAML: "),
    ],
)
def test_what_is_wrong_with_a_text(text: str, problem: str) -> None:
    (found,) = map(str, read(text, "x.yaml").problems)
    assert found.startswith(problem)


def test_an_anchor_bomb_is_refused_without_going_off() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    document = read(bomb, "x.yaml")
    assert len(document.problems) == 30 + 29 * 9
    assert document.root == {"a0": ["x"]} | {f"a{n}": [] for n in range(1, 30)}


def test_what_follows_after_a_refused_value_is_still_read() -> None:
    document = read("a: *x\nb: 1\nb: 2\nc: 3\n", "x.yaml")
    assert document.root == {"b": "1", "c": "3"}
    assert [problem.line for problem in document.problems] == [1, 3]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with file.open("wb") as opened:
        opened.truncate(100 * LARGEST_FILE)
    (problem,) = read_file(file).problems
    assert str(problem) == f"{file}: is larger than {LARGEST_FILE} bytes"


def test_bytes_that_are_not_utf8_are_located(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes("a: 1\nb: Zürich\n".encode("latin-1"))
    (problem,) = read_file(file).problems
    assert str(problem) == f"{file}:2:5: the byte 0xfc is not UTF-8"


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes("\ufeffa: 1\n".encode())
    assert read_file(file).root == {"a": "1"}


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (missing,) = read_file(tmp_path / "missing.yaml").problems
    assert str(missing) == f"{tmp_path / 'missing.yaml'}: cannot be read: No such file or directory"
    (folder,) = read_file(tmp_path).problems
    assert str(folder) == f"{tmp_path}: cannot be read: Is a directory"
    (strange,) = read_file(Path("a\0b")).problems
    assert "cannot be read" in str(strange)


@given(st.text(alphabet=st.sampled_from("ab:-[]{},&*!|>'\"%@?# \n\t\\0U\x85\u2028\ud800\ufeff"), max_size=40))
def test_any_text_is_a_tree_or_a_problem_in_one_line(text: str) -> None:
    document = read(text, "x.yaml")
    assert document.problems or not document.broken
    assert all("\n" not in str(problem) for problem in document.problems)


@given(st.text(max_size=60))
def test_any_unicode_is_a_tree_or_a_problem(text: str) -> None:
    document = read(text, "x.yaml")
    assert document.problems or not document.broken
