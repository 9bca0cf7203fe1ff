"""Layers, their weight matrices and which entries a unit owns, for every kind of module."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from surfeit.models import lenet_300_100
from surfeit.models.structure import (
    Part,
    check_uncomputed,
    layer,
    layers,
    prunable,
    tensor,
    weight_matrix_of,
)

from .networks import NETWORKS


def filters(module: Any) -> Tensor:
    """A convolution's weight vectors, filter by filter: zero for the channels it does not read."""
    rows = torch.zeros(module.out_channels, module.in_channels, *module.kernel_size)
    inputs = module.in_channels // module.groups
    units = module.out_channels // module.groups
    for unit in range(module.out_channels):
        group = unit // units
        for place in range(inputs):
            channel = group * inputs + place
            rows[unit, channel] = (
                module.weight[channel, unit % units]
                if module.transposed
                else module.weight[unit, place]
            )
    return rows.flatten(1)


def gates(module: Any, count: int, suffix: str = "") -> Tensor:
    """The rows of all gates of a recurrent layer, unit by unit."""
    size = module.hidden_size
    rows = []
    for unit in range(size):
        names = (f"weight_ih{suffix}", f"weight_hh{suffix}")
        own = [getattr(module, name)[gate * size + unit] for name in names for gate in range(count)]
        rows.append(torch.cat(own))
    return torch.stack(rows)


CONVOLUTIONS = {
    "Conv1d": lambda: nn.Conv1d(4, 6, 3),
    "Conv2d": lambda: nn.Conv2d(4, 6, (3, 2)),
    "Conv3d": lambda: nn.Conv3d(4, 6, (1, 3, 2)),
    "grouped": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "depthwise": lambda: nn.Conv2d(4, 4, 3, groups=4),
    "depthwise, two each": lambda: nn.Conv1d(4, 8, 3, groups=4),
    "one channel": lambda: nn.Conv2d(1, 1, 1),
    "ConvTranspose1d": lambda: nn.ConvTranspose1d(4, 6, 3),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(4, 6, (3, 2)),
    "ConvTranspose3d": lambda: nn.ConvTranspose3d(4, 6, (1, 3, 2)),
    "ConvTranspose2d, grouped": lambda: nn.ConvTranspose2d(4, 6, 3, groups=2),
    "ConvTranspose1d, depthwise": lambda: nn.ConvTranspose1d(4, 4, 3, groups=4),
}
RECURRENT: dict[str, tuple[Callable[[], nn.Module], dict[str, tuple[int, str]]]] = {
    "LSTM": (lambda: nn.LSTM(3, 4), {"": (4, "_l0")}),
    "GRU": (lambda: nn.GRU(3, 4), {"": (3, "_l0")}),
    "RNN, two levels": (lambda: nn.RNN(3, 4, 2), {"l0": (1, "_l0"), "l1": (1, "_l1")}),
    "GRU, two ways": (
        lambda: nn.GRU(3, 4, bidirectional=True),
        {"l0": (3, "_l0"), "l0_reverse": (3, "_l0_reverse")},
    ),
    "LSTM, two levels and ways": (
        lambda: nn.LSTM(3, 4, 2, bidirectional=True, bias=False),
        {f"l{i}{way}": (4, f"_l{i}{way}") for i in range(2) for way in ("", "_reverse")},
    ),
    "LSTM, projected": (lambda: nn.LSTM(3, 4, proj_size=2), {"": (4, "_l0")}),
    "LSTMCell": (lambda: nn.LSTMCell(3, 4), {"": (4, "")}),
    "GRUCell": (lambda: nn.GRUCell(3, 4), {"": (3, "")}),
    "RNNCell": (lambda: nn.RNNCell(3, 4), {"": (1, "")}),
}


