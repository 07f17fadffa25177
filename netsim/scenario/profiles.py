"""Access profiles: what a scenario gives, on top of what it extends, on top of what is built in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path as File
from typing import TypeVar

from netsim.catalogue import Catalogue
from netsim.scenario import units
from netsim.scenario.declared import lookup
from netsim.scenario.document import Path
from netsim.scenario.fields import Section
from netsim.scenario.findings import Findings
from netsim.scenario.model import Access, Distribution, Handover, Radio, Recording, Spikes
from netsim.scenario.problem import suggestion
from netsim.scenario.recording import read_recording
from netsim.scenario.schema import AccessSection

_AT_ONCE = Distribution("constant", (("value", 0),))
_NOTHING = Access("", _AT_ONCE, _AT_ONCE, core=_AT_ONCE, bandwidth_up=None, bandwidth_down=None, says="")


T = TypeVar("T")

# The keys that say more of a cell, by what the model calls them.
CELL = {
    "slot": "slot",
    "processing": "processing",
    "uplink_grant": "grant",
    "k2": "grant_slots",
    "request_every": "request_every",
    "bler": "bler",
    "attempts": "attempts",
    "operator": "operator",
}
_STEEPEST_SPIKES = 500  # a deviation of the logarithm of 4.8
_NARROWEST_CELL = 10_000  # bit/s; a block takes its time slot by slot


class Profiles:
    """Resolves profiles by name. One of the scenario's own goes before a built-in one, which it may extend."""

    def __init__(
        self,
        own: Mapping[str, AccessSection],
        names: set[str],
        folder: File,
        catalogue: Catalogue,
        findings: Findings,
        notes: list[str],
    ) -> None:
        """`own`: the scenario's well-formed profiles; `names`: all that it has, well-formed or not.

        Files are looked for in `folder`; what a reader should know of them is added to `notes`.
        """
        self._own, self._names, self._catalogue, self._findings = own, names, catalogue, findings
        self._folder, self._notes = folder, notes
        self._resolved: dict[str, Access | None] = {}
        for name in own:
            self.resolve(name, ("access", name))

    def resolve(self, name: str, path: Path) -> Access | None:
        """A profile. None where there is none, which is a problem at the path that names it."""
        chain: list[str] = []
        while name in self._own and name not in self._resolved:
            chain.append(name)
            base, path = self._own[name].extends, ("access", name, "extends")
            if base == name:
                access = self._built_in(name, path)
                break
            if base in chain:
                self._findings.add(path, f"is `{base}`, which extends `{name}` itself")
                access = None
                break
            name = base
        else:
            if name in self._own:
                access = self._resolved[name]
            elif name in self._names:
                access = None  # one of the scenario's own that is malformed: said already
            else:
                access = self._built_in(name, path)
        for name in reversed(chain):
            access = self._resolved[name] = access and self._extend(name, access)
        return access

    def _built_in(self, name: str, path: Path) -> Access | None:
        try:
            entry = lookup(self._catalogue, "access", name)
        except ValueError as error:
            hint = suggestion(name, self._names)
            self._findings.add(path, f"is `{name}`, which is no access profile{hint}" if hint else str(error))
            return None
        context = {"catalogue": self._catalogue}
        section = AccessSection.model_validate(self._catalogue.load(entry), context=context)
        return replace(self._changed(_NOTHING, section, path), name=name, says=entry.says)

    def _extend(self, name: str, base: Access) -> Access:
        section = self._own[name]
        changes = [key for key in section.key_names() if key in section.model_fields_set - {"extends", "description"}]
        says = f"{base.name} with {', '.join(changes)} of its own" if changes else f"the same as {base.name}"
        access = self._changed(base, section, ("access", name))
        return replace(access, name=name, says=says if section.description is None else section.description)

    def _changed(self, base: Access, section: AccessSection, path: Path) -> Access:
        """What a section gives, and the base for the rest."""
        given = section.model_fields_set
        width = section.bandwidth
        widths = width.model_fields_set if width is not None else frozenset()
        access = replace(
            base,
            up=base.up if section.up is None else section.up,
            down=base.down if section.down is None else section.down,
            core=base.core if section.core is None else section.core,
            bandwidth_up=width.up if width is not None and "up" in widths else base.bandwidth_up,
            bandwidth_down=width.down if width is not None and "down" in widths else base.bandwidth_down,
            radio=self._radio(base.radio, section, path),
            spikes=_mixed(Spikes, base.spikes, section.spikes) if "spikes" in given else base.spikes,
            handover=_mixed(Handover, base.handover, section.handover) if "handover" in given else base.handover,
            one_at_a_time=section.one_at_a_time if "one_at_a_time" in given else base.one_at_a_time,
        )
        if "trace" in given:
            access = self._recorded(access, section, (*path, "trace"))
        self._check(access, path)
        return access

    def _radio(self, base: Radio | None, section: AccessSection, path: Path) -> Radio | None:
        given = section.model_fields_set
        pattern = section.tdd if "tdd" in given else base.pattern if base is not None else None
        if pattern is not None:
            values = {
                field: getattr(section, key) if base is None or key in given else getattr(base, field)
                for key, field in CELL.items()
            }
            return Radio(pattern, **values)
        for key in CELL:
            if key in given:
                message = "belongs to a radio cell, and neither this profile nor one that it extends has a `tdd`"
                self._findings.add((*path, key), message, at_key=True)
        return None

    def _recorded(self, access: Access, section: AccessSection, path: Path) -> Access:
        """What a file or a recording makes of a profile."""
        found: Recording | Distribution | None
        if isinstance(section.trace, str):
            try:
                found = read_recording(self._folder / section.trace, self._notes)
            except ValueError as error:
                self._findings.add(path, str(error))
                return access
        else:
            found = section.trace
        if not isinstance(found, Distribution):
            return replace(access, recording=found)
        if section.up is not None or section.down is not None:
            message = "names a file without times, so `up` and `down` are drawn from it: give those or the file"
            self._findings.add(path, message)
        return replace(access, up=found, down=found, recording=None)

    def _check(self, access: Access, path: Path) -> None:
        """See that the parts fit together, which only now are all known."""
        spikes, handover, radio = access.spikes, access.handover, access.radio
        if spikes is not None and spikes.p90 < spikes.median:
            self._findings.add((*path, "spikes"), "has its `p90` below its `median`")
        elif spikes is not None and spikes.p90 > spikes.median * _STEEPEST_SPIKES:
            self._findings.add((*path, "spikes"), f"has a `p90` more than {_STEEPEST_SPIKES} times its `median`")
        if handover is not None and 2 * handover.outage > handover.every:
            self._findings.add((*path, "handover"), "has an `outage` of more than half of `every`")
        if radio is None:
            return
        period = len(radio.pattern) * radio.slot
        if handover is not None and handover.every - handover.outage < 2 * period:
            lengths = f"two periods of the slot pattern, {units.write_duration(2 * period)}"
            self._findings.add((*path, "handover"), f"leaves less time between two outages than {lengths}")
        for way, width in (("up", access.bandwidth_up), ("down", access.bandwidth_down)):
            if width is not None and width < _NARROWEST_CELL:
                widths = f"{units.write_bandwidth(width)} {way}; in a cell the least is"
                self._findings.add((*path, "bandwidth"), f"is {widths} {units.write_bandwidth(_NARROWEST_CELL)}")


def _mixed(make: type[T], base: T | None, section: Section | None) -> T | None:
    """What a section gives, and the base for the rest, where there is one."""
    if section is None:
        return None
    given = section.model_fields_set
    return make(
        **{key: getattr(section if base is None or key in given else base, key) for key in type(section).model_fields}
    )
