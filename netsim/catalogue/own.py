"""Protocols that are no part of netsim: a class in a module, in a file beside the scenario, or of an installed package.

    my_package.my_module:MyProtocol      anything that Python can import, also from the scenario's folder
    my_protocol.py:MyProtocol            a file, looked for from the scenario's folder on
    my-protocol                          an entry point in the group `netsim.protocols` of an installed package

The class says of itself what the catalogue says of a built-in one (see `declared_by`).
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator
from hashlib import blake2b
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from netsim.catalogue.entry import Entry, Parameter
from netsim.catalogue.protocols import declared_by

GROUP = "netsim.protocols"
FIRST_TAG, LAST_TAG = 16, 109  # of the messages that a protocol may declare; the others are netsim's own
_SUFFIX = ".py"


class OwnProtocolError(ValueError):
    """A protocol that cannot be used. The text goes on after the name: "is `a:B`; …"."""


def is_file(name: str) -> bool:
    """Whether a name means a class in a file."""
    return name.partition(":")[0].endswith(_SUFFIX)


def file_of(name: str, folder: Path) -> Path:
    """The file that such a name means."""
    return (folder / name.partition(":")[0]).resolve()


def entry(name: str, folder: Path) -> Entry:
    """The entry of "module:Class" or "file.py:Class". Raises OwnProtocolError."""
    place, _, attribute = name.partition(":")
    module = _from_file(file_of(name, folder), place) if is_file(name) else _imported(place, folder)
    found = module
    for part in attribute.split("."):
        found = getattr(found, part, None)  # type: ignore[assignment]
    if not attribute or found is None:
        raise OwnProtocolError(f"and {place} has no `{attribute}`")
    return _declared(found, name)


def points() -> Iterator[Entry]:
    """The protocols of installed packages, in the order of their names; what cannot be imported says so instead."""
    from importlib import metadata  # slow, and seldom needed

    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        try:
            yield _declared(point.load(), point.name)
        except Exception as error:  # somebody else's code
            yield Entry("protocols", point.name, f"{point.value} cannot be imported: {_short(error)}")


def _imported(place: str, folder: Path) -> ModuleType:
    _make_importable(folder)
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(f"{error.name}.")):
            raise OwnProtocolError(f"and there is no module `{place}`") from None
        raise OwnProtocolError(f"which cannot be imported: {_short(error)}") from None
    except Exception as error:  # somebody else's code
        raise OwnProtocolError(f"which cannot be imported: {_short(error)}") from None


def _from_file(path: Path, place: str) -> ModuleType:
    """Import a file once, and again when its content has changed."""
    try:
        code = path.read_bytes()
    except OSError as error:
        raise OwnProtocolError(f"and {place} cannot be read: {error.strerror}") from None
    digest = blake2b(str(path).encode() + b"\0" + code, digest_size=8).hexdigest()
    name = f"_netsim_{path.stem}_{digest}"
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    _make_importable(path.parent)
    try:
        exec(compile(code, str(path), "exec"), module.__dict__)  # not the loader: it would believe a stale cache
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):
            raise
        raise OwnProtocolError(f"which cannot be imported: {_short(error)}") from None
    return module


def _make_importable(folder: Path) -> None:
    """Let a protocol import what lies beside it; netsim's own modules come first."""
    path = str(folder.resolve())
    if path not in sys.path:
        sys.path.append(path)


def _short(error: Exception) -> str:
    """What went wrong and where, in one line."""
    if isinstance(error, SyntaxError):
        return f"{Path(error.filename or '').name} line {error.lineno}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    where = f", {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


def _declared(protocol: Any, name: str) -> Entry:
    """The entry of a class, if it is a protocol that can be run."""
    from netsim.node.consensus import Consensus
    from netsim.node.message import Message, tag_of

    if not (isinstance(protocol, type) and issubclass(protocol, Consensus)):
        raise OwnProtocolError("which is no subclass of `netsim.protocol.Consensus`")
    missing = sorted(getattr(protocol, "__abstractmethods__", ()))
    if missing:
        raise OwnProtocolError(f"which does not define `{'` and `'.join(missing)}`")
    messages = getattr(protocol, "messages", None)
    if not isinstance(messages, tuple) or not all(isinstance(m, type) and issubclass(m, Message) for m in messages):
        raise OwnProtocolError("whose `messages` is no tuple of subclasses of `Message`")
    tags: dict[int, str] = {}
    for message in messages:
        try:
            tag = tag_of(message)
        except TypeError as error:
            raise OwnProtocolError(f"whose message {error}") from None
        if not FIRST_TAG <= tag <= LAST_TAG:
            raise OwnProtocolError(f"whose {message.__name__} has the tag {tag}, not from {FIRST_TAG} to {LAST_TAG}")
        if tag in tags:
            raise OwnProtocolError(f"whose {tags[tag]} and {message.__name__} have the same tag, {tag}")
        tags[tag] = message.__name__
    parameters = getattr(protocol, "parameters", ())
    if not isinstance(parameters, tuple) or not all(isinstance(each, Parameter) for each in parameters):
        raise OwnProtocolError("whose `parameters` is no tuple of `Parameter`")
    return declared_by(protocol, name)