@pytest.mark.parametrize("build", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolutions_have_a_row_a_filter_with_zeros_for_other_groups(build):
    module = build()
    described = layer(module, "")
    assert torch.equal(described.matrix(module), filters(module))
    assert (described.units, described.inputs) == described.matrix(module).shape
    assert described.groups == module.groups


@pytest.mark.parametrize(("build", "expected"), RECURRENT.values(), ids=RECURRENT)
def test_recurrent_units_are_the_rows_of_all_their_gates(build, expected):
    module = build()
    assert list(layers(module)) == list(expected)
    for name, (count, suffix) in expected.items():
        matrix = weight_matrix_of(module, name)
        assert torch.equal(matrix, gates(module, count, suffix))
        assert (layer(module, name).units, layer(module, name).inputs) == matrix.shape


def test_linear_bilinear_and_embeddings_have_a_row_a_unit():
    linear, bilinear = nn.Linear(3, 4), nn.Bilinear(2, 3, 4)
    table, bag = nn.Embedding(5, 3), nn.EmbeddingBag(5, 3)
    assert torch.equal(weight_matrix_of(linear, ""), linear.weight)
    rows = torch.stack([bilinear.weight[unit].reshape(-1) for unit in range(4)])
    assert torch.equal(weight_matrix_of(bilinear, ""), rows)
    assert torch.equal(weight_matrix_of(table, ""), table.weight.T)
    assert torch.equal(weight_matrix_of(bag, ""), bag.weight.T)


def test_attention_has_three_projections_packed_or_not():
    packed = nn.MultiheadAttention(4, 2)
    q, k, v = packed.in_proj_weight.chunk(3)
    for name, rows in {"q": q, "k": k, "v": v, "out_proj": packed.out_proj.weight}.items():
        assert torch.equal(weight_matrix_of(packed, name), rows)
    apart = nn.Sequential(nn.MultiheadAttention(4, 2, kdim=5, vdim=6))
    assert list(layers(apart)) == ["0.q", "0.k", "0.v", "0.out_proj"]
    for letter, inputs in {"q": 4, "k": 5, "v": 6}.items():
        matrix = weight_matrix_of(apart, f"0.{letter}")
        assert torch.equal(matrix, getattr(apart[0], f"{letter}_proj_weight"))
        assert layer(apart, f"0.{letter}").inputs == inputs


def test_a_head_is_a_row_of_its_units_and_of_the_columns_that_read_it():
    attention = nn.MultiheadAttention(6, 3)
    keys = layer(attention, "k")
    assert keys.heads == 3
    rows = keys.head_matrix(attention)
    columns = layer(attention, "out_proj").head_matrix(attention)
    assert rows.shape == columns.shape == (3, 12)
    for head in range(3):
        assert torch.equal(rows[head], attention.in_proj_weight[6 + 2 * head :][:2].flatten())
        own = attention.out_proj.weight[:, 2 * head :][:, :2]
        assert torch.equal(columns[head], own.T.flatten())
    with pytest.raises(ValueError, match="has no heads: only the projections"):
        layer(nn.Linear(2, 2), "").head_matrix(nn.Linear(2, 2))


def test_a_layer_called_out_proj_elsewhere_has_no_heads():
    model = nn.Sequential()
    model.add_module("out_proj", nn.Linear(2, 2))
    with pytest.raises(ValueError, match="'out_proj' has no heads"):
        layer(model, "out_proj").head_matrix(model)


@torch.no_grad()
def _without(model: nn.Module, name: str, unit: int) -> None:
    described = layer(model, name)
    for part in (*described.weights, *described.biases):
        value = tensor(model, part.tensor)
        owners = part.owners(value.shape)
        assert owners.shape == value.shape
        value[owners == unit] = 0.0


@pytest.mark.parametrize("build", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_a_filter_without_its_entries_is_silent_and_alone(build):
    module = build()
    sides = {1: (7,), 2: (7, 7), 3: (4, 4, 4)}[len(module.kernel_size)]
    inputs = torch.randn(2, module.in_channels, *sides)
    before = module(inputs)
    _without(module, "", module.out_channels // 2)
    after = module(inputs)
    changed = (after != before).flatten(2).any(2).any(0)
    assert changed.nonzero().flatten().tolist() == [module.out_channels // 2]
    assert not after[:, module.out_channels // 2].any()


@pytest.mark.parametrize(("build", "expected"), RECURRENT.values(), ids=RECURRENT)
def test_a_recurrent_unit_without_its_entries_stays_zero(build, expected):
    module = build()
    inputs = torch.randn(2, 3) if isinstance(module, nn.RNNCellBase) else torch.randn(5, 2, 3)
    for row, name in enumerate(expected):
        _without(module, name, 1)
        result = module(inputs)
        if isinstance(module, nn.RNNCellBase):
            states = result[0] if isinstance(result, tuple) else result
            assert not states[:, 1].any()
        else:
            states = result[1][1] if isinstance(result[1], tuple) else result[1]
            assert not states[row, :, 1].any()
            assert states[row, :, 0].all()


def test_units_of_other_kinds_are_silent_without_their_entries():
    linear, table, bilinear = nn.Linear(3, 4), nn.Embedding(5, 3), nn.Bilinear(2, 3, 4)
    for module in (linear, table, bilinear):
        _without(module, "", 2)
    assert linear(torch.randn(2, 3)).ne(0).all(0).tolist() == [True, True, False, True]
    assert table(torch.arange(5)).ne(0).all(0).tolist() == [True, True, False]
    outputs = bilinear(torch.randn(2, 2), torch.randn(2, 3))
    assert outputs.ne(0).all(0).tolist() == [True, True, False, True]


def test_a_projection_owns_its_stretch_of_a_packed_tensor():
    attention = nn.MultiheadAttention(4, 2)
    described = layer(attention, "v")
    (weight,), (bias,) = described.weights, described.biases
    assert weight.owners((12, 4))[:, 0].tolist() == [-1] * 8 + [0, 1, 2, 3]
    assert bias.owners((12,)).tolist() == [-1] * 8 + [0, 1, 2, 3]


def test_parts_survive_json_and_take_axes_in_front():
    for build in (*CONVOLUTIONS.values(), *(build for build, _ in RECURRENT.values())):
        module = build()
        for described in layers(module).values():
            for part in described.weights:
                assert Part.from_json(part.to_json()) == part
                value = tensor(module, part.tensor)
                stacked = part.matrix(torch.stack([value, 2 * value]), lead=1)
                assert torch.equal(stacked[1], 2 * part.matrix(value))
                assert stacked.shape[2] == part.inputs(value.shape)


def test_matrices_keep_half_precision():
    module = nn.Conv2d(4, 4, 3, groups=2).half()
    assert weight_matrix_of(module, "").dtype == torch.float16


class Halved(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight / 2


def _old_weight_norm(module: nn.Module) -> None:
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(module)


COMPUTED: dict[str, Callable[[nn.Linear], Any]] = {
    "parametrisation": lambda m: nn.utils.parametrize.register_parametrization(
        m, "weight", Halved()
    ),
    "weight_norm": parametrizations.weight_norm,
    "spectral_norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
    "weight_norm, older": _old_weight_norm,
    "spectral_norm, older": nn.utils.spectral_norm,
    "prune": lambda m: prune.l1_unstructured(m, "weight", 0.5),
    "prune twice": lambda m: (
        prune.l1_unstructured(m, "weight", 0.3),
        prune.random_unstructured(m, "weight", 0.3),
    ),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("compute", COMPUTED.values(), ids=COMPUTED)
def test_computed_weights_are_those_that_the_layer_multiplies_with(compute, training):
    module = nn.Linear(3, 4)
    compute(module)
    model = nn.Sequential(module)
    model.eval()(torch.randn(2, 3))
    with torch.no_grad():
        for value in model.parameters():  # what an optimiser's step does
            value += 0.1
        expected = (model(torch.eye(3)) - module.bias).T
    model.train(training)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    attributes = [dict(part.__dict__) for part in model.modules()]
    random = torch.random.get_rng_state()
    described = layer(model, "0")
    torch.testing.assert_close(described.matrix(model), expected)
    assert not described.matrix(model).requires_grad
    assert described.computed == ("0.weight",)
    with pytest.raises(ValueError, match="layer '0' computes 'weight' from other parameters"):
        check_uncomputed(described)
    with pytest.raises(ValueError, match="remove_parametrizations"):
        prunable(model)
    assert all(part.training == training for part in model.modules())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    for part, before in zip(model.modules(), attributes, strict=True):
        assert part.__dict__.keys() == before.keys()
        assert all(part.__dict__[name] is value for name, value in before.items())
    assert torch.equal(torch.random.get_rng_state(), random)


def test_prunable_are_the_parameters_of_layers_without_embeddings():
    assert prunable(lenet_300_100()) == ["fc1.weight", "fc2.weight", "fc3.weight"]
    tied, _ = NETWORKS["LSTM"].made()
    assert prunable(tied) == ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "out.weight"]
    assert prunable(nn.MultiheadAttention(4, 2)) == ["in_proj_weight", "out_proj.weight"]


def test_prunable_names_a_shared_weight_once_and_leaves_out_buffers():
    class Language(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = nn.Embedding(5, 3), nn.Linear(3, 5)
            self.head.weight = self.table.weight
            self.fixed = nn.Linear(2, 2, bias=False)
            weight = self.fixed.weight.detach()
            del self.fixed.weight
            self.fixed.register_buffer("weight", weight)

    model = Language()
    assert prunable(model) == ["table.weight"]
    assert layer(model, "fixed").computed == ()


def test_a_module_at_several_places_is_one_layer():
    shared = nn.Linear(2, 2)
    assert list(layers(nn.Sequential(shared, nn.ReLU(), shared))) == ["0"]


def test_layers_without_units_of_their_own_are_none():
    assert layers(nn.Sequential(nn.ReLU(), nn.BatchNorm1d(3), nn.LayerNorm(3))) == {}


def test_an_unknown_layer_is_refused_with_the_nearest_names():
    with pytest.raises(ValueError, match="fc1"):
        layer(lenet_300_100(), "fc11")


def test_lazy_parameters_are_refused():
    with pytest.raises(ValueError, match=r"'0' has parameters without a shape yet: run the"):
        layers(nn.Sequential(nn.LazyLinear(3)))
