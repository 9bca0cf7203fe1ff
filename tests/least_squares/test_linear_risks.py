"""The closed forms against published arithmetic, against each other and against fits."""

import math

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.least_squares import (
    bias_and_variance,
    ridge_risk,
    ridgeless_risk,
    weak_feature_errors,
    weak_feature_quantile,
    weak_feature_risk,
)

FEATURES, EXAMPLES, NOISE = 100, 40, 0.04


def about(width):
    """Equal coefficients of norm 1."""
    share = width / FEATURES
    return {"inside": share, "outside": 1 - share, "noise": NOISE}


def uniform(n, p, whole, noise):
    """As it is printed: p of D features drawn uniformly, coefficients of norm 1."""
    if p <= n - 2:
        return ((1 - p / whole) + noise) * (1 + p / (n - p - 1))
    inner = 1 - (n / whole) * (2 - (whole - n - 1) / (p - n - 1))
    return inner + noise * (1 + n / (p - n - 1))


@pytest.fixture(scope="module")
def drawn():
    """2,000 training sets of 40 examples, and their targets."""
    generator = Streams(5).get("weak")
    inputs = torch.randn(2000, EXAMPLES, FEATURES, generator=generator, dtype=torch.float64)
    noise = torch.randn(2000, EXAMPLES, generator=generator, dtype=torch.float64)
    coefficients = torch.full((FEATURES,), FEATURES**-0.5, dtype=torch.float64)
    return inputs, inputs @ coefficients + NOISE**0.5 * noise, coefficients


@pytest.mark.parametrize(
    ("width", "error"),
    [(10, 1.264), (30, 3.207), (36, 8.84), (44, 8.64), (50, 3.04), (80, 0.8862), (100, 0.6671)],
)
def test_the_error_on_weak_features_is_that_of_the_theorem(width, error):
    found = weak_feature_risk(EXAMPLES, width, **about(width)).total
    assert found == pytest.approx(error, rel=5e-4)
    assert found == pytest.approx(uniform(EXAMPLES, width, FEATURES, NOISE), rel=1e-12)


@pytest.mark.parametrize("width", [10, 30, 50, 80, 100])
def test_fits_have_the_error_its_bias_and_its_variance(drawn, width):
    errors = weak_feature_errors(*drawn, width)
    each = errors.square().sum(1) + NOISE
    exact = weak_feature_risk(EXAMPLES, width, **about(width))
    assert abs(each.mean() - exact.total) < 4 * each.std() / len(each) ** 0.5
    bias, variance = bias_and_variance(errors)
    # A tenth of the draws each: their spread bounds the whole's.
    parts = [bias_and_variance(part)[0] for part in errors.chunk(10)]
    assert abs(bias - exact.bias) < 4 * np.std(parts, ddof=1) / 10**0.5
    assert bias + variance + NOISE == pytest.approx(float(each.mean()))


@pytest.mark.parametrize("width", [5, 38, 39, 40, 41, 43, 60, 100])
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_fits_lie_below_a_quantile_as_often_as_it_says(drawn, width, level):
    each = weak_feature_errors(*drawn, width).square().sum(1) + NOISE
    exact = weak_feature_quantile(EXAMPLES, width, **about(width), level=level)
    share = float((each < exact).double().mean())
    assert abs(share - level) < 4 * math.sqrt(level * (1 - level) / len(each))


def test_no_mean_next_to_as_many_features_as_examples():
    risks = {p: weak_feature_risk(40, p, inside=1.0, noise=0.1).total for p in range(37, 44)}
    assert [p for p, risk in risks.items() if math.isinf(risk)] == [39, 40, 41]
    assert weak_feature_risk(40, 40, inside=1.0).excess == 0  # nothing there is noise


def test_quantiles_without_noise_are_those_of_the_part_that_is_not_seen():
    assert weak_feature_quantile(40, 30, inside=1.0) == 0
    # What p − n = 2, n = 2 leave of the norm is uniform.
    assert weak_feature_quantile(2, 4, inside=3.0, level=0.25) == pytest.approx(0.75)
    assert weak_feature_quantile(2, 4, inside=0.0, noise=1.0) > 1
    nearly = weak_feature_quantile(2, 4, inside=3.0, noise=1e-12, level=0.25)
    assert nearly == pytest.approx(0.75, rel=2e-3)


