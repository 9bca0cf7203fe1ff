"""Sign tests: counted out by hand, against scipy's, and as often wrong as they say."""

import itertools

import numpy as np
import pytest
from scipy import stats

from surfeit.tables import sign_flip_test, sign_test
from surfeit.tables.statistics import permutation


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_flips_of_few_values_are_counted_out(alternative):
    values = np.array([0.5, 1.25, -0.25, 2.0, 0.75])
    totals = [np.dot(signs, values) for signs in itertools.product((1, -1), repeat=5)]
    far = {
        "two-sided": [abs(total) >= abs(values.sum()) for total in totals],
        "greater": [total >= values.sum() for total in totals],
        "less": [total <= values.sum() for total in totals],
    }
    assert sign_flip_test(values, alternative=alternative) == np.mean(far[alternative])


def test_flips_equal_scipys_permutation_test():
    values = np.random.default_rng(0).normal(0.4, 1, size=9)
    expected = stats.permutation_test(
        (values, np.zeros(9)),
        lambda x, y, axis: (x - y).mean(axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert sign_flip_test(values) == pytest.approx(expected.pvalue)


def test_sums_that_differ_by_rounding_count_as_equal():
    # Every pattern's sum is one of few, in many orders of adding.
    values = [0.1, 0.2, 0.3, 0.1, 0.2, 0.3]
    assert sign_flip_test(values, alternative="greater") == 1 / 64
    assert sign_flip_test([0.1, 0.2, -0.3]) == 1.0


def test_drawn_flips_come_near_the_exact_share_and_are_never_zero(monkeypatch):
    values = np.random.default_rng(1).normal(0.3, 1, size=14)
    exact = sign_flip_test(values)
    monkeypatch.setattr(permutation, "MOST_FLIPS", 4)
    drawn = sign_flip_test(values)
    assert drawn != exact
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999))
    assert sign_flip_test(np.ones(40), draws=99) == 0.01
    assert sign_flip_test(values) == drawn


def test_flips_err_no_more_often_than_they_say_however_the_values_are_spread():
    # Heavy tails break Student's interval, not this: symmetric values are all it asks for.
    samples = np.random.default_rng(0).standard_cauchy(size=(1000, 8))
    p = np.array([sign_flip_test(sample) for sample in samples])
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 1000))


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize(("above", "below"), [(6, 0), (5, 2), (1, 9), (4, 4)])
def test_sign_test_equals_scipys_binomial_test_without_the_zeros(above, below, alternative):
    values = [1.0] * above + [-2.0] * below + [0.0] * 3
    expected = stats.binomtest(above, above + below, 0.5, alternative=alternative).pvalue
    assert sign_test(values, alternative=alternative) == pytest.approx(expected)


def test_what_has_no_sign_is_refused():
    for test in (sign_flip_test, sign_test):
        with pytest.raises(ValueError, match="all 2 differences are zero"):
            test([0.0, 0.0])
        with pytest.raises(ValueError, match="finite"):
            test([1.0, float("nan")])
        with pytest.raises(ValueError, match="at least one value"):
            test([])
        with pytest.raises(ValueError, match="got 'more'"):
            test([1.0, 2.0], alternative="more")
