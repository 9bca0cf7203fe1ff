"""The chance level of outputs, from layers with random weight vectors in the place of theirs."""

import numpy as np
import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams
from surfeit.data import load
from surfeit.models import Structure, lenet_300_100, mlp
from surfeit.similarity import chance_level, output_directions, pairwise_products
from surfeit.viewer.frames.outputs import sampled_outputs
from surfeit.viewer.frames.redrawn import output_level, redrawn
from surfeit.viewer.timelines.networks import Network


def network_of(model, examples):
    return Network(model.eval(), Structure.of(model, examples.inputs[:1]))


def above(network, layer, examples):
    rows = output_directions(sampled_outputs(network, layer, examples)[0])
    products = pairwise_products(rows)
    level = output_level(network, layer, examples, rows)
    return int((products >= level.value).sum()), int((products >= 0.5).sum()), level


@pytest.fixture(scope="module")
def digits():
    return load("digits").validation


@pytest.mark.parametrize("layer", ["fc1", "fc2"])
def test_an_untrained_layer_passes_the_level_at_its_nominal_rate(digits, layer):
    counts, half = [], []
    for seed in range(12):
        model = mlp(
            (120, 80), input_shape=(1, 8, 8), classes=10, generator=Streams(seed).get("init")
        )
        found, beyond_half, _ = above(network_of(model, digits), layer, digits)
        counts.append(found)
        half.append(beyond_half)
    # Near to Poisson but for the level's own error: of 12 with a mean of 1 the error is 0.4.
    assert 0.2 < np.mean(counts) < 2.5
    if layer == "fc1":
        assert np.mean(half) > 30  # what half a correlation would join


def test_two_independent_relu_units_are_no_longer_alike():
    outputs = (torch.randn(2, 20_000, generator=Streams(0).get("relu")) + 1).relu()
    plain = torch.nn.functional.normalize(outputs)
    assert float(plain[0] @ plain[1]) == pytest.approx(0.61, abs=0.02)
    rows = output_directions(outputs)
    assert abs(float(rows[0] @ rows[1])) < 0.02


def test_a_trained_layers_copies_pass_the_level(digits):
    model = lenet_300_100(input_shape=(1, 8, 8), classes=10, generator=Streams(3).get("init"))
    with torch.no_grad():
        model.fc1.weight[1] = 1.1 * model.fc1.weight[0]
        model.fc1.bias[:2] = 0
    network = network_of(model, digits)
    rows = output_directions(sampled_outputs(network, "fc1", digits)[0])
    assert float(rows[0] @ rows[1]) > output_level(network, "fc1", digits, rows).value


def test_levels_are_the_same_at_every_call_and_in_the_layers_own_way(digits):
    model = mlp((60,), input_shape=(1, 8, 8), classes=10, generator=Streams(0).get("init"))
    network = network_of(model, digits)
    rows = output_directions(sampled_outputs(network, "fc1", digits)[0])
    first, again = (output_level(network, "fc1", digits, rows) for _ in range(2))
    assert first == again or first.value == again.value
    assert first.error > 0


def test_redrawn_vectors_are_as_long_and_all_else_is_as_it_was(digits):
    model = mlp((30, 20), input_shape=(1, 8, 8), classes=10, generator=Streams(1).get("init"))
    with torch.no_grad():
        model.fc1.weight[:, ::2] = 0  # as a mask leaves it
        model.fc1.weight[4] = 0
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = redrawn(network_of(model, digits), "fc1", Streams(0).get("draw")).model.state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
        assert torch.equal(found[name], value) == (name != "fc1.weight")
    drawn = found["fc1.weight"]
    torch.testing.assert_close(drawn.norm(dim=1), before["fc1.weight"].norm(dim=1))
    assert torch.equal(drawn == 0, before["fc1.weight"] == 0)
    cosines = nn.functional.cosine_similarity(drawn, before["fc1.weight"])
    assert cosines.abs().max() < 0.75


@pytest.mark.parametrize(
    ("module", "shape", "name"),
    [
        (nn.Conv2d(4, 12, 3, groups=2), (4, 6, 6), "weight"),
        (nn.ConvTranspose2d(3, 12, 2), (3, 5, 5), "weight"),
    ],
)
def test_filters_are_redrawn_unit_by_unit(module, shape, name):
    model = nn.Sequential(module, nn.ReLU())
    examples = Split(torch.randn(20, *shape), torch.zeros(20, dtype=torch.int64))
    network = network_of(model, examples)
    fresh = redrawn(network, "0", Streams(0).get("draw"))
    own = network.structure.layer("0").matrix(model)
    drawn = fresh.structure.layer("0").matrix(fresh.model)
    torch.testing.assert_close(drawn.norm(dim=1), own.norm(dim=1))
    assert torch.equal(drawn == 0, own == 0)
    assert not torch.allclose(drawn, own)


class Tied(nn.Module):
    """Two layers that share their weights."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(16, 16), nn.Linear(16, 16)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x).relu()).relu()


def test_tied_and_computed_weights_are_not_redrawn():
    examples = Split(
        torch.randn(200, 16, generator=Streams(0).get("x")), torch.zeros(200, dtype=torch.int64)
    )
    normed = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(16, 16)), nn.ReLU())
    for model, layer in ((Tied(), "first"), (normed, "0")):
        network = network_of(model, examples)
        rows = output_directions(sampled_outputs(network, layer, examples)[0])
        assert output_level(network, layer, examples, rows) == chance_level(rows)


def test_outputs_that_never_change_leave_no_level(digits):
    model = mlp((20,), input_shape=(1, 8, 8), classes=10, generator=Streams(1).get("init"))
    with torch.no_grad():
        model.fc1.weight.zero_()
    network = network_of(model, digits)
    rows = output_directions(sampled_outputs(network, "fc1", digits)[0])
    assert output_level(network, "fc1", digits, rows).value == 1.0