@pytest.mark.parametrize("ratio", [0.2, 0.8, 1.25, 2.0, 4.0])
def test_the_ridgeless_limit_is_that_of_many_weak_features(ratio):
    n = 10**6
    limit = ridgeless_risk(ratio, signal=2.0, noise=1.0)
    finite = weak_feature_risk(n, round(ratio * n), inside=2.0, noise=1.0)
    for part in ("bias", "variance", "noise", "total", "excess"):
        assert getattr(finite, part) == pytest.approx(getattr(limit, part), rel=1e-4)
    assert limit.excess == pytest.approx({0.8: 4, 1.25: 4.4, 2: 2, 4: 11 / 6}.get(ratio, 0.25))


def test_the_ridgeless_limit_has_its_minimum_where_the_source_says():
    ratios = np.linspace(1.05, 30, 4000)
    snr = 4.0
    excess = [ridgeless_risk(one, signal=snr, noise=1.0).excess for one in ratios]
    least = math.sqrt(snr) / (math.sqrt(snr) - 1)
    assert ratios[int(np.argmin(excess))] == pytest.approx(least, abs=0.01)
    assert math.isinf(ridgeless_risk(1.0, signal=1.0, noise=1.0).total)
    assert ridgeless_risk(1e9, signal=snr, noise=1.0).excess == pytest.approx(snr)


@pytest.mark.parametrize("width", [10, 39, 40, 41, 80, 100])
def test_fits_with_the_best_ridge_have_its_error(drawn, width):
    inputs, targets, coefficients = (one[:1000] for one in drawn)
    share = about(width)
    best = (share["outside"] + NOISE) * width / share["inside"]
    means = {}
    for penalty in (best / 3, best, 3 * best):
        errors = weak_feature_errors(inputs, targets, coefficients, width, ridge=penalty)
        means[penalty] = float(errors.square().sum(1).mean()) + NOISE
    assert min(means, key=means.__getitem__) == best
    assert means[best] == pytest.approx(ridge_risk(EXAMPLES, width, **share), rel=0.01)


def test_the_ridge_leaves_no_peak():
    errors = [ridge_risk(EXAMPLES, width, **about(width)) for width in range(1, FEATURES + 1)]
    assert (np.diff(errors) < 0).all()


@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.7, 6.0])
def test_the_ridge_error_is_that_of_the_spectrum(ratio):
    n, noise, signal = 600, 0.5, 2.0
    p = round(ratio * n)
    inputs = torch.randn(n, p, generator=Streams(0).get("ridge"), dtype=torch.float64)
    values = torch.linalg.eigvalsh(inputs @ inputs.T if n < p else inputs.T @ inputs)
    values = torch.cat([values, values.new_zeros(p - len(values))])
    expected = noise + noise * (1 / (values + noise * p / signal)).sum()
    assert ridge_risk(n, p, inside=signal, noise=noise) == pytest.approx(float(expected), rel=0.01)


def test_without_noise_the_ridge_is_none():
    assert ridge_risk(40, 20, inside=1.0) == 0
    assert ridge_risk(40, 80, inside=1.0) == 0.5
    assert ridge_risk(40, 80, inside=1.0, noise=1e-9) == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"chosen": 0}, "chosen must be a whole number of at least 1, got 0"),
        ({"examples": 0}, "examples must be a whole number of at least 1, got 0"),
        ({"chosen": 1.5}, "chosen must be a whole number of at least 1, got 1.5"),
        ({"noise": -0.1}, "noise must be at least 0 and finite, got -0.1"),
        ({"noise": math.nan}, "noise must be at least 0 and finite, got nan"),
        ({"inside": math.inf}, "inside must be at least 0 and finite, got inf"),
        ({"outside": -1.0}, r"outside must be at least 0 and finite, got -1\.0"),
    ],
)
@pytest.mark.parametrize("risk", [weak_feature_risk, weak_feature_quantile, ridge_risk])
def test_what_cannot_be_a_model_is_refused(risk, arguments, words):
    given = {"examples": 40, "chosen": 10, "inside": 1.0} | arguments
    with pytest.raises(ValueError, match=words):
        risk(given.pop("examples"), given.pop("chosen"), **given)


def test_other_refusals():
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\), got 1"):
        weak_feature_quantile(40, 10, inside=1.0, level=1)
    with pytest.raises(ValueError, match="inside must be above 0 and finite, got 0"):
        ridge_risk(40, 10, inside=0, noise=1.0)
    with pytest.raises(ValueError, match="ratio must be above 0 and finite, got 0"):
        ridgeless_risk(0, signal=1.0, noise=1.0)
    with pytest.raises(ValueError, match="signal must be at least 0 and finite, got -1"):
        ridgeless_risk(2, signal=-1, noise=1.0)
