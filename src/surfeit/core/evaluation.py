"""Loss and accuracy of a network on a split."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from surfeit.core.calling import call
from surfeit.core.objective import Objective, check_kind, cross_entropy
from surfeit.core.parameters import Params
from surfeit.core.split import Split, check_split
from surfeit.core.wrappers import check_module

_EXAMPLES_AT_ONCE = 1000


@dataclass(frozen=True)
class Score:
    """What an objective says of a network's outputs.

    Args:
        loss: the objective's, the mean over the examples; cross-entropy in nats.
        accuracy: the fraction that is right, of examples or positions; None without classes.
        r2: of real targets, 1 − Σ (output − target)² / Σ (target − mean)², the sums over all
            outputs and the mean each output's own in these targets: at most 1, and 0 for outputs
            that are always the mean. None without real targets, or where they never change.
    """

    loss: float
    accuracy: float | None = None
    r2: float | None = None


def score(outputs: Tensor, targets: Tensor, objective: Objective = cross_entropy) -> Score:
    """The score of outputs against targets.

    Args:
        outputs: [n, ...], in a form that the objective takes (see `Objective.check`).
        targets: int64 [n] or [n, positions], or floating point [n, outputs].
        objective: what judges them.

    Returns:
        the score; where an output is not finite, the loss NaN and nothing else.
    """
    if not outputs.isfinite().all():
        return Score(math.nan)
    loss = objective.loss(outputs, targets).item()
    correct = objective.correct(outputs, targets)
    accuracy = None if correct is None else correct.double().mean().item()
    return Score(loss, accuracy, _r2(outputs, targets, objective))


def quantities(outputs: Tensor, targets: Tensor, objective: Objective) -> tuple[str, ...]:
    """The names of a score's fields that outputs and targets of these shapes have."""
    accuracy = objective.correct(outputs, targets) is not None
    r2 = objective.explained(outputs, targets)
    return ("loss", *["accuracy"] * accuracy, *["r2"] * r2)


@torch.no_grad()
def evaluate(
    model: nn.Module, tensors: Params, split: Split, objective: Objective = cross_entropy
) -> Score:
    """The score of a network with these parameters and buffers on a split, in evaluation mode.

    Args:
        model: the network's structure; its own weights are not used, its mode is restored.
        tensors: parameters and buffers by name; halves are computed in float32.
        split: inputs and targets on the same device.
        objective: what judges the outputs.

    Raises:
        ValueError: if the split is no `Split`, or the outputs cannot be judged (see
            `Objective.check`): they are not finite, not of the objective's form, or a label has no
            output.

    Cost: one forward pass over the split, in parts of 1,000 examples; all outputs are held at once.
    """
    check_split(split)
    outputs = outputs_of(model, tensors, split.inputs)
    objective.check(outputs, split.targets)
    return score(outputs, split.targets, objective)


@torch.no_grad()
def outputs_of(model: nn.Module, tensors: Params, inputs: Tensor) -> Tensor:
    """The outputs [n, ...] of a network with these tensors, in evaluation mode.

    Args:
        model: the network's structure; its own weights are not used, its mode is restored.
        tensors: parameters and buffers by name; halves are computed in float32.
        inputs: [n, ...], on the tensors' device.

    Raises:
        ValueError: if the network gives anything but one tensor of floats, or is none.

    Cost: one forward pass, in parts of 1,000 inputs.
    """
    check_module(model)
    training = model.training
    tensors = {name: _at_least_single(value) for name, value in tensors.items()}
    found = []
    model.eval()
    try:
        for part in _at_least_single(inputs).split(_EXAMPLES_AT_ONCE):
            outputs = call(model, tensors, part.clone())  # the first module may work in place
            check_kind(outputs)
            found.append(outputs)
    finally:
        model.train(training)
    return torch.cat(found)


def _r2(outputs: Tensor, targets: Tensor, objective: Objective) -> float | None:
    if not objective.explained(outputs, targets) or bool((targets == targets[:1]).all()):
        return None
    real = targets.double()
    residual = (outputs.double() - real).square().sum()
    total = (real - real.mean(0)).square().sum()
    return (1 - residual / total).item()


def _at_least_single(value: Tensor) -> Tensor:
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
