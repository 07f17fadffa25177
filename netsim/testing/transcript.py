"""Transcripts: a text file of commands and, below each, everything that happened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from netsim import catalogue
from netsim.catalogue import Parameter
from netsim.node.block import Block, short
from netsim.node.message import MESSAGE_KINDS
from netsim.node.misbehaviour import Deviation
from netsim.node.pbft_messages import NewView, PrePrepare
from netsim.scenario.declared import read_parameter
from netsim.testing.network import MS, Envelope, Network, misbehaviour, settings, strategy


def replay(path: Path) -> None:
    """Run a transcript and compare. Raises AssertionError with the whole of what happened where it differs."""
    text = path.read_text(encoding="utf-8")
    happened = "".join(_rerun(text)).rstrip() + "\n"
    if os.environ.get("NETSIM_REWRITE"):
        path.write_text(happened, encoding="utf-8")
    assert happened == text, f"{path.name} differs; what happens now is:\n{happened}"


def _rerun(text: str) -> Iterator[str]:
    """The same transcript with what happens now. Commands end with a line of dashes or an empty one, results with an
    empty one."""
    transcript = _Transcript()
    happened: list[str] | None = None  # of the commands since the last result
    skipping = False
    for line in [*text.rstrip().splitlines(), ""]:
        command = line and line != "----" and not line.startswith("#") and not skipping
        if command:
            happened = (happened or []) + transcript.run(line)
        if not line:
            if happened is not None:
                yield "\n".join(("----", *(happened or ["ok"]), ""))
            yield "\n"
            happened, skipping = None, False
        elif line == "----":
            skipping = True
        elif not skipping:
            yield line + "\n"


class _Transcript:
    """The commands of a transcript, one method each."""

    def __init__(self) -> None:
        self.network = Network(0, settings())
        self.gossip = dict.fromkeys(MESSAGE_KINDS, strategy("direct"))
        self.misbehaving: dict[int, list[Deviation]] = {}

    def run(self, line: str) -> list[str]:
        """Execute one line; what happened, line by line."""
        command, *words = line.split()
        options = dict(word.split("=", 1) for word in words if "=" in word)
        arguments = [word for word in words if "=" not in word]
        lines: list[str] = getattr(self, f"do_{command}")(*arguments, **options)
        return lines + self._notes()

    def do_gossip(self, name: str, kind: str = "", **parameters: str) -> list[str]:
        """How messages spread in the networks that follow, of one kind or of all. Durations have their unit: 20ms."""
        entry = catalogue.find("gossip", name)
        assert entry is not None
        declared = {parameter.name: parameter for parameter in entry.parameters}
        given = {key: read_parameter(declared[key], value) for key, value in parameters.items()}
        for one in MESSAGE_KINDS:
            if kind in ("", one):
                self.gossip[one] = strategy(name, **given)
        return []

    def do_misbehave(self, nodes: str, does: str, at: str = "0", **parameters: str) -> list[str]:
        """What some nodes do wrong in the networks that follow, from a time on (ms); lists of nodes as digits."""
        entry = catalogue.find("misbehaviour", does)
        assert entry is not None, f"nobody does {does}"
        declared = {parameter.name: parameter for parameter in entry.parameters}
        given = {key: _parameter(declared[key], value) for key, value in parameters.items()}
        for node in map(int, nodes):
            self.misbehaving.setdefault(node, []).append(misbehaviour(does, int(at) * MS, **given))
        return []

    def do_nodes(
        self, count: str, protocol: str = "pbft", edges: str = "", ring: str = "", depth: str = "", **parameters: str
    ) -> list[str]:
        """A new network. Parameters as in a scenario, but bare durations are ms; edges as pairs of digits, separated by
        commas."""
        entry = catalogue.find("protocols", protocol)
        assert entry is not None, f"no protocol {protocol}"
        values: dict[str, Any] = {"depth": int(depth)} if depth else {}
        for declared in entry.parameters:
            if declared.name in parameters:
                values[declared.name] = _parameter(declared, parameters.pop(declared.name))
        assert not parameters, f"{protocol} has no {', '.join(parameters)}"
        nodes = int(count)
        overlay = [(node, (node + 1) % nodes) for node in range(nodes)] if ring else None
        if edges:
            overlay = [(int(pair[0]), int(pair[1])) for pair in edges.split(",")]
        chosen = settings(protocol, gossip=dict(self.gossip), **values)
        self.network = Network(nodes, chosen, edges=overlay, misbehaving=self.misbehaving)
        self.network.start()
        return []

    def do_submit(self, node: str, count: str, size: str = "10") -> list[str]:
        """A moment later, clients of a node submit transactions of that many bytes."""
        self.network.wait(1)
        self.network.submit(int(node), int(count), int(size))
        return []

    def do_deliver(self, **filters: str) -> list[str]:
        """Deliver what matches, and whatever matches of what comes of it, until nothing does."""
        lines = []
        while copies := self._first(filters):
            lost = [copy for copy in copies if not self.network.deliver(copy)]
            lines.append(_line([copy for copy in copies if copy not in lost], lost))
            lines += self._notes()
        return lines

    def do_drop(self, **filters: str) -> list[str]:
        """Lose what is on its way and matches."""
        lines = []
        while copies := self._first(filters):
            lines.append(_line([], copies))
        return lines

    def do_double(self, **filters: str) -> list[str]:
        """Send a second copy of what is on its way and matches."""
        lines = []
        for copy in sorted(envelope for envelope in self.network.queue if _matches(envelope, filters)):
            self.network.post(copy.source, copy.target, copy.message)
            lines.append(_line([copy]) + " again")
        return lines

    def do_wait(self, duration: str) -> list[str]:
        """Let time pass, in ms."""
        self.network.wait(int(duration) * MS)
        return []

    def do_ring(self, node: str, timer: str) -> list[str]:
        """A moment later, a timer of a node is due, whatever it was set to."""
        self.network.wait(1)
        self.network.ring(self.network.places[int(node)], timer)
        return []

    def do_cut(self, *groups: str) -> list[str]:
        """Partition the network into groups of nodes."""
        self.network.groups = [frozenset(map(int, group)) for group in groups]
        return []

    def do_heal(self) -> list[str]:
        """End the partition."""
        self.network.groups = []
        return []

    def do_crash(self, nodes: str) -> list[str]:
        """Kill nodes."""
        for node in map(int, nodes):
            self.network.crash(node)
        return []

    def do_restart(self, nodes: str) -> list[str]:
        """Start nodes again."""
        for node in map(int, nodes):
            self.network.restart(node)
        return []

    def do_propose(self, node: str, view: str, created: str, to: str) -> list[str]:
        """Put into a node's mouth a proposal for the height above its head, which its program would not make."""
        world = self.network.places[int(node)]
        assert world.participant is not None
        head = world.participant.chain.head
        block = Block(head.height + 1, head.id, world.me, int(created))
        message = PrePrepare(world.me, b"", int(view), block).signed(world.sign)
        for target in map(int, to):
            self.network.post(world.place, target, message)
        return []

    def do_falsify(self) -> list[str]:
        """Let a new view that is on its way propose nothing anew, whatever its view changes call for."""
        copies = self._first({"kind": "NewView"})
        world, message = self.network.places[copies[0].source], copies[0].message
        assert isinstance(message, NewView)
        false = msgspec.structs.replace(message, signature=b"", proposals=()).signed(world.sign)
        for copy in copies:
            self.network.post(copy.source, copy.target, false)
        return [_line(copies) + f" becomes {false}"]

    def do_status(self) -> list[str]:
        """Where each node stands."""
        lines = []
        for world in self.network.places:
            if world.participant is None:
                lines.append(f"{world.me} is down")
            else:
                head, status = world.participant.chain.head, world.participant.consensus.status
                lines.append(f"{world.me} {status}{', ' if status else ''}head h{head.height} {short(head.id)}")
        return lines

    def _first(self, filters: Mapping[str, str]) -> list[Envelope]:
        """Take the copies of the first message that matches."""
        first = min((envelope for envelope in self.network.queue if _matches(envelope, filters)), default=None)
        if first is None:
            return []

        def same(envelope: Envelope) -> bool:
            return envelope.message is first.message and envelope.source == first.source and _matches(envelope, filters)

        return self.network.take(same)

    def _notes(self) -> list[str]:
        """What the nodes did since the last time; the same of several in one line."""
        lines: list[tuple[str, str]] = []
        for node, text in self.network.notes:
            if lines and lines[-1][1] == text:
                lines[-1] = lines[-1][0] + str(node), text
            else:
                lines.append((str(node), text))
        self.network.notes.clear()
        return [f"  {nodes} {text}" for nodes, text in lines]


def _parameter(declared: Parameter, value: str) -> Any:
    """A parameter as a transcript gives it: bare durations are ms, lists of nodes digits."""
    if declared.unit == "nodes" and value.isdigit():
        return tuple(map(int, value))
    bare = declared.unit == "duration" and value.isdigit()
    return read_parameter(declared, f"{value} ms" if bare else value)


def _line(arrived: Sequence[Envelope], lost: Sequence[Envelope] = ()) -> str:
    """The copies of one message: from whom, to whom, and to whom it was lost."""
    first = (*arrived, *lost)[0]
    line = f"{first.source}->{''.join(str(copy.target) for copy in arrived)} {first.message}"
    return line + (f" (lost to {''.join(str(copy.target) for copy in lost)})" if lost else "")


def _matches(envelope: Envelope, filters: Mapping[str, str]) -> bool:
    """`by` and `to` are sets of digits; `kind` names message types, separated by commas; `height` is one number."""
    name, height = type(envelope.message).__name__, str(envelope.message.about[1])
    return (
        str(envelope.source) in filters.get("by", str(envelope.source))
        and str(envelope.target) in filters.get("to", str(envelope.target))
        and name in filters.get("kind", name).split(",")
        and height == filters.get("height", height)
    )
