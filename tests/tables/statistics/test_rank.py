"""Rank correlations: scipy's, all orders counted out, ties, coverage, and seeds as the sample."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from surfeit.tables import over_replicates, rank_correlation, rank_correlation_over_replicates

KINDS = {"spearman": stats.spearmanr, "kendall": stats.kendalltau}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "y", [[1.0, 3.0, 2.0, 5.0, 4.0, 6.5], [2.0, 1.0, 1.0, 0.5, 2.0, 2.0]], ids=["apart", "tied"]
)
def test_estimate_equals_scipys_and_p_counts_out_all_orders(kind, y):
    x = [1.0, 2.0, 2.0, 3.0, 8.0, 9.0]
    found, oracle = rank_correlation(x, y, kind=kind), KINDS[kind]
    assert found.estimate == pytest.approx(oracle(x, y).statistic)
    each = [abs(oracle(x, order).statistic) for order in itertools.permutations(y)]
    far = np.array(each) >= abs(found.estimate) - 1e-12
    assert found.p == pytest.approx(far.mean())


def test_kendalls_exact_p_equals_scipys_exact_method():
    x, y = np.arange(7.0), [2.0, 1.0, 4.0, 3.0, 7.0, 5.0, 6.0]
    expected = stats.kendalltau(x, y, method="exact").pvalue
    assert rank_correlation(x, y, kind="kendall").p == pytest.approx(expected)


def test_p_of_many_points_is_drawn_and_comes_near_the_asymptotic_one():
    generator = np.random.default_rng(0)
    x = generator.normal(size=40)
    y = 0.3 * x + generator.normal(size=40)
    found, expected = rank_correlation(x, y), stats.spearmanr(x, y).pvalue
    assert found.p == pytest.approx(expected, abs=0.01)
    assert rank_correlation(x, x).p == 1 / 10_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_monotone_change_of_either_side_changes_nothing(kind):
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(2, 8))
    found = rank_correlation(x, y, kind=kind)
    assert rank_correlation(np.exp(x), y**3, kind=kind) == found
    turned = rank_correlation(-x, y, kind=kind)
    assert (turned.estimate, turned.p) == (-found.estimate, found.p)
    assert (turned.lower, turned.upper) == pytest.approx((-found.upper, -found.lower))


@pytest.mark.parametrize(
    ("kind", "truth"),
    [("spearman", 6 / math.pi * math.asin(0.3)), ("kendall", 2 / math.pi * math.asin(0.6))],
)
def test_intervals_cover_the_normal_populations_correlation(kind, truth):
    """For normal pairs of correlation 0.6 both have closed forms (Pearson 1907, Greiner 1909)."""
    generator, covered, repeats = np.random.default_rng(0), 0, 400
    for _ in range(repeats):
        x = generator.normal(size=20)
        y = 0.6 * x + 0.8 * generator.normal(size=20)
        found = rank_correlation(x, y, kind=kind, draws=1)
        covered += found.lower <= truth <= found.upper
    assert 0.915 < covered / repeats < 0.985


def test_few_points_or_perfect_order_have_a_p_and_no_interval():
    three = rank_correlation([1, 2, 3], [1, 3, 2])
    assert (three.estimate, three.lower, three.p) == (0.5, None, pytest.approx(1.0))
    five = rank_correlation([1, 2, 3, 4, 5], [2, 3, 5, 7, 11])
    assert (five.estimate, five.upper, five.p) == (1.0, None, pytest.approx(2 / 120))


@pytest.mark.parametrize("kind", KINDS)
def test_replicates_are_the_sample_and_their_orders_are_counted_together(kind):
    x = [1.0, 2.0, 3.0]
    y = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0], [1.0, 1.0, 5.0]])
    found = rank_correlation_over_replicates(x, y, kind=kind)
    each = [KINDS[kind](x, row).statistic for row in y]
    expected = over_replicates(each)
    assert (found.n, found.estimate) == (3, pytest.approx(expected.mean))
    assert (found.lower, found.upper) == pytest.approx((expected.lower, min(expected.upper, 1)))

    def agreement(rows):
        if kind == "kendall":
            pairs = itertools.combinations(range(3), 2)
            return sum(np.sign(row[j] - row[i]) for i, j in pairs for row in rows)
        return sum(np.dot(x, stats.rankdata(row)) - 12 for row in rows)

    orders = itertools.product(*[itertools.permutations(row) for row in y])
    far = [abs(agreement(rows)) >= abs(agreement(y)) - 1e-9 for rows in orders]
    assert found.p == pytest.approx(np.mean(far))


def test_replicates_equal_pages_test_of_scipy():
    y = np.random.default_rng(0).normal(size=(4, 5)) + 0.5 * np.arange(5)
    expected = stats.page_trend_test(y, method="exact").pvalue
    # Without ties the distribution is symmetric, so that both sides are twice one.
    assert rank_correlation_over_replicates(np.arange(5), y).p == pytest.approx(2 * expected)


def test_replicates_of_many_conditions_draw_their_orders():
    y = np.random.default_rng(0).normal(size=(3, 10)) + 0.3 * np.arange(10)
    found = rank_correlation_over_replicates(np.arange(10), y)
    expected = 2 * stats.page_trend_test(y, method="asymptotic").pvalue
    assert found.p == pytest.approx(expected, abs=0.01)


def test_points_of_one_seed_are_not_many_seeds():
    """A seed that is good at all widths makes pooled points look correlated; paired ones do not."""
    generator, wrong = np.random.default_rng(0), [0, 0]
    for _ in range(300):
        slopes = generator.choice([-1.0, 1.0], size=5)  # by seed, and none on average
        y = slopes[:, None] * np.arange(6) + 0.1 * generator.normal(size=(5, 6))
        found = rank_correlation_over_replicates(np.arange(6), y)
        wrong[0] += found.lower is not None and (found.lower > 0 or found.upper < 0)
        pooled = rank_correlation(np.tile(np.arange(6), 5), y.ravel(), draws=1)
        wrong[1] += pooled.lower > 0 or pooled.upper < 0
    assert wrong[0] / 300 < 0.08
    assert wrong[1] / 300 > 0.3


def test_what_has_no_order_is_refused():
    with pytest.raises(ValueError, match="3 equal values have no order"):
        rank_correlation([1, 1, 1], [1, 2, 3])
    with pytest.raises(ValueError, match="as many on both sides"):
        rank_correlation([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="at least two values"):
        rank_correlation([1], [1])
    with pytest.raises(ValueError, match="finite"):
        rank_correlation([1, 2], [1, float("nan")])
    with pytest.raises(ValueError, match="must be 'spearman' or 'kendall', got 'pearson'"):
        rank_correlation([1, 2], [1, 2], kind="pearson")
    with pytest.raises(ValueError, match=r"y must be \[replicates, conditions\], got \(2,\)"):
        rank_correlation_over_replicates([1, 2], [1, 2])
    with pytest.raises(ValueError, match=r"x must have y's conditions, got x \(1, 3\)"):
        rank_correlation_over_replicates([1, 2, 3], [[1, 2]])
