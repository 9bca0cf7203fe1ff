"""Blocks of our own: what they compute, and that a description builds them and nothing else."""

import hashlib
import json
import math
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from surfeit.core import buffers, load_, parameters, tensors_of, ties
from surfeit.models import (
    Absolute,
    Concatenated,
    Maxout,
    RadialBasis,
    Residual,
    ShiftNoise,
    describe,
    is_rebuildable,
    key_form,
    rebuild,
)


def again(model: nn.Module) -> nn.Module:
    built = rebuild(json.loads(json.dumps(describe(model))))
    return load_(built, parameters(model) | buffers(model))


def x_of(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_a_residual_adds_what_its_body_gives_to_what_its_shortcut_passes():
    body, shortcut, x = nn.Linear(4, 3), nn.Linear(4, 3), x_of(5, 4)
    assert torch.equal(Residual(body, shortcut)(x), body(x) + shortcut(x))
    square = nn.Linear(4, 4)
    assert torch.equal(Residual(square)(x), square(x) + x)


def test_a_residual_repeats_nothing_until_it_fits():
    with pytest.raises(ValueError, match=r"the same shape, got \[5, 1\] and \[5, 4\]"):
        Residual(nn.Linear(4, 1))(x_of(5, 4))


def test_concatenated_keeps_its_input_in_front_of_what_its_body_gives():
    body, x = nn.Conv2d(2, 3, 3, padding=1), x_of(4, 2, 5, 5)
    outputs = Concatenated(body)(x)
    assert torch.equal(outputs[:, :2], x)
    assert torch.equal(outputs[:, 2:], body(x))


def test_absolute_is_the_absolute_value():
    assert Absolute()(torch.tensor([-2.0, 0.0, 3.0])).tolist() == [2, 0, 3]


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 5), (4, 6, 5, 5)])
def test_maxout_takes_the_largest_of_each_units_channels(shape):
    x, maxout = x_of(*shape), Maxout(3)
    outputs = maxout(x)
    assert outputs.shape == (4, 2, *shape[2:])
    for unit in range(2):
        assert torch.equal(outputs[:, unit], x[:, 3 * unit : 3 * unit + 3].max(1).values)


def test_maxout_says_what_it_takes():
    with pytest.raises(ValueError, match="takes a multiple of 4 channels, got 6"):
        Maxout(4)(x_of(2, 6))
    for pieces in (0, 1.5, True, "2"):
        with pytest.raises(ValueError, match="pieces must be an integer of at least 1, got"):
            Maxout(pieces)


def test_radial_basis_units_answer_by_their_distance():
    layer, x = RadialBasis(6, 4).double(), x_of(5, 6).double()
    with torch.no_grad():
        layer.width.copy_(torch.tensor([0.5, 1.0, 2.0, 3.0]))
    by_hand = [
        [
            math.exp(-float(((row - c) ** 2).sum()) / float(s) ** 2)
            for c, s in zip(*units, strict=True)
        ]
        for row in x
        for units in [(layer.weight.detach(), layer.width.detach())]
    ]
    torch.testing.assert_close(layer(x), torch.tensor(by_hand, dtype=torch.float64))


def test_a_radial_basis_unit_answers_one_at_its_centre_and_keeps_its_distance_when_moved():
    layer = RadialBasis(6, 4).double()
    answers = layer(layer.weight.detach())
    torch.testing.assert_close(answers.diagonal(), torch.ones(4, dtype=torch.float64))
    x, shift = x_of(5, 6).double(), x_of(6).double()
    before = layer(x)
    with torch.no_grad():
        layer.weight += shift
    torch.testing.assert_close(layer(x + shift), before)


def test_radial_basis_gradients_are_those_of_differences():
    layer = RadialBasis(3, 2).double()
    x = x_of(4, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(layer, (x,))


def test_a_radial_basis_unit_of_weight_zero_is_not_silent():
    layer = RadialBasis(3, 2)
    nn.init.zeros_(layer.weight)
    assert (layer(x_of(4, 3)) > 0).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [((0, 2), "inputs must be an integer of at least 1, got 0"), ((2, 1.5), "units must be")],
)
def test_radial_basis_says_what_was_given(options, words):
    with pytest.raises(ValueError, match=words):
        RadialBasis(*options)


def test_shift_noise_leaves_evaluation_alone_and_draws_anew_in_each_step():
    noise, x = ShiftNoise().eval(), x_of(50, 4)
    assert noise(x) is x
    noise.train()
    torch.manual_seed(0)
    first, second = noise(x), noise(x)
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(noise(x), first)


