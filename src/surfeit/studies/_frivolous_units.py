"""What the study `frivolous_units` measures of a hidden layer: knock-outs and redundancy."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from surfeit.core import Split, Streams
from surfeit.data import Dataset
from surfeit.models.structure import unit_outputs
from surfeit.prune import (
    RemovalCurve,
    can_go_of_layer,
    estimated_removable,
    outputs_without,
    removal_curves,
)
from surfeit.similarity import (
    chance_inner_product,
    class_selectivity,
    correlated_others,
    explained_by_others,
    live_units,
    principal_components,
    shuffled,
)
from surfeit.store import Run

SIXTHS = tuple(range(7))
KNOCK_OUTS = tuple(f"{name}_{sixth}" for name in ("same", "right") for sixth in SIXTHS)
GOING = ("can_go", "can_go_surely", "can_go_random")
_LAYER = "fc1"
_AT_ONCE = 1000  # images
_LEVEL = 0.01  # of layers in which chance alone passes the least correlation


def frivolous(
    run: Run, dataset: Dataset, orders: int, loss: float, correlated: float, explained: float
) -> Iterator[dict[str, Any]]:
    """A row a state of the hidden layer: `trained`, `start`, before training, and `shuffled`.

    Of the last, whose images are shuffled within each trained unit, outputs alone are known. Images
    are those of validation; of the test images come the bounds of `can_go_surely`.

    Args:
        run: of a network whose hidden layer is `fc1`, with a ReLU behind it.
        dataset: the whole one.
        orders: random ones, in which units are knocked out.
        loss: of accuracy that units which can go may cost, a fraction.
        correlated: the least size of a correlation that counts, or chance's, if that is larger.
        explained: the least adjusted R² of a unit that is a combination of others.
    """
    images, streams = dataset.validation, Streams(run.config["seed"])
    trained, start = run.model(), run.model(0)
    outputs = hidden_outputs(trained, images.inputs)
    units = len(outputs)
    drawn = [torch.randperm(units, generator=streams.get("orders", one)) for one in range(orders)]
    right = removal_curves(trained, _LAYER, drawn, images)
    removed = at_sixths("right", right, units) | going(trained, dataset, right, loss)
    layers = {
        "trained": (outputs, removed | at_sixths("same", unchanged(trained, images, drawn), units)),
        "start": (
            hidden_outputs(start, images.inputs),
            at_sixths("same", unchanged(start, images, drawn), units),
        ),
        "shuffled": (shuffled(outputs, streams.get("null")), {}),
    }
    for state, (answers, known) in layers.items():
        found = redundant(answers, images.labels, correlated=correlated, explained=explained)
        yield {"state": state, **found, **dict.fromkeys((*KNOCK_OUTS, *GOING)), **known}


def hidden_outputs(model: nn.Module, inputs: Tensor) -> Tensor:
    """The outputs of the hidden units behind their ReLU, [units, images]."""
    parts = [unit_outputs(model, [_LAYER], part)[_LAYER] for part in inputs.split(_AT_ONCE)]
    return torch.cat(parts)[:, :, 0].T


def redundant(
    outputs: Tensor, labels: Tensor, *, correlated: float, explained: float
) -> dict[str, Any]:
    """Of the units that are not dead: how many depend on others, and in how many directions."""
    live = live_units(outputs)
    count = int(live.sum())
    chance = chance_inner_product(max(count, 2), outputs.shape[1] - 1, level=_LEVEL / 2)
    others = correlated_others(outputs, least=max(correlated, chance))[live]
    variance = explained_by_others(outputs)[live]
    selectivity = class_selectivity(outputs, labels)[live]
    return {
        "live": count,
        "dead": len(live) - count,
        "components_95": principal_components(outputs, share=0.95),
        "components_80": principal_components(outputs, share=0.8),
        "others": others.mean().item() if count else None,
        "partnered": int((others >= 1).sum()),
        "combined": int((variance >= explained).sum()),
        "explained": variance.mean().item() if count else None,
        "selectivity": selectivity.mean().item() if count else None,
    }


def unchanged(model: nn.Module, images: Split, orders: Sequence[Tensor]) -> list[RemovalCurve]:
    """Curves of the share of images whose answer stays what it was, right or wrong."""
    nobody = torch.empty(0, dtype=torch.int64)
    parts = images.inputs.split(_AT_ONCE)
    answers = [outputs_without(model, _LAYER, nobody, part).argmax(1) for part in parts]
    return removal_curves(model, _LAYER, orders, Split(images.inputs, torch.cat(answers)))


def at_sixths(name: str, curves: Sequence[RemovalCurve], units: int) -> dict[str, float]:
    """Means over curves with 0 to 6 sixths of the units gone, rounded down as in the program."""
    mean = torch.stack([curve.points for curve in curves]).mean(dim=0)
    return {f"{name}_{sixth}": mean[sixth * units // 6].item() for sixth in SIXTHS}


def going(
    model: nn.Module, dataset: Dataset, by_chance: Sequence[RemovalCurve], loss: float
) -> dict[str, float | None]:
    """How many units can go for so much accuracy: see `can_go_of_layer`.

    `can_go` is the estimate of the best criterion on validation images, `can_go_surely` what test
    images show of it, `can_go_random` the mean estimate of random orders.
    """
    answer = can_go_of_layer(model, _LAYER, dataset.splits, loss=loss)
    estimates = [estimated_removable(curve, loss=loss, rise=None) for curve in by_chance]
    return {
        "can_go": answer.estimate,
        "can_go_surely": None if answer.bounds is None else answer.bounds.lower,
        "can_go_random": sum(estimates) / len(estimates),
    }
