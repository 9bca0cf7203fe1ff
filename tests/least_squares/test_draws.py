import math
from itertools import combinations

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.least_squares import (
    bias_and_variance,
    minimum_norm,
    random_feature_error,
    weak_feature_errors,
)
from surfeit.least_squares.draws import on_sphere


def test_errors_are_the_coefficients_less_the_truth_and_the_truth_where_left_out():
    generator = Streams(0).get("x")
    inputs = torch.randn(3, 6, 5, generator=generator, dtype=torch.float64)
    coefficients = torch.arange(1.0, 6.0, dtype=torch.float64)
    targets = torch.randn(3, 6, generator=generator, dtype=torch.float64)
    found = weak_feature_errors(inputs, targets, coefficients, 2)
    for at in range(3):
        fitted = np.linalg.lstsq(inputs[at, :, :2].numpy(), targets[at].numpy(), rcond=None)[0]
        assert np.allclose(found[at], np.append(fitted, [0, 0, 0]) - coefficients.numpy())
    assert coefficients.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("chosen", [0, 6, -1])
def test_as_many_features_are_chosen_as_there_are(chosen):
    inputs, coefficients = torch.ones(1, 2, 5), torch.ones(5)
    with pytest.raises(ValueError, match=f"chosen must be .*, got {chosen}"):
        weak_feature_errors(inputs, torch.ones(1, 2), coefficients, chosen)


def test_bias_is_the_mean_product_of_different_draws():
    errors = torch.randn(7, 4, generator=Streams(0).get("x"), dtype=torch.float64) + 0.3
    bias, variance = bias_and_variance(errors)
    pairs = [float(errors[i] @ errors[j]) for i, j in combinations(range(7), 2)]
    assert bias == pytest.approx(np.mean(pairs))
    assert variance == pytest.approx(float(errors.var(dim=0).sum()))


def test_one_draw_has_no_variance():
    with pytest.raises(ValueError, match="draws must be a whole number of at least 2, got 1"):
        bias_and_variance(torch.ones(1, 4))


def test_the_error_on_the_sphere_is_that_on_new_points():
    dimension, examples, features = 6, 20, 12
    found = random_feature_error(dimension, examples, features, Streams(3).get("x"), noise=0.3)
    # The same draws once more, judged on points.
    generator = Streams(3).get("x")
    inputs = math.sqrt(dimension) * on_sphere(examples, dimension, generator)
    weights = on_sphere(features, dimension, generator)
    target = on_sphere(1, dimension, generator)[0]
    noise = torch.randn(examples, generator=generator, dtype=torch.float64)
    fitted = minimum_norm(
        (inputs @ weights.T).relu(), (inputs @ target + 0.3**0.5 * noise)[:, None]
    )
    points = math.sqrt(dimension) * on_sphere(200_000, dimension, generator)
    each = ((points @ weights.T).relu() @ fitted[:, 0] - points @ target).square()
    assert abs(each.mean() - found) < 4 * each.std() / len(each) ** 0.5


def test_points_on_the_sphere_have_norm_one_and_no_side():
    points = on_sphere(20_000, 3, Streams(0).get("x"))
    assert torch.allclose(points.norm(dim=1), torch.ones(20_000, dtype=torch.float64))
    assert points.mean(0).abs().max() < 4 / (3 * 20_000) ** 0.5
    assert torch.allclose(points.T @ points / 20_000, torch.eye(3).double() / 3, atol=0.01)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((1, 5, 5), "dimension must be a whole number of at least 2, got 1"),
        ((5, 0, 5), "examples must be a whole number of at least 1, got 0"),
        ((5, 5, 0), "features must be a whole number of at least 1, got 0"),
    ],
)
def test_sizes_out_of_range_are_refused(sizes, words):
    with pytest.raises(ValueError, match=words):
        random_feature_error(*sizes, Streams(0).get("x"))
