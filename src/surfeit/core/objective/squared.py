"""The squared error, against real targets or one-hot classes."""

import torch.nn.functional as F
from torch import Tensor

from surfeit.core.objective.objective import (
    Objective,
    Reduction,
    expect_labels,
    expect_shape,
    largest_output,
    reduced,
)


def _squared(outputs: Tensor, targets: Tensor, reduction: Reduction) -> Tensor:
    errors = (outputs - _real(outputs, targets)).square().sum(-1)
    return reduced(errors, len(outputs), reduction)


def _slope(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - _real(outputs, targets)).mul_(2 / len(outputs))


def _real(outputs: Tensor, targets: Tensor) -> Tensor:
    if not targets.is_floating_point():
        targets = F.one_hot(targets, outputs.shape[-1])
    return targets.to(outputs.dtype)


def _right(outputs: Tensor, targets: Tensor) -> Tensor | None:
    return None if targets.is_floating_point() else largest_output(outputs, targets)


def _check(outputs: Tensor, targets: Tensor, width: int) -> None:
    shape = tuple(targets.shape)
    if targets.is_floating_point():
        # Outputs [n] minus targets [n, 1] would be [n, n], without an error.
        expect_shape("squared_error", outputs, targets, [shape])
        return
    expect_shape("squared_error", outputs, targets, [(*shape, width)])
    if width < 2:
        raise ValueError(
            "squared_error needs an output a class, whose target is 1, and 0 for the others; one "
            "output cannot tell classes apart: give real targets [n, 1] instead of labels"
        )
    expect_labels("squared_error", targets, width)


squared_error = Objective(
    name="squared_error",
    compute=_squared,
    judge=_right,
    check_fit=_check,
    slope=_slope,
    explains=True,
)
"""`Σ_k (outputs_k − target_k)²`: summed over the outputs, the mean over examples and positions.

Real targets go with outputs of the same shape, [n, outputs]; beside the loss there is R². Labels
int64 [n] or [n, positions] stand for one-hot targets of outputs with one more axis, over classes;
right is what has the largest output at its label.

The squared norm is the risk of the literature on double descent (Belkin et al. 2019); Goldt et al.
2019 halve it, and `torch.nn.functional.mse_loss` divides it by the number of outputs: rates of
learning differ by that factor.
"""
