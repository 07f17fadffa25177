"""Sites and nodes: from names to numbers and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from netsim.scenario.document import Path
from netsim.scenario.findings import Findings
from netsim.scenario.model import Node, Site, names_of
from netsim.scenario.problem import suggestion
from netsim.scenario.schema import MOST_NODES, MOST_SITES, SiteSection

_NAME = re.compile(r"[^\W_][\w-]{0,62}")
_EVERYBODY = "all"
_NAMED = 6  # nodes or sites in a sentence


class Places:
    """The nodes in the order of the scenario, and what their and their sites' names stand for."""

    def __init__(self, sections: Mapping[str, SiteSection], findings: Findings) -> None:
        self._findings = findings
        self.sites: dict[str, Site] = {}
        self.nodes: tuple[Node, ...] = ()
        self._numbers: dict[str, tuple[int, ...]] = {}
        if not sections:
            if findings.sound("sites", "overlay"):
                findings.add((), "`sites` is missing: a scenario needs nodes somewhere", sentence=True)
            findings.broken.add("sites")
        count = sum(site.nodes if isinstance(site.nodes, int) else len(site.nodes) for site in sections.values())
        if count > MOST_NODES or len(sections) > MOST_SITES:
            findings.add(("sites",), f"hold {count} nodes at {len(sections)}; the most is {MOST_NODES} at {MOST_SITES}")
            findings.broken.add("sites")
            return
        for name in sections:
            self._claim(name, ("sites", name))
        for name, section in sections.items():
            self._add_site(name, section)
        self._numbers[_EVERYBODY] = tuple(range(len(self.nodes)))

    def numbers(self, names: Iterable[str], path: Path, taken: dict[int, str] | None = None) -> tuple[int, ...]:
        """The nodes that a list at a path means, ascending; `all` is everybody.

        Unknown names and nodes that are named twice become problems; `taken` carries the nodes that were named before.
        """
        taken = {} if taken is None else taken
        found = []
        for place, name in enumerate(names):
            if name not in self._numbers:
                if self._findings.sound("sites"):
                    hint = suggestion(name, self._numbers)
                    self._findings.add((*path, place), f"names `{name}`, which is no node and no site{hint}")
                continue
            for number in self._numbers[name]:
                if number in taken:
                    node = self.nodes[number].name
                    again = "" if name == taken[number] == node else f" (as `{taken[number]}` and as `{name}`)"
                    self._findings.add((*path, place), f"names {node} twice{again}")
                    break
                taken[number] = name
                found.append(number)
        return tuple(sorted(found))

    def site(self, name: str, path: Path) -> None:
        """See that a site is there."""
        if name not in self.sites and self._findings.sound("sites"):
            self._findings.add(path, f"names `{name}`, which is no site{suggestion(name, self.sites)}")

    def node(self, name: str, path: Path) -> int | None:
        """The number of a node. None where there is none of that name, which is a problem at the path."""
        if name in self._numbers and name not in self.sites and name != _EVERYBODY:
            return self._numbers[name][0]
        nodes = [node.name for node in self.nodes]
        self._findings.add(path, f"names `{name}`, which is no node{suggestion(name, nodes)}")
        return None

    def say(self, numbers: Iterable[int]) -> str:
        """Some nodes in words."""
        words = names_of(numbers, self.nodes, self.sites)
        rest = len(words) - _NAMED
        return ", ".join(words if rest <= 1 else [*words[:_NAMED], f"{rest} more"])

    def _add_site(self, name: str, section: SiteSection) -> None:
        path: Path = ("sites", name)
        first = len(self.nodes)
        if isinstance(section.nodes, int):
            nodes = [Node(f"{name}-{number}", name, section.access) for number in range(section.nodes)]
            for number, node in enumerate(nodes, first):
                self._claim(node.name, path, (number,), made=True)
        else:
            nodes = [Node(node.name, name, node.access or section.access) for node in section.nodes]
            for number, node in enumerate(nodes):
                self._claim(node.name, (*path, "nodes", number, "name"), (first + number,))
        self._numbers[name] = tuple(range(first, first + len(nodes)))
        self.nodes += tuple(nodes)
        self.sites[name] = Site(section.location, tuple(node.name for node in nodes), section.access)

    def _claim(self, name: str, path: Path, numbers: tuple[int, ...] = (), *, made: bool = False) -> None:
        """A name for a site or a node. Nobody chose one that was `made`, so only a clash can be wrong with it."""
        wrong = ""
        if name in self._numbers:
            wrong = f"`{name}` is the name of two nodes or sites"
        elif not made and (not _NAME.fullmatch(name) or name == _EVERYBODY):
            wrong = f"`{name}` is no name: letters and digits, with `-` and `_` after the first, at most 63"
        if wrong:
            self._findings.add(path, wrong, sentence=True, at_key=made or len(path) == 2)
            self._findings.broken.add("sites")
        self._numbers.setdefault(name, numbers)
