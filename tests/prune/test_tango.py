"""Tango's score against its likelihood, and thresholds against every outcome there is."""

from math import comb

import numpy as np
import pytest

from surfeit.prune.tango import least_threshold, sizes, tango_score, threshold


def likeliest_gain(b, c, n, loss):
    """The share of gained examples that makes the counts likeliest, by trying 200,001 of them."""
    q = np.linspace(0, (1 - loss) / 2, 200_001)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [(b, q + loss), (c, q), (n - b - c, 1 - 2 * q - loss)]
        logs = [np.where(count == 0, 0.0, count * np.log(share)) for count, share in parts]
    return q[np.argmax(np.nan_to_num(sum(logs), nan=-np.inf, neginf=-np.inf))]


@pytest.mark.parametrize("counts", [(0, 0), (3, 1), (1, 4), (9, 0), (0, 6), (12, 8)])
@pytest.mark.parametrize("loss", [0.01, 0.2])
def test_score_is_the_fall_over_its_likeliest_spread(counts, loss):
    (b, c), n = counts, 20
    q = likeliest_gain(b, c, n, loss)
    expected = (b - c - n * loss) / np.sqrt(n * (2 * q + loss * (1 - loss)))
    assert tango_score(b, c, examples=n, loss=loss) == pytest.approx(expected, abs=2e-4)


def test_score_grows_with_the_lost_and_falls_with_the_gained():
    n = 60
    b, c = np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0), indexing="ij")
    score = np.where(b + c <= n, tango_score(b, c, examples=n, loss=0.03), np.nan)
    assert np.nanmin(np.diff(score, axis=0)) > 0
    assert np.nanmax(np.diff(score, axis=1)) < 0


def every_outcome(n, share, z, loss, side):
    """The chance of a score beyond z, over all counts of lost and gained examples."""
    chance = 0.0
    for c in range(n + 1):
        for b in range(n + 1 - c):
            score = tango_score(b, c, examples=n, loss=loss)
            if score <= -z if side == "lower" else score >= z:
                ways = comb(n, c) * comb(n - c, b)
                rest = 1 - 2 * share - loss
                chance += ways * share**c * (share + loss) ** b * rest ** (n - b - c)
    return chance


@pytest.mark.parametrize("side", ["lower", "upper"])
@pytest.mark.parametrize(("n", "loss"), [(7, 0.3), (30, 0.1), (40, 0.02)])
def test_size_is_the_chance_over_all_outcomes(n, loss, side):
    shares = np.asarray([0.0, 0.01, 0.1, 0.3, (1 - loss) / 2 - 1e-6])
    expected = [every_outcome(n, share, 1.3, loss, side) for share in shares.tolist()]
    np.testing.assert_allclose(sizes(shares, 1.3, n, loss=loss, side=side), expected, atol=1e-10)


@pytest.mark.parametrize("side", ["lower", "upper"])
@pytest.mark.parametrize(("n", "loss"), [(1, 0.1), (9, 0.05), (60, 0.05), (360, 0.01)])
def test_threshold_is_the_least_that_keeps_its_size(n, loss, side):
    z = threshold(n, loss, 0.05, side)
    fine = np.linspace(0, (1 - loss) / 2, 700)
    assert sizes(fine, z, n, loss=loss, side=side).max() < 0.0505
    tried = np.linspace(0, 1, 200) ** 2 * (1 - loss) / 2
    assert sizes(tried, z, n, loss=loss, side=side).max() <= 0.05
    assert sizes(tried, z - 2e-7, n, loss=loss, side=side).max() > 0.05


def test_thresholds_are_those_published():
    """Where at most a fifth of the examples is gained; more of them ask for a little more."""
    shares = np.geomspace(1e-4, 0.2, 200)
    for n, lower, upper in ((360, 1.646, 1.801), (6000, 1.645, 1.687)):
        options = {"loss": 0.01, "alpha": 0.05}
        assert least_threshold(shares, n, side="lower", **options) == pytest.approx(lower, abs=6e-4)
        assert threshold(n, 0.01, 0.05, "upper") == pytest.approx(upper, abs=6e-4)
        assert lower <= threshold(n, 0.01, 0.05, "lower") < lower + 0.02


@pytest.mark.parametrize(("side", "size"), [("lower", 0.062), ("upper", 0.089)])
def test_normal_quantiles_would_be_passed_too_often(side, size):
    over = []
    for n in (360, 1000):
        shares = np.linspace(0, 1, 200) ** 2 * 0.49
        over.append(sizes(shares, 1.645, n, loss=0.01, side=side).max())
    assert max(over) > 0.05
    assert max(over) < size + 0.002
