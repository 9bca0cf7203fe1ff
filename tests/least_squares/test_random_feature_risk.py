"""Mei and Montanari's limit against values and against fits, which are drawn another way."""

import math

import numpy as np
import pytest

from surfeit.core import Streams
from surfeit.least_squares import random_feature_error, random_feature_risk


@pytest.mark.parametrize(
    ("features", "error"),
    [(1, 0.722), (2, 0.885), (2.6, 1.93), (3.4, 1.90), (4, 0.795), (6, 0.305), (10, 0.165)],
)
def test_the_limit_at_three_examples_a_dimension(features, error):
    assert random_feature_risk(features, 3, noise=0.1) == pytest.approx(error, rel=5e-3)


@pytest.mark.parametrize("features", [0.5, 1.5, 5.0])
def test_fits_have_the_error_of_the_limit(features):
    generator = Streams(1).get("sphere")
    fits = [
        random_feature_error(80, 160, round(features * 80), generator, noise=0.2) for _ in range(30)
    ]
    error = np.std(fits, ddof=1) / len(fits) ** 0.5
    limit = random_feature_risk(features, 2, noise=0.2)
    # Two standard errors and the distance from the limit, which falls with the dimension.
    assert abs(np.mean(fits) - limit) < 3 * error + 0.03 * limit


def test_it_is_infinite_where_features_are_as_many_as_examples_alone():
    assert math.isinf(random_feature_risk(3, 3, noise=0.1))
    nearer = [random_feature_risk(3 + gap, 3, noise=0.1) for gap in (0.3, 0.1, 0.01, 1e-3)]
    assert (np.diff(nearer) > 0).all()
    assert nearer[-1] > 100


def test_signal_and_noise_add_up():
    parts = [random_feature_risk(5, 2, signal=s, noise=t) for s, t in ((1, 0), (0, 1), (3, 2))]
    assert parts[2] == pytest.approx(3 * parts[0] + 2 * parts[1])


def test_few_features_predict_zero_and_many_have_a_limit():
    assert random_feature_risk(1e-6, 2) == pytest.approx(1, abs=1e-3)
    assert random_feature_risk(1e5, 2) == pytest.approx(random_feature_risk(1e6, 2), rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 3), "features must be above 0 and finite, got 0"),
        ((3, math.inf), "examples must be above 0 and finite, got inf"),
    ],
)
def test_ratios_out_of_range_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        random_feature_risk(*arguments)


@pytest.mark.parametrize("name", ["signal", "noise"])
def test_negative_variances_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 0 and finite, got -1"):
        random_feature_risk(1, 3, **{name: -1})
    with pytest.raises(ValueError, match=f"{name} must be at least 0 and finite, got -1"):
        random_feature_error(3, 3, 3, Streams(0).get("x"), **{name: -1})
