"""Losses that are no numbers: what is said of inputs, targets, weights and the learning rate."""

from functools import partial

import pytest
import torch
from torch import nn

from surfeit.core import DivergedError, Streams, cross_entropy, squared_error
from surfeit.data import from_tensors
from surfeit.models import Initial, drawn_as, mlp
from surfeit.train import Recipe, train

RATE = "Lower the learning rate"
NO_UPDATE = "No update was made yet, so that the learning rate has no part in it"


def pictures(scale):
    """Images of numbers about `scale`, in classes."""

    def pair(count, name):
        generator = Streams(0).get(name)
        images = torch.randn(count, 1, 4, 4, generator=generator, dtype=torch.float64)
        images[0] /= 1e10  # the first one alone is looked at before a training
        return images * scale, torch.randint(0, 3, (count,), generator=generator)

    return from_tensors("pictures", **{n: pair(20, n) for n in ("train", "validation", "test")})


def lines(scale):
    """Vectors about 1 and real targets about `scale`."""

    def pair(name):
        generator = Streams(0).get(name)
        inputs = torch.randn(20, 4, generator=generator)
        return inputs, scale * inputs[:, :2]

    return from_tensors("lines", **{name: pair(name) for name in ("train", "validation", "test")})


def said(model, data, store, **options):
    recipe = Recipe(batch_size=10, **{"epochs": 3, **options})
    objective = squared_error if data.task == "regression" else cross_entropy
    with pytest.raises(DivergedError, match="the training diverged: at step") as error:
        train(model, data, recipe, store=store, objective=objective)
    return str(error.value)


def test_images_far_from_one_are_to_be_scaled_before_the_rate_is_blamed(store):
    words = said(mlp((8,), input_shape=(1, 4, 4), classes=3), pictures(1e30), store)
    assert "at step 2 (epoch 1.0)" in words
    largest = float(pictures(1e30).train.inputs.abs().max())
    assert f"The inputs reach {largest:.3g} in size: scale them to about 1; or lower the l" in words


def test_images_beyond_the_type_have_no_part_for_the_rate(store):
    words = said(mlp((8,), input_shape=(1, 4, 4), classes=3), pictures(3e38), store)
    assert NO_UPDATE in words
    assert "in size, more than float32 holds: scale them to about 1" in words
    assert RATE not in words


def test_a_first_image_beyond_the_type_is_told_before_anything_is_written(store):
    data = pictures(3e38)
    turned = {name: (one.inputs.flip(0), one.targets) for name, one in data.splits.items()}
    model = mlp((8,), input_shape=(1, 4, 4), classes=3)
    with pytest.raises(ValueError, match=r"outputs must be finite.*The inputs reach .*scale them"):
        train(model, from_tensors("turned", **turned), Recipe(epochs=1), store=store)


def test_targets_far_from_one_are_named(store):
    words = said(nn.Linear(4, 2), lines(1e25), store)
    assert NO_UPDATE in words
    assert "The targets reach" in words
    words = said(nn.Linear(4, 2), lines(1e15), store, lr=1e12, epochs=30)
    assert "The targets reach" in words
    assert "or lower the learning rate" in words


def test_inputs_about_one_leave_the_rate_to_blame(store):
    words = said(nn.Linear(4, 2), lines(1.0), store, lr=1e20)
    assert words.endswith("Lower the learning rate (1e+20), warm up, or clip gradients")


def test_initial_weights_too_large_for_any_output_name_their_law_and_scale(store):
    wide = drawn_as(partial(mlp, (8,)), Initial("normal", 1e30))
    says = (
        r"outputs must be finite.*reach .*e\+30 in size \(fc\d.weight\), drawn from normal at scale"
    )
    with pytest.raises(ValueError, match=says + r" 1e\+30: choose a smaller scale$"):
        train(wide, pictures(1.0), Recipe(epochs=1), store=store)


def test_initial_weights_too_large_for_any_loss_name_their_scale(store):
    wide = drawn_as(partial(mlp, ()), Initial(scale=1e25))
    words = said(wide, lines(1.0), store)
    assert NO_UPDATE in words
    assert words.endswith("drawn from glorot-normal at scale 1e+25: choose a smaller scale")


def test_initial_weights_that_were_far_from_one_are_named_before_the_rate(store):
    model = nn.Linear(4, 2)
    nn.init.constant_(model.weight, 1e10)
    words = said(model, lines(1.0), store, lr=1.0, epochs=30)
    assert (
        "The initial weights reach 1e+10 in size (weight): scale them down; or lower the l" in words
    )


class Logarithm(nn.Linear):
    """What is no number for half of all inputs, though not for the first."""

    def forward(self, inputs):
        outputs = super().forward(inputs)
        return (outputs * outputs[:1].sign()).log()


def test_a_network_that_gives_no_numbers_before_the_first_update_is_looked_at(store):
    words = said(Logarithm(4, 1), from_lines_of_one(), store)
    assert words.endswith("Look at the initial weights, and at what the network computes")


def from_lines_of_one():
    data = lines(1.0)
    pairs = {name: (split.inputs, split.targets[:, :1]) for name, split in data.splits.items()}
    return from_tensors("one", **pairs)


class Late(nn.Linear):
    """A weight that is no number, in a place that no input of the training data reads."""

    def __init__(self):
        super().__init__(4, 2)
        self.spare = nn.Parameter(torch.full((2,), torch.nan))

    def forward(self, inputs):
        read = (inputs.abs().sum() > 1e3).float()
        return super().forward(inputs) + torch.where(read > 0, self.spare, torch.zeros(2))


def test_a_weight_that_is_no_number_is_named(store):
    data = lines(1.0)
    far = (data.train.inputs * 1e4, data.train.targets)
    pairs = {"train": data.splits["train"], "validation": far, "test": far}
    words = said(Late(), from_tensors("far", **pairs), store)
    assert words.endswith("No update was made yet: spare of the network itself is not finite")
