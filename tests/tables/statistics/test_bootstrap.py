"""The bootstrap: its error by closed form, its coverage as documented, and what has no interval."""

import numpy as np
import pytest

from surfeit.tables import bootstrap_interval, mean_interval
from surfeit.tables.statistics.bootstrap import _jackknife, mean_of


def ratio(first, second):
    return first.mean(-1) / second.mean(-1)


def test_jackknife_error_of_a_mean_is_students():
    sample = np.random.default_rng(0).normal(size=(1, 7))
    assert _jackknife(sample, mean_of) == pytest.approx(sample.std(ddof=1) / np.sqrt(7))


def test_jackknife_error_of_a_ratio_is_that_of_its_linearisation():
    generator = np.random.default_rng(0)
    first, second = generator.normal(10, 1, 400), generator.normal(5, 0.5, 400)
    residual = (first - first.mean() / second.mean() * second) / second.mean()
    expected = residual.std(ddof=1) / 20
    assert _jackknife(np.stack([first, second]), ratio) == pytest.approx(expected, rel=0.01)


# As the docstring's table has it: Student's 0.95, 0.95 and 0.88 of exponential values at n = 3, 5.
@pytest.mark.parametrize(("n", "draw", "expected"), [(5, "normal", 0.94), (10, "normal", 0.95)])
def test_coverage_is_as_documented(n, draw, expected):
    samples, repeats = getattr(np.random.default_rng(0), draw)(size=(600, n)), 600
    covered = 0
    for sample in samples:
        found = bootstrap_interval(sample, draws=999)
        covered += found.lower <= 0 <= found.upper
    assert covered / repeats == pytest.approx(expected, abs=0.025)


def test_intervals_of_many_normal_values_come_near_students():
    sample = np.random.default_rng(1).normal(size=60)
    found, expected = bootstrap_interval(sample), mean_interval(sample)
    assert found.estimate == pytest.approx(expected.estimate)
    half = expected.upper - expected.estimate
    assert found.lower == pytest.approx(expected.lower, abs=0.15 * half)
    assert found.upper == pytest.approx(expected.upper, abs=0.15 * half)


def test_columns_stay_paired():
    # Replicates differ by far more than their ratio does.
    scale = np.array([1.0, 3.0, 10.0, 30.0, 100.0, 200.0])
    first = scale * np.array([2.01, 1.99, 2.0, 2.02, 1.98, 2.0])
    found = bootstrap_interval(first, scale, statistic=ratio)
    apart = bootstrap_interval(first, np.roll(scale, 1), statistic=ratio)
    assert found.estimate == pytest.approx(apart.estimate)
    assert 20 * (found.upper - found.lower) < apart.upper - apart.lower
    assert bootstrap_interval(first, scale, statistic=ratio) == found
    assert found != bootstrap_interval(first, scale, statistic=ratio, seed=1)


def test_three_replicates_have_no_bootstrap_interval():
    with pytest.raises(ValueError, match="3 replicates are too few for a bootstrap interval"):
        bootstrap_interval([1.0, 2.0, 4.0])
    with pytest.raises(ValueError, match="5 replicates are too few"):
        bootstrap_interval([1.0, 2.0, 4.0, 5.0, 7.0], confidence=0.999)


def test_bad_samples_are_refused():
    with pytest.raises(ValueError, match="at least one column"):
        bootstrap_interval()
    with pytest.raises(ValueError, match="at least two values"):
        bootstrap_interval([1.0])
    with pytest.raises(ValueError, match="as many on both sides"):
        bootstrap_interval([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="finite"):
        bootstrap_interval([1.0, float("inf")])
    with pytest.raises(ValueError, match="4 replicates do not tell how much the statistic varies"):
        bootstrap_interval([2.0] * 4)
