"""Residual, dense and plain convolutional networks: the sizes that were published."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from surfeit.models import (
    Concatenated,
    Residual,
    builder_named,
    chain,
    conv5,
    densenet,
    mlp,
    resnet,
    resnet18,
    vgg,
)

from ...modules import layers


def parameters_of(model: nn.Module) -> int:
    return sum(value.numel() for value in model.parameters())


def multiply_adds(model: nn.Module, *shape: int) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, *shape))
    return counter.get_total_flops() // 2


@pytest.mark.parametrize(
    ("name", "millions", "digits"),
    [
        # He, Zhang, Ren and Sun 2016, table 6.
        ("resnet-20", 0.27, 2),
        ("resnet-32", 0.46, 2),
        ("resnet-44", 0.66, 2),
        ("resnet-56", 0.85, 2),
        ("resnet-110", 1.7, 1),
        # Huang, Liu, van der Maaten and Weinberger 2017, table 2.
        ("densenet-40-12", 1.0, 1),
        ("densenet-100-12", 7.0, 1),
    ],
)
def test_parameters_are_those_published(name, millions, digits):
    assert round(parameters_of(builder_named(name)()) / 1e6, digits) == millions


@pytest.mark.parametrize(
    ("name", "millions"), [("resnet-56", 125), ("resnet-110", 253), ("vgg-16", 313)]
)
def test_multiply_adds_are_those_published(name, millions):
    # Li, Kadav, Durdanovic, Samet and Graf 2017, table 1.
    assert abs(multiply_adds(builder_named(name)(), 3, 32, 32) / 1e6 - millions) < 1


def test_resnet18_at_64_has_the_11_2_million_parameters_of_its_kind():
    assert parameters_of(resnet18()) == 11_171_146
    assert parameters_of(resnet18(8)) < parameters_of(resnet18()) / 60


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_vgg_has_the_convolutions_of_its_table_and_as_many_layers_as_its_depth(depth):
    # Simonyan and Zisserman 2015, table 1.
    convolutions = {11: 9_217_728, 13: 9_402_048, 16: 14_710_464, 19: 20_018_880}[depth]
    model = vgg(depth)
    own = [part for part in model.modules() if isinstance(part, nn.Conv2d)]
    assert sum(part.weight.numel() for part in own) == convolutions
    assert len(layers(model)) == depth


def test_vgg_9_has_seven_convolutions_and_a_hidden_layer():
    model = vgg(9, 2, normalise="batch")
    assert list(layers(model)) == [*(f"conv{n}" for n in range(1, 8)), "fc1", "fc2"]
    assert model.fc1.in_features == 8 * 4 * 4
    assert isinstance(model.bn8, nn.BatchNorm1d)


@pytest.mark.parametrize("shortcuts", [True, False])
def test_resnet_has_as_many_layers_as_its_depth(shortcuts):
    for depth in (8, 20):
        model = resnet(depth, shortcuts=shortcuts)
        assert len(layers(model)) == depth
        blocks = [part for part in model.modules() if isinstance(part, Residual)]
        assert len(blocks) == ((depth - 2) // 2 if shortcuts else 0)


def test_a_plain_network_has_the_same_weights_as_the_residual_one():
    residual, plain = resnet(8), resnet(8, shortcuts=False)
    pairs = zip(residual.parameters(), plain.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    x = torch.randn(2, 3, 8, 8)
    assert not torch.allclose(residual(x), plain(x))


def test_a_shortcut_takes_every_other_position_and_puts_zeros_behind_the_channels():
    block = resnet(8).block2
    x = torch.randn(2, 16, 7, 7)
    passed = block.shortcut(x)
    assert passed.shape == block.body(x).shape == (2, 32, 4, 4)
    assert torch.equal(passed[:, :16], x[:, :, ::2, ::2])
    assert not passed[:, 16:].any()


def test_resnet_is_the_networks_own_formula():
    model = resnet(8, input_shape=(1, 6, 6), classes=3).eval()
    x = torch.randn(2, 1, 6, 6)
    h = model.bn1(model.conv1(x)).relu()
    for block in (model.block1, model.block2, model.block3):
        body, short = block.body, h
        if body.conv1.stride == (2, 2):
            short = torch.cat([h[:, :, ::2, ::2], torch.zeros_like(h[:, :, ::2, ::2])], 1)
        h = body.bn2(body.conv2(body.bn1(body.conv1(h)).relu())).add(short).relu()
    assert torch.allclose(model(x), model.fc1(h.mean((2, 3))), atol=1e-6)


def test_resnet18_is_the_networks_own_formula():
    model = resnet18(2, input_shape=(3, 8, 8)).eval()
    x = torch.randn(2, 3, 8, 8)
    h = model.conv1(x)
    for number in range(1, 9):
        block = model.get_submodule(f"block{number}")
        if isinstance(block, Residual):
            own, total = block.body, block
            seen, short = own.bn1(h).relu(), h
        else:
            own, total = block.sum.body, block.sum
            seen = block.bn1(h).relu()
            short = total.shortcut(seen)
        h = own.conv2(own.bn2(own.conv1(seen)).relu()) + short
    assert torch.allclose(model(x), model.fc1(h.mean((2, 3))), atol=1e-5)


def test_densenet_is_the_networks_own_formula():
    model = densenet(10, 3, input_shape=(3, 8, 8)).eval()
    x = torch.randn(2, 3, 8, 8)
    h = model.conv1(x)
    for number in range(1, 7):
        layer = model.get_submodule(f"layer{number}")
        assert isinstance(layer, Concatenated)
        own = layer.body
        h = torch.cat([h, own.conv(own.bn(h).relu())], 1)
        if number in (2, 4):
            between = model.get_submodule(f"transition{number // 2}")
            h = nn.functional.avg_pool2d(between.conv(between.bn(h).relu()), 2)
    assert torch.allclose(model(x), model.fc1(model.bn1(h).relu().mean((2, 3))), atol=1e-5)


def test_conv5_leaves_one_position_of_an_image_and_doubles_its_filters():
    model = conv5(3)
    own = [part.out_channels for part in model.modules() if isinstance(part, nn.Conv2d)]
    assert own == [3, 6, 12, 24]
    assert model.fc1.in_features == 24
    assert model[:-2](torch.zeros(2, 3, 32, 32)).shape == (2, 24, 1, 1)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 1, 1), (2, 5, 9), (3, 33, 40)])
@pytest.mark.parametrize(
    "name",
    [
        *("resnet-8", "resnet-8-plain-unnormalised", "resnet-18-k1", "densenet-7-2"),
        *("vgg-9-k2", "vgg-11-k1-layer", "conv5-2"),
    ],
)
def test_networks_take_images_of_any_shape(name, shape):
    model = builder_named(name)(input_shape=shape, classes=2).eval()
    assert model(torch.zeros(3, *shape)).shape == (3, 2)


def test_convolutions_before_a_batch_normalisation_have_no_bias():
    assert resnet(8).conv1.bias is None
    assert resnet(8, normalise="layer").conv1.bias is None
    assert resnet(8, normalise=None).conv1.bias is not None


def test_options_of_mlp_stand_between_its_layers():
    model = mlp(
        (5, 4), activation="maxout", normalise="noisy-batch", dropout=0.5, input_dropout=0.2
    )
    assert list(dict(model.named_children())) == [
        *("flatten", "dropout0", "fc1", "bn1", "noise1", "maxout1", "dropout1"),
        *("fc2", "bn2", "noise2", "maxout2", "dropout2", "fc3"),
    ]
    assert (model.fc1.out_features, model.fc2.in_features) == (10, 5)
    assert (model.dropout0.p, model.dropout1.p) == (0.2, 0.5)
    radial = mlp((5, 4), activation="radial")
    assert list(dict(radial.named_children())) == ["flatten", "radial1", "radial2", "fc3"]
    linear = mlp((5,), activation="none", normalise="layer")
    assert list(dict(linear.named_children())) == ["flatten", "fc1", "ln1", "fc2"]
    assert mlp((5,), activation="prelu").prelu1.num_parameters == 5
    assert isinstance(mlp((5,), activation="leaky-relu").leaky_relu1, nn.LeakyReLU)


def test_chain_is_an_mlp_of_equal_layers():
    assert list(layers(chain(3, 4))) == ["fc1", "fc2", "fc3", "fc4"]
    assert repr(chain(3, 4, activation="tanh")) == repr(mlp((4, 4, 4), activation="tanh"))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: resnet(21), r"depth must be 6 n \+ 2, such as .* got 21"),
        (lambda: resnet(2), "got 2"),
        (lambda: resnet(600_002), "and at most 10,000, got 600002"),
        (lambda: densenet(300_004, 1), "and at most 10,000, got 300004"),
        (lambda: chain(10**12, 1), "at least 1 and at most 10,000, got 1000000000000"),
        (lambda: resnet(18), "or 18: resnet18"),
        (lambda: resnet(8, 0), r"every width must be at least 1, got \(0,\)"),
        (lambda: resnet(8, normalise="bacth"), "no normalisation 'bacth': did you mean 'batch'"),
        (lambda: resnet(8, input_shape=(28, 28)), "takes images"),
        (lambda: resnet18(0), "every width"),
        (lambda: densenet(41, 12), r"depth must be 3 n \+ 4, such as .* got 41"),
        (lambda: densenet(7, 0), "every width"),
        (lambda: vgg(10), "depth must be one of 9, 11, 13, 16, 19, got 10"),
        (lambda: conv5(0), "every width"),
        (lambda: chain(0, 5), "depth must be at least 1, got 0"),
        (lambda: mlp((5,), activation="tahn"), "no activation 'tahn': did you mean 'tanh'"),
        (lambda: mlp((5,), normalise="nosy-batch"), "did you mean 'noisy-batch'"),
        (lambda: mlp((5,), dropout=1.0), r"dropout must be in \[0, 1\), got 1.0"),
        (lambda: mlp((5,), input_dropout=-0.1), r"input_dropout must be in \[0, 1\), got -0.1"),
        (
            lambda: mlp((5,), activation="radial", normalise="batch"),
            "radial basis units have nothing",
        ),
    ],
)
def test_sizes_that_cannot_be_are_refused_in_words(build, words):
    with pytest.raises(ValueError, match=words):
        build()
