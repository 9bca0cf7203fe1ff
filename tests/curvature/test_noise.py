"""The variance of batches' gradients, against all batches that can be drawn."""

import math
from dataclasses import replace
from itertools import combinations, product

import pytest
import torch
from torch import nn

from surfeit.core import Split, cross_entropy, squared_error
from surfeit.curvature import GradientNoise, LossSurface, batch_share, gradient_noise

from .conftest import draw, labels, mlp, settled, vectors


def gradients(model, split, objective=cross_entropy):
    """Each example's gradient, [n, parameters], by a surface of that example alone."""
    alone = (LossSurface.of(model, split[at : at + 1], objective) for at in range(len(split)))
    return torch.stack([one.gradient() for one in alone])


def drawn_batches(n, batch, replacement):
    return product(range(n), repeat=batch) if replacement else combinations(range(n), batch)


@pytest.mark.parametrize("batch", [1, 2, 4, 5])
@pytest.mark.parametrize("replacement", [True, False])
def test_means_and_variances_are_those_over_all_batches(batch, replacement):
    model, split = mlp(), vectors(5)
    each = gradients(model, split)
    means = torch.stack([each[list(some)].mean(0) for some in drawn_batches(5, batch, replacement)])
    found = gradient_noise(LossSurface.of(model, split))
    torch.testing.assert_close(means.mean(0), LossSurface.of(model, split).gradient())
    spread = (means - each.mean(0)).square().sum(1).mean().item()
    assert found.of_batch(batch, replacement=replacement) == pytest.approx(spread, abs=1e-15)


@pytest.mark.parametrize("objective", [cross_entropy, squared_error])
def test_noise_is_that_of_single_examples(objective):
    model, split = mlp(), vectors(17)
    each = gradients(model, split, objective)
    found = gradient_noise(LossSurface.of(model, split, objective))
    assert found.squared == pytest.approx(each.mean(0).square().sum().item(), rel=1e-9)
    off = (each - each.mean(0)).square().sum(1).mean().item()
    assert found.variance == pytest.approx(off, rel=1e-9)
    assert found.scale == pytest.approx(off / each.mean(0).square().sum().item(), rel=1e-9)
    assert found.examples == 17


def test_neither_the_chunks_nor_copies_of_the_examples_change_it():
    model, split = mlp(), vectors(6)
    found = gradient_noise(LossSurface.of(model, split))
    assert gradient_noise(LossSurface.of(model, split, chunk=4)) == found
    twice = Split(split.inputs.repeat(2, 1), split.targets.repeat(2))
    doubled = gradient_noise(LossSurface.of(model, twice))
    assert doubled.variance == pytest.approx(found.variance, rel=1e-9)
    assert doubled.squared == pytest.approx(found.squared, rel=1e-9)


def test_one_weight_has_the_variance_of_its_closed_form():
    line = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(line.weight, 2.0)
    inputs, targets = draw(9, 1, name="inputs"), draw(9, 1, name="targets")
    found = gradient_noise(LossSurface.of(line, Split(inputs, targets), squared_error))
    # The objective's own constant is in its slope.
    unit = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    one = torch.ones(1, 1, dtype=torch.float64)
    factor = -torch.autograd.grad(squared_error.loss(unit, one), unit)[0].item()
    slopes = factor * (2 * inputs - targets) * inputs
    assert found.variance == pytest.approx(slopes.var(correction=0).item(), rel=1e-9)
    assert found.squared == pytest.approx(slopes.mean().item() ** 2, rel=1e-9)


def test_equal_examples_and_one_alone_have_no_noise():
    model, split = mlp(), vectors(1)
    alone = gradient_noise(LossSurface.of(model, split))
    assert alone.variance == pytest.approx(0, abs=1e-14)
    assert alone.of_batch(1) == 0
    same = Split(split.inputs.repeat(3, 1), split.targets.repeat(3))
    assert gradient_noise(LossSurface.of(model, same)).scale == pytest.approx(0, abs=1e-12)


def test_frozen_and_tied_parameters_a_grouped_convolution_and_half_precision():
    layer = nn.Linear(4, 4)
    tied = settled(nn.Sequential(layer, nn.Tanh(), layer))
    split = Split(draw(5, 4, name="inputs"), labels(5, 4))
    each = gradients(tied, split)
    assert each.shape[1] == 20
    found = gradient_noise(LossSurface.of(tied, split))
    assert found.squared == pytest.approx(each.mean(0).square().sum().item())
    half = gradient_noise(LossSurface.of(tied.half(), Split(split.inputs.half(), split.targets)))
    assert half.variance == pytest.approx(found.variance, rel=0.02)
    frozen = mlp()
    frozen[0].requires_grad_(False)
    less = gradient_noise(LossSurface.of(frozen, vectors(5)))
    assert 0 < less.variance < gradient_noise(LossSurface.of(mlp(), vectors(5))).variance
    turned = settled(
        nn.Sequential(
            nn.Conv2d(2, 4, 3, groups=2),
            nn.ReLU(),
            nn.ConvTranspose2d(4, 2, 2),
            nn.Flatten(),
            nn.Linear(50, 3),
        )
    )
    images = Split(draw(4, 2, 6, 6, name="inputs"), labels(4, 3))
    each = gradients(turned, images)
    off = (each - each.mean(0)).square().sum(1).mean().item()
    assert gradient_noise(LossSurface.of(turned, images)).variance == pytest.approx(off, rel=1e-9)


def test_a_network_that_mixes_its_batch_has_no_examples_of_its_own():
    mixed = settled(nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)))
    surface = LossSurface.of(mixed, vectors(8), mode="training")
    with pytest.raises(ValueError, match=r"batch normalisation|[Ee]xpected more than 1 value"):
        gradient_noise(surface)
    assert gradient_noise(LossSurface.of(mixed, vectors(8))).variance > 0


def test_a_gradient_of_none_has_an_infinite_scale():
    assert GradientNoise(squared=0.0, variance=1.0, examples=3).scale == math.inf
    noise = replace(GradientNoise(squared=2.0, variance=6.0, examples=4))
    assert (noise.scale, noise.of_batch(2), noise.of_batch(4)) == (3.0, pytest.approx(2.0), 0.0)
    assert noise.of_batch(12, replacement=True) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("batch", "examples", "words"),
    [
        (0, 5, r"batch must be in \[1, 5\], the examples, got 0"),
        (6, 5, r"batch must be in \[1, 5\], the examples, got 6"),
        (1.5, 5, "batch must be a whole number of at least 1, got 1.5"),
        (1, 0, "examples must be a whole number of at least 1, got 0"),
    ],
)
def test_batches_that_cannot_be_drawn_are_refused(batch, examples, words):
    with pytest.raises(ValueError, match=words):
        batch_share(batch, examples)


def test_with_replacement_a_batch_may_be_larger_than_the_examples_but_not_empty():
    assert batch_share(8, 2, replacement=True) == 0.125
    with pytest.raises(ValueError, match="batch must be a whole number of at least 1, got 0"):
        batch_share(0, 5, replacement=True)
