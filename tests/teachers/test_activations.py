import math

import numpy as np
import pytest
import torch

from surfeit.teachers import ACTIVATIONS, ERF, LINEAR, RELU, activation_named

ALL = list(ACTIVATIONS.values())
MATRICES = [[[1.0, 0.3], [0.3, 0.5]], [[2.0, -1.9], [-1.9, 2.0]], [[0.7, 0.0], [0.0, 3.0]]]


def around(function):
    """The mean of `function(θ)` over normal vectors of two numbers, homogeneous of degree 2.

    The mean square of their length is 2, so that it is twice the mean over directions: a sum over a
    circle, which is exact to the square of its step where the function has kinks.
    """
    angles = (np.arange(200_000) + 0.5) / 200_000 * 2 * math.pi
    return 2 * function(np.stack([np.cos(angles), np.sin(angles)])).mean()


def normal_mean(function, count=60):
    """The mean over two independent normal numbers, by Gauss and Hermite."""
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    grid = np.stack(np.meshgrid(points, points, indexing="ij")).reshape(2, -1)
    return (function(grid) * np.outer(weights, weights).ravel()).sum() / (2 * math.pi)


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("activation", ALL, ids=lambda one: one.name)
def test_products_are_the_means_over_fields(activation, matrix):
    root = np.linalg.cholesky(np.array(matrix))

    def product(normal):
        fields = torch.from_numpy(root @ normal)
        return (activation.value(fields[0]) * activation.value(fields[1])).numpy()

    mean = around(product) if activation is RELU else normal_mean(product)
    found = activation.products(torch.tensor(matrix, dtype=torch.float64))
    assert float(found[0, 1]) == pytest.approx(mean, abs=1e-9)
    assert torch.equal(found, found.T)


@pytest.mark.parametrize("variance", [0.01, 1.0, 4.0])
@pytest.mark.parametrize("activation", ALL, ids=lambda one: one.name)
def test_squared_slopes_are_the_means_over_fields(activation, variance):
    points, weights = np.polynomial.hermite_e.hermegauss(100)
    slopes = activation.slope(torch.from_numpy(points * variance**0.5)).square().numpy()
    mean = (slopes * weights).sum() / weights.sum()
    found = activation.squared_slope(torch.tensor(variance, dtype=torch.float64))
    assert float(found) == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("activation", ALL, ids=lambda one: one.name)
def test_slopes_are_those_of_the_values(activation):
    fields = torch.tensor([-2.0, -0.3, 0.4, 1.7], dtype=torch.float64, requires_grad=True)
    values = {ERF: lambda x: torch.erf(x / 2**0.5), RELU: torch.relu, LINEAR: lambda x: 1 * x}
    (slope,) = torch.autograd.grad(values[activation](fields).sum(), fields)
    assert torch.allclose(activation.slope(fields.detach()), slope)
    assert torch.allclose(activation.value(fields.detach()), values[activation](fields.detach()))


@pytest.mark.parametrize("activation", ALL, ids=lambda one: one.name)
def test_whether_it_is_odd_is_as_it_says(activation):
    fields = torch.linspace(-2, 2, 9)
    assert activation.odd == torch.allclose(activation.value(-fields), -activation.value(fields))


@pytest.mark.parametrize("activation", ALL, ids=lambda one: one.name)
def test_a_unit_without_weights_gives_zero_and_no_nan(activation):
    found = activation.products(torch.tensor([[0.0, 0.0], [0.0, 1.0]], dtype=torch.float64))
    assert found[0].tolist() == [0, 0]
    assert found[1, 1] > 0


def test_one_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no activation 'rulu': did you mean 'relu'"):
        activation_named("rulu")
    assert activation_named("erf") is ERF
