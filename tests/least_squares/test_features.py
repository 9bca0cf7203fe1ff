import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.least_squares import FEATURES, RandomFeatures


def points(count=5, inputs=3):
    return torch.randn(count, inputs, generator=Streams(0).get("points"), dtype=torch.float64)


def draw(kind, count, inputs=3, **options):
    return RandomFeatures.draw(kind, count, inputs, Streams(1).get("features"), **options)


def test_many_fourier_features_have_the_kernel_of_gauss():
    at, bandwidth = points(), 1.5
    values = draw("fourier", 200_000, bandwidth=bandwidth).of(at)
    kernel = (-torch.cdist(at, at).square() / (2 * bandwidth**2)).exp()
    # A product's deviation is at most 1.
    assert torch.allclose(2 * values @ values.T / 200_000, kernel, atol=8 / 200_000**0.5)


def test_many_relu_features_have_the_arc_cosine_kernel():
    at = torch.nn.functional.normalize(points(), dim=1)
    values = draw("relu", 200_000).of(at)
    angle = (at @ at.T).clamp(-1, 1).arccos()
    kernel = (angle.sin() + (math.pi - angle) * angle.cos()) / (2 * math.pi * 3)
    assert torch.allclose(values @ values.T / 200_000, kernel, atol=4 / 200_000**0.5)


@pytest.mark.parametrize("kind", FEATURES)
def test_a_block_is_a_part_of_the_whole(kind):
    features, at = draw(kind, 11), points()
    assert len(features) == 11
    whole = features.of(at)
    assert whole.shape == (5, 11)
    assert torch.allclose(torch.cat([features.of(at, 0, 4), features.of(at, 4)], 1), whole)
    assert features.of(at.float()).dtype == torch.float64


def test_features_that_are_zero_on_all_examples_are_drawn_anew():
    at = points(1)  # half of all directions are on its other side
    features = draw("relu", 2_500, on=at)
    assert len(features) == 2_500
    assert (features.of(at) > 0).all()
    plain = draw("relu", 2_500)
    assert 0.4 < (plain.of(at) > 0).double().mean() < 0.6


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(
        ValueError, match=r"no kind of random features 'relus': did you mean 'relu'"
    ):
        draw("relus", 3)
    with pytest.raises(ValueError, match="count must be a whole number of at least 1, got 0"):
        draw("relu", 0)
    with pytest.raises(ValueError, match="inputs must be a whole number of at least 1, got 0"):
        draw("relu", 3, 0)
    with pytest.raises(ValueError, match="bandwidth must be above 0 and finite, got 0"):
        draw("fourier", 3, bandwidth=0)
    with pytest.raises(ValueError, match="of 1,000 ReLU features none is above 0 on any example"):
        draw("relu", 3, on=torch.zeros(4, 3))
