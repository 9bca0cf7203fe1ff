"""Edge-popup: exactly the k largest, ties or not; the gradient by hand; the weights' scale."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from surfeit.core import Streams
from surfeit.procedures.supermasks import EdgePopup, kaiming, signed_constants

from .conftest import small


def one_layer(inputs: int, units: int, density: float) -> EdgePopup:
    network = nn.Sequential(nn.Linear(inputs, units, bias=False)).double()
    return EdgePopup(network, density=density, generator=Streams(0).get("scores"))


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.integers(-3, 3), min_size=1, max_size=24),
    density=st.floats(0.01, 1.0),
)
def test_exactly_the_k_largest_sizes_are_kept_whatever_the_ties(scores, density):
    wrapper = one_layer(len(scores), 1, density)
    with torch.no_grad():
        wrapper.get_parameter("network.0.scores").copy_(torch.tensor([scores]))
    kept = wrapper.mask()["0.weight"][0].tolist()
    sizes = sorted((abs(score) for score in scores), reverse=True)
    count = max(1, round(density * len(scores)))
    assert sum(kept) == count
    chosen = [abs(score) for score, keep in zip(scores, kept, strict=True) if keep]
    assert sorted(chosen, reverse=True) == sizes[:count]


def test_every_layer_has_the_density_asked_for():
    wrapper = EdgePopup(small(), density=0.3, generator=Streams(0).get("scores"))
    for kept in wrapper.mask().values():
        assert int(kept.sum()) == round(0.3 * kept.numel())


def test_gradient_of_the_scores_is_the_one_by_hand():
    """`y = (w ∘ g) x`, `L = Σ c y`: `∂L/∂s_ij = c_i x_j w_ij sign(s_ij)`, kept or not."""
    wrapper = one_layer(4, 3, 0.5)
    x = torch.tensor([0.5, -1.0, 2.0, 0.25], dtype=torch.float64)
    c = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    (wrapper(x[None]) @ c).sum().backward()
    scores = wrapper.get_parameter("network.0.scores")
    expected = torch.outer(c, x) * wrapper.frozen()["network.0.weight"] * scores.detach().sign()
    assert scores.grad is not None
    assert torch.allclose(scores.grad, expected)


def test_first_scores_are_uniform_within_the_fan_in_bound():
    wrapper = one_layer(100, 200, 0.5)
    scores = wrapper.get_parameter("network.0.scores").detach()
    assert scores.abs().max() <= 0.1
    assert scores.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.02)
    assert torch.equal(one_layer(100, 200, 0.5).get_parameter("network.0.scores"), scores)


def test_kaiming_has_the_deviation_of_its_density_and_leaves_the_network_alone():
    network = nn.Sequential(nn.Conv2d(10, 40, 5))
    before = network[0].weight.detach().clone()
    drawn = kaiming(network, Streams(0).get("weights"), density=0.25)
    weight = drawn.get_parameter("0.weight")
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (0.25 * 250)), rel=0.02)
    assert torch.equal(network[0].weight, before)
    assert drawn[0].bias.equal(network[0].bias)  # pyright: ignore
    sizes = signed_constants(drawn).get_parameter("0.weight").abs()
    assert sizes.unique().numel() == 1


@pytest.mark.parametrize("density", [0.0, -0.1, 1.01, float("nan")])
def test_densities_out_of_range_are_refused(density, generator):
    for call in (
        lambda: EdgePopup(small(), density=density, generator=generator),
        lambda: kaiming(small(), generator, density=density),
    ):
        with pytest.raises(ValueError, match=r"must be in \(0, 1\], got"):
            call()
