"""Masks of whole units: exactly zero in a forward pass, nested, deterministic."""

import copy
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from surfeit.core import CollapseError, Streams
from surfeit.models import Structure
from surfeit.models.networks import lenet_300_100
from surfeit.prune import (
    check_alive,
    check_mask,
    check_nested,
    full_mask,
    global_mask,
    outputs_without,
    uniform_mask,
    unit_densities,
    unit_density,
    unit_mask,
    unit_mask_from_scores,
)

from ..oracles.removal import cases

QUIETLY = settings(max_examples=30, deadline=None)


def network():
    """Convolution and linear layers, with and without BatchNorm, nested; no value is zero."""
    generator = Streams(0).get("units")
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU()),
        nn.Sequential(nn.Conv2d(6, 4, 3, groups=2)),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        nn.Linear(16, 5),
        nn.Tanh(),
        nn.Linear(5, 3, bias=False),
        nn.BatchNorm1d(3, eps=0.1),
        nn.Linear(3, 2),
    )
    for value in [*model.parameters(), *model.buffers()]:
        if value.is_floating_point():
            value.data.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    return model


@pytest.fixture(scope="module")
def followed():
    """The network, of which the structure is found once for all examples."""
    return network()


PLACES = {"0.0": 1, "1.0": 3, "4": 5, "6": 8}  # where a layer's units can be read in the chain
UNITS = {"0.0": 6, "1.0": 4, "4": 5, "6": 3, "8": 2}


def masked(model, mask):
    own = copy.deepcopy(model)
    with torch.no_grad():
        for name, kept in mask.items():
            own.get_parameter(name).mul_(kept)
    return own


def outputs(model, layer, images):
    """The layer's outputs behind the BatchNorm that follows it directly, [n, units, ...]."""
    if layer == "0.0":
        return model[0][1](model[0][0](images))
    return model[: PLACES[layer]](images)


@pytest.mark.parametrize("training", [False, True], ids=["evaluated", "trained"])
@QUIETLY
@given(data=st.data())
def test_removed_units_are_exactly_zero_and_the_others_unchanged(training, data):
    layer = data.draw(st.sampled_from(list(PLACES)))
    gone = data.draw(st.sets(st.integers(0, UNITS[layer] - 1), max_size=UNITS[layer] - 1))
    model = network().train(training)
    mask = unit_mask(model, {layer: sorted(gone)})
    images = torch.randn(7, 2, 6, 6, generator=Streams(1).get("images"))
    before = outputs(copy.deepcopy(model), layer, images)
    after = outputs(masked(model, mask), layer, images)
    for unit in range(UNITS[layer]):
        if unit in gone:
            assert bool((after[:, unit] == 0).all())
        else:
            assert torch.equal(after[:, unit], before[:, unit])
            assert bool((after[:, unit] != 0).any())
    check_mask(model, mask)
    check_alive(mask)


def test_a_mask_of_the_weights_alone_would_not_silence_a_unit():
    # The planted breach: without bias and BatchNorm a "removed" unit still has an output.
    model = network().eval()
    mask = {"0.0.weight": unit_mask(model, {"0.0": [2]})["0.0.weight"]}
    images = torch.randn(3, 2, 6, 6, generator=Streams(1).get("images"))
    assert bool((outputs(masked(model, mask), "0.0", images)[:, 2] != 0).all())


def test_unit_mask_holds_all_weights_and_the_companions_of_the_layers_named():
    mask = unit_mask(network(), {"1.0": [0], "4": []})
    assert set(mask) - set(full_mask(network())) == {"1.0.bias", "2.weight", "2.bias", "4.bias"}
    assert {name: int((~kept).sum()) for name, kept in mask.items() if not kept.all()} == {
        "1.0.weight": 27,
        "1.0.bias": 1,
        "2.weight": 1,
        "2.bias": 1,
    }


