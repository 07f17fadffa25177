"""Chance in continuous time: when the next ticket of a lottery wins, such as a proof of work."""

from __future__ import annotations

from random import Random


def exponential(rng: Random, mean: int) -> int:
    """A draw from the exponential distribution, in whole numbers: the same on every machine.

    By comparisons alone (von Neumann, "Various techniques used in connection with random digits", 1951): the chance
    that a run of descending uniforms which begins with u is of odd length is e^(−u).
    """
    whole = 0
    while True:
        first = last = rng.getrandbits(53)
        odd = True
        while (following := rng.getrandbits(53)) < last:
            last = following
            odd = not odd
        if odd:
            return (whole << 53 | first) * mean >> 53
        whole += 1
