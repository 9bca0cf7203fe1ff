"""A small data set and a small network with everything that a mask must leave alone."""

import pytest
import torch
from torch import nn

from surfeit.core import Streams
from surfeit.data import Dataset, from_tensors
from surfeit.models import mlp
from surfeit.store import Store


def make_dataset(count: int = 60) -> Dataset:
    """Images of 1 x 4 x 4 around three centres."""
    centres = torch.randn(3, 1, 4, 4, generator=Streams(0).get("centres"))

    def pair(n: int, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        source = Streams(0).get(name)
        labels = torch.randint(0, 3, (n,), generator=source)
        return centres[labels] + 0.5 * torch.randn(n, 1, 4, 4, generator=source), labels

    splits = {name: pair(count, name) for name in ("train", "validation", "test")}
    return from_tensors("blobs", class_names=["a", "b", "c"], **splits)


def small(*, input_shape=(1, 4, 4), classes=3, generator=None) -> nn.Sequential:
    return mlp((8, 6), input_shape=input_shape, classes=classes, generator=generator)


def normalised() -> nn.Sequential:
    """A convolution with batch normalisation, biases that are not zero."""
    source = Streams(0).get("normalised")
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 3),
    )
    with torch.no_grad():
        for value in model.parameters():
            value.normal_(0, 0.3, generator=source)
    return model


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return make_dataset()


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def generator() -> torch.Generator:
    return Streams(0).get("test")
