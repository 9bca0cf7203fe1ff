"""Tiny networks in float64 and made-up images."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams


def _filled(model):
    generator = Streams(3).get("weights")
    for name, value in model.named_parameters():
        draws = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        value.data = 1 + 0.3 * draws if "bn" in name and "weight" in name else 0.6 * draws
    for value in model.buffers():
        if value.is_floating_point():
            value.copy_(0.5 + torch.rand(value.shape, generator=generator).double())
    return model.double()


def dense(activation=nn.ReLU):
    parts = [
        ("flatten", nn.Flatten()),
        ("fc1", nn.Linear(8, 5)),
        ("act1", activation()),
        ("fc2", nn.Linear(5, 4)),
        ("act2", activation()),
        ("fc3", nn.Linear(4, 3)),
    ]
    return _filled(nn.Sequential(OrderedDict(parts)))


def convolutional(activation=nn.ReLU):
    parts = [
        ("conv1", nn.Conv2d(2, 4, 2, padding=1)),
        ("bn1", nn.BatchNorm2d(4)),
        ("act1", activation()),
        ("pool", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(4, 4, 2, stride=1, groups=2, bias=False)),
        ("act2", activation()),
        ("flatten", nn.Flatten()),
        ("drop", nn.Dropout(0.5)),
        ("fc", nn.Linear(4, 3)),
    ]
    return _filled(nn.Sequential(OrderedDict(parts)))


BUILDERS = {"dense": dense, "convolutional": convolutional}
SHAPES = {"dense": (2, 2, 2), "convolutional": (2, 4, 4)}


@pytest.fixture
def build():
    """A function (kind, activation) -> a new network with the same weights each time."""
    return lambda kind="dense", activation=nn.ReLU: BUILDERS[kind](activation)


@pytest.fixture
def images():
    """A function (kind, count) -> a split in float64."""

    def make(kind="dense", count=7):
        generator = Streams(5).get("images")
        values = torch.randn((count, *SHAPES[kind]), generator=generator, dtype=torch.float64)
        return Split(values, torch.randint(0, 3, (count,), generator=generator))

    return make


@pytest.fixture
def some_mask():
    """A function model -> a mask of its layers' weights that keeps about 70 %."""

    def make(model):
        generator = Streams(7).get("mask")
        return {
            name: torch.rand(value.shape, generator=generator) < 0.7
            for name, value in model.named_parameters()
            if value.dim() > 1
        }

    return make


@pytest.fixture
def loss_of():
    """A function (model, split) -> (L as a function of one flat vector of weights, that vector)."""

    def make(model, split, names):
        model = model.eval()
        own = dict(model.named_parameters())
        shapes = [own[name].shape for name in names]
        sizes = [own[name].numel() for name in names]

        def loss(flat):
            parts = flat.split(sizes)
            tensors = {
                name: p.view(shape) for name, p, shape in zip(names, parts, shapes, strict=True)
            }
            logits = torch.func.functional_call(model, tensors, (split.images,))
            return nn.functional.cross_entropy(logits, split.labels)

        return loss, torch.cat([own[name].detach().flatten() for name in names])

    return make


@pytest.fixture
def flat():
    """A function tensors -> one flat vector, in the order of the names."""
    return lambda tensors: torch.cat([value.flatten() for value in tensors.values()])
