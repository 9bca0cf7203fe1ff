"""Architectures as JSON and back."""

import hashlib
import json
import re
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from surfeit.core import buffers, load_, parameters, ties
from surfeit.models import (
    conv_2,
    describe,
    is_rebuildable,
    key_form,
    lenet_300_100,
    mlp,
    rebuild,
    vgg19_bn,
)

from ..core.test_ties import TIED


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
        nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=2),
        nn.ConvTranspose2d(2, 4, (3, 1), bias=False),
        nn.InstanceNorm2d(2, affine=True, track_running_stats=True),
        nn.LayerNorm((8, 9), eps=0.1, bias=False),
        nn.LayerNorm(9, elementwise_affine=False),
        nn.RMSNorm(9),
        nn.RMSNorm((9,), eps=0.1, elementwise_affine=False),
        nn.GroupNorm(2, 2, eps=0.1, affine=False),
        nn.LocalResponseNorm(2, alpha=0.1, beta=0.5, k=2.0),
        nn.LPPool2d(2.0, 2, ceil_mode=True),
        nn.AdaptiveMaxPool2d((2, None)),
        nn.Dropout2d(0.25),
        nn.AlphaDropout(0.25),
        nn.FeatureAlphaDropout(0.25),
        nn.ReLU6(),
        nn.ELU(0.3),
        nn.CELU(0.3),
        nn.SELU(),
        nn.SiLU(),
        nn.Mish(),
        nn.Hardswish(),
        nn.Hardsigmoid(),
        nn.Hardtanh(-0.2, 0.3),
        nn.Softplus(2.0, 0.5),
        nn.Softsign(),
        nn.Softshrink(0.1),
        nn.Hardshrink(0.1),
        nn.Tanhshrink(),
        nn.Threshold(0.1, 0.2),
        nn.LogSigmoid(),
        nn.PReLU(2, init=0.7),
        nn.RReLU(0.1, 0.6),
        nn.GLU(1),
        nn.Softmax(1),
        nn.Softmin(2),
        nn.LogSoftmax(3),
        nn.Softmax2d(),
        nn.Unflatten(2, (2, 4)),
        nn.Unfold(3, padding=1, stride=2),
        nn.PixelUnshuffle(1),
        nn.PixelShuffle(1),
        nn.ChannelShuffle(2),
        nn.Upsample(scale_factor=(2, 1.5), mode="bilinear", align_corners=True),
        nn.Upsample(size=(5, 4)),
        nn.UpsamplingNearest2d(scale_factor=2),
        nn.UpsamplingBilinear2d((5, 4)),
        nn.ZeroPad2d((1, 2, 0, 1)),
        nn.ConstantPad2d(1, 0.5),
        nn.ReflectionPad2d(1),
        nn.ReplicationPad2d((1, 0, 2, 0)),
        nn.CircularPad2d(2),
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


