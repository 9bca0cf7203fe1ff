"""Units of several layers removed at once, against networks that were zeroed by hand."""

import pytest
import torch
from torch import nn

from surfeit.models import Structure, conv_2, mlp
from surfeit.prune import Removal, WithoutTogether, outputs_without


def _drawn(units, share, seed):
    return torch.rand(units, generator=torch.Generator().manual_seed(seed)) < share


def _together(model, gone, inputs):
    structure = Structure.of(model, inputs[:1])
    removals = {name: Removal.of(structure, name) for name in gone}
    without = WithoutTogether(model, removals, structure)
    return next(without.outputs(inputs, [gone]))


def _seeded(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build().eval()


def test_hidden_units_of_two_layers_are_zero_together():
    generator = torch.Generator().manual_seed(0)
    model = mlp((8, 6), input_shape=(1, 3, 3), classes=4, generator=generator).eval()
    inputs = torch.randn(7, 1, 3, 3, generator=generator)
    gone = {"fc1": _drawn(8, 0.4, 1), "fc2": _drawn(6, 0.5, 2)}
    flat = inputs.flatten(1).double()
    own = {name: value.double() for name, value in model.named_parameters()}
    first = (flat @ own["fc1.weight"].T + own["fc1.bias"]).relu() * ~gone["fc1"]
    second = (first @ own["fc2.weight"].T + own["fc2.bias"]).relu() * ~gone["fc2"]
    expected = second @ own["fc3.weight"].T + own["fc3.bias"]
    torch.testing.assert_close(_together(model, gone, inputs), expected)


def test_one_layer_alone_is_as_its_own_removal_curve():
    generator = torch.Generator().manual_seed(0)
    model = conv_2(input_shape=(1, 8, 8), classes=3, generator=generator).eval()
    inputs = torch.randn(5, 1, 8, 8, generator=generator)
    for name in ("conv1", "conv2", "fc1"):
        units = Structure.of(model, inputs[:1]).layer(name).units
        gone = _drawn(units, 0.3, 3)
        alone = outputs_without(model, name, gone.nonzero().flatten(), inputs)
        torch.testing.assert_close(_together(model, {name: gone}, inputs), alone)


class _Residual(nn.Module):
    """A stream of two layers that go together, a normalisation and a sigmoid between others."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(5, 6)
        self.inner = nn.Sequential(nn.Linear(6, 9), nn.BatchNorm1d(9), nn.Sigmoid())
        self.back = nn.Linear(9, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, x, stream=None, hidden=None):
        stream = torch.ones(6) if stream is None else stream
        hidden = torch.ones(9) if hidden is None else hidden
        x = self.stem(x) * stream
        x = x + self.back(self.inner(x) * hidden) * stream
        return self.head(x)


def test_units_of_a_stream_and_behind_a_sigmoid_are_zero_together():
    model = _seeded(_Residual)
    inputs = torch.randn(11, 5, generator=torch.Generator().manual_seed(1))
    gone = {"stem": _drawn(6, 0.4, 4), "inner.0": _drawn(9, 0.5, 5)}
    expected = model.double()(inputs.double(), ~gone["stem"], ~gone["inner.0"])
    torch.testing.assert_close(_together(model.float(), gone, inputs), expected.detach())


class _Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 5, batch_first=True)
        self.fc = nn.Linear(5, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.fc(self.lstm(x)[0][:, -1]).relu())


def test_recurrent_units_come_back_for_the_next_choice():
    model = _seeded(_Recurrent)
    inputs = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(2))
    structure = Structure.of(model, inputs[:1])
    (lstm,) = (name for name, layer in structure.layers.items() if layer.kind == "recurrent")
    removals = {name: Removal.of(structure, name) for name in (lstm, "fc")}
    none = {lstm: torch.zeros(5, dtype=torch.bool), "fc": torch.zeros(4, dtype=torch.bool)}
    some = none | {lstm: _drawn(5, 0.5, 6)}
    without = WithoutTogether(model, removals, structure)
    once, again, whole = without.outputs(inputs, [some, some | {"fc": _drawn(4, 0.5, 7)}, none])
    alone = outputs_without(model, lstm, some[lstm].nonzero().flatten(), inputs)
    torch.testing.assert_close(once, alone)
    assert not torch.allclose(again, once)
    torch.testing.assert_close(whole, model.double()(inputs.double()).detach())


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_none_and_all_of_a_layer(share):
    generator = torch.Generator().manual_seed(0)
    model = mlp((4, 3), input_shape=(2,), classes=2, generator=generator).eval()
    inputs = torch.randn(3, 2, generator=generator)
    gone = {"fc1": torch.full((4,), share > 0), "fc2": torch.zeros(3, dtype=torch.bool)}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    own = {name: value.double() for name, value in model.named_parameters()}
    hidden = (inputs.double() @ own["fc1.weight"].T + own["fc1.bias"]).relu() * (1 - share)
    second = (hidden @ own["fc2.weight"].T + own["fc2.bias"]).relu()
    expected = second @ own["fc3.weight"].T + own["fc3.bias"]
    torch.testing.assert_close(_together(model, gone, inputs), expected)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
