"""The second moment of single examples' Hessians, against each of them formed."""

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, cross_entropy, squared_error
from surfeit.curvature import LossSurface, dense, deviation, eigenpairs

from .conftest import brute_force, draw, mlp, settled, vectors

CLOSE = {"rtol": 1e-9, "atol": 1e-11}


@pytest.mark.parametrize("chunk", [4, 17])
def test_deviation_is_the_variance_of_the_examples_hessians(chunk):
    model, split = mlp(), vectors()
    every = [brute_force(model, split[i : i + 1], cross_entropy) for i in range(len(split))]
    mean = sum(every) / len(every)
    truth = sum((one - mean) @ (one - mean) for one in every) / len(every)
    found = dense(deviation(LossSurface.of(model, split, chunk=chunk)))
    torch.testing.assert_close(found, truth, **CLOSE)


def test_one_weight_has_the_variance_of_squares():
    """`(w x)²` has the second derivative 2 x²: M is the variance of it over the examples."""
    x = draw(30, 1)
    model = nn.Linear(1, 1, bias=False).double()
    surface = LossSurface.of(model, Split(x, torch.zeros_like(x)), squared_error)
    truth = (2 * x.square()).var(correction=0)
    torch.testing.assert_close(dense(deviation(surface))[0, 0], truth, **CLOSE)


def test_equal_examples_have_none():
    split = vectors(1)[torch.zeros(5, dtype=torch.int64)]
    surface = LossSurface.of(mlp(), split)
    found = eigenpairs(deviation(surface), largest=1, generator=Streams(0).get("start"))
    assert abs(found.values[0]) < 1e-12


def test_masked_weights_are_left_out():
    model = mlp()
    kept = torch.rand(5, 4, generator=Streams(0).get("mask")) < 0.6
    free = torch.ones(43, dtype=torch.bool)
    free[:20] = kept.flatten()
    every = [brute_force(model, vectors()[i : i + 1], cross_entropy) for i in range(17)]
    inside = [one[free][:, free] for one in every]
    mean = sum(inside) / 17
    truth = sum((one - mean) @ (one - mean) for one in inside) / 17
    surface = LossSurface.of(model, vectors(), mask={"0.weight": kept})
    torch.testing.assert_close(dense(deviation(surface)), truth, **CLOSE)


def test_a_network_that_mixes_examples_is_refused():
    model = settled(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)))
    surface = LossSurface.of(model, vectors(), mode="training")
    with pytest.raises(ValueError, match=r"normalises or mixes|more than 1 value per channel"):
        deviation(surface)
