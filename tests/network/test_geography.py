import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.network.geography import EARTH_RADIUS_KM, fibre_delay, great_circle_km
from tests.network.worlds import LOCATIONS

places = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
SHENZHEN, HONG_KONG, SUZHOU = LOCATIONS.values()


@pytest.mark.parametrize(
    ("here", "there", "km"), [(SHENZHEN, HONG_KONG, 27.4), (SHENZHEN, SUZHOU, 1168), (HONG_KONG, SUZHOU, 1184)]
)
def test_the_three_cities_are_as_far_apart_as_they_are(
    here: tuple[float, float], there: tuple[float, float], km: float
) -> None:
    assert great_circle_km(here, there) == pytest.approx(km, rel=0.005)


def test_a_quarter_and_half_of_the_globe() -> None:
    quarter = EARTH_RADIUS_KM * 3.14159265358979 / 2
    assert great_circle_km((0, 0), (0, 90)) == pytest.approx(quarter)
    assert great_circle_km((0, 0), (90, 45)) == pytest.approx(quarter)
    assert great_circle_km((37, 10), (-37, -170)) == pytest.approx(2 * quarter)


@given(places, places)
def test_there_is_as_far_as_back(here: tuple[float, float], there: tuple[float, float]) -> None:
    assert fibre_delay(here, there, 1.5) == fibre_delay(there, here, 1.5)


@given(places)
def test_here_is_not_away(here: tuple[float, float]) -> None:
    assert fibre_delay(here, here, 1.5) == 0


def test_light_takes_49_microseconds_for_ten_kilometres_of_fibre() -> None:
    assert fibre_delay(SHENZHEN, SUZHOU, 1.0) == pytest.approx(1168 * 4900, rel=0.005)
    assert fibre_delay(SHENZHEN, SUZHOU, 1.5) == pytest.approx(8.6e6, rel=0.005)
