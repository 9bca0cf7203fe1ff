"""Learned Bernoulli masks: draws, the gradient by hand, rescaling."""

import math

import pytest
import torch
from torch import nn

from surfeit.core import Streams
from surfeit.procedures.supermasks import BernoulliMask, sampled_accuracy

from .conftest import small


def one_layer(*, rescale: bool, first_score: float = 0.0, units: int = 3) -> BernoulliMask:
    network = nn.Sequential(nn.Linear(4, units, bias=False))
    with torch.no_grad():
        network[0].weight.normal_(generator=Streams(1).get("weights"))
    thresholds = Streams(2).get("thresholds")
    return BernoulliMask(
        network.double(), generator=thresholds, rescale=rescale, first_score=first_score
    )


@pytest.mark.parametrize("rescale", [False, True])
def test_gradient_of_the_scores_is_the_one_by_hand(rescale):
    """`y = W_eff x`, `L = Σ c y`: with `G = c xᵀ` and `f = n / Σ g`,
    `∂L/∂g_ij = f G_ij w_ij − [rescale] f / Σg · Σ G w g`, `∂L/∂m = ∂L/∂g p (1 − p)`.
    """
    wrapper = one_layer(rescale=rescale).eval()
    scores = wrapper.get_parameter("network.0.scores")
    with torch.no_grad():
        scores.copy_(torch.randn(3, 4, generator=Streams(3).get("scores")))
    x = torch.tensor([0.5, -1.0, 2.0, 0.25], dtype=torch.float64)
    c = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    (wrapper(x[None]) @ c).sum().backward()
    w = wrapper.frozen()["network.0.weight"]
    g = wrapper.mask()["0.weight"].double()
    assert 0 < g.sum() < 12
    p = torch.sigmoid(scores.detach())
    outer, ones = torch.outer(c, x), g.sum()
    expected = outer * w
    if rescale:
        expected = 12 / ones * (expected - (outer * w * g).sum() / ones)
    assert scores.grad is not None
    assert torch.allclose(scores.grad, expected * p * (1 - p), atol=1e-12)


def test_rescaling_multiplies_by_weights_over_ones():
    plain, rescaled = one_layer(rescale=False).eval(), one_layer(rescale=True).eval()
    ones = int(plain.mask()["0.weight"].sum())
    assert 0 < ones < 12
    x = torch.eye(4, dtype=torch.float64)
    assert torch.allclose(rescaled(x), plain(x) * 12 / ones)


def test_an_empty_mask_rescaled_gives_zeros_and_no_nan():
    wrapper = one_layer(rescale=True, first_score=-1e4).eval()
    outputs = wrapper(torch.eye(4, dtype=torch.float64))
    assert torch.equal(outputs, torch.zeros_like(outputs))
    outputs.sum().backward()
    grad = wrapper.get_parameter("network.0.scores").grad
    assert grad is not None
    assert grad.isfinite().all()


def test_training_mode_draws_masks_of_zeros_and_ones_at_the_learned_density():
    wrapper = one_layer(rescale=False, first_score=math.log(3), units=2500)  # p = 3/4, n = 10,000
    w = wrapper.frozen()["network.0.weight"]
    x = torch.eye(4, dtype=torch.float64)
    with torch.random.fork_rng([]):
        torch.manual_seed(5)
        first, second = wrapper(x).T, wrapper(x).T
    for drawn in (first, second):
        assert ((drawn == w) | (drawn == 0)).all()
        deviation = math.sqrt(0.75 * 0.25 / 10_000)
        assert abs((drawn != 0).double().mean().item() - 0.75) < 4 * deviation
    assert not torch.equal(first, second)


def test_certain_scores_keep_all_or_nothing():
    for score, kept in ((40.0, True), (-800.0, False)):
        wrapper = one_layer(rescale=False, first_score=score)
        for mask in (wrapper.mask(), wrapper.likeliest(), wrapper.draw(Streams(0).get("draw"))):
            assert (mask["0.weight"] == kept).all()


def test_draws_depend_on_the_generator_alone():
    wrapper = one_layer(rescale=False)
    first = wrapper.draw(Streams(0).get("draw"))["0.weight"]
    assert torch.equal(wrapper.draw(Streams(0).get("draw"))["0.weight"], first)
    assert not torch.equal(wrapper.draw(Streams(1).get("draw"))["0.weight"], first)
    assert torch.equal(wrapper.likeliest()["0.weight"], torch.ones(3, 4, dtype=torch.bool))


def test_sampled_accuracy_is_that_of_extracted_masks(dataset):
    wrapper = BernoulliMask(small(), generator=Streams(0).get("thresholds"), rescale=True)
    found = sampled_accuracy(wrapper, dataset.test, samples=3, generator=Streams(7).get("draws"))
    source = Streams(7).get("draws")
    for accuracy in found:
        outputs = wrapper.extract(wrapper.draw(source)).eval()(dataset.test.images)
        assert accuracy == (outputs.argmax(1) == dataset.test.labels).double().mean().item()
    assert len(set(found)) > 1


def test_wrong_arguments_are_refused(dataset, generator):
    with pytest.raises(ValueError, match="first_score must be a finite number, got nan"):
        BernoulliMask(small(), generator=generator, first_score=float("nan"))
    wrapper = BernoulliMask(small(), generator=generator)
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        sampled_accuracy(wrapper, dataset.test, samples=0, generator=generator)
