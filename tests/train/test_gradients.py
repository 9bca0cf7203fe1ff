"""The closed form of the gradient against autograd."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from surfeit.core import Streams, cross_entropy, outputs_of, parameters
from surfeit.models import mlp
from surfeit.train.gradients import (
    DenseForward,
    DenseGradient,
    autograd_gradient,
    dense_layers,
    forward_of,
    gradient_of,
)


def batch(count, dtype):
    generator = Streams(count).get("batch")
    images = torch.randn(count, 1, 3, 3, generator=generator).to(dtype)
    return images, torch.randint(0, 4, (count,), generator=generator)


def oracle(model, images, labels):
    model.zero_grad()
    outputs = model(images)
    F.cross_entropy(outputs, labels).backward()
    return [value.grad for value in model.parameters()], outputs.detach()


@pytest.mark.parametrize("widths", [(), (5,), (6, 5), (7, 6, 5)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_dense_gradient_equals_autograd(widths, dtype):
    model = mlp(widths, input_shape=(1, 3, 3), classes=4).to(dtype)
    gradient = gradient_of(model, cross_entropy, parameters(model), torch.empty(16, 4))
    assert isinstance(gradient, DenseGradient)
    bound = 1e-12 if dtype == torch.float64 else 1e-5
    for count in (16, 3, 16, 1):  # the last batch of an epoch is a ragged one
        images, labels = batch(count, dtype)
        logits = torch.empty(count, 4, dtype=dtype)
        found = gradient(parameters(model), {}, images, labels, logits)
        expected, outputs = oracle(model, images, labels)
        assert torch.allclose(logits, outputs, atol=bound)
        for one, other in zip(found, expected, strict=True):
            assert (one - other).abs().max() < bound


@pytest.mark.parametrize("widths", [(), (5,), (7, 6, 5)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_dense_forward_gives_the_outputs_of_any_number_of_inputs(widths, dtype):
    model = mlp(widths, input_shape=(1, 3, 3), classes=4).to(dtype)
    forward = forward_of(model, torch.empty(2, 4))
    assert isinstance(forward, DenseForward)
    bound = 1e-12 if dtype == torch.float64 else 1e-5
    for count in (1, 249, 250, 251, 777):  # about the size of a part, and several with a rest
        images, _ = batch(count, dtype)
        before = images.clone()
        found = forward(parameters(model), images)
        assert found.shape == (count, 4)
        assert found.dtype == dtype
        assert (found - model(images).detach()).abs().max() < bound
        assert torch.equal(images, before)


def test_forward_gives_outputs_that_the_next_call_leaves_alone():
    model = mlp((5,), input_shape=(1, 3, 3), classes=4)
    forward = forward_of(model, torch.empty(2, 4))
    images, _ = batch(8, torch.float32)
    first = forward(parameters(model), images)
    kept = first.clone()
    forward(parameters(model), -images)
    assert torch.equal(first, kept)


def test_forward_of_any_other_network_is_that_of_evaluation_mode():
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.BatchNorm1d(5), nn.Linear(5, 4))
    model.train()
    tensors = parameters(model) | dict(model.named_buffers())
    images, _ = batch(8, torch.float32)
    found = forward_of(model, torch.empty(2, 4))(tensors, images)
    assert torch.equal(found, outputs_of(model, tensors, images))
    assert not torch.allclose(found, model(images))


def test_forward_along_the_last_of_several_axes_is_that_of_evaluation_mode():
    model = nn.Sequential(nn.Linear(9, 5), nn.ReLU(), nn.Linear(5, 4))
    inputs = torch.randn(6, 3, 9, generator=Streams(0).get("inputs"))
    found = forward_of(model, torch.empty(2, 3, 4))(parameters(model), inputs)
    assert torch.equal(found, outputs_of(model, parameters(model), inputs))


def test_autograd_gradient_equals_backward_and_moves_statistics():
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.BatchNorm1d(5), nn.Linear(5, 4))
    images, labels = batch(8, torch.float32)
    statistics = {name: value.clone() for name, value in model.named_buffers()}
    logits = torch.empty(8, 4)
    with torch.no_grad():
        gradient = autograd_gradient(model, cross_entropy)
        found = gradient(parameters(model), statistics, images, labels, logits)
    expected, outputs = oracle(model, images, labels)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert torch.equal(logits, outputs)
    assert all(torch.equal(statistics[n], value) for n, value in model.named_buffers())


def tied():
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 9))
    model[3].weight = model[1].weight
    return model


def hooked():
    model = mlp((5,))
    model.fc1.register_forward_hook(lambda module, inputs, outputs: 2 * outputs)
    return model


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(9, 4, bias=False)),
        nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4)),
        nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.Linear(5, 4)),
        nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.ReLU()),
        nn.Sequential(nn.Flatten(2), nn.Linear(9, 4)),
        nn.Sequential(nn.Flatten(), parametrizations.weight_norm(nn.Linear(9, 4))),
        nn.Sequential(nn.Flatten(), nn.utils.spectral_norm(nn.Linear(9, 4))),
        tied(),
        hooked(),
        nn.Linear(9, 4),
    ],
)
def test_only_plain_dense_networks_have_the_closed_form(model):
    assert dense_layers(model) is None
