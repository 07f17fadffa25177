"""From text to a scenario: document, schema, resolution, text again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

from pydantic import ValidationError

from netsim.catalogue import Catalogue
from netsim.scenario import document
from netsim.scenario.document import Document, Mark
from netsim.scenario.fields import lines_of
from netsim.scenario.findings import Findings
from netsim.scenario.model import Scenario
from netsim.scenario.problem import ScenarioError
from netsim.scenario.resolve import resolve
from netsim.scenario.schema import Language
from netsim.scenario.write import with_text

# Sections whose items are judged one by one: what is wrong with one leaves the others to be checked.
_ITEMISED = ("sites", "access", "faults", "misbehaviour", "expect")


def load(path: Path, overrides: Sequence[str], seed: int | None, catalogue: Catalogue) -> Scenario:
    """See `netsim.scenario.load`."""
    return scenario(prepare(document.read_file(path), overrides, seed), path, catalogue)


def parse(text: str, name: str, overrides: Sequence[str], seed: int | None, catalogue: Catalogue) -> Scenario:
    """See `netsim.scenario.parse`."""
    return scenario(prepare(document.read(text, name), overrides, seed), Path(name), catalogue)


def prepare(given: Document, overrides: Sequence[str], seed: int | None) -> Document:
    """A document that is a mapping, with what the command line says. Raises ScenarioError for what is none."""
    if given.broken:
        raise ScenarioError(given.problems)
    if given.root == "":
        given.root = {}
    elif not isinstance(given.root, dict):
        raise ScenarioError(
            [*given.problems, given.mark(()).problem("a scenario is a mapping of keys, such as `sites`")]
        )
    for override in overrides:
        key, equals, value = override.partition("=")
        option = shorten(f"--set {key}", 200, placeholder=" …")
        if equals:
            given.set(key, value, option)
        else:
            given.problems.append(Mark(option).problem("is written `--set key=value`"))
    if seed is not None:
        given.set("seed", str(seed), "--seed")
    return given


def scenario(given: Document, path: Path, catalogue: Catalogue) -> Scenario:
    """The scenario of a prepared document from a place. Raises ScenarioError."""
    assert isinstance(given.root, dict)
    findings = Findings(given)
    language = _validate(given.root, path.parent, catalogue, findings)
    profiles = given.root.get("access")
    names = set(profiles) if isinstance(profiles, dict) else set()
    resolved = resolve(language, _name(path.stem), path.parent, names, catalogue, findings)
    written = with_text(resolved, catalogue)
    size = len(written.text.encode())
    if size > document.LARGEST_FILE:  # what a run keeps could not be read again
        message = f"written out with all that its files hold, the scenario has {size} bytes"
        findings.add((), f"{message}; the most is {document.LARGEST_FILE}", sentence=True)
        findings.conclude()
    return written


def _validate(tree: dict[str, Any], folder: Path, catalogue: Catalogue, findings: Findings) -> Language:
    """The sections; those with something wrong in them are left out, so that the rest can still be checked."""
    context = {"catalogue": catalogue, "folder": folder}
    try:
        return Language.model_validate(tree, context=context)
    except ValidationError as error:
        lines = lines_of(error)
    sound = dict(tree)
    for line in lines:
        findings.add_line(line)
        section, *inner = line.path
        key = str(section)
        if key not in _ITEMISED or not inner:
            sound.pop(key, None)
        elif isinstance(items := sound.get(key), dict):
            sound[key] = {name: item for name, item in items.items() if name != inner[0]}
        elif isinstance(items, list):
            sound[key] = [None if number == inner[0] else item for number, item in enumerate(items)]
    return Language.model_validate(sound, context=context)


def _name(stem: str) -> str:
    """A scenario's name from its file's: what a name must not hold becomes a dash."""
    return re.sub(r"[^\w .()+-]", "-", stem)[:100].strip() or "scenario"
