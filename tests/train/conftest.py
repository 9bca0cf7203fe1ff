"""A small data set, small networks, and runs compared to the last bit."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from surfeit.core import Streams, digest
from surfeit.data import Dataset, from_tensors
from surfeit.models import initialise_, mlp
from surfeit.store import Run, Store
from surfeit.train.state import State, Update


def make_dataset(*, wrong_test_labels: bool = False, count: int = 50) -> Dataset:
    """Images of 1 x 4 x 4 around three centres; the test labels may be all wrong."""
    generator = Streams(0).get("data")
    centres = torch.randn(3, 1, 4, 4, generator=generator)

    def pair(n: int, source: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.randint(0, 3, (n,), generator=source)
        return centres[labels] + torch.randn(n, 1, 4, 4, generator=source), labels

    test_images, test_labels = pair(19, Streams(0).get("test"))
    if wrong_test_labels:  # the more is learnt, the higher the test loss: it would stop at once
        test_labels = (test_labels + 1) % 3
    return from_tensors(
        "blobs",
        train=pair(count, generator),
        validation=pair(17, generator),
        test=(test_images, test_labels),
        class_names=["a", "b", "c"],
        mean=[0.5],
        std=[0.25],
    )


def small(*, input_shape=(1, 4, 4), classes=3, generator=None) -> nn.Sequential:
    """A fully connected network, trained by the closed form."""
    return mlp((8, 6), input_shape=input_shape, classes=classes, generator=generator)


def normalised(*, input_shape=(1, 4, 4), classes=3, generator=None) -> nn.Sequential:
    """A convolution with batch normalisation and dropout, trained by autograd."""
    channels, height, width = input_shape
    model = nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(4 * height * width, classes),
    )
    return initialise_(model, generator or Streams(0).get("init"))


def content(run: Run) -> dict[str, str]:
    """All that a run holds, comparable to the last bit."""
    digests = {str(step): digest(run.tensors(step)) for step in run.steps()}
    return digests | {"metrics": (run.path / "metrics.jsonl").read_text()}


def half_of(builder, seed: int = 0) -> dict[str, torch.Tensor]:
    """A mask of about half of each weight."""
    return {
        name: torch.rand(value.shape, generator=Streams(seed).get(name)) > 0.5
        for name, value in builder().named_parameters()
        if value.dim() > 1
    }


def all_of(run: Run) -> tuple:
    """What two runs must have in common, to the last bit."""
    sums = {name: found for name, found in run.done["files"].items() if name != "run.json"}
    said = {name: run.done[name] for name in ("steps", "best", "stopped_early")}
    masks = {name: digest(dict(run.mask_at(step))) for step in run.steps() for name in [str(step)]}
    return content(run), sums, said, masks


def rows(run: Run) -> list[dict]:
    return [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return make_dataset()


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@contextmanager
def interrupted_at(step: int) -> Iterator[None]:
    """The training within is interrupted after so many steps, as by Ctrl-C."""
    real = Update.__call__

    def stopped(update: Update, state: State) -> None:
        real(update, state)
        if state.step == step:
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Update, "__call__", stopped)
        with pytest.raises(KeyboardInterrupt):
            yield
