"""Architectures as JSON and back."""

import json

import pytest
import torch
from torch import nn

from surfeit.core import buffers, load_, parameters
from surfeit.models import conv_2, describe, is_rebuildable, mlp, rebuild, vgg19_bn


def again(model: nn.Module) -> nn.Module:
    """The module built from its description, through JSON, with the weights loaded."""
    built = rebuild(json.loads(json.dumps(describe(model))))
    return load_(built, parameters(model) | buffers(model))


@pytest.mark.parametrize(
    "part",
    [
        nn.Conv2d(2, 4, (3, 1), stride=2, padding=1, padding_mode="circular", bias=False),
        nn.Conv2d(2, 4, 3, padding="same", dilation=2, groups=2),
        nn.BatchNorm2d(2, eps=0.1, momentum=0.3),
        nn.BatchNorm2d(2, affine=False, momentum=None),
        nn.BatchNorm2d(2, track_running_stats=False),
        nn.MaxPool2d(2, stride=1, padding=1, dilation=2, ceil_mode=True),
        nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
        nn.AvgPool2d(3, 2, padding=1, divisor_override=5),
        nn.AdaptiveAvgPool2d((2, 3)),
        nn.LeakyReLU(0.3),
        nn.GELU("tanh"),
        nn.GELU(),
        nn.Tanh(),
        nn.Sigmoid(),
        nn.Identity(),
        nn.Flatten(2),
        nn.Flatten(0, 1),
        nn.Dropout(0.25),
    ],
    ids=repr,
)
@pytest.mark.parametrize("training", [True, False])
def test_rebuilt_module_gives_the_same_outputs_and_description(part, training):
    images = torch.randn(3, 2, 8, 9, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(part)
    built = again(model)
    assert describe(built) == describe(model)
    outputs = []
    for network in (model, built):
        torch.manual_seed(0)
        outputs.append(network.train(training)(images))
    assert torch.equal(*outputs)


def test_rebuilt_conv1d_and_batch_norm1d_give_the_same_outputs():
    model = nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.BatchNorm1d(3), nn.Linear(5, 2))
    images = torch.randn(4, 2, 5)
    assert torch.equal(again(model).eval()(images), model.eval()(images))


@pytest.mark.parametrize("build", [mlp, conv_2, vgg19_bn])
def test_rebuilt_networks_are_the_same(build):
    model = build((7, 5)) if build is mlp else build(input_shape=(1, 4, 4))
    built = rebuild(describe(model))
    assert list(dict(built.named_modules())) == list(dict(model.named_modules()))
    assert describe(built) == describe(model)


def test_nested_sequentials_keep_their_names():
    inner = nn.Sequential()
    inner.add_module("fc", nn.Linear(4, 3))
    model = nn.Sequential(inner, nn.ReLU())
    assert list(parameters(again(model))) == ["0.fc.weight", "0.fc.bias"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (nn.Flatten(), nn.Flatten(2)),
        (nn.GELU(), nn.GELU("tanh")),
        (nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3, padding_mode="reflect")),
        (nn.Linear(2, 2), nn.Linear(2, 2, bias=False)),
        (nn.MaxPool2d(2), nn.MaxPool2d(2, dilation=2)),
        (nn.AvgPool2d(2), nn.AvgPool2d(2, count_include_pad=False)),
        (nn.Softplus(1.0), nn.Softplus(2.0)),
    ],
)
def test_describe_tells_options_apart(one, other):
    assert describe(nn.Sequential(one)) != describe(nn.Sequential(other))


def test_describe_does_not_mind_what_changes_no_output():
    assert describe(nn.ReLU(inplace=True)) == describe(nn.ReLU())


def test_rebuild_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    rebuild(describe(mlp((3,))))
    assert torch.equal(before, torch.get_rng_state())


class Own(nn.Linear):
    """A foreign class that is a standard one by descent."""


@pytest.mark.parametrize("part", [Own(2, 2), nn.Softplus(), nn.ConvTranspose2d(1, 1, 1)])
def test_foreign_modules_are_described_but_not_rebuilt(part):
    description = describe(nn.Sequential(nn.Linear(2, 2), part))
    json.dumps(description)
    assert not is_rebuildable(description)
    assert is_rebuildable(describe(nn.Linear(2, 2)))
    with pytest.raises(
        ValueError, match=r"cannot be built from its description .*run\.model\(into"
    ):
        rebuild(description)
    with pytest.raises(ValueError, match=type(part).__name__):
        rebuild(describe(part))
