"""The hinge loss, of many classes and of two."""

import torch.nn.functional as F
from torch import Tensor

from surfeit.core.objective.objective import (
    Objective,
    Reduction,
    expect_labels,
    expect_shape,
    largest_output,
    of_shape,
    one_logit,
    one_logit_shapes,
    positive_output,
    reduced,
)


def _hinge(outputs: Tensor, targets: Tensor, reduction: Reduction) -> Tensor:
    return reduced(F.relu(1 - _margins(outputs, targets)), len(targets), reduction)


def _margins(outputs: Tensor, targets: Tensor) -> Tensor:
    if one_logit(outputs, targets):
        return of_shape(outputs, targets) * (2 * targets - 1)
    labels = targets[..., None]
    others = outputs.scatter(-1, labels, -float("inf")).amax(-1)
    return outputs.gather(-1, labels)[..., 0] - others


def _right(outputs: Tensor, targets: Tensor) -> Tensor:
    judge = positive_output if one_logit(outputs, targets) else largest_output
    return judge(outputs, targets)


def _check(outputs: Tensor, targets: Tensor, width: int) -> None:
    if targets.is_floating_point():
        raise ValueError(
            f"hinge needs labels, int64, got targets of {targets.dtype}: use squared_error"
        )
    if one_logit(outputs, targets):
        expect_labels("hinge with one output", targets, 2)
        return
    allowed = [(*targets.shape, width)]
    expect_shape("hinge", outputs, targets, allowed + one_logit_shapes(targets)[: width == 2])
    expect_labels("hinge", targets, width)


hinge = Objective(name="hinge", compute=_hinge, judge=_right, check_fit=_check)
"""`max(0, 1 − margin)`, the mean over examples and positions.

With an output a class, [n, classes] for labels int64 [n] (or [n, positions, classes]), the margin
is the label's output minus the largest other one, and right is what has the largest output at its
label. Source: Crammer and Singer 2001, equation 2. (`torch.nn.MultiMarginLoss` is another loss, of
Weston and Watkins 1999: it adds up all classes that come too close, and divides by their number.)

With one output, [n] or [n, 1], the labels are 0 and 1: the margin is the output where the label is
1, minus the output where it is 0, and right is what is above 0 where the label is 1.
"""
