"""How often each judge is wrong at the edge of its claim: measured, at three replicates too.

Each rate is a share of fixed draws, held to what is promised plus three of its own standard errors.
"""

import math

import numpy as np
import pytest

from surfeit.lab import (
    agrees,
    all_exceed,
    all_of,
    equals,
    exceeds,
    faster,
    not_worse,
    ranks,
    succeeds,
    succeeds_more,
)

DRAWS = 1000
ONE_SIDE, BOTH_TESTS = 0.025, 0.05


def bound(promised, draws=DRAWS):
    return promised + 3 * math.sqrt(promised * (1 - promised) / draws)


def shares(verdicts):
    rulings = [verdict.ruling for verdict in verdicts]
    return {ruling: rulings.count(ruling) / len(rulings) for ruling in set(rulings)} | {
        "supported": rulings.count("supported") / len(rulings),
        "contradicted": rulings.count("contradicted") / len(rulings),
    }


def normal(n, seed=0, draws=DRAWS):
    return np.random.default_rng(seed).normal(size=(draws, n))


@pytest.mark.parametrize("n", [2, 3, 5])
def test_means_at_their_margin_err_once_in_forty_on_each_side(n):
    for judge, edge in ((exceeds, 1.0), (not_worse, -1.0)):
        found = shares(judge("X", edge + one, margin=1.0, unit="u") for one in normal(n))
        assert max(found["supported"], found["contradicted"]) <= bound(ONE_SIDE)
        if n == 2:
            assert found["inconclusive"] == 1
        else:  # no more careful than promised, either
            assert found["supported"] > 0.015


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("spread", [0.05, 0.5])
def test_a_mean_at_the_margin_is_called_equal_once_in_twenty_at_most(n, spread):
    for edge in (1.0, -1.0):
        samples = edge + spread * normal(n)
        found = shares(equals("X", one, margin=1.0, unit="u") for one in samples)
        assert found["supported"] <= bound(BOTH_TESTS)
        assert found["contradicted"] <= bound(ONE_SIDE)
        if spread == 0.05:
            assert found["supported"] > 0.035


@pytest.mark.parametrize("n", [3, 5])
def test_a_figure_of_the_same_kind_is_contradicted_once_in_twenty(n):
    figures = np.random.default_rng(1).normal(size=DRAWS)
    found = shares(
        agrees("X", one, figure, tolerance=100.0, unit="u")
        for one, figure in zip(normal(n), figures, strict=True)
    )
    assert found["contradicted"] <= bound(0.05)
    assert found["supported"] >= 1 - bound(0.05)


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("spread", [0.05, 0.15, 0.5])
def test_a_figure_that_is_the_tolerance_away_is_hardly_ever_supported(n, spread):
    found = shares(agrees("X", spread * one, 1.0, tolerance=1.0, unit="u") for one in normal(n))
    assert found["supported"] <= bound(ONE_SIDE)


@pytest.mark.parametrize(("n", "conditions"), [(3, 2), (3, 3), (3, 5), (5, 4)])
def test_ranks_of_noise_are_chance(n, conditions):
    draws = 400
    samples = np.random.default_rng(0).normal(size=(draws, n, conditions))
    found = shares(ranks("X", np.arange(conditions), one) for one in samples)
    assert found["supported"] <= bound(ONE_SIDE, draws)
    assert found["contradicted"] <= bound(ONE_SIDE, draws)


def test_ranks_of_independent_points_are_chance():
    draws = 400
    samples = np.random.default_rng(0).normal(size=(draws, 6))
    found = shares(ranks("X", np.arange(6), one) for one in samples)
    assert found["supported"] <= bound(ONE_SIDE, draws)


def test_ranks_of_seeds_that_differ_in_their_slopes_are_rarely_clear():
    generator, draws = np.random.default_rng(0), 400
    slopes = generator.normal(size=(draws, 5, 1))
    samples = slopes * np.arange(5) + generator.normal(size=(draws, 5, 5))
    found = shares(ranks("X", np.arange(5), one) for one in samples)
    assert found["supported"] <= bound(BOTH_TESTS, draws)


