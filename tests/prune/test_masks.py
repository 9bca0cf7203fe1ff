"""Masks as they are: what may be masked, density, combining, and the checks of the protocol."""

import re

import pytest
import torch
from torch import nn

from surfeit.core import CollapseError, ProtocolError, parameters
from surfeit.models.networks import lenet_300_100, vgg19_bn
from surfeit.prune import (
    check_alive,
    check_mask,
    check_nested,
    densities,
    density,
    full_mask,
    global_mask,
    intersect,
    invert,
    prunable,
    unit_mask,
)


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16, 3),
        nn.LayerNorm(3),
    )


def test_prunable_is_the_layers_weights_in_model_order():
    assert prunable(lenet_300_100()) == ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert prunable(network()) == ["0.weight", "4.weight"]
    assert len(prunable(vgg19_bn())) == 19
    assert prunable(nn.Linear(2, 2)) == ["weight"]


def test_prunable_takes_biases_and_normalisations_only_by_name():
    assert prunable(network(), ["1.weight"]) == ["0.weight", "1.weight", "4.weight"]
    assert prunable(network(), "4.bias") == ["0.weight", "4.weight", "4.bias"]
    with pytest.raises(ValueError, match=r"no parameter 'fc1.bais': did you mean 'fc1.bias'"):
        prunable(lenet_300_100(), ("fc1.bais",))


def test_prunable_counts_a_shared_weight_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert prunable(model) == ["0.weight"]


def test_prunable_refuses_a_weight_computed_from_others():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)))
    with pytest.raises(ValueError, match="layer '0' computes 'weight' from other parameters"):
        prunable(model)


def test_full_mask_keeps_all_and_density_counts():
    mask = full_mask(network(), ["4.bias"])
    assert {n: tuple(v.shape) for n, v in mask.items()} == {
        "0.weight": (4, 1, 3, 3),
        "4.weight": (3, 16),
        "4.bias": (3,),
    }
    assert all(value.dtype == torch.bool for value in mask.values())
    assert density(mask) == 1
    mask["4.weight"][0] = False
    assert densities(mask) == {"0.weight": 1, "4.weight": pytest.approx(2 / 3), "4.bias": 1}
    assert density(mask) == pytest.approx(1 - 16 / (36 + 48 + 3))


def test_density_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no density"):
        density({})


def test_intersect_keeps_what_both_keep_and_invert_the_rest():
    a = {"x": torch.tensor([True, True, False]), "only_a": torch.tensor([False])}
    b = {"x": torch.tensor([True, False, True]), "only_b": torch.tensor([True])}
    both = intersect(a, b)
    assert {name: value.tolist() for name, value in both.items()} == {
        "x": [True, False, False],
        "only_a": [False],
        "only_b": [True],
    }
    assert not any(bool(value.any()) for value in intersect(a, invert(a)).values())
    check_nested(both, a)
    check_nested(both, b)
    with pytest.raises(ValueError, match=r"'x' is \[3\] and \[2\]"):
        intersect(a, {"x": torch.tensor([True, True])})


def test_check_mask_accepts_what_fits():
    model = network()
    check_mask(model, full_mask(model))
    check_mask(model, full_mask(model, ["1.weight"]), also=["1.weight"])
    check_mask(model, unit_mask(model, {"0": [1, 3]}))


def test_check_mask_refuses_a_ticket_of_another_architecture():
    mask = full_mask(lenet_300_100())
    with pytest.raises(ValueError, match=r"of another architecture.*no parameter 'fc1.weight'"):
        check_mask(network(), mask)
    with pytest.raises(ValueError, match=r"'fc1.weight' is \[300, 64\].*\[300, 784\] in the mask"):
        check_mask(lenet_300_100(input_shape=(1, 8, 8)), mask)
    with pytest.raises(ValueError, match=r"says nothing of 'fc2.weight'.*it has fc1.weight"):
        check_mask(lenet_300_100(), {"fc1.weight": mask["fc1.weight"]})


def test_check_mask_refuses_what_is_not_bool():
    mask = full_mask(lenet_300_100())
    mask["fc2.weight"] = mask["fc2.weight"].float()
    with pytest.raises(ValueError, match=r"the mask of fc2.weight must be bool.*float32"):
        check_mask(lenet_300_100(), mask)


def test_check_mask_finds_normalisation_weights_pruned_by_accident():
    # The planted breach: scores of every parameter called weight, as in public code.
    model = network()
    scores = {
        name: torch.arange(value.numel()).view(value.shape) % 7
        for name, value in parameters(model).items()
        if name.endswith("weight")
    }
    assert not bool(global_mask(scores, 0.8)["1.weight"].all())
    with pytest.raises(ProtocolError, match="normalisations are never pruned unless named"):
        check_mask(model, global_mask(scores, 0.8))


@pytest.mark.parametrize("name", ["1.weight", "1.bias", "0.bias", "4.bias"])
def test_check_mask_refuses_a_removed_bias_whose_unit_is_kept(name):
    model = network()
    mask = full_mask(model) | {name: torch.ones(3 if name == "4.bias" else 4, dtype=torch.bool)}
    check_mask(model, mask)
    mask[name][2] = False
    with pytest.raises(ProtocolError, match=re.escape(f"removes 1 entries of '{name}'")):
        check_mask(model, mask)
    check_mask(model, mask, also=[name])


def test_check_mask_refuses_a_normalisation_over_several_units():
    model = network()
    mask = full_mask(model) | {"5.weight": torch.ones(3, dtype=torch.bool)}
    with pytest.raises(ProtocolError, match=r"holds '5.weight', which is no layer's weight"):
        check_mask(model, mask)


def test_check_nested_finds_weights_that_came_back():
    outer = {"fc.weight": torch.tensor([[True, True, False, False]])}
    inner = {"fc.weight": torch.tensor([[True, False, False, False]])}
    check_nested(inner, outer)
    check_nested(outer, outer)
    # The planted breach: a mask from scores that forgot the level before.
    fresh = global_mask({"fc.weight": torch.tensor([[0.0, 0.0, 1.0, 2.0]])}, 0.5)
    with pytest.raises(ProtocolError, match=r"2 weights of 'fc.weight' that were removed"):
        check_nested(fresh, outer)
    with pytest.raises(ProtocolError, match=r"2 weights of 'fc.weight'"):
        check_nested({}, outer)  # a mask that does not name a parameter keeps it


def test_check_nested_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"'a' is \[2\] and \[3\]"):
        check_nested({"a": torch.ones(2).bool()}, {"a": torch.ones(3).bool()})


def test_check_alive_names_the_layer():
    mask = full_mask(lenet_300_100())
    check_alive(mask)
    mask["fc2.weight"][:] = False
    with pytest.raises(CollapseError, match=r"layer 'fc2' .* none of the 30,000"):
        check_alive(mask)


@pytest.mark.parametrize(
    "of", [density, densities, invert, lambda m: intersect(m, {}), lambda m: intersect({}, m)]
)
def test_what_is_no_mask_is_refused(of):
    for given in (3, None, [1]):
        with pytest.raises(ValueError, match="a mask must be bool tensors by parameter name"):
            of(given)
    for value in (3, torch.ones(2)):
        with pytest.raises(ValueError, match="the mask of 'x' must be a bool tensor"):
            of({"x": value})
