"""Repaired networks: every unit's mean and spread are as between the ends; the ends stay."""

import pytest
import torch
from torch import nn

from surfeit.core import Streams, digest, load_, outputs_of, tensors_of
from surfeit.landscape import batch_statistics, between, repair
from surfeit.models import initialise_

from .networks import NETWORKS, Tied, Twice, draw, fully_connected, known, own


def pair(make, *shape, n=200):
    """Two networks of one structure, and inputs."""
    first, inputs = own(make, *shape, n=n)
    second = initialise_(make(), Streams(1).get("init"))
    return first, tensors_of(first), tensors_of(second), inputs


def deep():
    return nn.Sequential(
        *(nn.Linear(5, 30), nn.ReLU(), nn.Linear(30, 20), nn.Tanh(), nn.Linear(20, 3)),
    )


def pooled():
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.ConvTranspose2d(6, 4, 2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(64, 3)),
    )


def given(model, tensors, inputs):
    """What each of the network's modules gives, by its place."""
    network, found = load_(model, tensors).eval(), []
    for module in network:
        inputs = module(inputs)
        found.append(inputs.detach())
    return found


@pytest.mark.parametrize(("make", "shape"), [(deep, (5,)), (pooled, (1, 8, 8))])
def test_units_have_the_moments_between_those_of_the_ends(make, shape):
    model, first, second, inputs = pair(make, *shape)
    for t in (0.25, 0.5, 0.9):
        at = repair(model, first, second, inputs)(t)
        outputs = [given(make(), tensors, inputs) for tensors in (first, second, at)]
        for place, module in enumerate(model):
            if not isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                continue
            flat = [one[place].movedim(1, 0).flatten(1) for one in outputs]
            if place == len(model) - 1:
                continue  # outputs are left alone
            for moment in (lambda v: v.mean(1), lambda v: v.std(1, correction=0)):
                a, b, found = map(moment, flat)
                torch.testing.assert_close(found, (1 - t) * a + t * b, rtol=1e-4, atol=1e-5)


def test_output_layers_are_the_line_s_own():
    model, first, second, inputs = pair(deep, 5)
    at = repair(model, first, second, inputs)(0.5)
    line = between(first, second, 0.5)
    assert torch.equal(at["4.weight"], line["4.weight"])
    assert not torch.equal(at["0.weight"], line["0.weight"])


def test_ends_are_the_networks_themselves():
    model, first, second, inputs = pair(deep, 5)
    before = digest(tensors_of(model))
    path = repair(model, first, second, inputs)
    assert digest(path(0.0)) == digest(first)
    assert digest(path(1.0)) == digest(second)
    assert digest(tensors_of(model)) == before
    assert not any(module._forward_hooks for module in model.modules())


def test_between_two_equal_networks_nothing_changes():
    model, first, _, inputs = pair(deep, 5)
    at = repair(model, first, dict(first), inputs)(0.5)
    torch.testing.assert_close(outputs_of(model, at, inputs), outputs_of(model, first, inputs))


def test_activity_that_has_collapsed_is_restored():
    """Opposite weights add to nothing: the middle of the line gives a constant for all inputs."""
    model, first, second, inputs = pair(deep, 5)
    second = dict(first) | {"0.weight": -0.98 * first["0.weight"]}
    line = between(first, second, 0.5)
    spread = given(deep(), line, inputs)[0].std(0)
    repaired = given(deep(), repair(model, first, second, inputs)(0.5), inputs)[0].std(0)
    ends = [given(deep(), end, inputs)[0].std(0) for end in (first, second)]
    assert (spread < 0.02 * ends[0]).all()
    torch.testing.assert_close(repaired, (ends[0] + ends[1]) / 2, rtol=1e-2, atol=1e-4)


def test_a_unit_that_never_changes_has_the_mean_between_and_no_spread():
    model, first, second, inputs = pair(deep, 5)
    for end in (first, second):
        end["0.weight"][3] = 0
    at = repair(model, first, second, inputs)(0.5)
    assert not at["0.weight"][3].any()
    torch.testing.assert_close(at["0.bias"][3], (first["0.bias"][3] + second["0.bias"][3]) / 2)
    assert all(value.isfinite().all() for value in at.values())


def test_batch_normalised_layers_are_left_to_their_statistics():
    model, inputs = known("residual with batch normalisation")
    first = tensors_of(model)
    second = {
        n: v + 0.1 * draw(*v.shape, name=n).abs() if v.is_floating_point() else v
        for n, v in first.items()
    }
    at = repair(model, first, second, inputs)(0.3)
    line = between(first, second, 0.3)
    line |= batch_statistics(model, line, inputs)
    assert digest(at) == digest(line)


def test_more_inputs_than_fit_at_once_are_averaged_over_batches():
    model, first, second, inputs = pair(deep, 5, n=2500)
    at = repair(model, first, second, inputs)(0.5)
    flat = [given(deep(), tensors, inputs)[0] for tensors in (first, second, at)]
    torch.testing.assert_close(flat[2].mean(0), (flat[0].mean(0) + flat[1].mean(0)) / 2)
    torch.testing.assert_close(
        flat[2].std(0), (flat[0].std(0) + flat[1].std(0)) / 2, rtol=1e-2, atol=1e-3
    )


def without_bias():
    return nn.Sequential(nn.Linear(5, 4, bias=False), nn.ReLU(), nn.Linear(4, 3))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (without_bias, "layer '0' cannot be repaired: it has no bias to fold a mean into"),
        (Twice, "layer 'again' cannot be repaired: it is run more than once"),
        (Tied, "layer 'first' cannot be repaired: it shares its weight with another one"),
    ],
)
def test_what_cannot_be_repaired_is_refused(make, words):
    model, inputs = own(make, 5)
    with pytest.raises(ValueError, match=words):
        repair(model, tensors_of(model), tensors_of(model), inputs)


def test_one_input_is_refused():
    model, inputs = fully_connected(4)
    with pytest.raises(ValueError, match="repair needs at least 2 inputs, got 1"):
        repair(model, tensors_of(model), tensors_of(model), inputs[:1])


def test_ends_of_another_network_are_refused():
    (model, inputs), (other, _) = fully_connected(4), fully_connected(5)
    with pytest.raises(ValueError, match=r"fc1\.weight is"):
        repair(model, tensors_of(model), tensors_of(other), inputs)


def test_a_network_with_convolutions_keeps_its_ends_outputs():
    model, inputs = NETWORKS["conv-2"]()
    first = tensors_of(model)
    path = repair(model, first, first, inputs)
    torch.testing.assert_close(
        outputs_of(model, path(0.5), inputs), outputs_of(model, first, inputs), rtol=1e-3, atol=1e-5
    )
