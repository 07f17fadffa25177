"""What the documents say is so: every command in them runs, and every scenario in them is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from netsim import catalogue
from netsim.scenario import parse

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "scenarios/README.md",
    "scenarios/links.md",
    "scenarios/sweeps.md",
    "scenarios/exports.md",
    "scenarios/own-protocol/README.md",
)
COMMAND = re.compile(r"^ {4}(tools/\S+.*?)(?: {2,}#.*)?$|`(tools/netsim [^`<]+)`", re.MULTILINE)


def commands() -> list[str]:
    """The commands that the documents give, each once; all but the one that runs these tests."""
    found = [match[1] or match[2] for name in DOCUMENTS for match in COMMAND.finditer((ROOT / name).read_text("utf-8"))]
    return [command for command in dict.fromkeys(found) if command != "tools/test"]


def test_the_commands_are_found() -> None:
    assert "tools/netsim run scenarios/greater-bay.yaml" in commands()
    assert len(commands()) > 12


@pytest.mark.parametrize("command", commands())
def test_every_command_in_the_documents_runs(command: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def consoles() -> list[tuple[str, str]]:
    """The commands that are shown with their output, and that output."""
    texts = ((ROOT / name).read_text("utf-8") for name in DOCUMENTS)
    blocks = (block for text in texts for block in re.findall(r"```console\n\$ (.*?)```", text, re.DOTALL))
    return [(command, output) for command, _, output in (block.partition("\n") for block in blocks)]


@pytest.mark.parametrize(("command", "output"), consoles())
def test_what_a_command_is_shown_to_print_is_what_it_prints(command: str, output: str, tmp_path: Path) -> None:
    """Line by line; where it says … any lines may follow."""
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    at, anywhere = 0, False
    for line in output.splitlines():
        if line == "…":
            anywhere = True
            continue
        found = printed.index(line, at) if line in printed[at:] else -1
        assert found >= 0 and (anywhere or found == at), f"not there: {line!r}, in\n{done.stdout}"
        at, anywhere = found + 1, False
    assert anywhere or at == len(printed)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_scenario_in_the_documents_is_one(document: str) -> None:
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", (ROOT / document).read_text("utf-8"), re.DOTALL)):
        parse(text, f"{document}, example {number}", catalogue=catalogue)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_the_documents_link_to_is_there(document: str) -> None:
    folder = (ROOT / document).parent
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / document).read_text("utf-8")):
        assert (folder / target).exists(), target


def test_every_shipped_scenario_is_described() -> None:
    text = (ROOT / "scenarios/README.md").read_text("utf-8")
    for path in (ROOT / "scenarios").glob("**/*.yaml"):
        assert f"({path.relative_to(ROOT / 'scenarios')})" in text
