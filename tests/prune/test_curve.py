"""Removal curves against brute force: one full float64 forward pass for each removal."""

import copy
from collections import OrderedDict
from functools import lru_cache, partial

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams
from surfeit.models import conv_2, conv_4, conv_6, lenet_300_100, mlp, vgg19_bn
from surfeit.prune import removal_curve

from ..modules import layers

BUILDERS = {
    "mlp": partial(mlp, (9, 7)),
    "lenet_300_100": lenet_300_100,
    "conv_2": conv_2,
    "conv_4": conv_4,
    "conv_6": conv_6,
    "vgg19_bn": vgg19_bn,
}


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny products gain nothing from threads, and lose much where other tests run beside them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def lively(model, stream="lively"):
    """Random biases, batch statistics and affine parameters: nothing is zero or one by chance."""
    generator = Streams(7).get(stream)
    for module in model.modules():
        for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers()]:
            if name in ("bias", "running_mean"):
                tensor.data.normal_(0, 0.3, generator=generator)
            if name == "running_var" or (name == "weight" and tensor.dim() == 1):
                tensor.data.uniform_(0.5, 2, generator=generator)
    return model


def images(shape, n=23, classes=10):
    generator = Streams(5).get("images")
    pixels = torch.randn(n, *shape, generator=generator)
    return Split(pixels, torch.randint(0, classes, (n,), generator=generator))


def settled(model, split):
    """The model with batch statistics and centred outputs of the images; its predictions as labels.

    Deep random networks give all images one class, whatever is removed: nothing would show.
    """
    last = [*layers(model).values()][-1]
    pixels = split.images.double()
    model.double()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        model.train()(pixels)
        last.bias -= model.eval()(pixels).mean(dim=0)
        return Split(split.images, model(pixels).argmax(dim=1))


def some_order(model, layer, removals=None):
    units = len(layers(model)[layer].weight)
    order = torch.randperm(units, generator=Streams(0).get("order", layer))
    return order[:removals]


def brute_force(model, layer, order, split, keep_bias):
    """Full passes in float64 of the whole model, units silenced where the next layer reads them."""
    model = copy.deepcopy(model).double().eval()
    target, units = layers(model)[layer], len(layers(model)[layer].weight)
    following = dict(zip(layers(model), [*layers(model).values()][1:], strict=False)).get(layer)
    gone = []

    def silence(inputs):
        if not gone or keep_bias:
            return inputs
        silenced = inputs.clone()
        silenced.unflatten(1, (units, -1))[:, gone] = 0
        return silenced

    if following is None:
        model.register_forward_hook(lambda module, inputs, output: silence(output))
    else:
        following.register_forward_pre_hook(lambda module, inputs: (silence(inputs[0]),))
    accuracies = []
    with torch.no_grad():
        for unit in [None, *order.tolist()]:
            if unit is not None:
                gone.append(unit)
                if keep_bias:
                    target.weight[unit] = 0
            predictions = model(split.images.double()).argmax(dim=1)
            accuracies.append(float((predictions == split.labels).sum()) / len(split))
    return accuracies


def check(model, layer, order, split, keep_bias=False, **options):
    curve = removal_curve(model, layer, order, split, keep_bias=keep_bias, **options)
    assert curve.dtype == torch.float64
    assert curve.tolist() == brute_force(model, layer, order, split, keep_bias)
    return curve


