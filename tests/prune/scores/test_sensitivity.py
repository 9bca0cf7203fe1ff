"""SNIP, GraSP and Taylor scores against the change that a removal really makes."""

import math

import pytest
import torch
from torch import nn

from surfeit.core import Split
from surfeit.prune.scores import Evidence, grasp, snip, taylor


def close(a, b, tolerance=1e-6):
    return torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_snip_is_the_slope_of_the_loss_in_a_gate(build, images, loss_of, flat, kind):
    evidence = Evidence(build(kind, nn.Tanh), split=images(kind))
    loss, w = loss_of(build(kind, nn.Tanh), images(kind), evidence.names)
    step, gates = 1e-6, torch.eye(len(w)).double()
    slopes = [(loss(w + step * w * c) - loss(w - step * w * c)) / (2 * step) for c in gates]
    assert close(flat(snip(evidence)), torch.stack(slopes).abs())
    assert close(flat(taylor(evidence, minibatch=100)), torch.stack(slopes).square())


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_grasp_keeps_what_carries_the_gradient_flow(build, images, loss_of, flat, kind):
    evidence = Evidence(build(kind, nn.Tanh), split=images(kind))
    loss, w = loss_of(build(kind, nn.Tanh), images(kind), evidence.names)

    def flow(at):
        return torch.autograd.functional.jacobian(loss, at).square().sum()

    # Half of what the flow loses, to first order, when a weight is scaled down.
    step = 1e-5
    gates = torch.eye(len(w)).double()
    falls = [(flow(w - step * w * c) - flow(w + step * w * c)) / (2 * step) for c in gates]
    assert close(flat(grasp(evidence)), -torch.stack(falls) / 2)


def test_grasp_of_a_masked_network_is_that_of_its_kept_weights(
    build, images, some_mask, loss_of, flat
):
    mask = some_mask(build())
    evidence = Evidence(build("dense", nn.Tanh), split=images(), mask=mask)
    masked = build("dense", nn.Tanh)
    with torch.no_grad():
        for name, kept in mask.items():
            masked.get_parameter(name).mul_(kept)
    loss, w = loss_of(masked, images(), evidence.names)
    keep = flat(mask)
    g = torch.autograd.functional.jacobian(loss, w) * keep
    H = torch.autograd.functional.hessian(loss, w)
    assert close(flat(grasp(evidence)), w * (H @ g))


def test_snip_of_a_linear_classifier_is_its_closed_form():
    # One image x of class 0, two classes, one weight that is not zero: L = log(1 + exp(-w x)).
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False)).double()
    model[1].weight.data = torch.tensor([[0.8, 0.0], [0.0, 0.0]], dtype=torch.float64)
    x = torch.tensor([[[[1.5, -0.5]]]]).double()
    found = snip(Evidence(model, split=Split(x, torch.tensor([0]))))["1.weight"]
    p = 1 / (1 + math.exp(-0.8 * 1.5))
    assert found.tolist() == [[pytest.approx((1 - p) * 1.5 * 0.8, rel=1e-12), 0.0], [0.0, 0.0]]
