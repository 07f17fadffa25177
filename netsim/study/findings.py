"""What the study comes to, in five sentences: every number in them is computed from the runs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from statistics import fmean

from netsim.compare import Difference
from netsim.study.results import ACCESS, BORDER, CITIES, FACTORS, PLACE, PROTOCOL, QUORUM, Study, in_city
from netsim.sweep import Mean, read_emulated
from netsim.sweep.effects import shares
from netsim.sweep.folder import read

NAMES = {
    "shenzhen": "Shenzhen",
    "hong-kong": "Hong Kong",
    "suzhou": "Suzhou",
    "pbft": "PBFT",
    "tendermint": "Tendermint",
    "hotstuff": "HotStuff",
    "raft": "Raft",
    "leased": "leased lines",
    "public": "the public Internet",
    "congested": "the congested border",
    "detour": "the detour",
    "5g": "5G",
    "5g-urllc": "5G URLLC",
}
FACTOR_NAMES = {PROTOCOL: "the protocol", BORDER: "the border", ACCESS: "the radio", PLACE: "Suzhou's place"}


def called(word: str) -> str:
    """What a sentence or a picture calls an alternative; its own word where there is no other."""
    return NAMES.get(word, word)


def brief(word: str) -> str:
    """An alternative where there is no room for a name: its own word, and the radio's as elsewhere."""
    return called(word) if word.startswith("5g") else word


def sentences(study: Study, check: str = "") -> list[str]:
    """What the border, the distance, the radio and the protocol do, and how much of the whole each is.

    `check` says what the emulations came to. Intervals hold the true mean with 95 % confidence (Student's, over seeds);
    those that reach no further than 0.05 ms are left out.
    """
    return [_border(study), _distance(study), _radio(study), _protocols(study), f"{_shares(study)}{check}."]


def emulations(folder: Path) -> str:
    """What became of the points in a sweep's folder that were emulated, as the end of a sentence."""
    _, _, runs = read(folder)
    found = read_emulated(folder, runs)
    if not found:
        return ""
    equal = sum(one.equal for one in found)
    return (
        f"; as a check, {equal} of {len(found)} emulations with real processes left the simulation's trace, bit for bit"
    )


def _border(study: Study) -> str:
    first, *others = study.words[BORDER]
    protocol, access = called(study.base(PROTOCOL)), called(study.base(ACCESS))
    found = _cities([_mean(study.mean(in_city(city), {BORDER: first})) for city in CITIES])
    adds = [f"{called(other)} adds {_added(study, BORDER, first, other, {})}" for other in others]
    where = f"on {access}, with Suzhou {study.base(PLACE)} of the quorum and over {called(first)}"
    over = f"mean over {study.seeds} seeds" if study.seeds > 1 else "one seed"
    return (
        f"The border: {where}, the median block of {protocol} is final after {found} ({over}); {_listed(adds, '; ')}."
    )


def _distance(study: Study) -> str:
    first, *others = study.words[PLACE]
    borders = dict.fromkeys((study.base(BORDER), study.words[BORDER][-1]))
    parts = [
        f"over {called(border)} {_added(study, PLACE, first, other, {BORDER: border})}"
        for other, border in product(others, borders)
    ]
    return f"The distance: a quorum that needs the votes of Suzhou, 1170 km away, adds {_listed(parts, '; ')}."


def _radio(study: Study) -> str:
    first, *others = study.words[ACCESS]
    parts = [f"{called(other)} adds {_added(study, ACCESS, first, other, {})}" for other in others]
    over = called(study.base(BORDER))
    return f"The radio: in place of {called(first)} on the mainland, over {over}, {_listed(parts, '; ')}."


def _protocols(study: Study) -> str:
    parts = []
    for protocol in study.words[PROTOCOL]:
        costs = [
            _signed(study.effect(QUORUM, factor, start, end, {PROTOCOL: protocol}))
            for factor, start, end in steps(study.words).values()
        ]
        parts.append(f"{called(protocol)} {' / '.join(costs)}")
    names = [f"the {name} ({brief(start)} → {brief(end)})" for name, (_, start, end) in steps(study.words).items()]
    asked = f"at the quorum {_listed(names, ', ')} add, each alone, in ms"
    return f"The protocol, which decides how often they are paid: {asked}, {_listed(parts, '; ')}."


def _shares(study: Study) -> str:
    means = {place: fmean(sample.of(QUORUM).values()) for place, sample in study.samples.items()}
    found = shares(FACTORS, means)
    assert found is not None  # a study has every combination
    (first, most), *others = sorted(found.items(), key=_by_share)
    parts = [f"{FACTOR_NAMES[first]} by itself makes {_percent(most)}"]
    parts += [f"{FACTOR_NAMES[factor]} {_percent(share)}" for factor, share in others]
    rest = _percent(max(0.0, 1 - sum(found.values())))
    where = f"over the {len(study.samples)} points (sums of squares of logarithms)"
    whole = f"of all differences in the median at the quorum {where}"
    return f"The whole: {whole}, {_listed(parts, ', ')}, and {rest} come from how they act together"


def _by_share(item: tuple[str, float]) -> float:
    return -item[1]


def steps(words: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, str, str]]:
    """What each cause is taken to be: the factor, and from which to which of its alternatives."""
    radio = "5g" if "5g" in words[ACCESS] else words[ACCESS][-1]
    return {
        "border": (BORDER, words[BORDER][0], words[BORDER][-1]),
        "distance": (PLACE, words[PLACE][0], words[PLACE][-1]),
        "radio": (ACCESS, words[ACCESS][0], radio),
    }


def _added(study: Study, factor: str, start: str, end: str, chosen: dict[str, str]) -> str:
    """`9.8 ms in Shenzhen, …`: what one alternative adds to another."""
    return _cities([_signed(study.effect(in_city(city), factor, start, end, chosen)) for city in CITIES])


def _cities(numbers: list[str]) -> str:
    return _listed([f"{number} ms in {called(city)}" for number, city in zip(numbers, CITIES, strict=True)], ", ")


def _mean(found: Mean | None) -> str:
    return "–" if found is None else f"{found.mean:.1f}{_within(found.half)}"


def _signed(found: Difference | None) -> str:
    """`9.8 ± 0.2`, with a minus sign as it is printed."""
    return "–" if found is None else f"{found.mean:.1f}{_within(found.half)}".replace("-", "−")


def _within(half: float | None) -> str:
    return "" if half is None or half < 0.05 else f" ± {half:.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _listed(parts: list[str], comma: str) -> str:
    """`a, b and c`; with semicolons `a; b; and c`."""
    joint = " and " if comma == ", " else f"{comma}and "
    return parts[0] if len(parts) == 1 else comma.join(parts[:-1]) + joint + parts[-1]