def test_units_are_removed_by_index_or_bool_alike():
    flags = torch.tensor([True, False, False, True, False])
    a, b = unit_mask(network(), {"4": [0, 3, 3]}), unit_mask(network(), {"4": flags})
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ({"fc4": [0]}, r"no layer 'fc4': did you mean 'fc\d'"),
        ({"fc3": [10]}, "layer 'fc3' has units 0 to 9, got 10 to 10"),
        ({"fc3": [-1]}, "layer 'fc3' has units 0 to 9, got -1 to -1"),
        ({"fc3": torch.ones(9).bool()}, r"has 10 units, got removed units as bool \[9\]"),
        ({"fc3": [0.5]}, "must be bool .* or a list of indices, got torch.float32"),
    ],
)
def test_units_that_are_not_there_are_refused(removed, message):
    with pytest.raises(ValueError, match=message):
        unit_mask(lenet_300_100(), removed)


def test_a_layer_left_without_units_is_named():
    with pytest.raises(CollapseError, match="layer 'fc3' would be left without units: all 10"):
        unit_mask(lenet_300_100(), {"fc3": range(10)})


def silent_behind(model, layer, unit, inputs):
    """Checks that a mask removes a unit as where it is read; returns the mask."""
    mask = unit_mask(model, {layer: [unit]}, structure=Structure.of(model, inputs[:1]))
    check_mask(model, mask)
    right = outputs_without(model, layer, torch.tensor([unit]), inputs)
    with torch.no_grad():
        found = masked(model, mask).double().eval()(inputs.double())
    torch.testing.assert_close(found, right)
    return mask


@pytest.mark.parametrize(
    "between",
    [
        [nn.Sigmoid()],
        [nn.ReLU(), nn.BatchNorm2d(4)],
        [nn.BatchNorm2d(4, affine=False), nn.ReLU()],
        [nn.BatchNorm2d(4), nn.Sigmoid(), nn.AvgPool2d(2)],
        [nn.Softplus(), nn.BatchNorm2d(4), nn.Tanh()],
    ],
    ids=str,
)
@pytest.mark.parametrize("reader", [nn.Conv2d(4, 6, 3, groups=2), nn.ConvTranspose2d(4, 2, 2)])
def test_units_are_removed_by_masks_as_where_they_are_read(between, reader):
    torch.manual_seed(0)
    inputs = torch.randn(5, 2, 10, 10)
    model = nn.Sequential(nn.Conv2d(2, 4, 3), *between, reader, nn.Flatten(), nn.LazyLinear(3))
    model(inputs)
    for value in model.buffers():
        if value.is_floating_point():
            value.data.uniform_(0.5, 2)
    silent_behind(model.eval(), "0", 1, inputs)


def test_a_normalisation_that_two_layers_pass_is_left_alone():
    shared = nn.BatchNorm1d(4)
    model = nn.Sequential(nn.Linear(2, 4), shared, nn.Linear(4, 4), shared, nn.Linear(4, 3))
    shared.running_mean.uniform_(1, 2)
    mask = silent_behind(model.eval(), "0", 1, torch.randn(6, 2))
    assert "1.weight" not in mask
    assert mask["2.weight"][:, 1].sum() == 0


@pytest.mark.parametrize("layer", ["0", "3"])
def test_normalisations_of_the_same_weights_are_left_alone(layer):
    first, second = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
    second.weight, second.bias = first.weight, first.bias
    model = nn.Sequential(
        *(nn.Linear(2, 4), first, nn.ReLU(), nn.Linear(4, 4), second, nn.ReLU(), nn.Linear(4, 3))
    )
    first.bias.data.fill_(0.5)
    mask = silent_behind(model.eval(), layer, 1, torch.randn(6, 2))
    assert mask.keys() == {*full_mask(model), f"{layer}.bias"}


def test_transposed_convolutions_have_their_units_along_the_second_axis():
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1)
    )
    mask = unit_mask(model, {"2": [1]})
    assert mask["2.weight"].sum((0, 2, 3)).tolist() == [72, 0, 72, 72]
    assert unit_densities(mask, model)["2"] == 0.75
    with pytest.raises(ValueError, match="pass the model"):
        unit_densities(mask)
    silent_behind(nn.Sequential(*model, nn.Flatten()), "2", 1, torch.randn(3, 1, 8, 8))


