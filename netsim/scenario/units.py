"""Quantities: a text with a unit to a number and back, exactly, by decimal arithmetic.

A bare number is refused, zero included: `0 ms`, not `0`. Every error is a ValueError whose message goes on from the
key's name ("… is `30`, a number without a unit: …").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from difflib import get_close_matches
from math import isinf

from netsim.scenario.model import WEIGHT_UNIT

MOST_WEIGHT = 1_000_000

_EXACT = Context(prec=70)  # more digits than any text of `_LONGEST` characters can bring about
_LONGEST = 50
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*(.*)", re.ASCII | re.DOTALL)
_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_INFINITE = re.compile(r"[+-]?\.?(inf|infinity|nan)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One kind of quantity: its units in terms of the first, the most that is allowed, whether it must be whole."""

    name: str
    example: str
    most: str
    units: Mapping[str, Decimal]
    whole: bool = True

    def parse(self, text: str) -> Decimal:
        """The value in the first unit. Raises ValueError."""
        number, unit = _split(text, f"is no {self.name}; one is written like `{self.example}`")
        known = ", ".join(unit for unit in self.units if unit.isascii())
        if not unit:
            raise ValueError(f"is `{text}`, a number without a unit: {known}")
        if unit not in self.units:
            near = [other for other in self.units if other.lower() == unit.lower()]
            near = near or get_close_matches(unit, self.units, 1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise ValueError(f"is `{text}`, and `{unit}` is no unit of a {self.name} ({known}){hint}")
        value = _EXACT.multiply(_EXACT.create_decimal(number), self.units[unit])
        if value < 0:
            raise ValueError(f"is `{text}`, which is negative")
        most, most_unit = self.most.split()
        if value > Decimal(most) * self.units[most_unit]:
            raise ValueError(f"is `{text}`; the most that is allowed is {self.most}")
        if self.whole and value != value.to_integral_value():
            raise ValueError(f"is `{text}`, finer than 1 {next(iter(self.units))}")
        return value

    def write(self, value: int, units: tuple[str, ...]) -> str:
        """Write a whole value in the largest of some units (ascending) that goes into it at least once."""
        unit = next((unit for unit in reversed(units) if not 0 < value < self.units[unit]), units[0])
        return f"{_plain(_EXACT.divide(Decimal(value), self.units[unit]))} {unit}"


def _units(**factors: int) -> dict[str, Decimal]:
    return {name: Decimal(factor) for name, factor in factors.items()}


_PER_MINUTE, _PER_HOUR = (_EXACT.divide(Decimal(1), Decimal(seconds)) for seconds in (60, 3600))
_MICROSECONDS = {"µs": Decimal(1000), "μs": Decimal(1000)}  # the micro sign and the Greek letter
DURATION = Quantity(
    "duration",
    "20 ms",
    "1000000 h",  # 114 years: two of them still fit into 63 bits of nanoseconds
    _units(ns=1, us=10**3, ms=10**6, s=10**9, min=60 * 10**9, h=3600 * 10**9) | _MICROSECONDS,
)
SIZE = Quantity(
    "size", "250 B", "1000000 GB", _units(B=1, kB=10**3, KiB=2**10, MB=10**6, MiB=2**20, GB=10**9, GiB=2**30)
)
BANDWIDTH = Quantity("bandwidth", "100 Mbps", "1000000 Gbps", _units(bps=1, kbps=10**3, Mbps=10**6, Gbps=10**9))
SHARE = Quantity("share", "5 %", "100 %", {"%": Decimal("0.01")}, whole=False)
RATE = Quantity(
    "rate", "200 /s", "1000000000 /s", {"/s": Decimal(1), "/min": _PER_MINUTE, "/h": _PER_HOUR}, whole=False
)


def duration(text: str) -> int:
    """`20 ms` → ns. Raises ValueError."""
    return int(DURATION.parse(text))


def size(text: str) -> int:
    """`512 KiB` → bytes. Raises ValueError."""
    return int(SIZE.parse(text))


def bandwidth(text: str) -> int | None:
    """`100 Mbps` → bit/s, at least 1; `unlimited` → None. Raises ValueError."""
    if text == "unlimited":
        return None
    value = int(BANDWIDTH.parse(text))
    if value == 0:
        raise ValueError(f"is `{text}`: nothing would ever arrive")
    return value


def share(text: str) -> float:
    """`5 %` → 0.05, from 0 to 1. Raises ValueError."""
    return float(SHARE.parse(text))


def rate(text: str) -> float:
    """`200 /s` → 200.0 per second. Raises ValueError."""
    return float(RATE.parse(text))


def number(text: str) -> float:
    """A plain number. Raises ValueError."""
    digits, rest = _split(text, "is no number")
    if rest:
        raise ValueError(f"is `{text}`, but a plain number is meant, without a unit")
    if isinf(value := float(digits)):
        raise ValueError(f"is `{text}`, which is not finite")
    return value


def weight(text: str) -> int:
    """`2.5` → 2 500 000 millionths: of hash rate or stake, of which only the shares matter. Raises ValueError."""
    digits, rest = _split(text, "is no number")
    if rest:
        raise ValueError(f"is `{text}`, but a plain number is meant, without a unit")
    value = _EXACT.multiply(Decimal(digits), Decimal(WEIGHT_UNIT))
    if value < 0:
        raise ValueError(f"is `{text}`, which is negative")
    if value > MOST_WEIGHT * WEIGHT_UNIT:
        raise ValueError(f"is `{text}`; the most that is allowed is {MOST_WEIGHT}, for only the shares matter")
    if value != value.to_integral_value():
        raise ValueError(f"is `{text}`, finer than a millionth")
    return int(value)


def integer(text: str) -> int:
    """A plain whole number of at most 18 digits. Raises ValueError."""
    if not text:
        raise ValueError("has no value")
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        raise ValueError(f"is `{_short(text)}`, which is no whole number")
    return int(text)


def write_duration(value: int) -> str:
    """Nanoseconds → text from which `duration` reads the same."""
    return DURATION.write(value, ("ns", "us", "ms", "s"))


def write_size(value: int) -> str:
    """Bytes → text from which `size` reads the same."""
    unit = "B"
    for other, factor in SIZE.units.items():
        if value and value % int(factor) == 0:
            unit = other
    return f"{value // int(SIZE.units[unit])} {unit}"


def write_bandwidth(value: int | None) -> str:
    """bit/s or None → text from which `bandwidth` reads the same."""
    return "unlimited" if value is None else BANDWIDTH.write(value, tuple(BANDWIDTH.units))


def write_share(value: float | Decimal) -> str:
    """A part of 1 → text from which `share` reads the same."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    return f"{_plain(_EXACT.multiply(exact, Decimal(100)))} %"


def time_of_day(text: str) -> int:
    """`21:00` or `21:00:30` → ns after midnight. Raises ValueError."""
    if not text:
        raise ValueError("has no value")
    match = _TIME_OF_DAY.fullmatch(text)
    if match is None:
        raise ValueError(f"is `{_short(text)}`, which is no time of day; one is written like `21:00`")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 10**9


def write_time_of_day(value: int) -> str:
    """Whole seconds after midnight, in ns → text from which `time_of_day` reads the same."""
    minutes, seconds = divmod(value // 10**9, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")


def write_rate(value: float) -> str:
    """Per second → text from which `rate` reads the same."""
    return f"{write_number(value)} /s"


def write_weight(value: int) -> str:
    """Millionths → text from which `weight` reads the same."""
    return _plain(_EXACT.divide(Decimal(value), Decimal(WEIGHT_UNIT)))


def write_number(value: float) -> str:
    """A float or an int → text from which `number` reads the same."""
    return repr(value).removesuffix(".0")


def _split(text: str, otherwise: str) -> tuple[str, str]:
    """A number and what follows it."""
    if not text:
        raise ValueError("has no value")
    if _INFINITE.match(text):
        raise ValueError(f"is `{_short(text)}`, which is not finite")
    match = _QUANTITY.fullmatch(text)
    if match is None or len(text) > _LONGEST:
        raise ValueError(f"is `{_short(text)}`, which {otherwise}")
    return match[1], match[2]


def _plain(value: Decimal) -> str:
    value = value.normalize(_EXACT)
    return f"{value:f}" if abs(value.adjusted()) < 20 else str(value)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
