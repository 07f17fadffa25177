"""Executes a notebook anew and keeps what it shows; the same netsim gives the same file.

What a notebook shows is real: tools/renew-notebook writes it, and a test executes it again and compares. It runs in a
copy of its folder, so that the runs it makes are gone afterwards. What differs from time to time is taken out: moments,
names of run folders, the numbers of executions.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsim.notebook import environment

if TYPE_CHECKING:
    from nbformat import NotebookNode

_TIMEOUT_S = 300  # of one cell
_STAMP = re.compile(r"(runs/[\w.-]*?)-\d{8}-\d{6}(-\d+)?\b")  # of a run's folder


def executed(path: Path) -> NotebookNode:
    """A notebook with what its cells show now. Raises CellExecutionError, and OSError or ValueError for no notebook."""
    import nbformat
    from nbclient import NotebookClient
    from traitlets.config import Config

    notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    with TemporaryDirectory(prefix="netsim-notebook-") as folder:
        there = Path(folder) / "copy"
        shutil.copytree(path.parent, there, ignore=shutil.ignore_patterns("runs"))
        # Sockets of this user instead of ports that anybody on this machine can reach.
        config = Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"})
        resources = {"metadata": {"path": str(there)}}
        client = NotebookClient(notebook, config=config, timeout=_TIMEOUT_S, resources=resources)
        client.execute(env=environment())
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number}"
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [_tidied(output) for output in cell.outputs]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def _tidied(output: NotebookNode) -> NotebookNode:
    if "execution_count" in output:
        output.execution_count = None
    if "text" in output:
        output.text = _STAMP.sub(r"\1", output.text)
    shown: dict[str, Any] = output.get("data", {})
    for form, content in shown.items():
        if form.startswith("text/"):
            shown[form] = _STAMP.sub(r"\1", content)
    return output


def renew(notebook: Annotated[Path, typer.Argument(metavar="NOTEBOOK", help="A notebook (.ipynb).")]) -> None:
    """Execute a notebook and write into it what it shows."""
    import nbformat

    try:
        done = executed(notebook)
        nbformat.validate(done)
        text = str(nbformat.writes(done))  # type: ignore[no-untyped-call]
        notebook.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    except OSError as error:
        typer.echo(f"renew-notebook: {error.strerror or error}: {error.filename}", err=True)
        raise SystemExit(2) from None
    except Exception as error:  # of a cell, with where it was raised; or of a file that is no notebook
        typer.echo(f"renew-notebook: {notebook}: {error}", err=True)
        raise SystemExit(1) from None
    typer.echo(f"{notebook}: {sum(cell.cell_type == 'code' for cell in done.cells)} cells executed")


if __name__ == "__main__":
    typer.run(renew)
