"""Networks by name: what a name builds, and the name of what is built."""

import inspect
from functools import partial

import pytest
import torch
from torch import nn

from surfeit.core import digest, tensors_of
from surfeit.models import (
    MODELS,
    builder_named,
    chain,
    conv5,
    describe,
    is_rebuildable,
    lenet_300_100,
    mlp,
    name_of,
    rebuild,
    resnet,
    resnet18,
    vgg,
)
from surfeit.models.catalog import EXAMPLES
from surfeit.models.families import FAMILIES

NAMES = {
    "mlp-5-4": partial(mlp, (5, 4)),
    "mlp-5-tanh": partial(mlp, (5,), activation="tanh"),
    "mlp-5-leaky-relu-layer": partial(mlp, [5], activation="leaky-relu", normalise="layer"),
    "mlp-5-noisy-batch-dropout0.25": partial(mlp, (5,), normalise="noisy-batch", dropout=0.25),
    "mlp-5-maxout-batch-dropout0.5-input-dropout0.2": partial(
        mlp, (5,), activation="maxout", normalise="batch", dropout=0.5, input_dropout=0.2
    ),
    "mlp-5-input-dropout0.2": partial(mlp, widths=(5,), input_dropout=0.2),
    "mlp-5-3-radial": partial(mlp, (5, 3), activation="radial"),
    "mlp-5-none": partial(mlp, (5,), activation="none"),
    "chain-4-5-sigmoid-batch": partial(chain, 4, 5, activation="sigmoid", normalise="batch"),
    "resnet-8": partial(resnet, 8),
    "resnet-8-k2-plain": partial(resnet, depth=8, width=2, shortcuts=False),
    "resnet-8-layer": partial(resnet, 8, normalise="layer"),
    "resnet-8-plain-unnormalised": partial(resnet, 8, 1, shortcuts=False, normalise=None),
    "resnet-18-k2": partial(resnet18, 2),
    "vgg-9-k2-noisy-batch": partial(vgg, 9, 2, normalise="noisy-batch"),
    "conv5-2": partial(conv5, 2),
    "densenet-7-2": builder_named("densenet-7-2"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_and_its_builder_say_the_same_network(name):
    shape = (3, 4, 4)
    named, built = (
        make(input_shape=shape, classes=3) for make in (builder_named(name), NAMES[name])
    )
    assert describe(named) == describe(built)
    assert digest(tensors_of(named)) == digest(tensors_of(built))
    assert name_of(NAMES[name]) == name_of(builder_named(name)) == name
    assert named.eval()(torch.zeros(2, *shape)).shape == (2, 3)
    assert named.train()(torch.randn(2, *shape)).shape == (2, 3)
    assert is_rebuildable(describe(named))
    assert describe(rebuild(describe(named))) == describe(named)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_names(name):
    assert name_of(builder_named(name)) == name


def test_names_that_stood_before_the_families_stay():
    for name, builder in MODELS.items():
        assert builder_named(name) is builder
        assert name_of(builder) == name
    assert builder_named("mlp-100-50").args == ((100, 50),)
    assert name_of(resnet18) == "resnet-18"


def own(**options: object) -> nn.Module:
    return lenet_300_100()


@pytest.mark.parametrize(
    "builder",
    [
        mlp,
        partial(mlp, ()),
        partial(mlp, 5),
        partial(mlp, (0,)),
        partial(mlp, (5.0,)),
        partial(mlp, (5,), classes=3),
        partial(mlp, (5,), input_shape=(4,)),
        partial(mlp, (5,), activation="softplus"),
        partial(mlp, (5,), dropout=1e-7),
        partial(mlp, (5,), dropout="much"),
        partial(mlp, (5,), wrong=1),
        partial(resnet, 8, -1),
        own,
        partial(own, 1),
        lenet_300_100(),
        None,
    ],
)
def test_builders_that_no_name_says_have_none(builder):
    assert name_of(builder) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mlp-5-tahn", r"no model 'mlp-5-tahn'.* are called mlp-W1-W2-...\[-ACTIVATION\]"),
        ("mlp", "are called mlp-W1"),
        ("mlp-5-dropout2", "no model 'mlp-5-dropout2'"),
        ("mlp-٥", "no model"),
        ("resnet-20-batch-plain", r"are called resnet-DEPTH\[-kWIDTH\]\[-plain\]"),
        ("resnet", "are called resnet-DEPTH"),
        ("resnett-20", "did you mean 'resnet-20'"),
        ("vgg-16-kx", "are called vgg-DEPTH"),
        ("lenet-300-10", "did you mean 'lenet-300-100'"),
        ("resnet-18-wide", r"no option 'wide': one of kWIDTH\. .* resnet-18\[-kWIDTH\] or resnet"),
    ],
)
def test_a_mistyped_name_says_how_names_are_made(name, words):
    with pytest.raises(ValueError, match=words):
        builder_named(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mlp-5-tahn", r"there is no option 'tahn': did you mean 'tanh'\? \(one of: leaky-relu, "),
        ("mlp-5-tanh-nosiy-batch", "there is no option 'nosiy': did you mean 'noisy-batch'"),
        ("mlp-5-tanh-dropout2", "there is no option 'dropout2': did you mean 'dropout0.5'"),
        ("resnet-20-plian", "there is no option 'plian': did you mean 'plain'"),
        ("chain-3-5-dropout0.5", "there is no option 'dropout0.5': one of leaky-relu"),
        ("mlp-5-batch-leaky-relu", r"in order it is 'mlp-5-leaky-relu-batch'\. "),
        ("mlp-5-6-dropout.5-noisy-batch", "in order it is 'mlp-5-6-noisy-batch-dropout.5'"),
        ("resnet-20-layer-k2", "in order it is 'resnet-20-k2-layer'"),
        ("mlp-5-tanh-batch-none", "'tanh' and 'none' say the same option: leave one out"),
        ("mlp-5-relu-batch", "'relu' is the default, which is not named: leave it out"),
        ("densenet-7-2-batch", "ends with its sizes, as 'densenet-7-2' does, got 'batch' behind"),
    ],
)
def test_a_name_of_the_right_sizes_says_which_word_is_wrong(name, words):
    with pytest.raises(ValueError, match=words):
        builder_named(name)


def test_defaults_that_have_no_word_are_the_builders_own():
    for family in FAMILIES:
        defaults = inspect.signature(family.builder_of(family.example).func).parameters
        for option in family.options:
            if option.default is not None:
                assert option.word_of(option.default) is None
                assert defaults[option.argument].default == option.default