@pytest.mark.parametrize("tied", ["2", "4"])
def test_units_whose_weights_another_layer_holds_too_cannot_be_masked(tied):
    model = nn.Sequential(
        nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 2)
    )
    model[4].weight = model[2].weight
    with pytest.raises(ValueError, match=f"'{tied}.weight' is '{6 - int(tied)}.weight' too"):
        unit_mask(model, {tied: [1]})
    assert all(kept.all() for kept in unit_mask(model, {tied: []}).values())
    silent_behind(model, "0", 1, torch.randn(6, 3))


def test_units_of_a_layer_that_runs_twice_are_masked_in_both():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), shared, nn.ReLU(), shared, nn.Linear(4, 2))
    inputs = torch.randn(6, 3, dtype=torch.float64)
    outputs = outputs_without(model.double(), "2", torch.tensor([1]), inputs)
    with torch.no_grad():
        for name, kept in unit_mask(model, {"2": [1]}).items():
            model.get_parameter(name).mul_(kept)
    torch.testing.assert_close(model(inputs), outputs, rtol=0, atol=1e-12)


def test_a_normalisation_over_units_behind_a_sigmoid_cannot_be_masked():
    model = nn.Sequential(nn.Linear(4, 6), nn.Sigmoid(), nn.LayerNorm(6), nn.Linear(6, 2))
    with pytest.raises(ValueError, match="a mask of weights cannot remove units of layer '0'"):
        unit_mask(model, {"0": [1]})
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.LayerNorm(6), nn.Linear(6, 2))
    silent_behind(model, "0", 1, torch.randn(3, 4))


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_masks_remove_units_in_any_network(case):
    structure = Structure.of(case.model, case.inputs[:1])
    if set(structure.members(case.layer)) != set(case.group):
        pytest.skip("goes together with others")
    for units in case.units:
        if len(units) == case.count:
            continue
        try:
            mask = unit_mask(case.model, {case.layer: units}, structure=structure)
        except ValueError as error:
            assert "mask of weights cannot remove" in str(error)  # noqa: PT017
            continue
        with torch.no_grad():
            found = masked(case.model, mask)(case.inputs)
        torch.testing.assert_close(found, case.outputs_without(units), rtol=1e-9, atol=1e-9)


def scores_of(seed):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randperm(units, generator=generator) for name, units in UNITS.items()}


@QUIETLY
@given(seed=st.integers(0, 999), density=st.floats(0.4, 1.0))
def test_unit_mask_from_scores_keeps_the_largest_and_the_whole_output(followed, seed, density):
    scores = scores_of(seed)
    mask = unit_mask_from_scores(followed, scores, density)
    for name, units in UNITS.items():
        alive = mask[f"{name}.weight"].flatten(1).any(1)
        if name == "8":
            assert bool(alive.all())
        else:
            assert abs(int(alive.sum()) - density * units) <= 1 + 1e-9
            assert torch.equal(alive, scores[name] >= units - int(alive.sum()))
    check_mask(followed, mask)


@pytest.mark.parametrize("allocation", [uniform_mask, global_mask])
@QUIETLY
@given(seed=st.integers(0, 999))
def test_unit_masks_are_nested_from_level_to_level(followed, allocation, seed):
    outer = full_mask(followed)
    for level, density in enumerate((0.9, 0.8)):
        scores = scores_of(seed + level)
        inner = unit_mask_from_scores(followed, scores, density, mask=outer, allocation=allocation)
        check_nested(inner, outer)
        kept = sum(int(inner[f"{name}.weight"].flatten(1).any(1).sum()) for name in UNITS)
        assert kept == round(density * 18) + 2
        outer = inner