@pytest.mark.parametrize(
    ("part", "shape"),
    [
        (nn.Conv3d(2, 4, 3, padding_mode="circular", padding=1, groups=2), (4, 5, 6)),
        (nn.ConvTranspose3d(2, 4, 3, stride=2), (4, 5, 6)),
        (nn.ConvTranspose1d(2, 4, 3, stride=2, output_padding=1), (5,)),
        (nn.BatchNorm3d(2), (4, 5, 6)),
        (nn.InstanceNorm1d(2), (5,)),
        (nn.InstanceNorm3d(2, affine=True), (4, 5, 6)),
        (nn.MaxPool1d(2, 1, 1, dilation=2, ceil_mode=True), (5,)),
        (nn.MaxPool3d((1, 2, 3)), (4, 5, 6)),
        (nn.AvgPool1d(2, padding=1, ceil_mode=True, count_include_pad=False), (5,)),
        (nn.AvgPool3d(2, divisor_override=3), (4, 5, 6)),
        (nn.AdaptiveAvgPool1d(3), (5,)),
        (nn.AdaptiveAvgPool3d((1, None, 2)), (4, 5, 6)),
        (nn.AdaptiveMaxPool1d(3), (5,)),
        (nn.AdaptiveMaxPool3d(2), (4, 5, 6)),
        (nn.LPPool1d(2.0, 2), (5,)),
        (nn.LPPool3d(2.0, 2), (4, 5, 6)),
        (nn.Dropout1d(0.3), (5,)),
        (nn.Dropout3d(0.3), (4, 5, 6)),
        (nn.ZeroPad1d(2), (5,)),
        (nn.ZeroPad3d(1), (4, 5, 6)),
        (nn.ReflectionPad3d(1), (4, 5, 6)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("training", [True, False])
def test_rebuilt_modules_of_one_and_three_axes_give_the_same_outputs(part, shape, training):
    x = torch.randn(3, 2, *shape)
    model = nn.Sequential(part)
    built = again(model)
    outputs = []
    for network in (model, built):
        torch.manual_seed(0)
        outputs.append(network.train(training)(x))
    assert torch.equal(*outputs)


@pytest.mark.parametrize("options", [{}, {"padding_idx": 1, "scale_grad_by_freq": True}])
def test_a_rebuilt_embedding_gives_the_same_outputs_and_gradients(options):
    model = nn.Sequential(nn.Embedding(5, 3, **options), nn.Flatten(), nn.Linear(12, 2))
    built, tokens = again(model), torch.tensor([[0, 1, 1, 4]])
    for network in (model, built):
        network(tokens).sum().backward()
    assert torch.equal(built(tokens), model(tokens))
    assert torch.equal(built[0].weight.grad, model[0].weight.grad)


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


def hooked(module: nn.Module) -> nn.Module:
    module.register_forward_hook(lambda module, inputs, outputs: 2 * outputs)
    return module


def overridden(module: nn.Module) -> nn.Module:
    module.forward = lambda x: 2 * x
    return module


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (Own(2, 2), "Own"),
        (nn.Embedding(3, 2, max_norm=1.0), "Embedding"),
        (nn.Embedding(3, 2, sparse=True), "Embedding"),
        (nn.Hardtanh(-1.0, float("inf")), "Hardtanh"),
        (nn.TransformerEncoderLayer(2, 1, activation=torch.tanh), "TransformerEncoderLayer"),
        (nn.FractionalMaxPool2d(2, 1), "FractionalMaxPool2d"),
        (nn.AdaptiveLogSoftmaxWithLoss(4, 4, [2]), "AdaptiveLogSoftmaxWithLoss"),
        (hooked(nn.AdaptiveAvgPool2d(1)), "AdaptiveAvgPool2d"),
        (overridden(nn.ReLU()), "ReLU"),
        (hooked(nn.Sequential(nn.ReLU())), "Sequential"),
        (parametrizations.weight_norm(nn.Linear(2, 2)), "ParametrizedLinear"),
    ],
)
def test_foreign_modules_are_described_and_named_but_not_rebuilt(part, name):
    inner = nn.Sequential(OrderedDict([("act", nn.ReLU()), ("pool", part), ("end", Own(1, 1))]))
    description = describe(nn.Sequential(nn.Linear(2, 2), inner))
    json.dumps(description)
    assert not is_rebuildable(description)
    with pytest.raises(ValueError, match=rf"a {name} '1.pool' cannot be built .*into="):
        rebuild(description)
    with pytest.raises(ValueError, match=rf"a {name} cannot be built from its description"):
        rebuild(describe(part))


def chain(*shared: nn.Module) -> nn.Sequential:
    """Each of the shared modules twice: in a row of layers, and within a nested row."""
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    return nn.Sequential(
        first, *shared, second, nn.Sequential(nn.Linear(4, 4), *shared), *reversed(shared)
    )


def twice(*modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(*modules, *modules)


BLOCK = nn.Sequential(nn.Linear(4, 4), nn.Tanh())


@pytest.mark.parametrize(
    "model",
    [
        chain(nn.Tanh()),
        chain(nn.Tanh(), nn.Linear(4, 4)),
        chain(nn.BatchNorm1d(4), nn.PReLU()),
        chain(BLOCK),
        chain(nn.Sequential(BLOCK, BLOCK)),
        nn.Sequential(nn.Linear(4, 4), nn.Sequential(BLOCK, nn.Tanh()), BLOCK[0], BLOCK),
        twice(nn.Unflatten(1, (4, 1, 1)), nn.Conv2d(4, 4, 1), nn.AvgPool2d(1), nn.Flatten()),
        nn.Sequential(nn.Linear(4, 4), nn.Identity(), nn.ReLU(), BLOCK, BLOCK, nn.ReLU()),
    ],
)
def test_modules_at_several_places_stay_one(model):
    model.eval()
    built = again(model).eval()
    x = torch.randn(5, 4)
    assert torch.equal(built(x), model(x))
    assert describe(built) == describe(model)

    def places(network: nn.Module) -> list[list[str]]:
        found: dict[int, list[str]] = {}
        for name, module in network.named_modules(remove_duplicate=False):
            found.setdefault(id(module), []).append(name)
        return list(found.values())

    assert places(built) == places(model)


def test_a_second_place_is_named_by_the_first():
    act, layer = nn.Tanh(), nn.Linear(3, 3)
    parts = describe(nn.Sequential(nn.Sequential(layer, act), act, nn.Sequential(layer)))["parts"]
    assert parts[1] == {"name": "1", "same_as": "0.1"}
    assert parts[2]["parts"] == [{"name": "0", "same_as": "0.0"}]


@pytest.mark.parametrize("build", TIED)
def test_tied_parameters_are_rebuilt_tied(build):
    model = build()
    built = again(model)
    assert ties(built) == ties(model)
    assert describe(built) == json.loads(json.dumps(describe(model)))
    for name, value in built.named_parameters():
        assert torch.equal(value, model.get_parameter(name))


class Two(nn.Module):
    """Two layers and two activations, which may be one."""

    def __init__(self, *, one_layer: bool = False, one_act: bool = False, tied: str = "") -> None:
        super().__init__()
        self.a, self.act = nn.Linear(3, 3), nn.ReLU()
        self.b = self.a if one_layer else nn.Linear(3, 3)
        self.act2 = self.act if one_act else nn.ReLU()
        if tied == "object":
            self.b.weight = self.a.weight
        if tied == "transposed":
            self.b.weight.data = self.a.weight.data.T


def test_describe_tells_apart_what_code_shares():
    plain, kinds = Two(), [Two(one_layer=True), Two(tied="object"), Two(tied="transposed")]
    found = [json.dumps(describe(model)) for model in (plain, *kinds)]
    assert len(set(found)) == 4
    assert describe(kinds[0])["shared"] == {"b": "a"}
    assert describe(kinds[1])["shared"] == {"b.weight": "a.weight"}
    assert list(describe(kinds[2])["shared"]) == ["b.weight"]
    assert "shared" not in describe(plain)
    # One ReLU computes what two do.
    assert describe(Two(one_act=True)) == describe(plain)


def test_a_shared_block_is_named_once():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.ModuleList([BLOCK])
            self.two = self.one

    assert describe(Net())["shared"] == {"two": "one"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (nn.AvgPool1d(2), nn.AvgPool1d(2, ceil_mode=True)),
        (nn.AvgPool2d(2), nn.AvgPool2d(2, count_include_pad=False)),
        (
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
        ),
        (nn.MultiheadAttention(2, 1), nn.MultiheadAttention(2, 1, dropout=0.5)),
        (nn.TransformerEncoderLayer(2, 1), nn.TransformerEncoderLayer(2, 1, norm_first=True)),
        (nn.TransformerEncoderLayer(2, 1), nn.TransformerEncoderLayer(2, 1, activation="gelu")),
    ],
)
def test_options_that_are_not_printed_tell_architectures_apart(one, other):
    assert repr(one) == repr(other)
    for form in (describe, key_form):
        assert form(nn.Sequential(one, Own(1, 1))) != form(nn.Sequential(other, Own(1, 1)))
        assert form(nn.Sequential(one)) != form(nn.Sequential(other))


def test_parameters_that_share_a_part_have_no_description():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    model[1].weight.data = model[0].weight.data[:2]
    with pytest.raises(ValueError, match="share a part of their memory"):
        describe(model)


GOLDEN = {
    "737c5598ddc94247": lenet_300_100(),
    "41a4fc3879e19aa5": mlp((3,)),
    "b59c4037b5c5d922": conv_2(),
    "448ffb38ac8d23a5": vgg19_bn(input_shape=(1, 4, 4)),
    "cb0cdc4b4e85d097": nn.Linear(3, 2),
    "0c8d54602e54a9cf": nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Softplus()),
    "34b1fa86a7f75b6d": nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.SiLU(), nn.LayerNorm(2))),
    "da3405277a5353b6": nn.Sequential(nn.ConvTranspose2d(1, 2, 3)),
    "a639d40fd81b19f4": nn.Sequential(nn.AvgPool1d(2)),
    "cdaa4d198f640521": nn.PReLU(),
    "0af78889bcc7eff8": nn.LSTM(3, 4),
    "718ae7b4b03d22e5": nn.TransformerEncoderLayer(4, 2),
    "52dcce72434ab6a2": nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 2))),
}


