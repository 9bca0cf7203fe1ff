"""Means over replicates: scipy's intervals and tests, closed forms, what has no interval."""

import math

import numpy as np
import pytest
from scipy import stats

from surfeit.tables import Mean, mean_interval, mean_test, over_replicates


def test_mean_interval_equals_scipys_t_interval():
    values = [0.91, 0.95, 0.93, 0.88, 0.94]
    found = mean_interval(values, confidence=0.9)
    lower, upper = stats.t.interval(0.9, 4, np.mean(values), stats.sem(values))
    assert found.estimate == pytest.approx(0.922)
    assert (found.lower, found.upper) == (pytest.approx(lower), pytest.approx(upper))


def test_mean_interval_of_two_values_has_the_closed_form():
    # One degree of freedom is Cauchy's distribution: t(0.975) = tan(0.475 pi), s / sqrt(2) = 1 / 2.
    found = mean_interval([0.0, 1.0])
    assert found.upper - found.estimate == pytest.approx(math.tan(0.475 * math.pi) / 2)


@pytest.mark.parametrize(
    ("values", "doubt"),
    [
        ([0.14], "one replicate, so no interval"),
        ([0.14, 0.14], "2 equal values, too few for an interval"),
        ([0.0, 0.0, 0.0], "3 equal values, too few for an interval"),
    ],
)
def test_replicates_that_do_not_tell_how_they_vary_have_no_interval(values, doubt):
    over = over_replicates(values)
    assert over == Mean(len(values), values[0], None, None)
    assert over.doubt == doubt


def test_replicates_that_differ_have_students_interval():
    over, expected = over_replicates([0.0, 1.0, 5.0]), mean_interval([0.0, 1.0, 5.0])
    assert over == Mean(3, expected.estimate, expected.lower, expected.upper)
    assert over.doubt == ""


@pytest.mark.parametrize("values", [[], [float("nan")], [float("inf")] * 2])
def test_replicates_must_be_finite_numbers(values):
    with pytest.raises(ValueError, match="got"):
        over_replicates(values)


def test_intervals_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match="at least two values"):
        mean_interval([1.0])
    with pytest.raises(ValueError, match="finite"):
        mean_interval([1.0, float("nan")])
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\), got 1"):
        over_replicates([3.0], confidence=1)
    with pytest.raises(ValueError, match="2 equal values do not tell how much they vary"):
        mean_test([0.3, 0.1 + 0.2])


def test_mean_test_equals_scipys_t_test_and_agrees_with_the_interval():
    values = [0.91, 0.95, 0.93, 0.88, 0.94]
    expected = stats.ttest_1samp(values, 0.9).pvalue
    assert mean_test(values, 0.9) == pytest.approx(expected)
    end = mean_interval(values).lower
    assert mean_test(values, end) == pytest.approx(0.05)


def test_values_that_differ_by_rounding_alone_are_equal():
    # 0.0200000000000000018 and 0.0200000000000000073: one image of 50, written in two ways.
    gains = [0.97 - 0.95, 0.46 - 0.44, 0.12 - 0.1]
    assert len(set(gains)) > 1
    assert over_replicates(gains).lower is None
    assert over_replicates(gains).doubt == "3 equal values, too few for an interval"
