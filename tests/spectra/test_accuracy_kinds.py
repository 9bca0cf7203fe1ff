"""Rank curves of every kind of layer, against weights projected and put back by hand."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, weight_norm

from surfeit.core import (
    Split,
    Streams,
    binary_cross_entropy,
    cross_entropy,
    digest,
    evaluate,
    own_objective,
    squared_error,
)
from surfeit.spectra import accuracy_by_rank, project, project_update


def absolute(outputs, targets):
    return (outputs - targets).abs().sum(1)


class Reversed(nn.Module):
    """A layer registered behind the one that it feeds, used by name and never in a Sequential."""

    def __init__(self, layer, head, *, first=False, mean=None):
        super().__init__()
        self.head, self.layer, self.first, self.mean = head, layer, first, mean

    def forward(self, inputs):
        hidden = self.layer(inputs)
        hidden = hidden[0] if self.first else hidden
        return self.head(hidden if self.mean is None else hidden.mean(self.mean))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend, self.head = nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(6, 3)

    def forward(self, inputs):
        return self.head(self.attend(inputs, inputs, inputs, need_weights=False)[0].mean(1))


class Adapted(nn.Linear):
    """A Linear with a forward of its own, which no closed form knows."""

    def forward(self, input):
        return super().forward(input).abs() + input.sum(-1, keepdim=True)


def _rows(weight, matrix):
    return matrix.reshape(weight.shape)


def _grouped_matrix(weight):
    """A convolution of two groups: filters of the second read the second half of the channels."""
    own = weight.flatten(1)
    units, inputs = own.shape
    matrix = own.new_zeros(units, 2 * inputs)
    matrix[: units // 2, :inputs] = own[: units // 2]
    matrix[units // 2 :, inputs:] = own[units // 2 :]
    return matrix


def _from_grouped(weight, matrix):
    units, inputs = weight.flatten(1).shape
    own = torch.cat([matrix[: units // 2, :inputs], matrix[units // 2 :, inputs:]])
    return own.reshape(weight.shape)


def _gate_rows(lstm):
    """A unit of an LSTM is its four rows of both tensors."""
    h = lstm.hidden_size
    rows = []
    for unit in range(h):
        own = [lstm.weight_ih_l0[unit + gate * h] for gate in range(4)]
        own += [lstm.weight_hh_l0[unit + gate * h] for gate in range(4)]
        rows.append(torch.cat(own))
    return torch.stack(rows)


def _set_gate_rows_(lstm, matrix):
    h, n = lstm.hidden_size, lstm.input_size
    for unit in range(h):
        for gate in range(4):
            lstm.weight_ih_l0[unit + gate * h] = matrix[unit, gate * n : (gate + 1) * n]
            start = 4 * n + gate * h
            lstm.weight_hh_l0[unit + gate * h] = matrix[unit, start : start + h]


def _seeded(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build().eval()
    if hasattr(model, "head"):
        nn.init.zeros_(model.head.bias)  # else one class would always win
    return model


def _inputs(*shape):
    return torch.randn(*shape, generator=Streams(0).get("inputs"))


def _labels(count, classes):
    return torch.arange(count) % classes


def _transposed(model):
    """Units of a transposed convolution lie on the second axis."""
    weight = model.layer.weight
    return weight.transpose(0, 1).flatten(1)


def _set_transposed_(model, matrix):
    weight = model.layer.weight
    weight.copy_(matrix.reshape(weight.transpose(0, 1).shape).transpose(0, 1))


CASES = {
    "transposed": (
        lambda: Reversed(nn.ConvTranspose2d(3, 5, 2), nn.Linear(5, 4), mean=(2, 3)),
        "layer",
        _inputs(30, 3, 4, 4),
        _transposed,
        _set_transposed_,
    ),
    "grouped": (
        lambda: Reversed(nn.Conv1d(4, 6, 3, groups=2), nn.Linear(6, 4), mean=2),
        "layer",
        _inputs(30, 4, 7),
        lambda model: _grouped_matrix(model.layer.weight),
        lambda model, near: model.layer.weight.copy_(_from_grouped(model.layer.weight, near)),
    ),
    "recurrent": (
        lambda: Reversed(nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 4), first=True, mean=1),
        "layer",
        _inputs(30, 6, 3),
        lambda model: _gate_rows(model.layer),
        lambda model, near: _set_gate_rows_(model.layer, near),
    ),
    "attention": (
        Attention,
        "attend.k",
        _inputs(30, 5, 6),
        lambda model: model.attend.in_proj_weight[6:12],
        lambda model, near: model.attend.in_proj_weight[6:12].copy_(near),
    ),
    "adapted": (
        lambda: nn.Sequential(nn.Flatten(), Adapted(12, 7), nn.Linear(7, 4)),
        "1",
        _inputs(30, 12),
        lambda model: model[1].weight,
        lambda model, near: model[1].weight.copy_(near),
    ),
    "several axes": (
        lambda: nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Flatten(), nn.Linear(35, 4)),
        "0",
        _inputs(30, 5, 6),
        lambda model: model[0].weight,
        lambda model, near: model[0].weight.copy_(near),
    ),
    "only layer": (
        lambda: nn.Linear(6, 4),
        "",
        _inputs(30, 6),
        lambda model: model.weight,
        lambda model, near: model.weight.copy_(near),
    ),
}


def _by_hand(case, rank, initial=None):
    build, _, _, matrix, set_ = CASES[case]
    model = _seeded(build)
    with torch.no_grad():
        weight = matrix(model).clone()
        near = project(weight, rank) if initial is None else project_update(weight, initial, rank)
        set_(model, near)
    return model


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("start", [False, True])
def test_every_kind_of_layer_is_projected_as_by_hand(case, start):
    build, name, inputs, matrix, _ = CASES[case]
    model = _seeded(build)
    classes = model(inputs[:1]).shape[1]
    data = Split(inputs, _labels(len(inputs), classes))
    weight = matrix(model).detach()
    initial = weight + _inputs(*weight.shape) * (weight != 0) if start else None
    ranks = range(min(weight.shape) + 1)
    before = digest(model.state_dict())
    found = accuracy_by_rank(model, name, data, ranks, initial=initial, batch=11)
    for rank, accuracy in zip(ranks, found, strict=True):
        with torch.no_grad():
            outputs = _by_hand(case, rank, initial)(inputs)
        assert accuracy == pytest.approx((outputs.argmax(1) == data.labels).double().mean().item())
    assert digest(model.state_dict()) == before
    assert len(set(found.tolist())) > 1


@pytest.mark.parametrize("case", CASES)
def test_losses_stand_where_the_objective_knows_no_classes(case):
    build, name, inputs, matrix, _ = CASES[case]
    model = _seeded(build)
    targets = _inputs(len(inputs), model(inputs[:1]).shape[1])
    ranks = [1, min(matrix(model).shape)]
    for objective in (squared_error, own_objective(absolute)):
        found = accuracy_by_rank(
            model, name, Split(inputs, targets), ranks, objective=objective, batch=11
        )
        for rank, loss in zip(ranks, found, strict=True):
            with torch.no_grad():
                outputs = _by_hand(case, rank)(inputs)
            assert loss == pytest.approx(objective.loss(outputs, targets).item(), rel=1e-5)


def _normed():
    return nn.Sequential(weight_norm(nn.Linear(6, 5)), nn.ReLU(), nn.Linear(5, 4))


def _parametrised(wrap):
    return nn.Sequential(nn.Flatten(), wrap(nn.Linear(6, 5)), nn.ReLU(), nn.Linear(5, 4))


def _masked():
    layer = nn.Linear(6, 5)
    prune.random_unstructured(layer, "weight", 0.3)
    return nn.Sequential(nn.Flatten(), layer, nn.ReLU(), nn.Linear(5, 4))


@pytest.mark.parametrize(
    "build",
    [
        lambda: _parametrised(weight_norm),
        lambda: _parametrised(parametrizations.weight_norm),
        lambda: _parametrised(parametrizations.spectral_norm),
        lambda: _parametrised(parametrizations.orthogonal),
        _masked,
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_computed_weights_are_projected_as_they_are_computed(build):
    model = _seeded(build)
    data = Split(_inputs(40, 6), _labels(40, 4))
    with torch.no_grad():
        model(data.inputs)  # hooks compute the weight
        plain = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
        plain[2].load_state_dict(model[3].state_dict())
        plain[0].bias.copy_(model[1].bias)
    found = accuracy_by_rank(model, "1", data, [1, 2, 5])
    for rank, accuracy in zip([1, 2, 5], found, strict=True):
        with torch.no_grad():
            plain[0].weight.copy_(project(model[1].weight.detach(), rank))
            right = plain(data.inputs).argmax(1) == data.labels
        assert accuracy == pytest.approx(right.double().mean().item())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(dtype):
    model = _seeded(lambda: _parametrised(lambda layer: layer)).to(dtype)
    data = Split(_inputs(60, 6).to(dtype), _labels(60, 4))
    lifted = Split(data.inputs.float(), data.targets)
    found = accuracy_by_rank(model, "1", data, [1, 3, 5])
    assert torch.equal(
        found, accuracy_by_rank(copy.deepcopy(model).float(), "1", lifted, [1, 3, 5])
    )
    assert model[1].weight.dtype == dtype


def test_every_position_of_an_example_counts():
    build, *_ = CASES["several axes"]
    model = nn.Sequential(
        nn.Embedding(9, 6), *list(_seeded(build))[:2], _seeded(lambda: nn.Linear(7, 3))
    )
    tokens = torch.randint(9, (20, 5), generator=Streams(0).get("tokens"))
    data = Split(tokens, _labels(100, 3).view(20, 5))
    for name in ("0", "1"):
        full = min(model.get_submodule(name).weight.shape)
        accuracy = accuracy_by_rank(model, name, data, [full], batch=7).item()
        expected = (model(tokens).argmax(-1) == data.targets).double().mean().item()
        assert accuracy == pytest.approx(expected)


def test_full_rank_is_the_network_itself():
    build, name, inputs, matrix, _ = CASES["recurrent"]
    model = _seeded(build)
    data = Split(inputs, _inputs(30, 4))
    full = min(matrix(model).shape)
    found = accuracy_by_rank(model, name, data, [full], objective=squared_error)
    whole = evaluate(model, dict(model.state_dict()), data, squared_error)
    assert found.item() == pytest.approx(whole.loss, rel=1e-6)


def test_one_logit_has_an_accuracy_where_the_objective_gives_it_one():
    model = _seeded(lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1)))
    data = Split(_inputs(40, 6), _labels(40, 2))
    found = accuracy_by_rank(model, "0", data, [5], objective=binary_cross_entropy)
    right = (model(data.inputs)[:, 0] > 0) == data.labels.bool()
    assert found.item() == pytest.approx(right.double().mean().item())
    with pytest.raises(ValueError, match="one output cannot tell classes apart"):
        accuracy_by_rank(model, "0", data, [5])


def test_outputs_that_cannot_be_judged_are_an_error():
    model = _seeded(lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)))
    data = Split(_inputs(40, 6), _labels(40, 4))
    with pytest.raises(
        ValueError, match=r"labels in \[0, 4\), one an output, got labels in \[0, 4"
    ):
        accuracy_by_rank(model, "0", Split(data.inputs, _labels(40, 5)), [5])
    with torch.no_grad():
        model[2].bias[0] = float("nan")
    with pytest.raises(ValueError, match="outputs must be finite, but 40 of 40"):
        accuracy_by_rank(model, "0", data, [5], objective=cross_entropy)
    with torch.no_grad():
        model[2].bias[0], model[0].weight[0, 0] = 0.0, float("inf")
    with pytest.raises(ValueError, match="weights must be finite"):
        accuracy_by_rank(model, "0", data, [5])


def test_the_initial_weight_must_have_the_matrixs_shape():
    build, name, inputs, *_ = CASES["transposed"]
    model, data = _seeded(build), Split(inputs, _labels(30, 4))
    for shape in ((5, 11), (5, 3, 2, 2)):
        with pytest.raises(ValueError, match="must have one shape"):
            accuracy_by_rank(model, name, data, [1], initial=torch.zeros(shape))
    whole = model.layer.weight.detach() * 2
    matrix = whole.transpose(0, 1).flatten(1)
    found = accuracy_by_rank(model, name, data, [1, 2], initial=whole)
    assert torch.equal(found, accuracy_by_rank(model, name, data, [1, 2], initial=matrix))
