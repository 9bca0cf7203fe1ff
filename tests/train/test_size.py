"""What a training is said to write at most, against what trainings wrote."""

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from surfeit.core import Streams
from surfeit.data import load, subset
from surfeit.models import conv_2, mlp, vgg19_bn
from surfeit.prune.schedules import at_step
from surfeit.store import Store
from surfeit.train import Pruning, Recipe, Snapshots, train
from surfeit.train.snapshots import bytes_at_most, snapshots_at_most


@pytest.fixture(scope="module")
def digits():
    return subset(load("digits"), 200)


def written(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def wide(**options) -> nn.Module:
    return mlp((200, 100), **options)


class Normalised(nn.Sequential):
    """A network with running statistics, some of them whole numbers."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(1, 40, 3), nn.BatchNorm2d(40), nn.Flatten(), nn.Linear(1440, 10))


KEPT = {
    "each epoch": Snapshots(),
    "first and last": Snapshots(every_epochs=0),
    "log-spaced": Snapshots(every_epochs=2, per_decade=4, at=(3, 5, 7)),
}


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("model", [wide, partial(conv_2), Normalised()], ids=["mlp", "conv", "bn"])
def test_a_training_writes_at_most_that_and_hardly_less(model, kept, digits, tmp_path):
    recipe = Recipe(lr=0.01, epochs=4, batch_size=50)
    train(model, digits, recipe, snapshots=kept, store=Store(tmp_path))
    most = bytes_at_most(model, digits, recipe, kept)
    assert written(tmp_path) <= most < 1.1 * written(tmp_path) + 40_000


def test_small_networks_with_many_rows_write_at_most_that(digits, tmp_path):
    recipe = Recipe(lr=0.01, epochs=30, batch_size=50, evaluate_every=1)
    train(partial(mlp, (4,)), digits, recipe, store=Store(tmp_path))
    assert written(tmp_path) <= bytes_at_most(partial(mlp, (4,)), digits, recipe)


def test_masks_are_counted_and_removed_weights_are_not(digits, tmp_path):
    network = wide(input_shape=digits.input_shape, classes=10, generator=Streams(0).get("init"))
    draws = Streams(0).get("mask")
    mask = {}
    for name, value in network.named_parameters():
        if value.ndim > 1:
            ranks = torch.randperm(value.numel(), generator=draws).view_as(value)
            mask[name] = ranks < 0.2 * value.numel()
    recipe, kept = Recipe(lr=0.01, epochs=3, batch_size=50), Snapshots()
    train(network, digits, recipe, mask=mask, store=Store(tmp_path))
    most = bytes_at_most(network, digits, recipe, kept, density=0.2)
    assert written(tmp_path) <= most < 1.1 * written(tmp_path) + 40_000
    assert most < bytes_at_most(network, digits, recipe, kept)


def test_pruning_while_training_writes_no_more_than_a_dense_network_and_its_masks(digits, tmp_path):
    recipe = Recipe(lr=0.01, epochs=3, batch_size=50)
    pruning = Pruning(moments=at_step(4, 0.3))
    train(wide, digits, recipe, pruning=pruning, store=Store(tmp_path))
    masks = written_masks(tmp_path)
    assert masks
    assert written(tmp_path) - masks <= bytes_at_most(wide, digits, recipe)


def written_masks(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("mask*/*") if path.is_file())


@pytest.mark.parametrize("kept", [*KEPT.values(), Snapshots(per_decade=7, at=(10**6,))])
@pytest.mark.parametrize(("total", "per_epoch"), [(1, 1), (7, 3), (100, 10), (999, 5), (1000, 1)])
def test_snapshots_are_counted_without_being_listed(kept, total, per_epoch, monkeypatch):
    assert snapshots_at_most(kept, total, per_epoch) == len(kept.steps(total, per_epoch))
    monkeypatch.setattr("surfeit.train.snapshots._LISTED", 0)
    listed = len(kept.steps(total, per_epoch))
    most = snapshots_at_most(kept, total, per_epoch)
    assert listed <= most <= listed + 2 + 3 * len(kept.at) + 4 * kept.per_decade


def test_the_size_of_long_trainings_is_known_at_once(digits):
    recipe = Recipe(epochs=9_999_999)
    assert 10**10 < bytes_at_most(partial(mlp, (4,)), digits, recipe) < 10**11


def test_more_snapshots_than_a_list_can_hold_are_refused(digits):
    words = r"keep one every 100,000 epochs or more, every_epochs=100000 \(--snapshot-epochs"
    with pytest.raises(ValueError, match=words):
        bytes_at_most(partial(mlp, (4,)), digits, Recipe(epochs=10**12))
    with pytest.raises(ValueError, match=words):
        Snapshots().steps(10**12, 1)
    assert len(Snapshots(every_epochs=10**6).steps(10**12, 1)) == 10**6 + 1


def test_a_published_network_is_counted_by_hand(digits):
    """20,035,018 parameters, 11,024 running statistics in 32 bits and 16 counts in 64, twice."""
    recipe, kept = Recipe(epochs=1, batch_size=50), Snapshots(every_epochs=0)
    network = vgg19_bn(input_shape=(3, 32, 32), classes=10)
    plain = sum(v.numel() * v.element_size() for v in network.state_dict().values())
    most = bytes_at_most(network, digits, recipe, kept)
    assert 2 * plain < most < 2.01 * plain + 200_000


@pytest.mark.parametrize("density", [0, -0.1, 1.5, float("nan")])
def test_a_density_is_a_fraction(density, digits):
    with pytest.raises(ValueError, match=r"density must be in \(0, 1\]"):
        bytes_at_most(wide, digits, Recipe(epochs=1), density=density)