@pytest.mark.parametrize(("digest", "model"), GOLDEN.items(), ids=list(GOLDEN))
def test_key_form_golden_values_never_change(digest, model):
    text = json.dumps(key_form(model), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest


def x_of(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


TOKENS = torch.tensor([[0, 1, 1, 4], [2, 2, 3, 0]])
COMPOUNDS = [
    (nn.Bilinear(3, 4, 5), (x_of(2, 3), x_of(2, 4))),
    (nn.Bilinear(3, 4, 5, bias=False), (x_of(2, 3), x_of(2, 4))),
    (nn.EmbeddingBag(5, 3, mode="max", padding_idx=1), (TOKENS,)),
    (nn.EmbeddingBag(5, 3, include_last_offset=True), (TOKENS[0], torch.tensor([0, 1, 4]))),
    (nn.CosineSimilarity(dim=0, eps=0.1), (x_of(2, 3), x_of(2, 3) + 1)),
    (nn.PairwiseDistance(3.0, eps=0.1, keepdim=True), (x_of(2, 3), x_of(2, 3) + 1)),
    (nn.CrossMapLRN2d(3, alpha=0.1, beta=0.5, k=2.0), (x_of(2, 4, 3, 3),)),
    (nn.RNN(3, 4, 2, nonlinearity="relu", dropout=0.3), (x_of(5, 2, 3),)),
    (nn.GRU(3, 4, bias=False, batch_first=True, bidirectional=True), (x_of(2, 5, 3),)),
    (nn.LSTM(3, 4, 2, proj_size=2), (x_of(5, 2, 3),)),
    (nn.RNNCell(3, 4, nonlinearity="relu"), (x_of(2, 3),)),
    (nn.GRUCell(3, 4, bias=False), (x_of(2, 3),)),
    (nn.LSTMCell(3, 4), (x_of(2, 3),)),
    (nn.MultiheadAttention(4, 2, dropout=0.2, batch_first=True), (x_of(2, 5, 4),) * 3),
    (
        nn.MultiheadAttention(
            4, 2, bias=False, add_bias_kv=True, add_zero_attn=True, kdim=3, vdim=6
        ),
        (x_of(5, 2, 4), x_of(5, 2, 3), x_of(5, 2, 6)),
    ),
    (nn.TransformerEncoderLayer(4, 2, 6), (x_of(5, 2, 4),)),
    (
        nn.TransformerEncoderLayer(
            4, 2, 6, 0.3, "gelu", layer_norm_eps=0.1, batch_first=True, norm_first=True, bias=False
        ),
        (x_of(2, 5, 4),),
    ),
    (nn.TransformerDecoderLayer(4, 2, 6, activation="gelu"), (x_of(5, 2, 4),) * 2),
    (
        nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 2, 6, batch_first=True), 2, nn.LayerNorm(4, eps=0.1)
        ),
        (x_of(2, 5, 4),),
    ),
    (
        nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 2, 6), 2, enable_nested_tensor=False, mask_check=False
        ),
        (x_of(5, 2, 4),),
    ),
    (nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 6), 2), (x_of(5, 2, 4),) * 2),
]


