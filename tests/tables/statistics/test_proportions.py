"""Shares: score tests, exact coverage, published examples, positions that err together."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from surfeit.tables import (
    counted_interval,
    difference_interval,
    exact_interval,
    paired_interval,
    share_interval,
    wilson_interval,
)


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


def test_paired_interval_of_shares_equals_padded_wald_written_out():
    before, after = (side.astype(float) for side in _right(170, 6, 2, 2))
    after[-1] = 0.5  # a share: no answer is wholly right or wrong there
    changes = after - before
    change = changes.sum() / 182
    half = stats.norm.ppf(0.975) * math.sqrt(((changes**2).sum() + 1) / 182 - change**2)
    half /= math.sqrt(182)
    found = paired_interval(before, after)
    assert found.estimate == pytest.approx(changes.mean())
    assert found.lower == pytest.approx(change - half)
    assert found.upper == pytest.approx(change + half)


@pytest.mark.parametrize(
    ("lost", "gained", "n"), [(6, 2, 180), (0, 0, 360), (9, 0, 360), (0, 4, 50), (50, 0, 50)]
)
def test_paired_interval_ends_where_the_score_test_stops_rejecting(lost, gained, n):
    """The likeliest share gained, given the change, maximises the likelihood: found by search."""

    def score(change: float) -> float:
        least = max(0.0, change) + 1e-12
        shares = np.linspace(least, min((1 + change) / 2, 1) - 1e-12, 400_001)
        likelihood = (
            special.xlogy(gained, shares)
            + special.xlogy(lost, shares - change)
            + special.xlogy(n - lost - gained, 1 - 2 * shares + change)
        )
        share = shares[likelihood.argmax()]
        return (gained - lost - n * change) / math.sqrt(n * (2 * share - change - change**2))

    found, z = counted_interval(lost, gained, n), stats.norm.ppf(0.975)
    assert -1 <= found.lower <= found.estimate <= found.upper <= 1
    for end, expected in ((found.lower, z), (found.upper, -z)):
        if abs(end) < 1:
            assert score(end) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("n", "lost"), [(360, 0.02), (2000, 0.005), (2000, 0.02)])
def test_paired_interval_covers_the_truth_where_nothing_is_gained(n, lost):
    """Wald's, with half an image added to each cell, covers 92.3 and 92.6 % of the first two."""
    chances = stats.binom.pmf(range(n // 8), n, lost)
    covered = 0.0
    for count, chance in enumerate(chances):
        if chance > 1e-9:
            found = counted_interval(count, 0, n)
            covered += chance * (found.lower <= -lost <= found.upper)
    assert 0.94 < covered < 0.98


def test_counted_interval_is_the_paired_one_of_the_same_counts():
    assert counted_interval(6, 2, 180) == paired_interval(*_right(170, 6, 2, 2))
    for lost, gained, n in ((-1, 0, 5), (3, 3, 5), (0, 0, 0)):
        with pytest.raises(ValueError, match="must be counts of n images"):
            counted_interval(lost, gained, n)


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


@pytest.mark.parametrize(("successes", "n"), [(0, 3), (3, 3), (7, 10), (1, 40)])
def test_exact_interval_ends_where_the_binomial_test_stops_rejecting(successes, n):
    found = exact_interval(successes, n)
    expected = stats.binomtest(successes, n).proportion_ci(method="exact")
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high))
    if successes:
        assert stats.binom.sf(successes - 1, n, found.lower) == pytest.approx(0.025)


def test_exact_interval_never_covers_less_often_than_it_says():
    for n in (3, 10):
        found = [exact_interval(k, n) for k in range(n + 1)]
        for rate in np.linspace(0.01, 0.99, 99):
            chances = stats.binom.pmf(range(n + 1), n, rate)
            covers = [one.lower <= rate <= one.upper for one in found]
            assert chances[covers].sum() >= 0.95


def test_difference_interval_equals_newcombes_published_examples():
    # Newcombe 1998, table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/10.
    for first, second, lower, upper in (
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((0, 10), (10, 10), 0.6075, 1.0),
    ):
        found = difference_interval(first, second)
        assert (found.lower, found.upper) == (
            pytest.approx(lower, abs=5e-5),
            pytest.approx(upper, abs=5e-5),
        )
        back = difference_interval(second, first)
        assert (back.lower, back.upper) == pytest.approx((-found.upper, -found.lower))


def test_shares_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match=r"shares must be \[n\] fractions in \[0, 1\]"):
        share_interval([0.5, 1.5])
    with pytest.raises(ValueError, match=r"shares must be \[n\]"):
        share_interval([])
    with pytest.raises(ValueError, match=r"shares must be \[n\]"):
        paired_interval([0.5], [1.5])
    with pytest.raises(ValueError, match=r"correct must be in \[0, n\].*got 5 of 4"):
        wilson_interval(5, 4)
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\), got 95"):
        wilson_interval(3, 4, confidence=95)
    with pytest.raises(ValueError, match="must be bool"):
        paired_interval([1, 0], [True, False])
    with pytest.raises(ValueError, match="same images"):
        paired_interval([True], [True, False])
