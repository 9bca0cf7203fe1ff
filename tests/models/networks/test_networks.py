"""The report's networks: weight counts, names, any shape, Glorot's variance."""

import pytest
import torch
from torch import nn

from surfeit.core import Streams, digest, parameters
from surfeit.models import conv_2, conv_4, conv_6, initialise_, lenet_300_100, mlp, vgg19_bn

from ...modules import layers

BUILDERS = [lenet_300_100, conv_2, conv_4, conv_6, vgg19_bn]


def weights(model: nn.Module, kind: type[nn.Module] = nn.Module) -> int:
    parts = [model.get_submodule(name) for name in layers(model)]
    return sum(part.weight.numel() for part in parts if isinstance(part, kind))


@pytest.mark.parametrize(
    ("builder", "count"),
    [(lenet_300_100, 266_200), (conv_2, 4_300_992), (conv_4, 2_425_024), (conv_6, 2_261_184)],
)
def test_networks_have_exactly_the_published_weights(builder, count):
    assert weights(builder()) == count


def test_vgg19_has_20_million_weights_in_16_convolutions():
    model = vgg19_bn()
    convolutions = [part for part in model.modules() if isinstance(part, nn.Conv2d)]
    assert len(convolutions) == 16
    assert weights(model, nn.Conv2d) == 20_018_880
    assert weights(model, nn.Linear) == 512 * 512 * 2 + 512 * 10


def test_networks_layers_have_readable_names():
    assert list(dict(lenet_300_100().named_children())) == [
        *("flatten", "fc1", "relu1", "fc2", "relu2", "fc3")
    ]
    assert list(layers(conv_4())) == [*("conv1", "conv2", "conv3", "conv4", "fc1", "fc2", "fc3")]
    names = list(dict(vgg19_bn().named_children()))
    assert names[:7] == ["conv1", "bn1", "relu1", "conv2", "bn2", "relu2", "pool1"]
    assert names[-7:] == ["average", "flatten", "fc1", "relu17", "fc2", "relu18", "fc3"]


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 1, 1), (2, 5, 9)])
@pytest.mark.parametrize("builder", BUILDERS)
def test_networks_take_any_shape_and_class_count(builder, shape):
    model = builder(input_shape=shape, classes=2).eval()
    assert model(torch.zeros(3, *shape)).shape == (3, 2)


@pytest.mark.parametrize("shape", [(5,), (2, 9), (1, 2, 3, 4)])
def test_dense_networks_take_inputs_of_any_shape(shape):
    for model in (mlp((4,), input_shape=shape, classes=1), lenet_300_100(input_shape=shape)):
        assert len(model(torch.zeros(3, *shape))) == 3
        assert model.fc1.in_features == torch.Size(shape).numel()


@pytest.mark.parametrize("builder", [conv_2, conv_4, conv_6, vgg19_bn])
def test_convolutional_networks_refuse_what_is_no_image(builder):
    with pytest.raises(ValueError, match=r"takes images, .* got \(28, 28\): use mlp"):
        builder(input_shape=(28, 28))


def test_networks_weights_come_from_the_generator_alone():
    before = torch.get_rng_state()
    first, again, other = (mlp((5,), generator=Streams(s).get("init")) for s in (0, 0, 1))
    assert digest(parameters(first)) == digest(parameters(again)) == digest(parameters(mlp((5,))))
    assert digest(parameters(first)) != digest(parameters(other))
    conv_2(input_shape=(1, 4, 4))
    assert torch.equal(before, torch.get_rng_state())


def test_mlp_of_no_widths_is_a_linear_classifier():
    assert list(layers(mlp((), input_shape=(1, 2, 2), classes=3))) == ["fc1"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"widths": (3, 0)}, r"every width must be at least 1, got \(3, 0\)"),
        ({"widths": (), "input_shape": ()}, r"at least one side, .* got \(\)"),
        ({"widths": (), "input_shape": (1, 0, 5)}, r"each at least 1, got \(1, 0, 5\)"),
        ({"widths": (), "classes": 0}, "classes must be at least 1, got 0"),
    ],
)
def test_mlp_error_says_what_was_given(options, words):
    with pytest.raises(ValueError, match=words):
        mlp(**options)


@pytest.mark.parametrize("builder", [lenet_300_100, conv_6])
def test_initial_weights_have_glorots_variance_within_its_standard_error(builder):
    model = builder()
    for name in layers(model):
        weight = model.get_parameter(f"{name}.weight").detach().double()
        positions = weight[0, 0].numel()
        expected = 2 / (positions * (weight.shape[0] + weight.shape[1]))
        # A Gaussian's mean square has the relative standard error sqrt(2 / n).
        relative = weight.square().mean().item() / expected - 1
        assert abs(relative) < 4 * (2 / weight.numel()) ** 0.5, name
        assert abs(weight.mean().item()) < 4 * (expected / weight.numel()) ** 0.5, name
        kurtosis = (weight.pow(4).mean() / expected**2).item()
        assert abs(kurtosis - 3) < 4 * (96 / weight.numel()) ** 0.5, name
        assert not model.get_parameter(f"{name}.bias").any()


def test_initialise_makes_batch_normalisation_the_identity_with_fresh_statistics():
    model = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.BatchNorm2d(2), nn.Conv1d(2, 2, 1))
    model[:2](torch.randn(4, 1, 3, 3))
    nn.init.constant_(model[1].weight, 5)
    initialise_(model, Streams(0).get("init"))
    assert model[1].weight.tolist() == [1, 1]
    assert model[1].running_mean.tolist() == [0, 0]
    assert model[1].running_var.tolist() == [1, 1]
    assert model[1].num_batches_tracked == 0
    assert not model[2].bias.any()


class Mixed(nn.Module):
    """Layers of kinds that have no law here among those that do."""

    def __init__(self):
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(7, 4), nn.LSTM(4, 5)
        self.attention = nn.MultiheadAttention(5, 1)
        self.up, self.head = nn.ConvTranspose1d(5, 6, 3), nn.Linear(6, 2)


def test_layers_of_other_kinds_keep_the_numbers_that_they_were_built_with():
    model = Mixed()
    before = parameters(model)
    generator = Streams(0).get("init")
    initialise_(model, generator)
    after = parameters(model)
    drawn = {"attention.out_proj.weight", "up.weight", "head.weight"}
    biases = {"attention.out_proj.bias", "up.bias", "head.bias"}
    for name, value in after.items():
        if name in biases:
            assert not value.any()
        else:
            assert torch.equal(value, before[name]) != (name in drawn), name
