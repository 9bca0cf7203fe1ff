"""Trials of a selection of units, against full passes of networks that were cut by hand."""

import copy

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, squared_error
from surfeit.models import conv_2, lenet_300_100, mlp
from surfeit.prune import removal_trial


def images(shape, n=60, classes=10):
    generator = Streams(5).get("images")
    pixels = torch.randn(n, *shape, generator=generator)
    return Split(pixels, torch.randint(0, classes, (n,), generator=generator))


def cut(model, weight, bias, units):
    """A copy in which units answer with zero."""
    own = copy.deepcopy(model).double().eval()
    with torch.no_grad():
        state = own.state_dict()
        state[weight][units] = 0
        state[bias][units] = 0
    return own


def accuracy(model, split):
    with torch.no_grad():
        return float((model(split.inputs.double()).argmax(1) == split.targets).double().mean())


@pytest.mark.parametrize(
    ("builder", "layer"), [(lenet_300_100, "fc2"), (conv_2, "conv1"), (conv_2, "fc1")]
)
def test_a_trial_is_a_pass_without_the_selection(builder, layer):
    model = builder()
    shape = (1, 28, 28) if builder is lenet_300_100 else (3, 32, 32)
    split = images(shape, n=30)
    with torch.no_grad():
        split = Split(split.inputs, model.double().eval()(split.inputs.double()).argmax(1))
    selection = torch.tensor([5, 2, 40])
    trial = removal_trial(model, layer, selection, split, draws=3)
    own = cut(model, f"{layer}.weight", f"{layer}.bias", selection)
    assert trial.chosen.points.tolist() == [1.0, accuracy(own, split)]
    assert trial.change == trial.chosen.points[1] - 1
    assert int(trial.chosen.lost[1]) == round(-trial.change * len(split))
    assert (trial.removed, len(trial.random)) == (3, 3)


def test_draws_are_as_many_units_and_the_same_each_time():
    model, split = mlp((12, 9), input_shape=(6,), classes=4), images((6,), classes=4)
    first = removal_trial(model, "fc1", torch.tensor([0, 3, 5, 7]), split, draws=200)
    again = removal_trial(model, "fc1", torch.tensor([0, 3, 5, 7]), split, draws=200)
    assert first.random_values == again.random_values == sorted(first.random_values)
    expected = sorted(
        accuracy(cut(model, "fc1.weight", "fc1.bias", draw), split)
        for number in range(200)
        for draw in [torch.randperm(12, generator=Streams(0).get("trial", "fc1", 4, number))[:4]]
    )
    assert first.random_values == expected


def test_a_random_selection_is_as_good_as_chance_has_it():
    """Over random selections the rank among the draws is uniform: 95 % lie within 38 of 40."""
    generator = Streams(3).get("targets")
    model = mlp((40, 20), input_shape=(6,), classes=1)
    split = Split(torch.randn(50, 6, generator=generator), torch.randn(50, 1, generator=generator))
    places = []
    for number in range(150):
        selection = torch.randperm(40, generator=Streams(9).get("selection", number))[:5]
        trial = removal_trial(
            model,
            "fc1",
            selection,
            split,
            objective=squared_error,
            draws=19,
            streams=Streams(100 + number),
        )
        places.append(trial.as_good)
    places = torch.tensor(places).double()
    assert abs(float(places.mean()) - 9.5) < 3 * 5.77 / 150**0.5
    assert float(((places > 0) & (places < 19)).double().mean()) == pytest.approx(0.9, abs=0.075)


def test_units_of_no_weight_cost_nothing_and_beat_all_draws():
    model, split = mlp((8, 6), input_shape=(5,), classes=3), images((5,), classes=3)
    with torch.no_grad():
        split = Split(split.inputs, model.eval()(split.inputs).argmax(1))
        model.fc2.weight[:, [1, 4]] = 0
    with torch.no_grad():
        split = Split(split.inputs, model(split.inputs).argmax(1))
    trial = removal_trial(model, "fc1", torch.tensor([4, 1]), split)
    assert trial.change == 0
    assert trial.chosen.certain == 1
    assert removal_trial(model, "fc1", torch.tensor([4, 2]), split).chosen.certain == 0
    assert trial.as_good == sum(value == 1 for value in trial.random_values)
    assert len(trial.random) == 39


def test_all_units_and_one_unit():
    model, split = mlp((3, 4), input_shape=(5,), classes=3), images((5,), classes=3)
    everything = removal_trial(model, "fc1", torch.arange(3), split)
    assert (everything.random, everything.as_good) == ((), 0)
    single = removal_trial(mlp((1,), input_shape=(5,), classes=3), "fc1", torch.tensor([0]), split)
    assert (single.removed, single.units, single.random) == (1, 1, ())


class Added(nn.Module):
    """Units that are added to others go together with them."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.out = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, inputs):
        first = self.one(inputs).relu()
        return self.out(first + self.two(first).relu())


def test_units_of_a_group_take_their_partners_with_them():
    model, split = Added(), images((5,), classes=3)
    selection = torch.tensor([1, 3])
    trial = removal_trial(model, "two", selection, split, draws=2)
    own = cut(cut(model, "one.weight", "one.bias", selection), "two.weight", "two.bias", selection)
    assert float(trial.chosen.points[1]) == accuracy(own, split)
    assert (trial.removed, trial.units) == (2, 6)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (torch.tensor([], dtype=torch.int64), "no unit is named"),
        (torch.tensor([9]), r"the units of 'fc1' are 0 to 7, the selection names \[9\]"),
        (torch.tensor([2, 2]), r"the selection removes units more than once: \[2\]"),
        (torch.tensor([True]), r"selection must be int64"),
        ([1], "selection must be a torch tensor, got a list"),
    ],
)
def test_a_selection_names_units_once(selection, message):
    with pytest.raises(ValueError, match=message):
        removal_trial(mlp((8,), input_shape=(5,), classes=3), "fc1", selection, images((5,)))


@pytest.mark.parametrize("draws", [-1, 2.0, True])
def test_draws_are_a_number(draws):
    model = mlp((8,), input_shape=(5,), classes=3)
    with pytest.raises(ValueError, match="draws must be an integer >= 0"):
        removal_trial(model, "fc1", torch.tensor([1]), images((5,), classes=3), draws=draws)


def test_outputs_that_are_no_numbers_are_refused():
    model, split = mlp((8,), input_shape=(5,), classes=3), images((5,), classes=3)
    split.inputs[3] = float("nan")
    with pytest.raises(ValueError, match=r"NaN|finite"):
        removal_trial(model, "fc1", torch.tensor([1]), split)
