"""What is left of a network, against smaller networks that were built by hand."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from surfeit.core import Split, Streams
from surfeit.data import from_tensors
from surfeit.models import mlp
from surfeit.prune import Removal
from surfeit.report import ReportConfig
from surfeit.report.joint.costs import costs_without, whole_costs
from surfeit.report.network import Network
from surfeit.train import Recorder


def _network(model, tmp_path, shape, classes=3):
    generator = Streams(0).get("data")

    def split(count):
        return Split(
            torch.randn(count, *shape, generator=generator),
            torch.randint(classes, (count,), generator=generator),
        )

    data = from_tensors("toy", train=split(8), validation=split(6), test=split(6))
    recorder = Recorder(model, tmp_path / "run", data=data)
    recorder.record(1)
    return Network.of(recorder.finish(), data, ReportConfig(), into=model)


def _counted(model, example):
    with FlopCounterMode(display=False) as counter:
        model.eval()(example)
    return counter.get_total_flops() // 2


def _gone(units, *places):
    gone = torch.zeros(units, dtype=torch.bool)
    gone[list(places)] = True
    return gone


def _without(network, **gone):
    named = {name.replace("_", "."): value for name, value in gone.items()}
    removals = {name: Removal.of(network.structure, name) for name in named}
    return costs_without(network, removals, named)


def _size(model):
    return sum(value.numel() for value in model.parameters())


def _mlp(*widths):
    return mlp(widths, input_shape=(7,), classes=3, generator=Streams(0).get("init"))


def test_without_units_a_dense_network_is_one_of_fewer_units(tmp_path):
    network = _network(_mlp(9, 6), tmp_path, (7,))
    small = _mlp(5, 4)
    whole, left = (
        whole_costs(network),
        _without(network, fc1=_gone(9, 0, 3, 4, 8), fc2=_gone(6, 1, 2)),
    )
    assert whole.parameters == _size(_mlp(9, 6))
    assert whole.multiply_adds == _counted(_mlp(9, 6), torch.randn(1, 7))
    assert left.parameters == _size(small)
    assert left.multiply_adds == _counted(small, torch.randn(1, 7))
    assert (whole.bytes, left.bytes) == (4 * whole.parameters, 4 * left.parameters)


def _convolutional(first, second, hidden):
    return nn.Sequential(
        nn.Conv2d(2, first, 3, padding=1),
        nn.BatchNorm2d(first),
        nn.ReLU(),
        nn.Conv2d(first, second, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(second * 4, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 3),
    )


def test_filters_go_with_normalisations_and_every_position_that_reads_them(tmp_path):
    network = _network(_convolutional(5, 4, 8), tmp_path, (2, 6, 6))
    removals = {"0": _gone(5, 1, 2), "3": _gone(4, 0), "7": _gone(8, 3, 4, 5)}
    left = costs_without(
        network, {name: Removal.of(network.structure, name) for name in removals}, removals
    )
    small, example = _convolutional(3, 3, 5), torch.randn(1, 2, 6, 6)
    assert left.parameters == _size(small)
    assert left.multiply_adds == _counted(small, example)
    assert whole_costs(network).multiply_adds == _counted(_convolutional(5, 4, 8), example)


class _Residual(nn.Module):
    def __init__(self, stream, inner):
        super().__init__()
        self.stem, self.back = nn.Linear(7, stream), nn.Linear(inner, stream)
        self.inner, self.head = nn.Linear(stream, inner), nn.Linear(stream, 3)

    def forward(self, x):
        x = self.stem(x)
        return self.head(x + self.back(self.inner(x).relu()))


def test_a_unit_of_a_residual_stream_goes_in_all_of_its_layers(tmp_path):
    network = _network(_Residual(6, 5), tmp_path, (7,))
    left = _without(network, stem=_gone(6, 0, 5), inner=_gone(5, 2))
    assert left.parameters == _size(_Residual(4, 4))
    assert left.multiply_adds == _counted(_Residual(4, 4), torch.randn(1, 7))


def test_half_precision_is_counted_as_recorded(tmp_path):
    network = _network(_mlp(9, 6).half(), tmp_path, (7,))
    left = _without(network, fc1=_gone(9, 0))
    assert whole_costs(network).bytes == 2 * _size(_mlp(9, 6))
    assert left.bytes == 2 * _size(_mlp(8, 6))


class _Mixing(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.first, self.last = nn.Linear(7, 7), nn.Linear(7, 3)
        self.second = nn.Linear(7, 7)
        self.norm = nn.LayerNorm(7) if kind == "normalised" else nn.Identity()
        if kind == "tied":
            self.second.weight = self.first.weight

    def forward(self, x):
        return self.last(self.second(self.norm(self.first(x)).relu()).relu())


@pytest.mark.parametrize("kind", ["normalised", "tied"])
def test_units_that_cannot_be_cut_out_alone_are_refused(tmp_path, kind):
    network = _network(_Mixing(kind), tmp_path, (7,))
    with pytest.raises(ValueError, match="units of layer 'first' share weights with others, or"):
        _without(network, first=_gone(7, 0))


def test_recurrent_units_are_refused(tmp_path):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(7, 5, batch_first=True), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    network = _network(Reader(), tmp_path, (4, 7))
    (name,) = (n for n, layer in network.structure.layers.items() if layer.kind == "recurrent")
    removals = {name: Removal.of(network.structure, name)}
    with pytest.raises(ValueError, match="units of a recurrent layer read themselves"):
        costs_without(network, removals, {name: _gone(5, 0)})
