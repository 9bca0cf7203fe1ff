"""Loss and accuracy on the straight line between two networks, and the barrier they meet there."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Objective, Params, Split, buffers, cross_entropy, parameters
from surfeit.landscape.path import along_path

SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("t", pa.float64()),
        ("loss", pa.float64()),
        ("accuracy", pa.float64()),
    ]
)


def between(first: Mapping[str, Tensor], second: Mapping[str, Tensor], t: float) -> Params:
    """The network at `t` on the line, `(1 − t) first + t second`; the ends to the last bit.

    Args:
        first, second: parameters and buffers by name, of one architecture. What is no floating
            point number (a count of batches) is the first's.
        t: in [0, 1].

    Raises:
        ValueError: if names or shapes differ, or t is out of range.
    """
    if not 0 <= t <= 1:
        raise ValueError(f"t must be in [0, 1], got {t}")
    if first.keys() != second.keys():
        raise ValueError(
            "both ends must be of one architecture, but only one of them has "
            f"{', '.join(sorted(first.keys() ^ second.keys()))}"
        )
    for name, value in first.items():
        if value.shape != second[name].shape:
            shapes = f"{list(value.shape)} and {list(second[name].shape)}"
            raise ValueError(f"both ends must be of one architecture, but {name} is {shapes}")
    return {
        name: torch.lerp(value, second[name], t) if value.is_floating_point() else value.clone()
        for name, value in first.items()
    }


def along_line(
    model: nn.Module,
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    splits: Mapping[str, Split],
    *,
    points: int = 30,
    objective: Objective = cross_entropy,
    statistics_from: Float[Tensor, "n *shape"] | None = None,
) -> pa.Table:
    """Measures the network at equally spaced points of the line between two trained ones.

    `w(t) = (1 − t) first + t second` for `points` values of t from 0 to 1; at each of them, both
    ends among them, batch statistics are recomputed: an average of two networks' statistics is
    not that of the averaged network, and its error would be taken for a barrier.

    Args:
        model: the network's structure; its own weights are not read, nothing of it is changed.
        first, second: parameters and buffers by name, the same names and shapes.
        splits: inputs and targets by name, on the tensors' device.
        points: at least 2.
        objective: what judges the outputs.
        statistics_from: training inputs that batch statistics are computed from; needed where the
            model has batch normalisation, not read elsewhere.

    Returns:
        rows `split, t, loss, accuracy`: the objective's mean loss, cross-entropy in nats; a
        fraction, null where there are no classes.

    Raises:
        ValueError: if the ends do not fit each other or the model, points are fewer than 2, there
            is no split, the model has batch normalisation and no inputs for it, or outputs on the
            line cannot be judged: they are not finite, or a label has no output.

    Source: Goodfellow et al. 2015; 30 points, Frankle et al. 2020, section 2. Cost: `points`
    forward passes over the splits and, with batch normalisation, over `statistics_from`.
    """
    check_fit(model, first)
    between(first, second, 0.0)  # says so if the ends do not fit each other
    measured = along_path(
        model,
        partial(between, first, second),
        splits,
        points=points,
        objective=objective,
        statistics_from=statistics_from,
    )
    return measured.select(SCHEMA.names)


def error_barrier(errors: Sequence[float] | Float[Tensor, " points"]) -> float:
    """How much worse the worst point of a line is than its ends: the error barrier, or instability.

    `barrier = max_t e(t) − (e(0) + e(1)) / 2`. It is never negative: where nothing on the line is
    worse than its ends, it is half of their difference.

    Args:
        errors: [points] in the order of t, both ends included: errors as fractions give a fraction,
            losses in nats give nats.

    Raises:
        ValueError: if there are fewer than two points, or one is not finite.

    Source: Frankle et al. 2020, section 2.
    """
    values = [float(value) for value in errors]
    if len(values) < 2 or not all(map(math.isfinite, values)):
        raise ValueError(f"a barrier needs two or more finite numbers, got {values}")
    return max(values) - (values[0] + values[-1]) / 2


def check_fit(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Says so if tensors are not a model's parameters and buffers, by name and shape.

    Raises:
        ValueError: then.
    """
    own = parameters(model) | buffers(model)
    if own.keys() != tensors.keys():
        names = ", ".join(sorted(own.keys() ^ tensors.keys()))
        raise ValueError(f"the model and the ends differ: only one of them has {names}")
    for name, value in own.items():
        if value.shape != tensors[name].shape:
            shapes = f"{list(value.shape)} in the model, {list(tensors[name].shape)} at the ends"
            raise ValueError(f"{name} is {shapes}")