def test_shift_noise_has_the_law_of_its_source():
    noise, zeros = ShiftNoise(mean=0.5, scale=1.25, spread=0.1), torch.zeros(1000, 400)
    torch.manual_seed(1)
    added = noise(zeros)
    means = added.mean(0)  # mu_u, up to spread / sqrt(3 * 1000)
    assert means.abs().max() < 0.51
    # U(-1/2, 1/2) has variance 1 / 12, and its square variance 1 / 180.
    assert abs(means.square().mean() - 1 / 12) < 4 * math.sqrt(1 / 180 / 400)
    within = added - means
    assert within.abs().max() < 0.11
    factors = noise(torch.full((1000, 400), 1e4)) / 1e4
    own = factors.mean(0)
    assert own.min() > 0.98
    assert own.max() < 1.27
    assert abs(own.mean() - 1.125) < 4 * 0.25 / math.sqrt(12 * 400) + 0.001
    assert abs(factors.std(0).mean() - 0.1) < 0.001


def test_shift_noise_of_images_shifts_whole_channels():
    torch.manual_seed(0)
    added = ShiftNoise(spread=0.0)(torch.zeros(3, 4, 5, 5))
    assert (added == added[:1, :, :1, :1]).all()
    assert len(added[0, :, 0, 0].unique()) == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mean": -1}, "mean must be a number of at least 0, got -1"),
        ({"scale": 0.5}, "scale must be a number of at least 1, got 0.5"),
        ({"spread": math.nan}, "spread must be a number of at least 0, got nan"),
        ({"mean": "much"}, "mean must be a number"),
    ],
)
def test_shift_noise_says_what_was_given(options, words):
    with pytest.raises(ValueError, match=words):
        ShiftNoise(**options)


SHARED = nn.Linear(4, 4)
TWICE = Residual(nn.Linear(4, 4))
STREAM = nn.Sequential(
    nn.Linear(4, 4),
    Residual(nn.Sequential(SHARED, nn.Tanh(), nn.Sequential(nn.Linear(4, 4)))),
    Residual(Residual(SHARED), nn.Linear(4, 4)),
    Concatenated(nn.Sequential(nn.Linear(4, 4), Absolute())),
    Maxout(2),
    RadialBasis(4, 3),
    ShiftNoise(0.2, 1.1, 0.05),
)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (STREAM, (5, 4)),
        (Residual(nn.Linear(4, 4)), (5, 4)),
        (nn.Sequential(TWICE, nn.ReLU(), TWICE), (5, 4)),
        (Concatenated(Residual(nn.Conv2d(4, 4, 1))), (5, 4, 3, 3)),
        (RadialBasis(4, 2), (5, 4)),
        (nn.Sequential(Residual(nn.Sequential(), nn.Sequential(nn.BatchNorm1d(4)))), (5, 4)),
        (
            nn.Sequential(
                nn.Unflatten(1, (2, 2)),
                Residual(nn.TransformerEncoderLayer(2, 1, 3, 0.2, batch_first=True)),
            ),
            (5, 4),
        ),
    ],
    ids=["stream", "residual", "twice", "concatenated", "radial", "empty", "transformer"],
)
def test_rebuilt_blocks_give_the_same_outputs_and_description(model, shape, training):
    built, x = again(model), x_of(*shape)
    assert describe(built) == describe(model)
    assert list(dict(built.named_modules())) == list(dict(model.named_modules()))
    outputs = []
    for network in (model, built):
        torch.manual_seed(0)
        outputs.append(network.train(training)(x))
    assert torch.equal(*outputs)


def test_modules_shared_within_blocks_stay_one():
    built = again(STREAM)
    assert built[1].body[0] is built[2].body.body
    assert built[1].body[0] is not STREAM[1].body[0]
    description = describe(STREAM)["parts"][2]["parts"][0]["parts"][0]
    assert description == {"name": "body", "same_as": "1.body.0"}


def test_parameters_tied_across_blocks_are_rebuilt_tied():
    model = nn.Sequential(Residual(nn.Linear(4, 4)), Concatenated(nn.Linear(4, 4)))
    model[1].body.weight = model[0].body.weight
    built = again(model)
    assert ties(built) == ties(model) != {}
    assert built[1].body.weight is built[0].body.weight


class Own(Residual):
    """A block of the user's own by descent."""


def hooked(module: nn.Module) -> nn.Module:
    module.register_forward_hook(lambda module, inputs, outputs: 2 * outputs)
    return module


def with_part(module: nn.Module) -> nn.Module:
    module.extra = nn.Linear(2, 2)
    return module


