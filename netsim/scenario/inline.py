"""A recording that stands in a scenario itself: `{delays: 5.2 5.1 7.4 ms, lasts: 1 s}`.

Each delay holds for the time that `lasts` gives in the same place, or all of them for the one that it gives. Numbers
are separated by blanks, and their unit stands once, at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Annotated, Any, Self

from pydantic import ValidationInfo, model_validator

from netsim.scenario import units
from netsim.scenario.distribution import within_an_hour
from netsim.scenario.fields import Section, key, reader
from netsim.scenario.model import Recording
from netsim.scenario.recording import MOST_SAMPLES

_UNITS = ("s", "ms", "us", "ns")


def _series(text: str) -> tuple[int, ...]:
    *numbers, unit = text.split() or [""]
    if not numbers or unit not in units.DURATION.units:
        raise ValueError("is one or more numbers and at the end their unit, as in `5.2 5.1 7.4 ms`")
    if len(numbers) > MOST_SAMPLES:
        raise ValueError(f"holds {len(numbers)} numbers; the most is {MOST_SAMPLES}")
    factor = int(units.DURATION.units[unit])
    return tuple(
        int(number) * factor
        if number.isascii() and number.isdecimal() and len(number) < 10
        else units.duration(f"{number} {unit}")
        for number in numbers
    )


def _within_an_hour(delays: tuple[int, ...]) -> None:
    within_an_hour(max(delays))


def _lasting(lasts: tuple[int, ...]) -> None:
    if min(lasts) <= 0:
        raise ValueError("holds a time that is not more than zero")


class InlineSection(Section):
    """Delays and how long each holds."""

    delays: Annotated[tuple[int, ...], reader(_series, _within_an_hour)] = key(says="one way, as in `5.2 5.1 7.4 ms`")
    lasts: Annotated[tuple[int, ...], reader(_series, _lasting)] = key(says="for all of them, or each")

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.lasts) not in (1, len(self.delays)):
            raise ValueError(f"has {len(self.delays)} `delays` and {len(self.lasts)} times in `lasts`")
        return self


def read_inline(value: Any, info: ValidationInfo) -> Recording:
    """Read a recording. Raises ValueError or pydantic's ValidationError."""
    section = InlineSection.model_validate(value, context=info.context)
    lasts = section.lasts * len(section.delays) if len(section.lasts) == 1 else section.lasts
    *times, length = accumulate(lasts, initial=0)
    units.duration(f"{length} ns")  # that a duration can be as long
    return Recording(tuple(times), section.delays, length)


def write_inline(recording: Recording) -> dict[str, str]:
    """The inverse of `read_inline`."""
    lasts = [after - before for before, after in pairwise((*recording.times, recording.length))]
    return {
        "delays": _written(recording.delays),
        "lasts": _written(lasts[:1] if len(set(lasts)) == 1 else lasts),
    }


def _written(values: Sequence[int]) -> str:
    """Whole numbers of the coarsest unit that needs no fractions."""
    unit = next(unit for unit in _UNITS if not any(value % int(units.DURATION.units[unit]) for value in values))
    factor = int(units.DURATION.units[unit])
    return f"{' '.join(str(value // factor) for value in values)} {unit}"
