import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from surfeit.tables import (
    Mean,
    mean_interval,
    over_replicates,
    paired_interval,
    share_interval,
    wilson_interval,
)


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


@pytest.mark.parametrize(("correct", "n"), [(0, 10), (3, 10), (10, 10), (177, 180), (1, 1)])
def test_wilson_ends_are_where_the_score_test_stops_rejecting(correct, n):
    found = wilson_interval(correct, n)
    z = stats.norm.ppf(0.975)
    for end in (found.lower, found.upper):
        if 0 < end < 1:
            score = abs(correct / n - end) / math.sqrt(end * (1 - end) / n)
            assert score == pytest.approx(z)
    assert 0 <= found.lower <= found.estimate <= found.upper <= 1


def _right(both, lost, gained, neither):
    before = [True] * (both + lost) + [False] * (gained + neither)
    after = [True] * both + [False] * lost + [True] * gained + [False] * neither
    return np.array(before), np.array(after)


def test_paired_interval_covers_the_truth_as_often_as_it_says():
    n, lost, gained = 24, 0.15, 0.05
    covered = 0.0
    for b, c in itertools.product(range(n + 1), repeat=2):
        if b + c > n:
            continue
        interval = paired_interval(*_right(n - b - c, b, c, 0))
        if interval.lower <= gained - lost <= interval.upper:
            covered += stats.multinomial.pmf([b, c, n - b - c], n, [lost, gained, 0.8])
    assert 0.935 < covered < 0.985


def test_paired_interval_equals_padded_wald_written_out():
    before, after = _right(170, 6, 2, 2)
    cells = np.array([170.5, 6.5, 2.5, 2.5]) / 182
    change = cells[2] - cells[1]
    half = stats.norm.ppf(0.975) * math.sqrt((cells[1] + cells[2] - change**2) / 182)
    found = paired_interval(before, after)
    assert found.estimate == pytest.approx(-4 / 180)
    assert found.lower == pytest.approx(change - half)
    assert found.upper == pytest.approx(change + half)


def test_paired_interval_ignores_the_order_of_images_and_mirrors_when_swapped():
    before, after = _right(20, 5, 2, 3)
    order = np.random.default_rng(0).permutation(30)
    assert paired_interval(before[order], after[order]) == paired_interval(before, after)
    there, back = paired_interval(before, after), paired_interval(after, before)
    assert (there.lower, there.upper) == (pytest.approx(-back.upper), pytest.approx(-back.lower))


def test_paired_interval_of_equal_answers_still_has_a_width():
    right = np.array([True] * 9 + [False])
    found = paired_interval(right, right)
    assert found.estimate == 0
    assert found.lower < 0 < found.upper


def test_paired_interval_of_whole_shares_is_that_of_booleans():
    before, after = _right(20, 5, 2, 3)
    shares = paired_interval(before.astype(float), after.astype(float))
    assert shares == paired_interval(before, after)


def test_paired_interval_of_shares_covers_the_true_change():
    """Positions of an example err together here: intervals over positions would be too narrow."""
    random, covered, n, positions = np.random.default_rng(0), 0, 300, 5
    for _ in range(1000):
        before = random.random((n, positions)) < 0.9
        spoiled = random.random((n, 1)) < 0.2  # examples, with all of their positions
        after = before & ~(spoiled & (random.random((n, positions)) < 0.9))
        found = paired_interval(before.mean(1), after.mean(1))
        covered += found.lower <= -0.9 * 0.2 * 0.9 <= found.upper
    assert 0.93 < covered / 1000 < 0.97


def test_share_interval_of_single_answers_is_wilsons_but_for_the_samples_own_variance():
    right = np.array([1.0] * 170 + [0.0] * 10)
    found, wilson = share_interval(right), wilson_interval(170, 180)
    assert found.estimate == wilson.estimate
    assert (found.lower, found.upper) == (
        pytest.approx(wilson.lower, abs=1e-3),
        pytest.approx(wilson.upper, abs=1e-3),
    )


def test_share_interval_counts_examples_that_err_together_once():
    """Ten equal positions of an example say no more than one; ten that err apart say more."""
    random = np.random.default_rng(0)
    together = np.repeat((random.random((200, 1)) < 0.7).astype(float), 10, axis=1).mean(1)
    apart = (random.random((200, 10)) < 0.7).mean(1)
    one, ten = share_interval(together), share_interval(apart)
    single = wilson_interval(int(together.sum()), 200)
    many = wilson_interval(round(apart.mean() * 2000), 2000)
    assert one.upper - one.lower == pytest.approx(single.upper - single.lower, rel=0.02)
    assert ten.upper - ten.lower == pytest.approx(many.upper - many.lower, rel=0.15)
    assert share_interval([1.0] * 50) == replace(wilson_interval(50, 50), n=50)
    assert share_interval([0.5]).lower < 0.1


def test_intervals_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match=r"shares must be \[n\] fractions in \[0, 1\]"):
        share_interval([0.5, 1.5])
    with pytest.raises(ValueError, match=r"shares must be \[n\]"):
        share_interval([])
    with pytest.raises(ValueError, match=r"shares must be \[n\]"):
        paired_interval([0.5], [1.5])
    with pytest.raises(ValueError, match="at least two values"):
        mean_interval([1.0])
    with pytest.raises(ValueError, match="finite"):
        mean_interval([1.0, float("nan")])
    with pytest.raises(ValueError, match=r"correct must be in \[0, n\].*got 5 of 4"):
        wilson_interval(5, 4)
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\), got 95"):
        wilson_interval(3, 4, confidence=95)
    with pytest.raises(ValueError, match="must be bool"):
        paired_interval([1, 0], [True, False])
    with pytest.raises(ValueError, match="same images"):
        paired_interval([True], [True, False])


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