@pytest.mark.parametrize(("part", "inputs"), COMPOUNDS, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("training", [True, False])
def test_rebuilt_compound_modules_give_the_same_outputs(part, inputs, training):
    built = again(part)
    assert describe(built) == describe(part)
    assert repr(built) == repr(part)
    assert list(dict(built.named_parameters())) == list(dict(part.named_parameters()))
    outputs = []
    for network in (part, built):
        torch.manual_seed(0)
        found = network.train(training)(*inputs)
        outputs.append(found if isinstance(found, torch.Tensor) else found[0])
    assert torch.equal(*outputs)


def test_a_synchronised_normalisation_is_rebuilt():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, eps=0.1, momentum=None))
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model).eval()
    built = again(model).eval()
    assert type(built[1]) is nn.SyncBatchNorm
    assert torch.equal(built(x_of(2, 1, 5, 5)), model(x_of(2, 1, 5, 5)))


def test_a_transformer_in_a_row_of_modules_is_rebuilt():
    layer = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)
    parts = [nn.TransformerEncoder(layer, 2), layer, nn.Flatten(), nn.Linear(12, 2)]
    model = nn.Sequential(nn.Embedding(5, 4), *parts, nn.Identity(), parts[-2])
    built = again(model).eval()
    tokens = TOKENS[:, :3]
    assert torch.equal(built(tokens), model.eval()(tokens))
    assert built[2] is not built[1].layers[0]
    assert describe(built) == describe(model)


def changed_setting() -> nn.Module:
    module = nn.LSTM(3, 4)
    module.dropout_rate = 0.5
    return module


def changed_part() -> nn.Module:
    module = nn.TransformerEncoderLayer(4, 2, 6)
    module.dropout1 = nn.Identity()
    return module


