"""How long light takes between two places on Earth: great circle, detour, fibre."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088  # mean radius R1 of the WGS 84 ellipsoid (Moritz, Geodetic Reference System 1980)

# Light in single-mode fibre at 1550 nm: group index 1.468 / 299 792 km/s = 4.9 µs/km. What the route adds is the
# scenario's `route_factor`, fibre length over great circle: carriers quote 1.2–1.5; the rule of thumb for end-to-end
# Internet latency is 2.1 (Bozkurt et al., "Dissecting latency in the Internet's fiber infrastructure",
# arXiv:1811.10737, who find 1.3 in the median over the shortest conduits of the United States).
FIBRE_NS_PER_KM = 4900

Location = tuple[float, float]  # latitude and longitude in degrees, north and east positive


def great_circle_km(a: Location, b: Location) -> float:
    """Distance along the surface of a sphere, in km, by the haversine formula (Sinnott, Sky & Telescope 68, 1984).

    The sphere is within 0.5 % of the ellipsoid.
    """
    (latitude_a, longitude_a), (latitude_b, longitude_b) = a, b
    across = sin(radians(latitude_b - latitude_a) / 2) ** 2
    along = sin(radians(longitude_b - longitude_a) / 2) ** 2
    haversine = across + cos(radians(latitude_a)) * cos(radians(latitude_b)) * along
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(haversine, 1.0)))


def fibre_delay(a: Location, b: Location, route_factor: float) -> int:
    """One-way propagation delay in ns: great circle × route factor × 4.9 µs/km."""
    return round(great_circle_km(a, b) * route_factor * FIBRE_NS_PER_KM)
