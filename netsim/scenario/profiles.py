"""Access profiles: what a scenario gives, on top of what it extends, on top of what is built in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netsim.catalogue import Catalogue
from netsim.scenario.declared import lookup
from netsim.scenario.document import Path
from netsim.scenario.findings import Findings
from netsim.scenario.model import Access, Distribution
from netsim.scenario.problem import suggestion
from netsim.scenario.schema import AccessSection

_AT_ONCE = Distribution("constant", (("value", 0),))
_NOTHING = Access("", _AT_ONCE, _AT_ONCE, core=0, bandwidth_up=None, bandwidth_down=None, says="")


class Profiles:
    """Resolves profiles by name. One of the scenario's own goes before a built-in one, which it may extend."""

    def __init__(
        self, own: Mapping[str, AccessSection], names: set[str], catalogue: Catalogue, findings: Findings
    ) -> None:
        """`own`: the scenario's well-formed profiles; `names`: all that it has, well-formed or not."""
        self._own, self._names, self._catalogue, self._findings = own, names, catalogue, findings
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
        return replace(_changed(_NOTHING, section), name=name, says=entry.says)

    def _extend(self, name: str, base: Access) -> Access:
        section = self._own[name]
        changes = [key for key in section.key_names() if key in section.model_fields_set - {"extends", "description"}]
        says = f"{base.name} with {', '.join(changes)} of its own" if changes else f"the same as {base.name}"
        return replace(
            _changed(base, section), name=name, says=says if section.description is None else section.description
        )


def _changed(base: Access, section: AccessSection) -> Access:
    """What a section gives, and the base for the rest."""
    width = section.bandwidth
    given = width.model_fields_set if width is not None else frozenset()
    return replace(
        base,
        up=base.up if section.up is None else section.up,
        down=base.down if section.down is None else section.down,
        core=base.core if section.core is None else section.core,
        bandwidth_up=width.up if width is not None and "up" in given else base.bandwidth_up,
        bandwidth_down=width.down if width is not None and "down" in given else base.bandwidth_down,
    )
