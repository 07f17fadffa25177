"""Whether a scenario's expectations were met: yes, no, or too few samples to say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypedDict

from netsim.measure.dist import PERCENTILES, samples_needed
from netsim.trace import Expectation

_PERCENTILE = re.compile(rf"p({'|'.join(map(str, PERCENTILES))})")


class Judged(TypedDict):
    """One expectation; `passed` is None where the run cannot tell."""

    key: str
    bound: str
    value: Any
    passed: bool | None


def judge(summary: Mapping[str, Any], expectations: Iterable[Expectation]) -> list[Judged]:
    """Hold a summary against expectations, in their order.

    The answer is unknown for a percentile of too few samples (`samples_needed`) and for a value that the run does not
    have. It is no for a key that no summary has, and for the recovery from a fault that was never recovered from.
    """
    known = dict(flatten(summary))
    judged = []
    for expected in expectations:
        value = known.get(expected.key)
        passed = _passed(summary, known, expected)
        judged.append(Judged(key=expected.key, bound=_bound(expected), value=value, passed=passed))
    return judged


def flatten(summary: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a summary under the key that an expectation names it by, such as `finality.quorum_ms.p90`.

    Lists are left out: there is nothing in them to put a bound on.
    """
    for name, value in summary.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            yield f"{prefix}{name}", value


def _passed(summary: Mapping[str, Any], known: Mapping[str, Any], expected: Expectation) -> bool | None:
    if expected.key not in known:
        return False
    value = known[expected.key]
    if value is None:
        return False if expected.key == "liveness.recovery_ms" and summary["liveness"]["recoveries"] else None
    parent, _, last = expected.key.rpartition(".")
    if (match := _PERCENTILE.fullmatch(last)) and known[f"{parent}.count"] < samples_needed(int(match[1])):
        return None
    if expected.equals is not None:
        return _equal(value, expected.equals)
    if isinstance(value, str):
        return False
    return (expected.min is None or value >= expected.min) and (expected.max is None or value <= expected.max)


def _equal(value: Any, text: str) -> bool:
    """Whether a value is what a text says: numbers by their worth, so that 0, 0.0 and "0" are the same."""
    if isinstance(value, str):
        return value == text
    try:
        return bool(value == float(text))
    except ValueError:
        return False


def _bound(expected: Expectation) -> str:
    if expected.equals is not None:
        return f"= {expected.equals}"
    bounds = ((sign, bound) for sign, bound in (("≥", expected.min), ("≤", expected.max)) if bound is not None)
    return ", ".join(f"{sign} {int(bound) if bound == int(bound) else bound}" for sign, bound in bounds)
