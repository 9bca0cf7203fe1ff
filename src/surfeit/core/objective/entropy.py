"""Cross-entropy: of one class among many, and of one logit's two."""

import torch
import torch.nn.functional as F
from torch import Tensor

from surfeit.core.objective.objective import (
    Objective,
    Reduction,
    expect_labels,
    expect_shape,
    largest_output,
    of_shape,
    one_logit_shapes,
    per_example,
    positive_output,
    reduced,
)


def _cross_entropy(outputs: Tensor, targets: Tensor, reduction: Reduction) -> Tensor:
    flat, labels = outputs.flatten(0, -2), targets.flatten()
    loss = F.cross_entropy(flat, labels, reduction=reduction)
    return loss if reduction == "mean" else per_example(loss, targets, len(targets))


def _slope(outputs: Tensor, targets: Tensor) -> Tensor:
    count = len(outputs)
    delta = torch.softmax(outputs, 1)
    return delta.scatter_add_(1, targets[:, None], delta.new_full((count, 1), -1.0)).div_(count)


def _check_classes(outputs: Tensor, targets: Tensor, width: int) -> None:
    if targets.is_floating_point():
        raise ValueError(
            f"cross_entropy needs labels, int64, got targets of {targets.dtype}: use "
            "squared_error for real numbers, binary_cross_entropy for numbers in [0, 1]"
        )
    given, labels = tuple(outputs.shape), tuple(targets.shape)
    if len(given) == 3 and (given[0], given[2]) == labels and given[1] != labels[1]:
        raise ValueError(
            f"cross_entropy needs outputs [n, positions, classes], got {list(given)} with the "
            "classes before the positions: return outputs.transpose(1, 2) from the network"
        )
    if given in (labels, (*labels, 1)):
        raise ValueError(
            "one output cannot tell classes apart under cross_entropy, whose loss of it is always "
            "0: use binary_cross_entropy or hinge, or give the network an output a class"
        )
    expect_shape("cross_entropy", outputs, targets, [(*labels, width)])
    expect_labels("cross_entropy", targets, width)


cross_entropy = Objective(
    name="cross_entropy",
    compute=_cross_entropy,
    judge=largest_output,
    check_fit=_check_classes,
    slope=_slope,
)
"""`−log softmax(outputs)[label]` in nats, the mean over examples and positions.

Labels int64 [n] go with outputs [n, classes], [n, positions] with [n, positions, classes]; right is
what has the largest output at its label. One output is refused: it cannot tell classes apart. So
are torch's outputs [n, classes, positions], which as many classes as positions would hide.
"""


def _binary(outputs: Tensor, targets: Tensor, reduction: Reduction) -> Tensor:
    logits = of_shape(outputs, targets)
    losses = F.binary_cross_entropy_with_logits(logits, targets.to(logits), reduction="none")
    return reduced(losses, len(targets), reduction)


def _check_binary(outputs: Tensor, targets: Tensor, width: int) -> None:
    del width  # of two classes one logit is enough
    if targets.is_floating_point():
        expect_shape("binary_cross_entropy", outputs, targets, [tuple(targets.shape)])
        low, high = (float(bound) for bound in targets.aminmax())
        if not 0 <= low <= high <= 1:
            raise ValueError(
                f"binary_cross_entropy needs targets in [0, 1], got them in [{low:g}, {high:g}]: "
                "use squared_error for other real numbers"
            )
        return
    expect_shape("binary_cross_entropy", outputs, targets, one_logit_shapes(targets))
    low, high = (int(bound) for bound in targets.aminmax())
    if low < 0 or high > 1:
        raise ValueError(
            f"binary_cross_entropy needs labels 0 and 1, got labels in [{low}, {high}]: use "
            "cross_entropy with an output a class"
        )


binary_cross_entropy = Objective(
    name="binary_cross_entropy",
    compute=_binary,
    judge=positive_output,
    check_fit=_check_binary,
)
"""`log(1 + exp(−z))` of a logit z whose label is 1, `log(1 + exp(z))` of one whose label is 0.

In nats, the mean over the examples. Labels 0 and 1, int64 [n], go with one logit each, outputs [n]
or [n, 1]; right is z > 0 where the label is 1, and only there. Or k logits [n, k] with as many
targets in [0, 1], floating point (many labels at once): the mean over examples and logits; right is
counted logit by logit, a target above ½ being a label 1.
"""