def cases():
    for name, build in BUILDERS.items():
        every = list(layers(build(input_shape=(1, 4, 4))))
        convolutions = [layer for layer in every if layer.startswith("conv")]
        dense = [layer for layer in every if layer.startswith("fc")]
        middle = convolutions[len(convolutions) // 2 :][:1]
        for layer in dict.fromkeys(
            [*convolutions[:1], *middle, *convolutions[-1:], dense[0], dense[-1]]
        ):
            yield name, layer


@pytest.fixture(scope="module")
def network():
    """A function name -> a network and its images, both built once for all its layers.

    Its structure is found once, too: to follow a deep network costs more than the oracle.
    """

    @lru_cache(maxsize=1)
    def build(name):
        model = lively(BUILDERS[name](input_shape=(1, 5, 5)))
        return model, settled(model, images((1, 5, 5), n=16))

    return build


@pytest.mark.parametrize("keep_bias", [False, True], ids=["unit", "weights"])
@pytest.mark.parametrize(("name", "layer"), list(cases()))
def test_curve_equals_brute_force_for_every_model(network, name, layer, keep_bias):
    model, split = network(name)
    # The first few units only: each removal is a full pass for the oracle.
    curve = check(model, layer, some_order(model, layer, 8), split, keep_bias)
    assert curve[0] == 1
    assert curve[-1] < 1


@pytest.mark.parametrize("keep_bias", [False, True], ids=["unit", "weights"])
@pytest.mark.parametrize("layer", ["fc1", "fc2", "fc3"])
def test_curve_of_all_units_equals_brute_force(layer, keep_bias):
    model = lively(mlp((31, 17), input_shape=(1, 6, 6)))
    curve = check(model, layer, some_order(model, layer), images((1, 6, 6), n=200), keep_bias)
    assert len(curve.unique()) > 2  # not the same everywhere, or nothing was compared


def test_ties_after_the_last_unit_are_those_of_a_full_pass():
    # Zero biases: with every unit gone all outputs are exactly zero, and the first class wins.
    model, split = mlp((31, 17), input_shape=(1, 6, 6)), images((1, 6, 6), n=200)
    for layer in ("fc1", "fc2", "fc3"):
        curve = check(model, layer, some_order(model, layer), split)
        assert curve[-1] == (split.labels == 0).double().mean()


def chain(*modules, **named):
    return lively(nn.Sequential(OrderedDict(named)) if named else nn.Sequential(*modules))


def trap(*between):
    """conv - `between` - conv - Flatten - Linear on 8 x 8 images, some activations in place."""
    return chain(
        nn.Sequential(nn.Conv2d(2, 6, 3, padding=1), *between),
        nn.Sequential(nn.Conv2d(6, 5, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2)),
        nn.Flatten(),
        nn.Linear(20, 10),
    )


BETWEEN = {
    "sigmoid": [nn.Sigmoid()],
    "normalised": [nn.BatchNorm2d(6), nn.Tanh()],
    "normalised behind the pool": [nn.MaxPool2d(2), nn.BatchNorm2d(6), nn.Softplus()],
    "padded average": [nn.GELU(), nn.AvgPool2d(3, stride=1, padding=1)],
    "in place": [nn.ReLU(inplace=True), nn.Dropout(0.9), nn.Identity()],
    "slopes by channel": [nn.PReLU(6)],
}


@pytest.mark.parametrize("keep_bias", [False, True], ids=["unit", "weights"])
@pytest.mark.parametrize("between", BETWEEN)
def test_units_are_zero_behind_whatever_stands_between(between, keep_bias):
    model = trap(*BETWEEN[between])
    check(model, "0.0", some_order(model, "0.0"), images((2, 8, 8), n=60), keep_bias)
    check(model, "1.0", some_order(model, "1.0"), images((2, 8, 8), n=60), keep_bias)


@pytest.mark.parametrize("groups", [2, 6])
def test_next_convolution_in_groups_equals_brute_force(groups):
    following = nn.Conv2d(6, 12, 3, groups=groups, padding=2, dilation=2, stride=2)
    model = chain(
        nn.Conv2d(2, 6, 3), nn.ReLU(), following, nn.ReLU(), nn.Flatten(), nn.Linear(108, 10)
    )
    split = images((2, 8, 8), n=60)
    check(model, "0", some_order(model, "0"), split)


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
def test_next_convolution_pads_as_it_does(mode):
    following = nn.Conv2d(6, 4, 3, padding=1, padding_mode=mode)
    model = chain(nn.Conv2d(1, 6, 3), nn.Sigmoid(), following, nn.Flatten(), nn.Linear(144, 10))
    check(model, "0", some_order(model, "0"), images((1, 8, 8), n=60))


def test_layers_with_normalised_features_behind_a_flatten():
    model = chain(nn.Conv2d(1, 6, 3), nn.Flatten(), nn.BatchNorm1d(216), nn.Linear(216, 10))
    for keep_bias in (False, True):
        check(model, "0", some_order(model, "0"), images((1, 8, 8), n=60), keep_bias)


def test_outputs_of_several_positions_go_together():
    # No layer behind: a unit's four positions are four outputs.
    model = chain(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    check(model, "0", some_order(model, "0"), images((1, 8, 8), n=60, classes=12))


def test_own_modules_that_work_in_place_spoil_nothing():
    class Doubled(nn.Module):
        def forward(self, x):
            return x.mul_(2).sin_()

    model = chain(nn.Flatten(), nn.Linear(9, 8), nn.Linear(8, 6), Doubled(), nn.Linear(6, 10))
    check(model, "1", some_order(model, "1"), images((1, 3, 3), n=60))


def test_model_mode_and_images_stay_as_they_were():
    model = chain(nn.ReLU(inplace=True), *trap(nn.BatchNorm2d(6), nn.Dropout(0.5)).train())
    split = images((2, 8, 8))
    split = Split(split.images.double(), split.labels)
    before, pixels = copy.deepcopy(model.state_dict()), split.images.clone()
    removal_curve(model, "1.0", some_order(model, "1.0"), split)
    assert model.training
    assert model[1][1].training
    assert torch.equal(split.images, pixels)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("memory", [1, 20_000, 2**29])
def test_chunks_of_any_size_give_the_same_curve(memory):
    model = trap(nn.BatchNorm2d(6), nn.ReLU())
    check(model, "0.0", some_order(model, "0.0"), images((2, 8, 8), n=300), memory=memory)


def test_an_empty_order_gives_the_dense_accuracy():
    model, split = lively(mlp((5,), input_shape=(1, 3, 3))), images((1, 3, 3))
    curve = check(model, "fc1", torch.tensor([], dtype=torch.int64), split)
    assert len(curve) == 1


def test_a_prefix_of_an_order_gives_the_beginning_of_its_curve():
    model, split = lively(mlp((20,), input_shape=(1, 4, 4))), images((1, 4, 4), n=100)
    order = some_order(model, "fc1")
    whole = removal_curve(model, "fc1", order, split)
    assert torch.equal(removal_curve(model, "fc1", order[:7], split), whole[:8])


def test_permuting_units_together_with_the_order_changes_nothing():
    model, split = lively(mlp((20,), input_shape=(1, 4, 4))), images((1, 4, 4), n=100)
    order, permutation = some_order(model, "fc1"), torch.randperm(20)
    permuted = copy.deepcopy(model)
    permuted.fc1.weight.data = model.fc1.weight.data[permutation]
    permuted.fc1.bias.data = model.fc1.bias.data[permutation]
    permuted.fc2.weight.data = model.fc2.weight.data[:, permutation]
    assert torch.equal(
        removal_curve(model, "fc1", permutation[order], split),
        removal_curve(permuted, "fc1", order, split),
    )


def test_single_precision_differs_by_near_ties_at_most():
    model = lively(mlp((40, 20), input_shape=(1, 6, 6)))
    split, order = images((1, 6, 6), n=500), some_order(model, "fc1")
    double = removal_curve(model, "fc1", order, split)
    single = removal_curve(model, "fc1", order, split, dtype=torch.float32)
    assert single.dtype == torch.float64
    assert (single - double).abs().max() <= 2 / 500


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_curve_on_a_gpu_equals_brute_force_on_the_cpu():
    model = lively(conv_2(input_shape=(1, 6, 6)))
    split, order = images((1, 6, 6), n=50), some_order(model, "conv1", 20)
    on_gpu = removal_curve(copy.deepcopy(model).cuda(), "conv1", order.cuda(), split.to("cuda"))
    assert on_gpu.is_cuda
    assert on_gpu.tolist() == brute_force(model, "conv1", order, split, keep_bias=False)