def with_parameter(module: nn.Module) -> nn.Module:
    module.scale = nn.Parameter(torch.ones(()))
    return module


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Own(nn.Linear(2, 2)), "a Own '0.a' cannot .* code of your own"),
        (hooked(Residual(nn.Linear(2, 2))), "a Residual '0.a' cannot .* hooks"),
        (Residual(hooked(nn.Linear(2, 2))), "a Linear '0.a.body' cannot .* hooks"),
        (Residual(nn.ReLU(), hooked(nn.ReLU())), "a ReLU '0.a.shortcut' cannot .* hooks"),
        (with_part(Residual(nn.Linear(2, 2))), "a Residual '0.a' .* not as its class makes it"),
        (with_parameter(Concatenated(nn.ReLU())), "a Concatenated '0.a' .* not as its class makes"),
        (
            Residual(parametrizations.weight_norm(nn.Linear(2, 2))),
            "a ParametrizedLinear '0.a.body' cannot",
        ),
        (hooked(Maxout(2)), "a Maxout '0.a' cannot .* hooks"),
        (
            parametrizations.weight_norm(RadialBasis(2, 2)),
            "a ParametrizedRadialBasis '0.a' cannot",
        ),
    ],
)
def test_blocks_that_were_changed_are_named_and_not_rebuilt(part, words):
    description = describe(nn.Sequential(nn.Sequential(OrderedDict(a=part)), nn.Linear(2, 2)))
    json.dumps(description)
    assert not is_rebuildable(description)
    with pytest.raises(ValueError, match=words):
        rebuild(description)


@pytest.mark.parametrize(
    "architecture",
    [
        {"type": "Residual", "parts": [{"name": "evil", "type": "ReLU", "options": {}}]},
        {"type": "Residual", "parts": []},
        {"type": "Residual", "options": {"body": 1}},
        {"type": "Concatenated", "parts": [{"name": "body", "type": "system", "options": {}}]},
        {"type": "Concatenated", "parts": [{"name": "body", "same_as": "0"}]},
        {"type": "Maxout", "options": {"pieces": "os.system"}},
        {"type": "Maxout", "options": {"pieces": 2, "forward": 1}},
        {"type": "RadialBasis", "options": {"inputs": 2}},
        {"type": "ShiftNoise", "options": {"mean": [1, 2]}},
        {"type": "Own", "options": {}},
        {"type": "DrawnAs", "options": {}},
        {"type": ["Residual"], "parts": []},
    ],
)
def test_a_hostile_description_builds_nothing(architecture):
    with pytest.raises((ValueError, TypeError, LookupError)):
        rebuild(architecture)


GOLDEN = {
    "residual": nn.Sequential(nn.Linear(2, 2), Residual(nn.Linear(2, 2))),
    "projection": Residual(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), nn.Linear(2, 3)),
    "concatenated": Concatenated(nn.Conv2d(2, 3, 3, padding=1)),
    "absolute": nn.Sequential(nn.Linear(2, 2), Absolute()),
    "maxout": nn.Sequential(nn.Linear(2, 4), Maxout(2)),
    "radial": nn.Sequential(RadialBasis(3, 2), nn.Linear(2, 2)),
    "noise": nn.Sequential(nn.BatchNorm1d(2), ShiftNoise(0.5, 1.25, 0.1)),
    "others": nn.Sequential(nn.LayerNorm(2), nn.ZeroPad3d(1), Absolute()),
}
DIGESTS = {
    "residual": "455224c54ba857ac",
    "projection": "1cc7ba3ba1431f44",
    "concatenated": "1366c825d44b3f4f",
    "absolute": "fa46b922752c7ea2",
    "maxout": "d99d17ec6a261db1",
    "radial": "fae0adac51e9b693",
    "noise": "a5a8d99642ce6b4a",
    "others": "4e1fceafa594e697",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_key_form_of_blocks_never_changes(name):
    text = json.dumps(key_form(GOLDEN[name]), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == DIGESTS[name]
    assert key_form(GOLDEN[name]) == describe(GOLDEN[name])


def test_options_of_blocks_tell_keys_apart():
    forms = [
        *(Maxout(2), Maxout(3), ShiftNoise(), ShiftNoise(0.4), ShiftNoise(0.5, 1.3)),
        *(RadialBasis(2, 3), RadialBasis(3, 2), Residual(nn.ReLU()), Concatenated(nn.ReLU())),
        *(Residual(nn.ReLU(), nn.ReLU()), Absolute()),
    ]
    assert len({json.dumps(key_form(model)) for model in forms}) == len(forms)


def test_blocks_take_half_precision_and_keep_it():
    model = nn.Sequential(Residual(nn.Linear(4, 4)), Maxout(2), RadialBasis(2, 3)).bfloat16()
    assert model(x_of(3, 4).bfloat16()).dtype == torch.bfloat16
    assert all(value.dtype == torch.bfloat16 for value in tensors_of(model).values())
