"""Areas: closed forms, a fine sum as oracle, places that differ, nothing extrapolated."""

import math

import numpy as np
import pytest

from surfeit.tables import Curve, area_between, common_range, mean_gap, mean_gaps


def test_area_between_two_straight_lines_is_a_triangles():
    rising, flat = Curve([0, 2], [0, 4]), Curve([0, 1, 2], [0, 0, 0])
    assert area_between(rising, flat) == pytest.approx(4.0)
    assert area_between(flat, rising) == pytest.approx(-4.0)
    assert mean_gap(rising, flat) == pytest.approx(2.0)
    assert area_between(rising, flat, within=(0.5, 1.5)) == pytest.approx(2.0)


@pytest.mark.parametrize("log", [False, True])
def test_area_equals_a_fine_sum_of_interpolated_curves(log):
    generator = np.random.default_rng(0)
    first = Curve(generator.random(7) + 0.05, generator.random(7))
    second = Curve(generator.random(5) + 0.05, generator.random(5))
    lower, upper = common_range(first, second)
    axis = np.log if log else np.asarray
    edges = np.linspace(axis(lower), axis(upper), 200_001)
    middles = (edges[1:] + edges[:-1]) / 2
    gap = np.interp(middles, axis(first.x), first.y) - np.interp(middles, axis(second.x), second.y)
    expected = gap.sum() * (edges[1] - edges[0])
    assert area_between(first, second, log=log) == pytest.approx(expected, abs=1e-8)


def test_halvings_of_density_count_equally_on_a_logarithmic_axis():
    # One above on the first halving alone, on a straight slope in ln x.
    x = [1.0, 0.5, 0.25, 0.125]
    first, second = Curve(x, [1, 1, 0, 0]), Curve(x, [0, 0, 0, 0])
    assert area_between(first, second, log=True) == pytest.approx(1.5 * math.log(2))
    assert mean_gap(first, second, log=True) == pytest.approx(0.5)
    assert mean_gap(first, second) == pytest.approx((0.5 + 0.125) / 0.875)


def test_order_of_points_and_points_on_the_line_change_nothing():
    coarse, other = Curve([0.1, 1.0], [0.0, 0.9]), Curve([0.1, 1.0], [0.3, 0.3])
    fine = Curve([1.0, 0.4, 0.1, 0.7], [0.9, 0.3, 0.0, 0.6])
    assert area_between(fine, other) == pytest.approx(area_between(coarse, other))
    assert area_between(coarse, fine) == pytest.approx(0.0)


def test_replicates_are_paired_and_compared_over_what_all_cover():
    first = {"a": Curve([0, 4], [1, 1]), "b": Curve([1, 3], [5, 5])}
    second = {"b": Curve([0, 4], [3, 3]), "a": Curve([0, 4], [0, 2])}
    found = mean_gaps(first, second)
    assert list(found) == ["a", "b"]
    assert found == pytest.approx({"a": 0.0, "b": 2.0})
    assert mean_gaps(first, second, within=(1, 2))["a"] == pytest.approx(0.25)


def test_bad_curves_and_ranges_are_refused():
    one, two = Curve([0, 1], [0, 1]), Curve([2, 3], [0, 1])
    with pytest.raises(ValueError, match=r"no range in common: they cover \[\(0.0, 1.0\), \(2.0"):
        area_between(one, two)
    with pytest.raises(
        ValueError, match=r"range 0 to 2 must be .* 0.0 to 1.0: curves are not extra"
    ):
        area_between(one, one, within=(0, 2))
    with pytest.raises(ValueError, match="must be ascending"):
        mean_gap(one, one, within=(1, 0))
    with pytest.raises(ValueError, match="logarithmic axis needs places above 0, got 0"):
        area_between(one, one, within=(0.5, 1), log=True)
    with pytest.raises(ValueError, match="one value at each place"):
        Curve([1, 1, 2], [0, 1, 2])
    with pytest.raises(ValueError, match="as many on both sides"):
        Curve([1, 2], [0, 1, 2])
    with pytest.raises(ValueError, match="at least two values"):
        Curve([1], [0])
    with pytest.raises(ValueError, match="finite"):
        Curve([1, 2], [0, float("nan")])
    with pytest.raises(ValueError, match=r"same replicates on both sides.*\[0\] and \[1\]"):
        mean_gaps({0: one}, {1: one})
    with pytest.raises(ValueError, match="at least one"):
        mean_gaps({}, {})
