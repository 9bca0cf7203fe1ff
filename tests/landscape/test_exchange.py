"""Units in another order: the network computes the same, and what cannot move is named."""

import copy

import pytest
import torch
from torch import nn

from surfeit.core import Streams, digest, load_, outputs_of, tensors_of
from surfeit.landscape import exchanges, random_order, reordered

from .networks import NETWORKS, Tied, fully_connected, known, own


def shuffled(model, inputs, seed=0):
    tensors, generator = tensors_of(model), Streams(seed).get("order")
    for group in exchanges(model, inputs).groups:
        tensors = reordered(tensors, group, random_order(group, generator))
    return tensors


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_with_its_units_in_another_order_computes_the_same(name):
    model, inputs = NETWORKS[name]()
    before = digest(tensors_of(model))
    for seed in range(3):
        tensors = shuffled(model, inputs, seed)
        assert digest(tensors) != before
        torch.testing.assert_close(
            outputs_of(model, tensors, inputs),
            outputs_of(model, tensors_of(model), inputs),
            rtol=1e-4,
            atol=1e-5,
        )
    assert digest(tensors_of(model)) == before


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_moves_or_says_why_not(name):
    model, inputs = NETWORKS[name]()
    found = exchanges(model, inputs)
    moving = [layer for group in found.groups for layer in group.layers]
    assert len(set(moving)) == len(moving)
    assert not set(moving) & set(found.fixed)
    assert all(found.fixed.values())


def test_layers_that_are_added_are_one_group_with_what_reads_and_normalises_them():
    found = exchanges(*known("residual with batch normalisation"))
    assert [group.layers for group in found.groups] == [
        ("stem", "conv2"),
        ("conv1",),
        ("conv3",),
        ("conv4", "down"),
    ]
    assert found.fixed == {"fc": "they reach the network's result"}


def test_a_depthwise_convolution_goes_with_what_it_reads():
    found = exchanges(*known("depthwise-separable"))
    assert found.groups[0].layers == ("point1", "depth")


def test_a_layer_that_reads_itself_goes_with_what_it_reads_first():
    found = exchanges(*NETWORKS["one layer twice"]())
    assert [group.layers for group in found.groups] == [("first", "again")]


def test_what_no_layer_holds_is_found_by_trial_though_all_its_numbers_are_equal():
    model, inputs = NETWORKS["a slope for each unit"]()
    assert len(model.slopes.weight.unique()) == 1
    found = exchanges(model, inputs)
    assert [group.layers for group in found.groups] == [("second",)]
    assert found.fixed["first"] == "the network's outputs change when they change places"


def test_units_of_which_some_meet_change_places_among_themselves():
    class Padded(nn.Module):
        """The second layer has two units more, which the first's are padded to."""

        def __init__(self):
            super().__init__()
            self.narrow, self.wide = nn.Linear(5, 3), nn.Linear(3, 5)
            self.last = nn.Linear(5, 2)

        def forward(self, x):
            x = self.narrow(x).relu()
            return self.last(nn.functional.pad(x, (0, 2)) + self.wide(x).relu())

    model, inputs = own(Padded, 5)
    (group,) = exchanges(model, inputs).groups
    assert (group.layers, group.units) == (("narrow", "wide"), 5)
    assert group.kinds[:3].unique().numel() == 1
    assert group.kinds[3:].unique().numel() == 1
    assert group.kinds[0] != group.kinds[3]
    torch.testing.assert_close(
        outputs_of(model, shuffled(model, inputs), inputs),
        outputs_of(model, tensors_of(model), inputs),
    )
    with pytest.raises(ValueError, match="different kinds"):
        reordered(tensors_of(model), group, torch.tensor([3, 1, 2, 0, 4]))


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (lambda: own(Tied, 5), "'first': the network's outputs change when they change places"),
        (lambda: known("tied autoencoder"), r"'linear\(encoder.weight, bias\)'.* not followed"),
        (lambda: known("GRU"), "units of a layer of kind 'recurrent' are not followed"),
        (lambda: known("a single layer"), "the network's only layer: they reach"),
        (lambda: own(lambda: nn.Sequential(nn.Flatten()), 5), "it has no layer"),
    ],
)
def test_a_network_of_which_nothing_can_move_is_refused(network, words):
    with pytest.raises(ValueError, match=f"no unit of the network can change places: .*{words}"):
        exchanges(*network())


def test_a_network_that_cannot_be_followed_is_refused():
    class Random(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(5, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.two(nn.functional.dropout(self.one(x), training=True))

    with pytest.raises(ValueError, match="cannot be put in another order: the network gives other"):
        exchanges(*own(Random, 5))


def test_grouped_convolutions_stay_as_they_are():
    def make():
        return nn.Sequential(
            *(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=2), nn.ReLU()),
            *(nn.Conv2d(4, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2)),
        )

    found = exchanges(*own(make, 1, 8, 8))
    assert [group.layers for group in found.groups] == [("4",)]
    assert "reads them in a way that is not followed" in found.fixed["0"]
    assert found.fixed["2"] == "units of a grouped convolution stay within their groups"


def test_no_permutation_is_refused():
    model, inputs = fully_connected(4)
    (group,) = exchanges(model, inputs).groups
    with pytest.raises(ValueError, match="order must be a permutation of 4 units"):
        reordered(tensors_of(model), group, torch.tensor([0, 0, 1, 2]))


def test_an_order_says_where_each_unit_comes_from():
    model, inputs = fully_connected(4)
    (group,) = exchanges(model, inputs).groups
    order = torch.tensor([2, 0, 3, 1])
    moved = load_(copy.deepcopy(model), reordered(tensors_of(model), group, order))
    torch.testing.assert_close(moved.fc1.weight, model.fc1.weight[order])
    torch.testing.assert_close(moved.fc1.bias, model.fc1.bias[order])
    torch.testing.assert_close(moved.fc2.weight, model.fc2.weight[:, order])


def test_half_precision_stays_half_and_computes_the_same():
    model, inputs = fully_connected(6, 5)
    model = model.bfloat16()
    tensors = shuffled(model, inputs)
    assert {value.dtype for value in tensors.values()} == {torch.bfloat16}
    torch.testing.assert_close(
        outputs_of(model, tensors, inputs), outputs_of(model, tensors_of(model), inputs)
    )


def test_one_unit_is_a_group_of_its_own():
    (group,) = exchanges(*fully_connected(1)).groups
    assert group.units == 1
