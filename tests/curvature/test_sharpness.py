"""Sharpness against brute force over a box's corners, and under a rescaling of layers."""

from itertools import product

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, squared_error
from surfeit.curvature import (
    LossSurface,
    Operator,
    adaptive,
    box_sharpness,
    dense,
    eigenpairs,
    hessian,
)

from .conftest import draw, mlp, settled, vectors


def stream():
    return Streams(0).get("sharpness")


def line(weights):
    """A convex loss of three parameters, whose maximum in a box is at a corner."""
    model = nn.Linear(3, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([weights]))
    x = draw(30, 3)
    return LossSurface.of(model, Split(x, x @ torch.ones(3, 1).double()), squared_error)


@pytest.mark.parametrize("weights", [(0.5, -1.0, 2.0), (1.0, 1.0, 1.0)])
def test_box_sharpness_is_the_maximum_over_the_corners(weights):
    """Also at the minimum itself, where the gradient is zero."""
    surface, box = line(weights), 0.1
    own = torch.tensor(weights, dtype=torch.float64)
    reach = box * (own.abs() + 1)
    corners = [own + reach * torch.tensor(signs) for signs in product((-1.0, 1.0), repeat=3)]
    highest = max(surface.at(corner) for corner in corners)
    found = box_sharpness(surface, box=box, iterations=50, starts=6, generator=stream())
    assert found.maximum == pytest.approx(highest, rel=1e-9)
    assert found.value == pytest.approx(100 * (highest - surface.loss) / (1 + surface.loss))
    assert found.loss == surface.loss
    assert found.stopped == 0
    assert found.evaluations >= found.iterations > 0


def test_a_larger_box_is_sharper_and_iterations_are_bounded():
    surface = LossSurface.of(mlp(), vectors())
    small, large = (
        box_sharpness(surface, box=box, iterations=3, generator=stream()) for box in (1e-3, 1e-2)
    )
    assert 0 < small.value < large.value
    assert small.iterations <= 6
    assert large.stopped > 0


def scaled(factor):
    """A layer of ReLUs by a factor, the next by its inverse: the same function."""
    model = settled(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)))
    with torch.no_grad():
        model[0].weight.mul_(factor)
        model[0].bias.mul_(factor)
        model[2].weight.div_(factor)
    return LossSurface.of(model, vectors())


def test_adaptive_curvature_is_invariant_under_a_rescaling_of_layers():
    spectra = [
        torch.linalg.eigvalsh(dense(adaptive(one, hessian(one)))) for one in map(scaled, (1, 10))
    ]
    torch.testing.assert_close(*spectra, rtol=1e-9, atol=1e-11)
    plain = [
        float(eigenpairs(hessian(one), largest=1, generator=stream()).values[0])
        for one in map(scaled, (1, 10))
    ]
    assert plain[1] > 5 * plain[0]


def test_adaptive_curvature_is_its_definition():
    surface = LossSurface.of(mlp(), vectors())
    scale = surface.coordinates.flat(surface.coordinates.point).abs()
    truth = scale[:, None] * dense(hessian(surface)) * scale
    torch.testing.assert_close(dense(adaptive(surface, hessian(surface))), truth)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box": 0.0}, "box must be above 0 and finite, got 0.0"),
        ({"iterations": 0}, "iterations must be a whole number of at least 1, got 0"),
        ({"starts": 0}, "starts must be a whole number of at least 1, got 0"),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        box_sharpness(line((1.0, 2.0, 3.0)), generator=stream(), **options)


def test_a_loss_that_is_not_finite_in_the_box_is_refused():
    with pytest.raises(ValueError, match=r"the loss must be finite in the box, got (inf|nan)"):
        box_sharpness(line((1.0, 2.0, 3.0)), box=1e200, generator=stream())


def test_an_operator_of_another_size_is_refused():
    with pytest.raises(ValueError, match="must be of the surface's 43 parameters, got 2"):
        adaptive(LossSurface.of(mlp(), vectors()), Operator.of_matrix(torch.eye(2)))
