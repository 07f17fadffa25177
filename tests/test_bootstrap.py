"""tools/netsim on a machine that has only Python: sets itself up once, starts at once, or says what to install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_TOOLS = ("sh", "cat", "dirname", "mv", "readlink", "rm")  # all that setting up may call besides Python

# A Python that installs nothing: it makes "virtual environments" out of copies of itself, notes what pip is asked for,
# and says how netsim would be started. Everything else is the real one's to answer.
_PYTHON = """#!/bin/sh
case "$*" in
*"import ensurepip, venv"*) exit {venv_missing} ;;
"-m venv "*) {mkdir} -p "$3/bin" && {cp} "$0" "$3/bin/python" ;;
*" -m pip "*) echo "$*" >>{log}; exit {pip_status} ;;
"-P -m netsim"*) echo "$PYTHONPATH|$*" ;;
*) exec {real} "$@" ;;
esac
"""


class Machine:
    """A checkout without an environment, and a PATH on which almost nothing is found."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.bin = folder / "bin"
        self.log = folder / "pip.log"
        self.bin.mkdir()
        for tool in _TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        shutil.copytree(_ROOT / "tools", self.root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(_ROOT / name, self.root)

    def install_python(self, name: str = "python3", venv_missing: bool = False, pip_status: int = 0) -> None:
        text = _PYTHON.format(
            venv_missing=int(venv_missing),
            pip_status=pip_status,
            log=self.log,
            real=sys.executable,
            mkdir=shutil.which("mkdir"),
            cp=shutil.which("cp"),
        )
        self.script(name, text)

    def script(self, name: str, text: str) -> None:
        file = self.bin / name
        file.write_text(text)
        file.chmod(0o755)

    def start(self, *arguments: str, command: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [command or self.root / "tools" / "netsim", *arguments],
            env={"PATH": str(self.bin)},
            cwd=self.bin,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, command: Path | None = None) -> tuple[int, str, str]:
        process = self.start(*arguments, command=command)
        out, err = process.communicate()
        return process.returncode, out, err

    def installations(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_first_start_sets_up_and_the_second_prints_nothing_of_its_own(machine: Machine) -> None:
    machine.install_python()
    started = f"{machine.root}|-P -m netsim run a b\n"
    code, out, err = machine.run("run", "a b")
    assert (code, out) == (0, started)
    assert err == f"netsim: setting up its Python environment in {machine.root}/.venv (once, about a minute)\n"
    (machine.bin / "python3").unlink()  # from now on only the environment's own is needed
    assert machine.run("run", "a b") == (0, started, "")
    assert machine.installations() == 1


def test_dependencies_are_installed_as_pinned(machine: Machine) -> None:
    machine.install_python()
    machine.run()
    (asked,) = machine.log.read_text().splitlines()
    assert asked.endswith(f"--constraint {machine.root}/constraints.txt")
    requirements = (machine.root / ".venv" / "base.requirements").read_text()
    assert "aiomqtt" in requirements
    assert "pytest" not in requirements


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_what_is_asked_for_sets_up_anew(machine: Machine, name: str) -> None:
    machine.install_python()
    machine.run()
    with (machine.root / name).open("a") as file:
        file.write("# changed\n")
    code, _, err = machine.run()
    assert code == 0
    assert "setting up" in err
    assert machine.installations() == 2
    assert machine.run()[2] == ""


def test_the_tests_need_more_which_comes_on_top(machine: Machine) -> None:
    machine.install_python()
    machine.run()
    need = machine.root / "need"
    need.write_text('root=$1; . "$root/tools/venv.sh"; need_venv "$2"\n')
    for level in ("dev", "dev", "base"):
        done = subprocess.run(["sh", need, machine.root, level], env={"PATH": str(machine.bin)}, check=False)
        assert done.returncode == 0
    assert machine.installations() == 2
    assert "pytest" in (machine.root / ".venv" / "dev.requirements").read_text()


def test_it_starts_through_a_symbolic_link(machine: Machine, tmp_path: Path) -> None:
    machine.install_python()
    link = tmp_path / "elsewhere"
    link.symlink_to(machine.root / "tools" / "netsim")
    assert machine.run(command=link)[:2] == (0, f"{machine.root}|-P -m netsim\n")


def test_a_checkout_that_was_moved_starts_at_once(machine: Machine) -> None:
    machine.install_python()
    machine.run()
    moved = machine.root.with_name("a new place")
    machine.root = machine.root.rename(moved)
    assert machine.run() == (0, f"{moved}|-P -m netsim\n", "")


def test_an_installation_that_was_killed_is_made_again(machine: Machine) -> None:
    machine.install_python()
    machine.run()
    (machine.root / ".venv" / "base.installed").unlink()
    half = machine.root / ".venv" / "half-installed"
    half.touch()
    assert machine.run()[0] == 0
    assert machine.installations() == 2
    assert not half.exists()


def test_an_environment_whose_python_was_removed_is_made_again(machine: Machine) -> None:
    machine.install_python()
    machine.run()
    python = machine.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(machine.bin / "gone")
    assert machine.run()[0] == 0
    assert machine.installations() == 2


def test_of_two_at_once_one_sets_up_and_both_start(machine: Machine) -> None:
    machine.install_python()
    processes = [machine.start() for _ in range(4)]
    ends = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert {out for out, _ in ends} == {f"{machine.root}|-P -m netsim\n"}
    assert machine.installations() == 1


def test_a_failed_installation_is_told_and_tried_again(machine: Machine) -> None:
    machine.install_python(pip_status=1)
    for attempt in (1, 2):
        code, out, err = machine.run()
        assert (code, out) == (4, "")
        assert err.splitlines()[-1] == "netsim: pip could not install the dependencies; what it said stands above"
        assert machine.installations() == attempt


@pytest.mark.parametrize("name", ["python3", "python3.12"])
def test_without_the_venv_module_one_line_says_what_to_install(machine: Machine, name: str) -> None:
    machine.install_python(name, venv_missing=True)
    line = f"netsim: {name} lacks its venv module, on Debian and Ubuntu: apt install {name}-venv\n"
    assert machine.run("--help") == (4, "", line)
    assert not (machine.root / ".venv").exists()


@pytest.mark.parametrize("version", [None, "too old", "a shim for a version that is not there"])
def test_without_a_python_that_will_do_one_line_says_what_to_install(machine: Machine, version: str | None) -> None:
    if version is not None:
        machine.script("python3", f"#!/bin/sh\necho {version} >&2\nexit {1 if version == 'too old' else 127}\n")
    line = "netsim: Python 3.11 or newer is needed, on Debian and Ubuntu: apt install python3 python3-venv\n"
    assert machine.run("--help") == (4, "", line)


def test_a_python_that_will_not_do_is_passed_over(machine: Machine) -> None:
    machine.script("python3.11", "#!/bin/sh\nexit 127\n")
    machine.install_python("python3.12", venv_missing=True)
    machine.install_python("python3")
    assert machine.run()[0] == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_checkout_that_cannot_be_written_to_is_told_in_one_line(machine: Machine) -> None:
    machine.install_python()
    machine.root.chmod(0o555)
    code, _, err = machine.run()
    machine.root.chmod(0o755)
    assert code == 4
    assert err.count("\n") == 1


@pytest.mark.long
def test_a_real_installation_works_and_can_be_moved(tmp_path: Path) -> None:
    """With pip and an index, for about a minute."""
    root = tmp_path / "checkout"
    kept = shutil.ignore_patterns(".venv*", ".git", "runs", ".*_cache", "__pycache__", ".hypothesis")
    shutil.copytree(_ROOT, root, ignore=kept)
    first = subprocess.run([root / "tools" / "netsim", "--version"], capture_output=True, text=True, check=True)
    assert "setting up" in first.stderr
    moved = root.rename(tmp_path / "moved")
    again = subprocess.run([moved / "tools" / "netsim", "--version"], capture_output=True, text=True, check=True)
    assert (again.stdout, again.stderr) == (first.stdout, "")