@pytest.mark.parametrize("n", [2, 3, 5, 12])
@pytest.mark.parametrize("rate", [0.1, 0.4, 0.5, 0.9])
def test_rates_at_the_edge_err_no_more_than_once_in_forty(n, rate):
    draws = 300
    samples = np.random.default_rng(0).random((draws, n)) < rate
    found = shares(succeeds("X", one, rate=rate) for one in samples)
    assert found["supported"] <= bound(ONE_SIDE, draws)
    assert found["contradicted"] <= bound(ONE_SIDE, draws)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [3, 6, 10])
def test_equal_rates_are_told_apart_no_more_than_once_in_forty(n, paired):
    draws = 250
    for rate in (0.5, 0.9):
        samples = np.random.default_rng(0).random((draws, 2, n)) < rate
        found = shares(succeeds_more("X", *one, paired=paired) for one in samples)
        assert found["supported"] <= bound(ONE_SIDE, draws)
        assert found["contradicted"] <= bound(ONE_SIDE, draws)


@pytest.mark.parametrize("n", [3, 5, 6])
def test_pairs_that_always_differ_either_way_are_coins(n):
    draws = 500
    samples = np.random.default_rng(0).random((draws, n)) < 0.5
    found = shares(succeeds_more("X", one, ~one) for one in samples)
    assert found["supported"] <= bound(ONE_SIDE, draws)
    assert found["contradicted"] <= bound(ONE_SIDE, draws)


@pytest.mark.parametrize("ends", [(math.inf, math.inf), (math.inf, 1000), (1200, 1000)])
@pytest.mark.parametrize("n", [3, 8])
def test_equal_speeds_are_told_apart_no_more_than_once_in_forty(n, ends):
    draws = 500
    steps = np.random.default_rng(0).normal(900, 150, size=(draws, 2, n))
    found = shares(
        faster(
            "X",
            np.minimum(first, ends[0]),
            np.minimum(second, ends[1]),
            censored=(first > ends[0], second > ends[1]),
        )
        for first, second in steps
    )
    assert found["supported"] <= bound(ONE_SIDE, draws)
    assert found["contradicted"] <= bound(ONE_SIDE, draws)


@pytest.mark.parametrize("comparisons", [1, 3])
@pytest.mark.parametrize("count", [2, 6])
@pytest.mark.parametrize("nested", [False, True])
def test_a_claim_of_several_parts_errs_no_more_than_one_of_a_single_part(
    count, comparisons, nested
):
    """At the edge of all parts it is contradicted by chance, at the edge of one it is supported."""
    promised = ONE_SIDE / comparisons

    def judged(parts):
        if not nested:
            named = {str(n): values for n, values in enumerate(parts)}
            return all_exceed("X", named, comparisons=comparisons, unit="u")
        each = [exceeds("X", one, comparisons=comparisons, unit="u") for one in parts]
        halves = (each[: count // 2], each[count // 2 :])
        return all_of("X", *(all_of("X", *half) for half in halves), comparisons=comparisons)

    samples = np.random.default_rng(0).normal(size=(DRAWS, count, 5))
    assert shares(map(judged, samples))["contradicted"] <= bound(promised)
    samples[:, 1:] += 100
    found = shares(map(judged, samples))
    assert found["supported"] <= bound(promised)
    if comparisons == 1:  # no more careful than promised, either
        assert found["supported"] > 0.015


def test_what_is_not_normal_errs_more_at_few_replicates():
    """What the package's page says, so that it stays true: two modes need more than three seeds."""
    generator = np.random.default_rng(0)
    modes = {n: generator.choice([-1.0, 1.0], size=(DRAWS, n)) for n in (3, 6)}
    for n, centres in modes.items():
        found = shares(
            exceeds("X", one + 0.05 * generator.normal(size=n), unit="u") for one in centres
        )
        # All of one mode: 2^-3 is far from 0.025, 2^-6 is not.
        assert found["supported"] == pytest.approx(0.5**n, abs=0.035)
    skewed = 1 - generator.exponential(size=(DRAWS, 5))
    assert shares(exceeds("X", one, unit="u") for one in skewed)["supported"] < 0.13
    differences = generator.exponential(size=(DRAWS, 2, 5))
    paired = shares(exceeds("X", one - other, unit="u") for one, other in differences)
    assert max(paired["supported"], paired["contradicted"]) <= bound(ONE_SIDE)
