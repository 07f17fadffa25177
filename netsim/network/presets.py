"""What is known of the backbone between cities, as data in the scenario language.

Delays are one-way, before access, between Shenzhen, Hong Kong and Suzhou; they stand for any site that is nearest to
one of these and within 40 km of it, which is about how far a metropolis reaches. All other pairs of sites follow the
geography with the preset's route factor. They are halves of measured round trips, so both ways are alike, and none is
of a line from Suzhou: Shanghai, 85 km away, stands in for it. What varies around them was not published: a link of the
scenario may add `jitter`.

`leased`. Dedicated lines: a vendor's 2.4 ms round trip between Guangdong and Hong Kong; to Suzhou fibre with the route
factor 1.5, the upper end of the 1.2 to 1.5 that carriers quote.

`public`. The Internet on good days: 9 ms round trip from Guangdong to Hong Kong (topvps, spring 2018); 31 to 32 ms from
Shanghai to Shenzhen and Hong Kong (WonderProxy). Its route factor follows from 15.4 ms over the 1168 km from Shenzhen
to Suzhou: 15.4 ms / (1168 km · 4.9 us/km) = 2.7, above the 2.1 that is the Internet's rule of thumb (Bozkurt et al.,
arXiv:1811.10737), and is assumed to hold elsewhere.

`congested`. The border in autumn 2018: 34 ms round trip and 1 to 10 % loss between Guangdong and Hong Kong, 42 ms and 0
to 6 % between Hong Kong and Shanghai (topvps). That the loss follows the time of day with its most at 21:00 is assumed,
and so is that the delay does not.

`detour`. Traffic that leaves the region before it comes back: 68.5 ms round trip from Shenzhen to Hong Kong
(WonderProxy), which are 27 km apart; the rest as in `public`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from netsim.network.geography import Location, great_circle_km

SHENZHEN: Final = "shenzhen"
HONG_KONG: Final = "hong-kong"
SUZHOU: Final = "suzhou"

ANCHORS: Final[Mapping[str, Location]] = {
    SHENZHEN: (22.543, 114.058),
    HONG_KONG: (22.319, 114.169),
    SUZHOU: (31.299, 120.585),
}
REACH_KM: Final = 40

Link = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Preset:
    """A route factor, and links between cities, both ways, each as a scenario would write it."""

    route_factor: str
    links: Mapping[frozenset[str], Link]

    def between(self, here: Location, there: Location) -> Link | None:
        """What is known of the way between two places, None: nothing."""
        return self.links.get(frozenset((_anchor(here), _anchor(there))))


def _anchor(place: Location) -> str:
    """The city that a place belongs to, or nothing."""
    distance, nearest = min((great_circle_km(place, location), name) for name, location in ANCHORS.items())
    return nearest if distance <= REACH_KM else ""


def _links(across: Link, north: Link, from_hong_kong: Link) -> Mapping[frozenset[str], Link]:
    """Shenzhen to Hong Kong, Shenzhen to Suzhou, Hong Kong to Suzhou."""
    return {
        frozenset((SHENZHEN, HONG_KONG)): across,
        frozenset((SHENZHEN, SUZHOU)): north,
        frozenset((HONG_KONG, SUZHOU)): from_hong_kong,
    }


LEASED: Final = Preset("1.5", _links({"delay": "1.2 ms"}, {"delay": "8.6 ms"}, {"delay": "8.7 ms"}))

PUBLIC: Final = Preset("2.7", _links({"delay": "4.5 ms"}, {"delay": "15.4 ms"}, {"delay": "16 ms"}))

CONGESTED: Final = Preset(
    "2.7",
    _links(
        {"delay": "17 ms", "loss": "1 %", "congestion": {"loss": "9 %", "peak": "21:00"}},
        {"delay": "15.4 ms"},
        {"delay": "21 ms", "congestion": {"loss": "6 %", "peak": "21:00"}},
    ),
)

DETOUR: Final = Preset("2.7", _links({"delay": "34 ms"}, {"delay": "15.4 ms"}, {"delay": "16 ms"}))
