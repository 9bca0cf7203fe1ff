"""What the study `xord` trains and measures: beside it, so that judging computes nothing anew."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surfeit.core import Objective, Split, Streams, evaluate, hinge, load_, own_objective
from surfeit.core.objective import positive_output
from surfeit.data import Dataset, from_tensors, xord_data
from surfeit.data.xord import NEGATIVE, POSITIVE, inputs_with, is_positive, pattern_sets
from surfeit.models import Shape, Structure, initialise_
from surfeit.similarity import centre_angles, chance_centre_angles, within_over_between
from surfeit.store import Run
from surfeit.studies._fitting import examples

Loss = Literal["hinge", "wide margin"]

POSITIVE_MARGIN = 8.0
"""Of positive examples, under the loss `wide margin`; that of negative ones is 1."""


def wide_margin(outputs: Tensor, targets: Tensor) -> Tensor:
    """The hinge loss with a margin of 8 for positive examples and 1 for negative ones, the mean.

    `max(0, γ − N)` of positive ones, `max(0, 1 + N)` of negative ones, N the network's output.

    Args:
        outputs: [n, 1].
        targets: int64 [n], 0 or 1.
    """
    margins = torch.where(targets == 1, POSITIVE_MARGIN, 1.0)
    return F.relu(margins - outputs[:, 0] * (2 * targets - 1)).mean()


def objective_of(loss: Loss) -> Objective:
    """The objective that a loss's name stands for."""
    return hinge if loss == "hinge" else own_objective(wide_margin, positive_output)


def xord_network(
    pairs: int, filters: int, start: float, generator: torch.Generator
) -> nn.Sequential:
    """`N(x) = Σ_i max_j σ(w_i · x_j) − Σ_i max_j σ(u_i · x_j)`: filters over pairs, no biases.

    The output weights are +1 for the first `filters` filters and −1 for the others, and frozen.

    Args:
        pairs: of signs, in an input.
        filters: for each output sign.
        start: the standard deviation of the filters' initial weights, the same at all widths.
        generator: draws them.

    Source: Brutzkus and Globerson 2019; the scale of the start is our choice.
    """
    model = nn.Sequential(
        OrderedDict(
            pairs=nn.Unflatten(1, (1, 2 * pairs)),
            filters=nn.Conv1d(1, 2 * filters, 2, stride=2, bias=False),
            relu=nn.ReLU(),
            pool=nn.AdaptiveMaxPool1d(1),
            flatten=nn.Flatten(),
            output=nn.Linear(2 * filters, 1, bias=False),
        )
    )
    signs = torch.tensor([1.0] * filters + [-1.0] * filters)
    drawn = torch.randn(2 * filters, 1, 2, generator=generator)
    load_(model, {"filters.weight": start * drawn, "output.weight": signs[None]})
    model.get_parameter("output.weight").requires_grad_(False)
    return model


