"""The loss at points of a line or plane through a network's weights."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from surfeit.core import (
    EXAMPLES_AT_ONCE,
    Objective,
    Params,
    Split,
    call,
    check_split,
    copied,
    cross_entropy,
    lift_,
    score,
    unknown,
)
from surfeit.landscape.batch_statistics import batch_statistics, gathering, normalisations
from surfeit.landscape.plane import Plane
from surfeit.landscape.shared_first import SharedFirst

Statistics = Literal["recomputed", "running"]
Place = tuple[float, ...]

_CHUNK = 250  # examples of a convolutional network that stay in the processor's caches


@dataclass(frozen=True, kw_only=True)
class Height:
    """What a network at a place makes of the examples.

    Args:
        loss: the objective's mean; NaN where an output is not finite, infinite where the loss is.
        accuracy: a fraction; None without classes, and where an output is not finite.
    """

    loss: float
    accuracy: float | None


@torch.no_grad()
def heights(
    model: nn.Module,
    plane: Plane,
    places: Sequence[Place],
    split: Split,
    *,
    objective: Objective = cross_entropy,
    statistics: Statistics | None = None,
    statistics_from: Shaped[Tensor, "n *shape"] | None = None,
    share: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> list[Height]:
    """The loss at each place, in evaluation mode.

    >>> plane = Plane(origin=tensors_of(model), directions=(first, second))
    >>> heights(model, plane, [(0.0, 0.0), (0.5, 0.0)], data.test)

    Args:
        model: the network's structure; it is only read.
        plane: the line or plane that the places lie on.
        places: as many coordinates each as it has directions.
        split: the examples that the loss is the mean of.
        objective: what judges the outputs.
        statistics: of batch normalisation: `recomputed` for the weights at each place, or
            `running`, the origin's, which are those of other weights everywhere else. Must be
            chosen where there is batch normalisation, not read elsewhere.
        statistics_from: the inputs that they are recomputed from; the split's by default.
        share: whether the outputs of a first Linear are computed once for all places, where that
            can be done; it changes the loss by rounding alone.
        progress: told places done and of how many.

    Returns:
        a height for each place, in their order.

    Raises:
        ValueError: if the statistics were not chosen, the tensors do not fit the network, or the
            objective cannot judge its outputs (a label without an output).

    Cost: a forward pass a place. With recomputed statistics one more over `statistics_from`, unless
    these are the split's own inputs and at most 1,000: then the pass that judges is the one that
    recomputes (its variances are the examples' own, smaller by (n − 1) / n). Where a first Linear
    is shared, the rest of the network a place.
    """
    check_split(split)
    check_statistics(model, statistics)
    structure = lift_(copied(model)).eval()
    plane = _lifted(plane)
    inputs = _laid_out(structure, plane.origin, _lifted_inputs(split.inputs, plane))
    ready = Split(inputs, split.targets)
    with_batches = bool(normalisations(structure)) and statistics == "recomputed"
    shared = None
    if share and not with_batches and len(places) > 2 and len(inputs) > 1:
        shared = SharedFirst.of(structure, plane, inputs)
    if shared is not None:
        return _by_chunks(shared, plane, places, ready, objective, progress)
    source = inputs if statistics_from is None else _lifted_inputs(statistics_from, plane)
    found = []
    for done, place in enumerate(places, start=1):
        tensors = plane.at(place)
        if with_batches:
            outputs = _recomputed(structure, tensors, inputs, source)
        else:
            outputs = torch.cat(list(_outputs(structure, tensors, inputs)))
        found.append(_judged(outputs, ready, objective))
        if progress is not None:
            progress(done, len(places))
    return found


def check_statistics(model: nn.Module, statistics: Statistics | None) -> None:
    """Says so if a network has batch normalisation and nobody chose how it is computed.

    Raises:
        ValueError: if that is so, or there is no such choice.
    """
    if statistics is not None and statistics not in get_args(Statistics):
        raise unknown("kind of batch statistics", statistics, get_args(Statistics))
    names = list(normalisations(model))
    if names and statistics is None:
        raise ValueError(
            f"a batch-normalised network ({', '.join(names[:2])}{', ...' if names[2:] else ''}) "
            "whose mode was not chosen: give statistics 'recomputed', anew at each point, or "
            "'running', as they were trained"
        )


def _recomputed(structure: nn.Module, tensors: Params, inputs: Tensor, source: Tensor) -> Tensor:
    """The outputs with batch statistics of these very weights."""
    if source is inputs and len(inputs) <= EXAMPLES_AT_ONCE:
        with gathering(normalisations(structure)):
            return call(
                structure, {name: value.clone() for name, value in tensors.items()}, inputs.clone()
            )
    fresh = batch_statistics(structure, tensors, source)
    return torch.cat(list(_outputs(structure, {**tensors, **fresh}, inputs)))


def _outputs(structure: nn.Module, tensors: Params, inputs: Tensor) -> Iterator[Tensor]:
    size = _CHUNK if inputs.dim() > 2 else EXAMPLES_AT_ONCE
    for part in inputs.split(size):
        yield call(structure, tensors, part.clone())  # the first module may work in place


def _by_chunks(
    shared: SharedFirst,
    plane: Plane,
    places: Sequence[Place],
    split: Split,
    objective: Objective,
    progress: Callable[[int, int], None] | None,
) -> list[Height]:
    """All places of one chunk after another, so that what they share is computed once a chunk."""
    parts: list[list[Tensor]] = [[] for _ in places]
    chunks = split.inputs.split(EXAMPLES_AT_ONCE)
    for number, chunk in enumerate(chunks):
        products = shared.products(plane, chunk)
        for at, place in enumerate(places):
            parts[at].append(shared.outputs(plane.at(place), products, place, chunk))
            if progress is not None and number == len(chunks) - 1:
                progress(at + 1, len(places))
    return [_judged(torch.cat(outputs), split, objective) for outputs in parts]


def _judged(outputs: Tensor, split: Split, objective: Objective) -> Height:
    if not bool(outputs.isfinite().all()):
        return Height(loss=math.nan, accuracy=None)
    objective.check(outputs, split.targets)
    found = score(outputs, split.targets, objective)
    return Height(loss=found.loss, accuracy=found.accuracy)


def _lifted(plane: Plane) -> Plane:
    return Plane(
        origin={name: _wide(value) for name, value in plane.origin.items()},
        directions=tuple(
            {name: _wide(value) for name, value in one.items()} for one in plane.directions
        ),
    )


def _lifted_inputs(inputs: Tensor, plane: Plane) -> Tensor:
    """Real inputs in the weights' type."""
    like = next(iter(plane.directions[0].values()))
    return inputs.to(like.device, like.dtype) if inputs.is_floating_point() else inputs


def _laid_out(structure: nn.Module, tensors: Params, inputs: Tensor) -> Tensor:
    """Images with their channels innermost, in which convolutions take some 0.6 of the time."""
    if inputs.dim() != 4 or inputs.shape[1] == 1 or inputs.is_cuda:
        return inputs
    fast = inputs.contiguous(memory_format=torch.channels_last)
    try:
        call(structure, tensors, fast[:2].clone())
    except RuntimeError:  # it looks at its activations by `view`, as they lay in memory
        return inputs
    return fast


def _wide(value: Tensor) -> Tensor:
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
