"""Where a step of gradient descent begins to climb, against quadratics and the Hessian itself."""

import math

import pytest
import torch
from torch import nn

from surfeit.core import Split, cross_entropy, squared_error
from surfeit.curvature import (
    Ascent,
    LossSurface,
    ascent,
    hessian,
    measured_ascent,
    predicted_change,
)

from .conftest import brute_force, draw, mlp, vectors


def quadratic(examples=12, inputs=4):
    """A line fitted by the squared error: its loss is a quadratic."""
    line = nn.Linear(inputs, 1, bias=False).double()
    with torch.no_grad():
        line.weight.copy_(draw(1, inputs, name="weight"))
    split = Split(draw(examples, inputs, name="inputs"), draw(examples, 1, name="targets"))
    return LossSurface.of(line, split, squared_error)


def at_eigenvector(which):
    """The quadratic at its minimum plus an eigenvector of its Hessian, and the eigenvalue."""
    surface = quadratic()
    h = hessian(surface).times(torch.eye(4, dtype=torch.float64))
    values, vectors_ = torch.linalg.eigh(h)
    start = surface.coordinates.flat(surface.coordinates.point)
    least = start - torch.linalg.solve(h, surface.gradient())
    with torch.no_grad():
        surface.network.weight.copy_((least + vectors_[:, which])[None])
    moved = LossSurface.of(surface.network, surface.split, squared_error)
    return moved, values[which].item()


def stepped(surface, rate):
    start = surface.coordinates.flat(surface.coordinates.point)
    return surface.at(start - rate * surface.gradient()) - surface.loss


@pytest.mark.parametrize("rate", [0.01, 0.5, 5.0])
def test_on_a_quadratic_the_prediction_is_exact(rate):
    surface = quadratic()
    change = stepped(surface, rate)
    assert ascent(surface).change(rate) == pytest.approx(change, rel=1e-9)
    step = draw(4, name="step")
    start = surface.coordinates.flat(surface.coordinates.point)
    whole = surface.at(start + step) - surface.loss
    assert predicted_change(surface, step) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("which", [0, 2, 3])
def test_along_an_eigenvector_ascent_begins_at_two_over_its_value(which):
    surface, value = at_eigenvector(which)
    assert ascent(surface).rate == pytest.approx(2 / value, rel=1e-6)
    assert measured_ascent(surface, first=1e-4) == pytest.approx(2 / value, rel=1e-3)
    assert stepped(surface, 1.99 / value) < 0 < stepped(surface, 2.01 / value)


def test_elsewhere_it_begins_later_than_at_two_over_the_largest():
    surface = quadratic()
    largest = torch.linalg.eigvalsh(hessian(surface).times(torch.eye(4, dtype=torch.float64)))[-1]
    found = ascent(surface)
    assert found.rate > 2 / largest.item()
    assert measured_ascent(surface, first=1e-3) == pytest.approx(found.rate, rel=1e-3)
    assert stepped(surface, 0.99 * found.rate) < 0 < stepped(surface, 1.01 * found.rate)


def test_of_a_network_it_is_the_quotient_of_its_hessian():
    model, split = mlp(), vectors()
    surface = LossSurface.of(model, split)
    h, g = brute_force(model, split, cross_entropy), surface.gradient()
    found = ascent(surface)
    assert found.slope == pytest.approx((g @ g).item())
    assert found.bend == pytest.approx((g @ h @ g).item())
    step = draw(surface.size, name="step")
    truth = (g @ step + step @ h @ step / 2).item()
    assert predicted_change(surface, step) == pytest.approx(truth)
    small = 1e-3 * step
    real = surface.at(surface.coordinates.flat(surface.coordinates.point) + small) - surface.loss
    assert predicted_change(surface, small) == pytest.approx(real, rel=1e-4)
    assert predicted_change(surface, torch.zeros(surface.size)) == 0.0


def test_the_same_loss_in_chunks_and_in_single_precision_ascends_at_the_same_rate():
    model, split = mlp(), vectors()
    found = ascent(LossSurface.of(model, split))
    assert ascent(LossSurface.of(model, split, chunk=5)).rate == pytest.approx(found.rate)
    single = LossSurface.of(model.float(), Split(split.inputs.float(), split.targets))
    assert ascent(single).rate == pytest.approx(found.rate, rel=1e-4)


def test_frozen_parameters_take_no_part():
    model, split = mlp(), vectors()
    model[0].requires_grad_(False)
    surface = LossSurface.of(model, split)
    assert surface.size == 18
    assert ascent(surface).slope == pytest.approx(surface.gradient().square().sum().item())


def test_where_the_loss_bends_down_or_is_flat_no_rate_ascends():
    assert Ascent(slope=1.0, bend=-2.0).rate == math.inf
    assert Ascent(slope=1.0, bend=0.0).rate == math.inf
    assert math.isnan(Ascent(slope=0.0, bend=0.0).rate)
    surface = quadratic()
    inputs = torch.zeros(12, 4, dtype=torch.float64)
    flat = LossSurface.of(surface.network, Split(inputs, surface.split.targets), squared_error)
    assert ascent(flat) == Ascent(slope=0.0, bend=0.0)
    assert measured_ascent(flat, first=1.0) is None


def test_a_search_that_begins_too_late_or_never_ends_finds_nothing():
    surface = quadratic()
    assert measured_ascent(surface, first=3 * ascent(surface).rate) is None
    assert measured_ascent(surface, first=1e-60) is None


def test_what_cannot_be_is_refused():
    surface = quadratic()
    with pytest.raises(ValueError, match="rate must be above 0 and finite, got 0"):
        ascent(surface).change(0.0)
    with pytest.raises(ValueError, match="first must be above 0 and finite, got -1"):
        measured_ascent(surface, first=-1.0)
    for step in (torch.ones(3), torch.full((4,), torch.nan)):
        with pytest.raises(ValueError, match="the step must be finite and have the surface's 4"):
            predicted_change(surface, step)
