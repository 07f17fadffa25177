"""What the study comes to, in five sentences: every number in them is computed from the runs."""

from __future__ import annotations

from itertools import product
from math import log
from statistics import fmean

from netsim.compare import Difference
from netsim.study.results import ACCESS, BORDER, CITIES, FACTORS, PLACE, PROTOCOL, QUORUM, Study, in_city

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


def sentences(study: Study, check: str = "") -> list[str]:
    """What the border, the distance, the radio and the protocol do, and how much of the whole each is.

    `check` says what the emulations came to. Intervals hold the true mean with 95 % confidence (Student's, over seeds).
    """
    return [_border(study), _distance(study), _radio(study), _protocols(study), _shares(study) + check]


def _border(study: Study) -> str:
    first, *others = study.words[BORDER]
    where = f"on {called(study.base(ACCESS))} and with Suzhou {study.base(PLACE)} of the quorum"
    begins = f"{_in_cities(study, {BORDER: first})} after its proposal"
    adds = _listed([f"{called(other)} adds {_added(study, BORDER, first, other, {})}" for other in others], "; ")
    protocol = called(study.base(PROTOCOL))
    return f"The border: {where}, half of {protocol}'s blocks are final within {begins} over {called(first)}; {adds}."


def _distance(study: Study) -> str:
    first, *others = study.words[PLACE]
    borders = [study.base(BORDER), *(border for border in study.words[BORDER][-1:] if border != study.base(BORDER))]
    parts = [
        f"over {called(border)} {_added(study, PLACE, first, other, {BORDER: border})}"
        for other, border in product(others, borders)
    ]
    return f"The distance: a quorum that needs Suzhou's votes, 1170 km away, adds {_listed(parts, '; ')}."


def _radio(study: Study) -> str:
    first, *others = study.words[ACCESS]
    parts = [f"{called(other)} adds {_added(study, ACCESS, first, other, {})}" for other in others]
    over = called(study.base(BORDER))
    return f"The radio: over {over}, in place of {called(first)} on the mainland, {_listed(parts, '; ')}."


def _protocols(study: Study) -> str:
    parts = []
    for protocol in study.words[PROTOCOL]:
        costs = []
        for factor in (BORDER, PLACE, ACCESS):
            words = study.words[factor]
            end = "5g" if factor == ACCESS and "5g" in words else words[-1]
            costs.append(_signed(study.effect(QUORUM, factor, words[0], end, {PROTOCOL: protocol})))
        parts.append(f"{called(protocol)} {', '.join(costs)}")
    ends = f"{study.words[BORDER][0]} → {study.words[BORDER][-1]}, Suzhou in, and 5G"
    return f"The protocol decides how often each is paid: at the quorum {ends} add, in ms, to {_listed(parts, '; ')}."


def _shares(study: Study) -> str:
    found = shares(study, QUORUM)
    named = sorted(found.items(), key=lambda item: -item[1])
    parts = [f"{FACTOR_NAMES[factor]} makes {share:.0%}".replace("%", " %") for factor, share in named]
    rest = f"{max(0.0, 1 - sum(found.values())):.0%}".replace("%", " %")
    return (
        f"Of all that the median at the quorum differs over the {len(study.samples)} points, "
        f"{_listed(parts, ', ')} (main effects on its logarithm), and how they interact the other {rest}."
    )


def shares(study: Study, figure: str) -> dict[str, float]:
    """Of each factor, its main effect's share of the sum of squares of the logarithm of the points' means.

    In a full factorial design with as many runs at each point the effects are orthogonal, so that the shares and that
    of the interactions sum to one (Fisher, The Design of Experiments, 1935).
    """
    logs = {place: log(fmean(sample.of(figure).values())) for place, sample in study.samples.items()}
    middle = fmean(logs.values())
    whole = sum((value - middle) ** 2 for value in logs.values())
    found = {}
    for at, factor in enumerate(FACTORS):
        means = [fmean(value for place, value in logs.items() if place[at] == word) for word in study.words[factor]]
        explained = sum((one - middle) ** 2 for one in means) * len(logs) / len(means)
        found[factor] = explained / whole if whole else 0.0
    return found


def _in_cities(study: Study, chosen: dict[str, str]) -> str:
    parts = []
    for city in CITIES:
        found = study.mean(in_city(city), chosen)
        parts.append(f"{'–' if found is None else found.written(1)} in {called(city)}")
    return _listed([parts[0].replace(" in ", " ms in ", 1), *parts[1:]], ", ")


def _added(study: Study, factor: str, start: str, end: str, chosen: dict[str, str]) -> str:
    parts = [f"{_signed(study.effect(in_city(city), factor, start, end, chosen))} in {called(city)}" for city in CITIES]
    return _listed([parts[0].replace(" in ", " ms in ", 1), *parts[1:]], ", ")


def _signed(found: Difference | None) -> str:
    """`+9.8 ± 0.2`."""
    if found is None:
        return "–"
    return f"{found.mean:+.1f}".replace("-", "−") + ("" if found.half is None else f" ± {found.half:.1f}")


def _listed(parts: list[str], comma: str) -> str:
    return parts[0] if len(parts) == 1 else f"{comma.join(parts[:-1])}{comma.rstrip(', ')} and {parts[-1]}"