def changed_rate() -> nn.Module:
    module = nn.TransformerEncoderLayer(4, 2, 6)
    module.dropout1.p = 0.7
    return module


def layers_apart() -> nn.Module:
    module = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6), 2)
    module.layers[1] = nn.TransformerEncoderLayer(4, 2, 8)
    return module


def norm_of_another_kind() -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6), 2, nn.RMSNorm(4))


def own_activation() -> nn.Module:
    return nn.TransformerEncoderLayer(4, 2, 6, activation=nn.GELU())


def without_bias() -> nn.Module:
    module = nn.MultiheadAttention(4, 2)
    module.out_proj.bias = None
    return module


def bag_with_norm() -> nn.Module:
    return nn.EmbeddingBag(5, 3, max_norm=1.0)


def not_run() -> nn.Module:
    return nn.LazyLinear(3)


@pytest.mark.parametrize(
    "build",
    [
        *(changed_setting, changed_part, changed_rate, layers_apart, norm_of_another_kind),
        *(own_activation, without_bias, bag_with_norm, not_run),
    ],
)
def test_compound_modules_that_were_changed_are_named_and_not_rebuilt(build):
    part = build()
    if not isinstance(part, nn.LazyLinear):
        assert not is_rebuildable(describe(part))
    description = describe(nn.Sequential(OrderedDict([("act", nn.ReLU()), ("part", part)])))
    name = type(part).__name__
    with pytest.raises(ValueError, match=rf"a {name} 'part' cannot be built .* alone: "):
        rebuild(description)


def test_a_part_of_a_compound_module_with_hooks_is_the_one_named():
    model = nn.Sequential(nn.TransformerEncoderLayer(4, 2, 6))
    hooked(model[0].linear1)
    with pytest.raises(ValueError, match=r"a Linear '0.linear1' cannot be built .*: hooks or a "):
        rebuild(describe(model))


def test_a_compound_module_whose_part_stands_elsewhere_is_not_rebuilt():
    layer = nn.TransformerEncoderLayer(4, 2, 6)
    with pytest.raises(ValueError, match=r"a TransformerEncoderLayer '0' .*: others hold parts"):
        rebuild(describe(nn.Sequential(layer, layer.norm1)))


def test_a_compound_module_tied_to_another_part_stays_tied():
    model = nn.Sequential(nn.Linear(4, 4), nn.TransformerEncoderLayer(4, 2, 4))
    model[1].linear1.weight = model[0].weight
    built = again(model)
    assert ties(built) == ties(model) != {}
    assert torch.equal(built.eval()(x_of(5, 2, 4)), model.eval()(x_of(5, 2, 4)))


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (Own(2, 2), "its class is code of your own"),
        (nn.FractionalMaxPool2d(2, 1), "no options of it are known that say all it does"),
        (nn.Hardtanh(-1.0, float("inf")), "it has options that cannot be written down"),
        (hooked(nn.ReLU()), "hooks or a forward of your own run with it"),
        (parametrizations.weight_norm(nn.Linear(2, 2)), "a parametrisation computes its weights"),
        (own_activation(), "it is not as its class makes it"),
    ],
)
def test_a_refusal_says_why_a_part_cannot_be_built(part, why):
    for model in (part, nn.Sequential(nn.Linear(2, 2), part)):
        with pytest.raises(ValueError, match=rf"alone: {why}.*\. Name what builds the network"):
            rebuild(describe(model))


def test_a_refusal_names_the_class_where_it_can_be_imported():
    advice = re.escape(f"--model {Own.__module__}:Own (where that needs no arguments)")
    with pytest.raises(ValueError, match=advice):
        rebuild(describe(Own(2, 2)))


def test_a_record_that_names_no_part_names_the_first_that_was_not_known():
    inner = nn.Sequential(OrderedDict([("fc", nn.Linear(2, 2)), ("pool", nn.AdaptiveMaxPool1d(1))]))
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()), inner, nn.Hardswish())
    old = {name: key_form(model)[name] for name in ("class", "structure")}
    with pytest.raises(ValueError, match=r"a AdaptiveMaxPool1d '2.pool' cannot .* not hold its"):
        rebuild(old)


def test_keys_are_those_of_the_printed_form_for_compound_modules():
    """Golden: as they were before such modules could be built again."""
    torch.manual_seed(0)
    similar = nn.CosineSimilarity()
    model = nn.Sequential(nn.GRU(3, 4), nn.Sequential(similar), similar)
    form = key_form(model)
    assert form["class"] == "torch.nn.modules.container.Sequential"
    assert form["structure"] == repr(model)
    assert form["shared"] == {"2": "1.0"}
