"""Max-norm: every unit's weight vector against its length by hand, in every kind of layer."""

import pytest
import torch
from tests.train.conftest import half_of, small
from torch import nn
from torch.nn.utils import parametrizations

from surfeit.core import Streams, parameters
from surfeit.core.parameters import own_parameters
from surfeit.models import RadialBasis
from surfeit.models.structure import layers, weight_matrix_of
from surfeit.train import Job, Numerics, Recipe, train
from surfeit.train.max_norm import MaxNorm

LAYERS = {
    "linear": nn.Linear(5, 4),
    "bilinear": nn.Bilinear(3, 4, 5),
    "convolution": nn.Conv2d(3, 4, 2),
    "grouped": nn.Conv2d(4, 6, 3, groups=2),
    "transposed": nn.ConvTranspose1d(3, 4, 5),
    "grouped transposed": nn.ConvTranspose2d(4, 6, 2, groups=2),
    "recurrent": nn.LSTM(3, 4, num_layers=2, bidirectional=True),
    "cell": nn.GRUCell(3, 4),
    "attention": nn.MultiheadAttention(8, 2),
}


def names(model):
    return list(own_parameters(model))


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_vectors_of_every_kind_of_layer_are_at_most_so_long(kind, dtype):
    model = nn.Sequential(LAYERS[kind]).to(dtype)
    generator = Streams(0).get("max norm")
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randn(value.shape, generator=generator))
    before = {name: weight_matrix_of(model, name).clone() for name in layers(model)}
    lengths = torch.cat([matrix.norm(dim=1) for matrix in before.values()])
    middle = 1.001 * lengths.median().item()  # no unit's own length, which rounding would decide
    params = parameters(model)
    biases = {name: v.clone() for name, v in params.items() if v.dim() == 1}
    MaxNorm(model, names(model), middle).hold_(params)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(params[name])
    for name, matrix in before.items():
        lengths = matrix.norm(dim=1, keepdim=True)
        expected = matrix * (middle / lengths).clamp(max=1)
        assert torch.allclose(weight_matrix_of(model, name), expected, atol=1e-6)
        short = lengths[:, 0] <= middle
        assert torch.equal(weight_matrix_of(model, name)[short], matrix[short])
    assert all(torch.equal(params[name], value) for name, value in biases.items())


def test_a_unit_without_weights_stays_at_zero():
    model = nn.Linear(3, 2)
    params = {"weight": torch.tensor([[0.0, 0, 0], [3, 4, 0]]), "bias": torch.ones(2)}
    MaxNorm(model, ["weight", "bias"], 1.0).hold_(params)
    assert torch.allclose(params["weight"], torch.tensor([[0.0, 0, 0], [0.6, 0.8, 0]]))


def test_shared_weights_are_short_for_both_layers():
    one, other = nn.Linear(3, 4), nn.Linear(4, 3)
    other.weight.data = one.weight.data.T  # over the same numbers
    model = nn.Sequential(one, other)
    params = {name: value.clone() * 9 for name, value in parameters(model).items()}
    assert "1.weight" not in params
    MaxNorm(model, names(model), 0.5).hold_(params)
    assert (params["0.weight"].norm(dim=1) <= 0.5 + 1e-6).all()
    assert (params["0.weight"].norm(dim=0) <= 0.5 + 1e-6).all()
    assert params["0.weight"].norm(dim=1).max() > 0.1


def test_embeddings_centres_and_frozen_layers_are_left_alone():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 4), nn.Linear(4, 2), RadialBasis(2, 3))
    model[1].weight.requires_grad_(False)
    trained = [name for name, value in model.named_parameters() if value.requires_grad]
    params = {name: value.clone() for name, value in parameters(model).items()}
    before = {name: value.clone() for name, value in params.items()}
    MaxNorm(model, trained, 1e-3).hold_(params)
    changed = {name for name in params if not torch.equal(params[name], before[name])}
    assert changed == {"2.weight"}


@pytest.mark.parametrize("mask", [None, half_of(small)], ids=["dense", "masked"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_vector_of_a_training_is_longer_after_any_step(mask, dtype, dataset, store):
    recipe = Recipe(optimizer="adam", lr=0.05, steps=20, batch_size=16, max_norm=0.7)
    run = train(small, dataset, recipe, mask=mask, store=store, numerics=Numerics(dtype=dtype))
    for step in run.steps():
        lengths = torch.cat(
            [v.norm(dim=1) for n, v in run.tensors(step).items() if n.endswith("weight")]
        )
        assert step == 0 or lengths.max() <= 0.7 + 1e-6
    assert (lengths > 0.69).any()  # it was what held them
    for name, kept in (mask or {}).items():
        assert (run.tensors()[name][~kept] == 0).all()


def test_a_bound_that_nothing_reaches_changes_no_bit(dataset, store):
    recipe = Recipe(lr=0.05, steps=20, batch_size=16)
    plain = train(small, dataset, recipe, store=store).tensors()
    bound = train(small, dataset, Recipe(**vars(recipe) | {"max_norm": 1e6}), store=store).tensors()
    assert all(torch.equal(plain[name], bound[name]) for name in plain)


def test_networks_without_a_unit_to_bound_are_refused(dataset):
    network = small()
    for name, value in network.named_parameters():
        value.requires_grad_(name.endswith("bias"))
    with pytest.raises(ValueError, match="max_norm has no unit to bound"):
        Job(network, dataset, Recipe(epochs=1, max_norm=1.0))


def test_computed_weights_are_refused(dataset):
    network = small()
    parametrizations.weight_norm(network.fc1)
    with pytest.raises(ValueError, match="layer 'fc1' computes 'weight' from other parameters"):
        Job(network, dataset, Recipe(epochs=1, max_norm=1.0))
