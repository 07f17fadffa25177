"""A small study whose figures follow a rule, so that everything about it can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from netsim.compare import Sample
from netsim.study.results import ACCESS, BORDER, CITIES, FACTORS, PLACE, PROTOCOL, QUORUM, Study, in_city, study

WORDS = {PROTOCOL: ("pbft", "raft"), BORDER: ("leased", "public"), ACCESS: ("fibre", "5g"), PLACE: ("out", "in")}
NOISE = (-0.5, 0.5)  # of the two seeds; the same at every point, so that paired differences have no interval


def figure(place: tuple[str, ...], city: int = 0) -> float:
    """10 ms; the border adds 4, 5G 20, Suzhou 30, each city further on 1; all of it double for Raft."""
    protocol, border, access, suzhou = place
    base = 10 + 4 * (border == "public") + 20 * (access == "5g") + 30 * (suzhou == "in") + city
    return base * (2 if protocol == "raft" else 1)


def made_up(words: Mapping[str, tuple[str, ...]] = WORDS) -> Study:
    """The study, two seeds."""
    samples = {}
    for place in product(*(words[factor] for factor in FACTORS)):
        runs = {
            seed: {QUORUM: figure(place) + noise}
            | {in_city(city): figure(place, at) + noise for at, city in enumerate(CITIES)}
            for seed, noise in enumerate(NOISE, 1)
        }
        samples[tuple(zip(FACTORS, place, strict=True))] = Sample(runs, "")
    return study(samples)