def image_network(
    input_shape: Shape,
    classes: int,
    generator: torch.Generator,
    *,
    filters: int,
    kernel: int,
    hidden: int,
) -> nn.Sequential:
    """A convolution `filters`, ReLU, max-pool of 4 x 4, a hidden layer, and the classes.

    Raises:
        ValueError: if the inputs are no images, or the kernel is larger than they are.
    """
    if len(input_shape) != 3 or kernel > min(input_shape[1:]):
        raise ValueError(
            f"a kernel of {kernel} x {kernel} needs images that are no smaller, got inputs of "
            f"shape {list(input_shape)}"
        )
    channels, *sides = input_shape
    height, width = (-(-(side - kernel + 1) // 4) for side in sides)
    model = nn.Sequential(
        OrderedDict(
            filters=nn.Conv2d(channels, filters, kernel),
            relu1=nn.ReLU(),
            pool=nn.MaxPool2d(4, ceil_mode=True),
            flatten=nn.Flatten(),
            hidden=nn.Linear(filters * height * width, hidden),
            relu2=nn.ReLU(),
            output=nn.Linear(hidden, classes),
        )
    )
    initialise_(model, generator)
    return model


def drawn_examples(pairs: int, count: int, diverse: float, seed: int) -> Dataset:
    """The examples that all networks of a seed are trained on."""
    return xord_data(pairs, count, Streams(seed).get("examples"), diverse=diverse)


def few_images(dataset: Dataset, count: int, seed: int) -> Dataset:
    """The training images that a seed draws; of other splits, which are not judged, as many."""
    drawn = examples(dataset, count, seed)
    few = {name: drawn.splits[name][:count] for name in ("validation", "test")}
    return from_tensors(
        f"{drawn.name}-few",
        train=drawn.train,
        **few,
        class_names=drawn.class_names,
        mean=drawn.mean,
        std=drawn.std,
    )


def patterns_found(
    run: Run, pairs: int, count: int, diverse: float, loss: Loss
) -> Iterator[dict[str, Any]]:
    """What a network of XORD answers at the end, to its training examples and to all inputs.

    A pattern is *missed* if the network errs on an input that has no other pattern of the same
    kind, equal or unequal. `wrong_sets` counts sets of patterns (15 from four pairs on), `missed`
    patterns (of four); `wrong_inputs` is the share of all inputs that are misclassified, the mean
    of both classes'.
    """
    data = drawn_examples(pairs, count, diverse, run.config["seed"])
    model, objective = run.model(), objective_of(loss)
    fitted = evaluate(model, run.tensors(), data.train, objective)
    assert fitted.accuracy is not None  # both losses say what is right
    with torch.no_grad():
        right = objective.correct(model(data.test.inputs), data.test.targets)
    assert right is not None
    sets = pattern_sets(pairs)
    wrong = [one for one, correct in zip(sets, right.tolist(), strict=True) if not correct]
    # Of a positive input the unequal pairs are no reason for its class.
    missed = {
        pattern
        for one in wrong
        if len(own := one & (POSITIVE if is_positive(one) else NEGATIVE)) == 1
        for pattern in own
    }
    shares = []
    for positive in (True, False):
        weights = {one: inputs_with(one, pairs) for one in sets if is_positive(one) == positive}
        shares.append(sum(weights.get(one, 0) for one in wrong) / sum(weights.values()))
    yield {
        "train_error": 1 - fitted.accuracy,
        "wrong_sets": len(wrong),
        "missed": len(missed),
        "wrong_inputs": sum(shares) / 2,
    }


def filter_angles(run: Run, centres: int, draws: int) -> Iterator[dict[str, Any]]:
    """A row a filter, in degrees: its angle to the nearest centre before and after training.

    `chance` is a random direction's in a layer of as many; `chance_mean` the mean over `draws`
    such layers, and `below` the share of them whose mean is no larger than that after training.
    """
    layer = Structure.of(run.model()).layer("filters")
    before, after = (
        centre_angles(layer.matrix(run.model(step)), _stream(run, str(step)), centres=centres)
        for step in (0, None)
    )
    units, inputs = layer.matrix(run.model()).shape
    generator = _stream(run, "chance")
    means = chance_centre_angles(units, inputs, generator, centres=centres, draws=draws)
    random = torch.randn(units, inputs, generator=generator)
    chance = centre_angles(random, generator, centres=centres)
    about = {
        "chance_mean": means.mean().rad2deg().item(),
        "below": (means <= after.nanmean()).double().mean().item(),
    }
    for unit, values in enumerate(zip(before, after, chance, strict=True)):
        degrees = [None if one.isnan() else one.rad2deg().item() for one in values]
        yield {
            "unit": unit,
            **dict(zip(("before", "after", "chance"), degrees, strict=True)),
        } | about


def collapse(run: Run, dataset: Dataset, images: int) -> Iterator[dict[str, Any]]:
    """NC1 of the last hidden layer's outputs for the training images, at two epochs' ends.

    The first at which no training image is wrong, and the last. None where there is no such epoch
    before the last.
    """
    split = few_images(dataset, images, run.config["seed"]).train
    steps = run.steps()
    fitted = next((step for step in steps if _error(run, step, split) == 0), None)
    values: dict[str, Any] = {"fitted": None, "first": None, "last": None}
    if fitted is not None and fitted < steps[-1]:
        values["fitted"] = fitted
        for name, step in (("first", fitted), ("last", steps[-1])):
            model = run.model(step)
            assert isinstance(model, nn.Sequential)
            with torch.no_grad():
                values[name] = within_over_between(model[:-1](split.inputs), split.labels)
    yield values | {"train_error": _error(run, steps[-1], split)}


def _error(run: Run, step: int, split: Split) -> float:
    right = evaluate(run.model(step), run.tensors(step), split).accuracy
    assert right is not None  # classes have an accuracy
    return 1 - right


def _stream(run: Run, name: str) -> torch.Generator:
    return Streams(run.config["seed"]).get("centres", name)
