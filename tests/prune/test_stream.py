"""Removals in a residual stream run again what the units change, and nothing else."""

from collections import Counter

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams
from surfeit.models import Structure
from surfeit.models.networks import resnet
from surfeit.prune import outputs_without, removal_curves


@pytest.fixture
def ran(monkeypatch):
    """How often convolutions ran, by their channels."""
    counts, real = Counter(), nn.Conv2d._conv_forward

    def counted(module, inputs, weight, bias):
        counts[module.in_channels, module.out_channels] += 1
        return real(module, inputs, weight, bias)

    monkeypatch.setattr(nn.Conv2d, "_conv_forward", counted)
    return counts


@pytest.fixture
def model():
    return resnet(8, input_shape=(3, 8, 8), classes=10, generator=Streams(0).get("network"))


@pytest.fixture
def split():
    generator = Streams(0).get("images")
    inputs = torch.randn(9, 3, 8, 8, generator=generator)
    return Split(inputs, torch.randint(10, (9,), generator=generator))


def test_blocks_before_the_units_are_not_run_again(model, split, ran):
    structure = Structure.of(model, split.inputs[:1])
    order = torch.arange(64)  # of the stream, whose first block holds 16 and whose second 32
    ran.clear()
    removal_curves(model, "conv1", [order], split, structure=structure)
    early, late = ran[16, 16], ran[64, 64]
    ran.clear()
    removal_curves(model, "conv1", [order[:0]], split, structure=structure)
    assert late - ran[64, 64] <= 33  # 32 units that the last block reads, and all at once
    assert early - ran[16, 16] <= 2 * 17  # of two convolutions, 16 units


def test_each_removal_gives_what_a_pass_without_the_others_gives(model, split):
    structure = Structure.of(model, split.inputs[:1])
    orders = [torch.randperm(64, generator=Streams(seed).get("order")) for seed in range(2)]
    curves = removal_curves(model, "conv1", orders, split, structure=structure)
    for order, curve in zip(orders, curves, strict=True):
        for removed in range(0, 65, 7):
            outputs = outputs_without(
                model, "conv1", order[:removed], split.inputs, structure=structure
            )
            right = (outputs.argmax(1) == split.targets).double().mean()
            assert curve.points[removed] == right


class _Leaving(nn.Module):
    """A block that leaves its answer somewhere, too, as encoders leave their skips."""

    def __init__(self, where):
        super().__init__()
        self.layer, self.where = nn.Linear(3, 3), where

    def forward(self, x, skips):
        answer = self.layer(x)
        return _left(self.where, answer, x, skips)


class _LeavingModule(nn.Module):
    """The same without modules of its own: it answers from memory in any case."""

    def forward(self, x, skips):
        return _left("list", x.tanh(), x, skips)


def _left(where, answer, x, skips):
    if where == "list":
        skips["all"].append(answer)
    elif where == "dictionary":
        skips["last"] = answer
    else:
        x.copy_(answer)
    return answer


class _Skipping(nn.Module):
    def __init__(self, where, encoder):
        super().__init__()
        self.encoder, self.where = encoder, where
        self.mid, self.up, self.head = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(7, 2)

    def forward(self, x, gone=()):
        x, skips = x.clone(), {"all": []}
        mid = self.mid(self.encoder(x, skips))
        if len(gone):
            mid = mid.index_fill(1, gone, 0.0)
        left = {"list": lambda: skips["all"][-1], "dictionary": lambda: skips["last"]}
        skip = left.get(self.where, lambda: x)()
        return self.head(torch.cat([self.up(mid.relu()), skip], 1))


@pytest.mark.parametrize("where", ["list", "dictionary", "input"])
def test_blocks_that_leave_something_besides_their_results_run_again(where):
    torch.manual_seed(0)
    model = _Skipping(where, _Leaving(where)).double().eval()
    inputs = torch.randn(5, 3, dtype=torch.float64)
    for gone in (torch.tensor([], dtype=torch.long), torch.tensor([2, 0])):
        found = outputs_without(model, "mid", gone, inputs)
        torch.testing.assert_close(found, model(inputs, gone), rtol=0, atol=1e-12)


def test_modules_that_leave_something_besides_their_results_are_refused():
    model = _Skipping("list", _LeavingModule()).eval()
    words = r"cannot be removed: what lies behind .* fails \(IndexError: .*: return it"
    with pytest.raises(ValueError, match=words):
        outputs_without(model, "mid", torch.tensor([0]), torch.randn(5, 3))
