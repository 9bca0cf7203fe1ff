"""What removal curves count: who is lost and gained, and which units nobody reads."""

import math

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, squared_error
from surfeit.models import Structure, mlp
from surfeit.prune import (
    outputs_without,
    removal_bounds,
    removal_curve,
    removal_curves,
    removal_table,
)

GENERATOR = Streams(11).get("tally")


def normal(*shape):
    return torch.randn(*shape, generator=GENERATOR)


def filled(model):
    for value in model.parameters():
        value.data = 0.5 * normal(*value.shape)
    return model


def images(n, *shape, classes=3):
    return Split(normal(n, *shape), torch.randint(classes, (n,), generator=GENERATOR))


def dense(units=6):
    return filled(nn.Sequential(nn.Linear(4, units), nn.ReLU(), nn.Linear(units, 3)))


def convolutional(groups=1):
    """Units of "0" are read by a convolution, those of "2" by a Linear behind a Flatten."""
    return filled(
        nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4, 4, 3, groups=groups),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(16, 3),
        )
    )


def curve(model, layer, split, order=None, **options):
    order = torch.arange(Structure.of(model, split.inputs[:1]).layer(layer).units)[:order]
    (found,) = removal_curves(model, layer, [order], split, **options)
    return found


@pytest.mark.parametrize("memory", [1, 2**29], ids=["one at a time", "at once"])
def test_lost_and_gained_are_counted_example_by_example(memory):
    model, split = dense(), images(80, 4)
    found = curve(model, "0", split, memory=memory)
    before = outputs_without(model, "0", torch.arange(0), split.inputs).argmax(1) == split.targets
    for k in range(7):
        after = outputs_without(model, "0", torch.arange(k), split.inputs).argmax(1)
        right = after == split.targets
        assert int(found.lost[k]) == int((before & ~right).sum())
        assert int(found.gained[k]) == int((right & ~before).sum())
    assert found.gained.max() > 0
    torch.testing.assert_close(
        found.accuracy, found.accuracy[0] + (found.gained - found.lost).double() / 80
    )


def test_counts_are_what_bounds_ask_for():
    model, split = dense(), images(80, 4)
    found = curve(model, "0", split)
    bounds = removal_bounds(found.lost, found.gained, examples=80, loss=0.3)
    assert 0 <= bounds.lower <= bounds.upper <= 6


def test_several_answers_an_example_are_not_counted_apart():
    model = filled(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5)))
    split = Split(normal(9, 7, 4), torch.randint(5, (9, 7), generator=GENERATOR))
    found = curve(model, "0", split)
    assert found.accuracy is not None
    assert (found.lost, found.gained) == (None, None)


def test_losses_lose_no_examples():
    model, split = dense(), Split(normal(9, 4), normal(9, 3))
    found = curve(model, "0", split, objective=squared_error)
    assert (found.accuracy, found.lost, found.gained) == (None, None, None)


def test_outputs_that_are_no_numbers_are_refused():
    model = dense()
    model[2].weight.data[0, 2] = float("inf")
    with pytest.raises(ValueError, match="nothing can be said of such a network"):
        curve(model, "0", images(5, 4))


def test_units_with_outgoing_weights_of_zero_are_certain():
    model, split = dense(), images(40, 4)
    assert curve(model, "0", split).certain == 0
    model[2].weight.data[:, :3] = 0.0
    found = curve(model, "0", split)
    assert found.certain == 3
    assert int(found.lost[3]) == int(found.gained[3]) == 0
    model[2].weight.data[1, 1] = 1e-30
    assert curve(model, "0", split).certain == 1
    assert curve(model, "0", split, order=1).certain == 1
    assert curve(model, "0", split, order=0).certain == 0


def test_units_that_answer_always_are_certain_only_if_nobody_reads_them():
    model, split = dense(), images(40, 4)
    model[0].weight.data[0] = 0.0  # its bias speaks
    assert curve(model, "0", split).certain == 0


@pytest.mark.parametrize("groups", [1, 2])
def test_filters_that_no_kernel_reads_are_certain(groups):
    model, split = convolutional(groups), images(20, 1, 4, 4)
    model[2].weight.data[:, 0] = 0.0  # of two groups, unit 2 is the second one's first
    assert curve(model, "0", split).certain == 1
    every = torch.tensor([0, 2, 1, 3])
    (found,) = removal_curves(model, "0", [every], split)
    assert found.certain == groups
    model[5].weight.data[:, :8] = 0.0  # two filters of 2 x 2
    assert curve(model, "2", split).certain == 2


def test_units_of_the_result_are_never_certain():
    model, split = dense(), images(20, 4)
    model[2].weight.data.zero_()
    assert curve(model, "2", split).certain == 0


class Twice(nn.Module):
    """A layer that is read by two others."""

    def __init__(self):
        super().__init__()
        self.first, self.left, self.right = nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x):
        x = self.first(x).relu()
        return self.left(x) + self.right(x)


def test_units_are_certain_once_none_of_several_readers_weighs_them():
    model, split = filled(Twice()), images(20, 4)
    model.left.weight.data[:, :4] = 0.0
    assert curve(model, "first", split).certain == 0
    model.right.weight.data[:, :2] = 0.0
    assert curve(model, "first", split).certain == 2


class Normalised(nn.Module):
    """Units are read by a normalisation over all of them, which no weights of zero make deaf."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 3)

    def forward(self, x):
        return self.last(self.norm(self.first(x).relu()))


def test_units_that_are_not_read_linearly_are_never_certain():
    model, split = filled(Normalised()), images(20, 4)
    model.last.weight.data[:, 0] = 0.0
    assert curve(model, "first", split).certain == 0


def test_weights_that_are_no_numbers_are_refused():
    model = dense()
    model[2].weight.data[:, 0] = math.nan
    with pytest.raises(ValueError, match="nothing can be said of such a network"):
        curve(model, "0", images(5, 4))


def test_tables_hold_the_counts():
    model = mlp((5,), input_shape=(1, 2, 2))
    model.fc2.weight.data[:, :5] = 0.0
    split = images(30, 1, 2, 2)
    table = removal_table(model, "fc1", {"test": split}, streams=Streams(0), repeats=1)
    rows = [row for row in table.to_pylist() if row["criterion"] == "magnitude"]
    assert {row["examples"] for row in rows} == {30}
    assert all(row["certain"] and row["lost"] == row["gained"] == 0 for row in rows)
    model.fc2.weight.data += normal(*model.fc2.weight.shape)
    table = removal_table(model, "fc1", {"test": split}, streams=Streams(0), repeats=1)
    dense_accuracy = float(removal_curve(model, "fc1", torch.arange(0), split)[0])
    for row in table.to_pylist():
        change = (row["gained"] - row["lost"]) / 30
        assert row["accuracy"] == pytest.approx(dense_accuracy + change)
        assert row["certain"] is (row["removed"] == 0)