def test_unit_mask_stays_within_a_mask_of_weights():
    model = lenet_300_100()
    weights = {name: torch.rand(kept.shape) < 0.5 for name, kept in full_mask(model).items()}
    mask = unit_mask_from_scores(model, {"fc2": torch.arange(100)}, 0.5, mask=weights)
    check_nested(mask, weights)
    assert torch.equal(mask["fc1.weight"], weights["fc1.weight"])
    assert torch.equal(mask["fc2.weight"][50:], weights["fc2.weight"][50:])
    assert unit_densities(mask) == {"fc1": 1, "fc2": 0.5, "fc3": 1}
    assert unit_density(mask) == pytest.approx(360 / 410)


def test_unit_densities_may_differ_by_layer_and_ties_keep_the_first():
    scores = {"fc1": torch.zeros(300), "fc2": torch.zeros(100)}
    mask = unit_mask_from_scores(lenet_300_100(), scores, {"fc1": 0.1, "fc2": 0.25})
    assert mask["fc1.bias"].tolist() == [True] * 30 + [False] * 270
    assert unit_densities(mask) == {"fc1": 0.1, "fc2": 0.25, "fc3": 1}


def test_unit_scores_that_do_not_fit_are_refused():
    model = lenet_300_100()
    with pytest.raises(ValueError, match=re.escape("scores of layer 'fc1' must be [300]")):
        unit_mask_from_scores(model, {"fc1": torch.rand(300, 784)}, 0.5)
    with pytest.raises(ValueError, match=r"scores of layer 'fc1' must be a torch tensor, got a li"):
        unit_mask_from_scores(model, {"fc1": [0.5] * 300}, 0.5)  # pyright: ignore
    with pytest.raises(ValueError, match="no layer 'fc9'"):
        unit_mask_from_scores(model, {"fc9": torch.rand(300)}, 0.5)
    with pytest.raises(ValueError, match="the output layer 'fc3' keeps all"):
        unit_mask_from_scores(model, {"fc3": torch.rand(10)}, 0.5)
    with pytest.raises(ValueError, match=re.escape("density must be in (0, 1], got 0")):
        unit_mask_from_scores(model, {"fc1": torch.rand(300)}, 0)
    with pytest.raises(CollapseError, match="layer 'fc1'"):
        unit_mask_from_scores(model, {"fc1": torch.rand(300)}, 0.001)
    with pytest.raises(ValueError, match="no units"):
        unit_density({"fc1.bias": torch.ones(3).bool()})


def test_unit_mask_keeps_what_the_mask_says_of_other_parameters():
    model = lenet_300_100()
    before = {**full_mask(model), "fc3.bias": torch.arange(10) < 7}
    mask = unit_mask_from_scores(model, {"fc1": torch.arange(300.0)}, 0.5, mask=before)
    assert torch.equal(mask["fc3.bias"], before["fc3.bias"])
    check_nested(mask, before)


class FunctionallyTied(nn.Module):
    """A language model whose embedding is its head's weight, by a function."""

    def __init__(self, between):
        super().__init__()
        self.embedding, self.fc, self.between = nn.Embedding(6, 5), nn.Linear(5, 5), between

    def forward(self, x):
        h = self.between(self.fc(self.embedding(x).mean(1)))
        return nn.functional.linear(h, self.embedding.weight)


def test_weights_that_a_function_uses_too_are_masked_only_where_nothing_else_is_lost():
    model, tokens = FunctionallyTied(nn.Tanh()), torch.randint(6, (4, 3))
    structure = Structure.of(model, tokens[:1])
    with pytest.raises(
        ValueError, match=r"'embedding.weight' is used by a function as well, linea"
    ):
        unit_mask(model, {"embedding": [1]}, structure=structure)
    mask = unit_mask(model, {"fc": [2]}, structure=structure)
    right = outputs_without(model, "fc", torch.tensor([2]), tokens)
    with torch.no_grad():
        torch.testing.assert_close(
            masked(model, mask)(tokens).double(), right, rtol=1e-5, atol=1e-6
        )
