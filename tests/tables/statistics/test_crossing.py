"""Where a curve falls to a level for good."""

import math

import numpy as np
import pytest

from surfeit.tables import crossing


def test_a_crossing_lies_on_the_straight_line_between_two_places():
    assert crossing((3, 4, 6), (0.3, 0.2, 0.0), 0.1) == pytest.approx(5)
    assert crossing((3, 4, 6), (0.3, 0.1, 0.0), 0.1) == pytest.approx(4)


def test_the_last_fall_counts():
    assert crossing((3, 4, 6), (0.05, 0.3, 0.1), 0.1) == pytest.approx(6)


def test_a_crossing_is_that_of_a_fine_grid():
    places, values = (0.0, 1.0, 2.5, 4.0), (0.9, 0.4, 0.6, 0.1)
    fine = np.linspace(0, 4, 400_001)
    above = np.interp(fine, places, values) > 0.37
    assert crossing(places, values, 0.37) == pytest.approx(fine[above].max(), abs=2e-5)


@pytest.mark.parametrize(
    "values", [(0.3, 0.2, 0.15), (0.1, 0.05, 0.0), (0.3, math.nan, math.nan), (0.3, math.nan, 0.0)]
)
def test_where_nothing_falls_to_the_level_there_is_no_crossing(values):
    assert math.isnan(crossing((3, 4, 6), values, 0.1))


@pytest.mark.parametrize("places", [(3, 4), (3, 6, 4), (3, 3, 4)])
def test_places_that_do_not_fit_are_refused(places):
    with pytest.raises(ValueError, match="a crossing needs a value for each of ascending places"):
        crossing(places, (0.3, 0.2, 0.0), 0.1)
