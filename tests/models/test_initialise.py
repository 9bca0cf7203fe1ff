"""The laws of initial weights: variances, orthogonality, one law two scales."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from surfeit.core import Streams, copied, digest, tensors_of
from surfeit.models import (
    INITIALS,
    DrawnAs,
    Initial,
    OwnBuilder,
    RadialBasis,
    drawn_as,
    initial_of,
    initialise_,
    lenet_300_100,
    mlp,
    resnet,
)
from surfeit.models.initialise import fan_in

WIDE = {
    "linear": nn.Linear(300, 200),
    "convolution": nn.Conv2d(16, 64, 5),
    "grouped": nn.Conv2d(64, 128, 3, groups=4),
    "one axis": nn.Conv1d(50, 40, 7),
    "transposed": nn.ConvTranspose2d(64, 32, 4, stride=2),
}
# What a unit sums: inputs times kernel positions, over the stride of a transposed convolution.
FAN_IN = {
    "linear": 300,
    "convolution": 16 * 25,
    "grouped": 16 * 9,
    "one axis": 50 * 7,
    "transposed": 64 * 16 / 4,
}
FAN_OUT = {"linear": 200, "convolution": 64 * 25, "grouped": 128 * 9, "one axis": 40 * 7}


def generator() -> torch.Generator:
    return Streams(0).get("init")


def drawn(name: str, kind: str, scale: float = 1.0) -> torch.Tensor:
    layer = initialise_(copied(WIDE[name]), generator(), Initial(kind, scale))
    assert not layer.bias.any()
    return layer.weight.detach().double()


@pytest.mark.parametrize("scale", [1.0, 2.5])
@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("kind", [kind for kind in INITIALS if kind != "orthogonal"])
def test_weights_have_the_variance_of_their_law_within_its_standard_error(kind, name, scale):
    if kind.startswith("glorot") and name == "transposed":
        expected = 2 / (64 * 16 + 32 * 16)
    elif kind.startswith("glorot"):
        expected = 2 / (FAN_IN[name] + FAN_OUT[name])
    else:
        expected = 1.0 if kind == "normal" else 2 / FAN_IN[name]
    weight = drawn(name, kind, scale) / scale
    relative = weight.square().mean().item() / expected - 1
    # The mean square of n draws has the relative variance 2 / n if Gaussian, 0.8 / n if uniform.
    spread = 0.8 if kind.endswith("uniform") else 2.0
    assert abs(relative) < 4 * math.sqrt(spread / weight.numel())
    assert abs(weight.mean()) < 4 * math.sqrt(expected / weight.numel())
    if kind.endswith("uniform"):
        assert weight.abs().max() <= math.sqrt(3 * expected) * (1 + 1e-6)
    else:
        assert weight.abs().max() > 3 * math.sqrt(expected)


def test_he_keeps_the_variance_of_a_deep_relu_chain_and_glorot_halves_it():
    x = torch.randn(256, 200, generator=torch.Generator().manual_seed(1))
    found = {}
    for kind in ("he-normal", "glorot-normal"):
        model = drawn_as(partial(mlp, (200,) * 10), Initial(kind))(input_shape=(200,))
        h = model[:-1](x).detach()
        found[kind] = float(h.square().mean() / x.square().mean())
    assert 0.4 < found["he-normal"] / 0.5 < 2.5
    assert 0.4 < found["glorot-normal"] / 0.5 * 2**10 < 2.5


def test_fan_in_of_a_transposed_convolution_is_what_it_sums_on_average():
    layer = nn.ConvTranspose2d(6, 4, 4, stride=2, groups=2, bias=False)
    nn.init.ones_(layer.weight)
    summed = layer(torch.ones(1, 6, 40, 40))[0, 0, 8:-8, 8:-8]
    assert (summed == fan_in(layer)).all()


@pytest.mark.parametrize(("inputs", "units"), [(20, 7), (7, 20), (8, 8)])
def test_orthogonal_rows_or_columns_are_orthonormal_times_the_scale(inputs, units):
    layer = initialise_(nn.Linear(inputs, units), generator(), Initial("orthogonal", 3.0))
    matrix = layer.weight.detach().double()
    product = matrix @ matrix.T if units <= inputs else matrix.T @ matrix
    torch.testing.assert_close(
        product, 9 * torch.eye(min(inputs, units)).double(), atol=1e-5, rtol=0
    )


def test_orthogonal_convolutions_are_so_by_their_weight_vectors():
    for layer, units, groups in (
        (nn.Conv2d(3, 5, 3), 5, 1),
        (nn.Conv2d(4, 6, 3, groups=2), 6, 2),
        (nn.ConvTranspose1d(6, 4, 3, groups=2), 4, 2),
    ):
        initialise_(layer, generator(), Initial("orthogonal"))
        weight = layer.weight.detach().double()
        for group in range(groups):
            rows = weight.chunk(groups)[group]
            if isinstance(layer, nn.ConvTranspose1d):
                rows = rows.transpose(0, 1)
            rows = rows.flatten(1)
            assert len(rows) == units // groups
            eye = torch.eye(len(rows)).double()
            torch.testing.assert_close(rows @ rows.T, eye, atol=1e-5, rtol=0)


def test_the_default_law_draws_what_was_always_drawn():
    first, named = mlp((5, 4)), drawn_as(partial(mlp, (5, 4)), Initial("glorot-normal"))
    assert digest(tensors_of(first)) == digest(tensors_of(named()))
    again = initialise_(mlp((5, 4), generator=Streams(1).get("init")), generator(), Initial())
    assert digest(tensors_of(first)) == digest(tensors_of(again))


@pytest.mark.parametrize("kind", INITIALS)
def test_twice_the_scale_gives_twice_the_same_weights(kind):
    one, two = (drawn_as(partial(resnet, 8), Initial(kind, scale))() for scale in (1, 2))
    for (name, value), other in zip(one.named_parameters(), two.parameters(), strict=True):
        factor = 2 if name.endswith("weight") and "bn" not in name else 1
        assert torch.equal(factor * value, other), name


def test_normalisations_begin_as_the_identity_whatever_the_law():
    kinds = [nn.BatchNorm2d(4), nn.GroupNorm(1, 4), nn.InstanceNorm2d(4, affine=True)]
    model = nn.Sequential(nn.Conv2d(4, 4, 1), *kinds, nn.LayerNorm((4, 3, 3)), nn.RMSNorm(3))
    model(torch.randn(5, 4, 3, 3))
    for part in model[1:]:
        nn.init.constant_(part.weight, 5)
    initialise_(model, generator(), Initial("he-normal", 7))
    assert all((part.weight == 1).all() for part in model[1:])
    assert not any(part.bias.any() for part in model[1:-1])
    assert not model[1].running_mean.any()


def test_centres_of_radial_units_have_a_law_of_their_own():
    model = nn.Sequential(RadialBasis(50, 40), nn.Linear(40, 3))
    first = initialise_(copied(model), generator())
    other = initialise_(copied(model), generator(), Initial("normal", 9.0))
    assert torch.equal(first[0].weight, other[0].weight)
    assert abs(first[0].weight.square().mean() - 1) < 4 * math.sqrt(2 / 2000)
    assert (first[0].width == math.sqrt(50)).all()
    assert not torch.equal(first[1].weight, other[1].weight)


def test_weights_of_a_law_come_from_the_generator_alone():
    builder, before = drawn_as(partial(mlp, (5,)), Initial("orthogonal")), torch.get_rng_state()
    one, same, other = (
        digest(tensors_of(builder(generator=Streams(seed).get("init")))) for seed in (0, 0, 1)
    )
    assert one == same == digest(tensors_of(builder()))
    assert one != other
    assert torch.equal(before, torch.get_rng_state())


def test_a_law_of_half_precision_and_of_empty_layers_is_drawn():
    half = initialise_(nn.Linear(8, 4).bfloat16(), generator(), Initial("orthogonal"))
    assert half.weight.dtype == torch.bfloat16
    for kind in INITIALS:
        for layer in (nn.Linear(0, 3), nn.Linear(3, 0)):
            initialise_(layer, generator(), Initial(kind))


def test_drawn_as_says_which_law_it_draws_from():
    builder = drawn_as(lenet_300_100, Initial("he-normal", 2))
    assert initial_of(builder) == Initial("he-normal", 2.0)
    assert initial_of(lenet_300_100) == Initial()
    assert drawn_as(builder, Initial("normal")) == DrawnAs(lenet_300_100, Initial("normal"))
    assert drawn_as(builder, Initial()) is lenet_300_100
    own = OwnBuilder("surfeit.models:mlp")
    assert drawn_as(own, Initial()) == DrawnAs(own, Initial())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("he-norm", 1.0), "no law of initial weights 'he-norm': did you mean 'he-normal'"),
        (("normal", 0), "the scale of initial weights must be above 0, got 0"),
        (("normal", -1.0), "above 0, got -1"),
        (("normal", math.inf), "above 0, got inf"),
        (("normal", math.nan), "above 0, got nan"),
        (("normal", "2"), "above 0, got '2'"),
        (("normal", True), "above 0, got True"),
    ],
)
def test_a_law_that_cannot_be_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        Initial(*given)


def test_a_network_that_is_there_has_no_law():
    with pytest.raises(ValueError, match="got a Sequential, whose weights are there already"):
        drawn_as(mlp((3,)), Initial("normal"))


@pytest.mark.parametrize("law", [Initial(), Initial("he-normal"), Initial("normal", 0.01)])
def test_a_law_is_what_its_key_says(law):
    assert Initial.from_key(law.in_key()) == law
    assert Initial.from_key("0123456789abcdef") is None
