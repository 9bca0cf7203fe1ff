"""Censored steps: bounds and orders written out, and a sign test that censoring does not fool."""

import numpy as np
import pytest
from scipy import stats

from surfeit.tables import Stops, difference_bounds, stop_orders

INF = float("inf")


def test_differences_are_exact_bounded_or_open():
    first = Stops(steps=[100, 100, 300, 300], censored=[False, False, True, True])
    second = Stops(steps=[150, 300, 200, 300], censored=[False, True, False, True])
    lower, upper = difference_bounds(first, second)
    assert lower.tolist() == [50, 200, -INF, -INF]
    assert upper.tolist() == [50, INF, -100, INF]
    orders = stop_orders(first, second)
    assert (orders.first, orders.second, orders.equal, orders.unknown) == (2, 1, 0, 1)


def test_a_censored_step_equal_to_the_others_is_no_order():
    orders = stop_orders(
        Stops(steps=[5, 5, 5]), Stops(steps=[5, 5, 5], censored=[True, False, True])
    )
    assert (orders.equal, orders.unknown) == (1, 2)
    assert orders.p() == 1.0


def test_censoring_only_hides_orders_and_never_turns_them():
    generator = np.random.default_rng(0)
    one, two = generator.integers(1, 100, size=(2, 500))
    for first_end, second_end in ((60, 60), (40, 80)):
        orders = stop_orders(
            Stops(steps=np.minimum(one, first_end), censored=one > first_end),
            Stops(steps=np.minimum(two, second_end), censored=two > second_end),
        )
        known = np.minimum(one, two) < min(first_end, second_end)
        assert orders.first >= ((one < two) & known).sum()
        assert orders.first <= (one < two).sum()
        assert orders.second <= (two < one).sum()
        assert orders.unknown > 0
        total = orders.first + orders.second + orders.equal + orders.unknown
        assert total == 500


def test_p_counts_known_orders_alone():
    orders = stop_orders(
        Stops(steps=[1] * 7 + [9, 9]),
        Stops(steps=[2] * 7 + [9, 9], censored=[False] * 7 + [True] * 2),
    )
    assert orders.p() == pytest.approx(stats.binomtest(7, 7).pvalue)
    assert orders.p("greater") == pytest.approx(0.5**7)
    assert orders.p("less") == 1.0


def test_unequal_ends_do_not_favour_a_side():
    """Equal stopping times, one side trained for half as long: known orders split evenly."""
    one, two = np.random.default_rng(1).exponential(100, size=(2, 20_000))
    orders = stop_orders(
        Stops(steps=np.minimum(one, 60), censored=one > 60),
        Stops(steps=np.minimum(two, 120), censored=two > 120),
    )
    known = orders.first + orders.second
    assert orders.unknown > 1000
    assert orders.first / known == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(known))


def test_bad_stops_are_refused():
    with pytest.raises(ValueError, match="finite"):
        Stops(steps=[1, float("nan")])
    with pytest.raises(ValueError, match="got 2 steps, 1 of censored"):
        Stops(steps=[1, 2], censored=[True])
    with pytest.raises(ValueError, match="at least one value"):
        Stops(steps=[])
    with pytest.raises(ValueError, match="as many on both sides, got 1 and 2"):
        stop_orders(Stops(steps=[1]), Stops(steps=[1, 2]))


@pytest.mark.parametrize("flag", [None, float("nan"), "False", 2])
def test_a_flag_that_is_neither_true_nor_false_is_refused(flag):
    with pytest.raises(ValueError, match="must be True or False, got"):
        Stops(steps=[1, 2], censored=[False, flag])
    assert Stops(steps=[1, 2], censored=np.array([0, 1])).censored == (False, True)
