"""The law checker, for protocols of one's own: what a block takes and costs, by formula and in the simulator.

    def test_laws() -> None:
        check_laws(
            "my_protocol.py:MyProtocol",
            finality=3,                                # message delays until a block is final everywhere
            messages=lambda n: 2 * n * (n - 1),        # per block, sent directly
            quorum=lambda n: n - (n - 1) // 3,
            survives=lambda n: (n - 1) // 3,           # crashed validators
            equivocators=lambda n: n - 2 * ((n - 1) // 3),
        )

Real scenarios are run: every link takes the same, nothing else does; validators are really killed, and really lie.
What is not given is not checked. `tools/laws` does the same for the protocols of netsim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from netsim import catalogue
from netsim.laws.bench import NODES, answer, lines, questions
from netsim.laws.law import Formula, Law, Number, constant
from netsim.laws.table import as_sentence
from netsim.node.consensus import Consensus
from netsim.testing.network import entry_of

Predicted = Number | Callable[[int], Number] | None


def check_laws(
    protocol: str | type[Consensus],
    *,
    finality: Predicted = None,
    first: Predicted = None,
    messages: Predicted = None,
    quorum: Predicted = None,
    survives: Predicted = None,
    equivocators: Predicted = None,
    nodes: Iterable[int] = NODES,
    consensus: str | None = None,
    depth: int | None = None,
    apart: Iterable[str] = (),
) -> None:
    """Raise AssertionError with every figure that is not as predicted, for so many validators.

    `protocol`: its name, "file.py:Class" or "module:Class", or a class that can be imported. Predictions are numbers or
    functions of the number of validators: see `netsim.laws.law.Law`; `finality` is at the last validator, `first` at
    the first one. `consensus`: the protocol's keys as YAML; where it is not given, blocks follow each other at once, if
    the protocol allows it, and empty ones too. `apart`: names of message types that are not sent for a block.
    """
    name = protocol if isinstance(protocol, str) else _name_of(protocol)
    entry = entry_of(name)
    if consensus is None:
        declared = {parameter.name: parameter for parameter in entry.parameters}
        at_once = not declared["block_interval"].minimum
        keys = ["block_interval: 0 s"] if at_once else []
        keys += ["empty_blocks: always"] if "empty_blocks" in declared else []
        consensus = ", ".join(keys)
    law = Law(
        name,
        "the prediction",
        _formula(quorum),
        _formula(first),
        _formula(finality),
        _formula(messages),
        _formula(survives),
        _formula(equivocators),
        consensus=consensus,
        depth=depth,
        apart=tuple(apart),
    )
    wrong = []
    for count in nodes:
        answers = [(question, answer(question, law)) for question in questions(law, count)]
        wrong += [as_sentence(line) for line in lines(law, count, answers) if not line.agrees]
    assert not wrong, "\n".join(wrong)


def _name_of(protocol: type[Consensus]) -> str:
    """What a scenario calls a class."""
    path = f"{protocol.__module__}:{protocol.__qualname__}"
    return next((entry.name for entry in catalogue.entries("protocols") if entry.target == path), path)


def _formula(predicted: Predicted) -> Formula | None:
    if predicted is None:
        return None
    return Formula("as predicted", predicted) if callable(predicted) else constant(predicted)
