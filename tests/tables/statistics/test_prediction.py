"""Prediction intervals: closed form, coverage of what comes next, and their test."""

import math

import numpy as np
import pytest
from scipy import stats

from surfeit.tables import mean_interval, prediction_interval, prediction_test

NORMAL = np.random.default_rng(0)


def test_interval_is_that_of_a_mean_widened_by_one_value():
    values = [96.9, 97.4, 97.0, 97.3, 97.1]
    mean, found = mean_interval(values), prediction_interval(values)
    ratio = (found.upper - found.lower) / (mean.upper - mean.lower)
    assert ratio == pytest.approx(math.sqrt(5 + 1))
    averaged = prediction_interval(values, averaged=10**9)
    assert (averaged.lower, averaged.upper) == pytest.approx((mean.lower, mean.upper))


@pytest.mark.parametrize(("n", "averaged"), [(3, 1), (5, 1), (5, 3)])
def test_interval_covers_the_next_figure_as_often_as_it_says(n, averaged):
    draws, covered = 4000, 0
    samples = NORMAL.normal(size=(draws, n))
    further = NORMAL.normal(size=(draws, averaged)).mean(1)
    for sample, figure in zip(samples, further, strict=True):
        found = prediction_interval(sample, averaged=averaged)
        covered += found.lower <= figure <= found.upper
    assert covered / draws == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / draws))


def test_interval_for_several_figures_covers_them_all():
    draws, covered = 3000, 0
    samples, further = NORMAL.normal(size=(draws, 5)), NORMAL.normal(size=(draws, 3))
    for sample, figures in zip(samples, further, strict=True):
        found = prediction_interval(sample, count=3)
        covered += (found.lower <= figures.min()) & (figures.max() <= found.upper)
    error = math.sqrt(0.95 * 0.05 / draws)
    assert 0.95 - 3 * error < covered / draws < 0.98


def test_p_is_the_confidence_at_which_the_interval_ends():
    values = [96.9, 97.4, 97.0, 97.3, 97.1]
    found = prediction_interval(values, averaged=2, confidence=0.9)
    assert prediction_test(values, found.upper, averaged=2) == pytest.approx(0.1)
    # A two-sample t test of n values and one: the other has no deviation of its own.
    expected = stats.ttest_ind(values, [98.0]).pvalue
    assert prediction_test(values, 98.0) == pytest.approx(expected)


def test_what_cannot_be_predicted_is_refused():
    with pytest.raises(ValueError, match="at least two values"):
        prediction_interval([97.0])
    with pytest.raises(ValueError, match="2 equal values"):
        prediction_interval([97.0, 97.0])
    with pytest.raises(ValueError, match="at least one value, got averaged=0"):
        prediction_interval([97.0, 98.0], averaged=0)
    with pytest.raises(ValueError, match="comparisons must be a whole number of at least 1, got 0"):
        prediction_interval([97.0, 98.0], count=0)
    with pytest.raises(ValueError, match="must be finite, got nan"):
        prediction_test([97.0, 98.0], float("nan"))
