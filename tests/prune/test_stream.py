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
