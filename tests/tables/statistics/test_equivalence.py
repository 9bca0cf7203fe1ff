"""Two one-sided tests: scipy's, their own interval, and how often they err at the margin."""

import numpy as np
import pytest
from scipy import stats

from surfeit.tables import equivalence_test


def test_p_is_the_larger_of_two_one_sided_t_tests():
    values, margin = [0.1, -0.2, 0.25, 0.0, -0.05], 0.3
    above = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(values, margin, alternative="less").pvalue
    assert equivalence_test(values, margin).p == pytest.approx(max(above, below))


@pytest.mark.parametrize("spread", [0.1, 0.3, 1.0])
def test_the_interval_lies_within_the_margins_exactly_where_p_is_small(spread):
    values = np.random.default_rng(0).normal(0, spread, size=6)
    found = equivalence_test(values, 0.2)
    assert (max(-found.lower, found.upper) < 0.2) == (found.p < 0.05)
    at_the_end = equivalence_test(values, max(-found.lower, found.upper))
    assert at_the_end.p == pytest.approx(0.05)
    mean = stats.t.interval(0.9, 5, values.mean(), stats.sem(values))
    assert (found.lower, found.upper) == pytest.approx(mean)


def test_a_difference_at_the_margin_is_called_equal_once_in_twenty():
    draws = 4000
    samples = np.random.default_rng(0).normal(1.0, 0.2, size=(draws, 4))
    rate = np.mean([equivalence_test(sample, 1.0).p < 0.05 for sample in samples])
    assert rate == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / draws))


def test_what_cannot_be_tested_is_refused():
    with pytest.raises(ValueError, match="margin must be above 0 and finite, got 0"):
        equivalence_test([1.0, 2.0], 0)
    with pytest.raises(ValueError, match="margin must be above 0 and finite, got nan"):
        equivalence_test([1.0, 2.0], float("nan"))
    with pytest.raises(ValueError, match=r"confidence must be in \(0.5, 1\), got 0.4"):
        equivalence_test([1.0, 2.0], 1, confidence=0.4)
    with pytest.raises(ValueError, match="3 equal values do not tell"):
        equivalence_test([0.0, 0.0, 0.0], 1)
    with pytest.raises(ValueError, match="at least two values"):
        equivalence_test([0.0], 1)
    with pytest.raises(ValueError, match="finite"):
        equivalence_test([0.0, float("nan")], 1)
