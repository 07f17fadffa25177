"""All lines of the table: what is asked of each protocol and size, answered in as many processes as there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Literal

from netsim import catalogue
from netsim.laws.law import LAWS, Law, Number
from netsim.laws.measured import Normal, disagree, normal, placements, survives
from netsim.validate.laboratory import emulated, simulated

NODES = range(4, 11)
EMULATED = (4, 7)  # the sizes that the emulator runs too
Quantity = Literal["quorum", "first", "last", "messages", "survives", "stopped by", "equivocators"]
QUANTITIES: tuple[Quantity, ...] = ("quorum", "first", "last", "messages", "survives", "stopped by", "equivocators")
NORMAL: tuple[Quantity, ...] = ("quorum", "first", "last", "messages")  # what one undisturbed run tells


@dataclass(frozen=True, slots=True)
class Question:
    """One run. `chosen`: the validators that are down or lie; of no meaning in an undisturbed run."""

    protocol: str
    nodes: int
    what: Literal["normal", "emulated", "crashed", "lying"]
    chosen: tuple[int, ...] = ()


Answer = Normal | bool | str  # what went wrong is an answer too


@dataclass(frozen=True, slots=True)
class Line:
    """A quantity, predicted and found. `found` is None where it could not be measured, and `reason` says why; or the
    bounds that it lies in, as text, where it is not what was predicted."""

    protocol: str
    nodes: int
    quantity: Quantity
    predicted: Number
    found: Number | str | None
    emulated: Number | None = None
    reason: str = ""

    @property
    def agrees(self) -> bool:
        return self.found == self.predicted and self.emulated in (None, self.found) and not self.reason


def built() -> list[Law]:
    """The laws of the protocols that there are."""
    names = {entry.name for entry in catalogue.entries("protocols") if entry.built}
    return [law for law in LAWS if law.protocol in names]


def questions(law: Law, nodes: int, emulate: bool = False) -> list[Question]:
    """What must be run to hold a law against the simulator (and the emulator) for so many validators.

    Of crashes and lies two numbers are tried: the most that must do no harm, wherever they strike, and one more, which
    must where they strike worst.
    """
    asked = []
    if any((law.quorum, law.first, law.last, law.messages)):
        asked.append(Question(law.protocol, nodes, "normal"))
        if emulate and nodes in EMULATED:
            asked.append(Question(law.protocol, nodes, "emulated"))
    if law.survives is not None:
        most = int(law.survives.of(nodes))
        asked += [Question(law.protocol, nodes, "crashed", down) for down in placements(nodes, most)]
        if most + 1 < nodes:
            asked.append(Question(law.protocol, nodes, "crashed", placements(nodes, most + 1)[-1]))
    if law.equivocators is not None:
        fewest = int(law.equivocators.of(nodes))
        asked += [Question(law.protocol, nodes, "lying", liars) for liars in placements(nodes, fewest - 1)]
        asked.append(Question(law.protocol, nodes, "lying", placements(nodes, fewest)[0]))
    return asked


def answer(question: Question, law: Law | None = None) -> Answer:
    """Run it. `law`: where the protocol is not one of those in the table."""
    law = law or next(one for one in LAWS if one.protocol == question.protocol)
    try:
        if question.what == "normal":
            return normal(law, question.nodes, simulated)
        if question.what == "emulated":
            return normal(law, question.nodes, emulated)
        if question.what == "crashed":
            return survives(law, question.nodes, question.chosen, simulated)
        return disagree(law, question.nodes, question.chosen, simulated)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def ask(asked: Sequence[Question], jobs: int) -> list[Answer]:
    """The answers, in order. With one job everything is done in this process."""
    if jobs == 1:
        return [answer(question) for question in asked]
    order = sorted(range(len(asked)), key=lambda at: -asked[at].nodes)  # the longest first
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(answer, [asked[at] for at in order]))
    return [found[order.index(at)] for at in range(len(asked))]


def lines(law: Law, nodes: int, answers: Iterable[tuple[Question, Answer]]) -> list[Line]:
    """What the answers about one law and size come to."""
    mine = [(one, found) for one, found in answers if (one.protocol, one.nodes) == (law.protocol, nodes)]
    by_what = {one.what: found for one, found in mine}
    table = []
    for name in NORMAL:
        formula = {"quorum": law.quorum, "first": law.first, "last": law.last, "messages": law.messages}[name]
        if formula is not None:
            ours, theirs = by_what["normal"], by_what.get("emulated")
            problem = next((found for found in (ours, theirs) if isinstance(found, str)), "")
            table.append(
                Line(
                    law.protocol,
                    nodes,
                    name,
                    formula.of(nodes),
                    getattr(ours, name) if isinstance(ours, Normal) else None,
                    getattr(theirs, name) if isinstance(theirs, Normal) else None,
                    problem,
                )
            )
    if law.survives is not None:
        predicted = int(law.survives.of(nodes))
        harmless, harmful = (
            _struck(mine, "crashed", predicted, harm=False),
            _struck(mine, "crashed", predicted + 1, False),
        )
        found, reason = _found(predicted, harmless, harmful if predicted + 1 < nodes else [((), True)])
        table.append(Line(law.protocol, nodes, "survives", predicted, found, None, reason))
        stopped = found + 1 if isinstance(found, int) else found
        table.append(Line(law.protocol, nodes, "stopped by", predicted + 1, stopped, None, reason))
    if law.equivocators is not None:
        predicted = int(law.equivocators.of(nodes))
        harmless, harmful = _struck(mine, "lying", predicted - 1, harm=True), _struck(mine, "lying", predicted, True)
        found, reason = _found(predicted, harmless, harmful)
        table.append(Line(law.protocol, nodes, "equivocators", predicted, found, None, reason))
    return table


Struck = list[tuple[tuple[int, ...], bool | str]]  # who, and whether it did harm


def _struck(answers: Sequence[tuple[Question, Answer]], what: str, count: int, harm: bool) -> Struck:
    """For each choice of so many validators whether it did harm. `harm`: the answer that means that."""
    return [
        (one.chosen, found if isinstance(found, str) else found == harm)
        for one, found in answers
        if one.what == what and len(one.chosen) == count
    ]


def _found(predicted: int, harmless: Struck, harmful: Struck) -> tuple[int | str | None, str]:
    """The number that was found, or the side on which it lies; and what went wrong."""
    for _, harm in (*harmless, *harmful):
        if isinstance(harm, str):
            return None, harm
    for chosen, harm in harmless:
        if harm:
            return "fewer", f"harm is done by {len(chosen)}: {', '.join(map(str, chosen))}"
    if not any(harm for _, harm in harmful):
        return "more", f"no harm is done by {len(harmful[0][0])}"
    return predicted, ""
