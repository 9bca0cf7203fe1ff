"""Loss and accuracy of a network on a split."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from surfeit.core.calling import call
from surfeit.core.errors import unknown
from surfeit.core.objective import OBJECTIVES, Objective, check_kind, cross_entropy
from surfeit.core.parameters import Params, check_tensor
from surfeit.core.split import Split, check_split
from surfeit.core.ties import ties
from surfeit.core.wrappers import check_module, unwrapped

EXAMPLES_AT_ONCE = 1000
"""Examples that a forward pass takes at once, wherever a network is measured on a split."""

_COMPUTED = "computed:"  # what a run stores beside the parameters from which it is computed
_MOST_NAMED = 3
_OTHER_NAMES = {"mse": "squared_error", "l2": "squared_error", "bce": "binary_cross_entropy"}


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
    return Score(loss, accuracy, explained_of(outputs, targets, objective))


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
        tensors: every parameter by name, of tied ones at least one; buffers that are not among
            them are the structure's own. Halves are computed in float32.
        split: inputs and targets on the same device.
        objective: what judges the outputs.

    Raises:
        ValueError: if the split is no `Split`, the objective no `Objective`, the tensors are not
            the network's (a parameter is missing or of another shape, a name is unknown), or the
            outputs cannot be judged (see `Objective.check`): they are not finite, not of the
            objective's form, or a label has no output.

    Cost: one forward pass over the split, in parts of 1,000 examples; all outputs are held at once.
    """
    check_split(split)
    check_objective(objective)
    outputs = outputs_of(model, tensors, split.inputs)
    objective.check(outputs, split.targets)
    return score(outputs, split.targets, objective)


@torch.no_grad()
def outputs_of(model: nn.Module, tensors: Params, inputs: Tensor) -> Tensor:
    """The outputs [n, ...] of a network with these tensors, in evaluation mode.

    Args:
        model: the network's structure; its own weights are not used, its mode is restored.
        tensors: every parameter by name, as in `evaluate`.
        inputs: [n, ...], on the tensors' device.

    Raises:
        ValueError: if the network gives anything but one tensor of floats, or is none, or the
            tensors are not its own.

    Cost: one forward pass, in parts of 1,000 inputs.
    """
    check_module(model)
    _check_tensors(model, tensors)
    training = model.training
    tensors = {
        name: _at_least_single(value)
        for name, value in tensors.items()
        if not name.startswith(_COMPUTED)  # the network computes them anew
    }
    found = []
    model.eval()
    try:
        for part in _at_least_single(inputs).split(EXAMPLES_AT_ONCE):
            outputs = call(model, tensors, part.clone())  # the first module may work in place
            check_kind(outputs)
            found.append(outputs)
    finally:
        model.train(training)
    return torch.cat(found)


def check_objective(objective: object) -> None:
    """Says what to pass where something else is given for an objective.

    Raises:
        ValueError: if it is no `Objective`; for a name the nearest one is suggested.
    """
    if isinstance(objective, Objective):
        return
    advice = "pass cross_entropy, squared_error, hinge, binary_cross_entropy, or own_objective(...)"
    if isinstance(objective, str):
        name = objective.lower().replace("-", "_")
        name = _OTHER_NAMES.get(name, name)
        if name in OBJECTIVES:
            advice = f"pass surfeit.core.{name} itself"
    raise ValueError(f"objective must be an Objective, got {objective!r:.200}: {advice}")


def _check_tensors(model: nn.Module, tensors: object) -> None:
    """Refuses what would leave a parameter of the structure in force, or is for another network."""
    advice = "pass parameters(model) | buffers(model), or run.tensors(step)"
    if not isinstance(tensors, Mapping):
        kind = type(tensors).__name__
        raise ValueError(f"tensors must be parameters and buffers by name, got a {kind}: {advice}")
    inner = unwrapped(model)
    own = dict(inner.named_parameters(remove_duplicate=False))
    every = dict(inner.named_buffers(remove_duplicate=False)) | own
    for name, value in tensors.items():
        if name not in every:
            if isinstance(name, str) and name.startswith(_COMPUTED):
                continue
            hint = unknown("parameter or buffer", name, every)
            raise ValueError(f"the tensors are of another architecture: the model has {hint}")
        check_tensor(f"the tensor {name!r}", value)
        if name in own and value.shape != own[name].shape:
            raise ValueError(
                "the tensors are of another architecture: "
                f"{name!r} is {list(own[name].shape)} in the model, {list(value.shape)} in them"
            )
    tied = ties(inner)
    # By what they are, not by name: a module that stands at two places has two names for each.
    given = {id(own[tied[name].to if name in tied else name]) for name in tensors if name in own}
    once = [name for name, _ in inner.named_parameters() if name not in tied]
    missing = [name for name in once if id(own[name]) not in given]
    if missing:
        more = ", ..." if len(missing) > _MOST_NAMED else ""
        raise ValueError(
            "tensors must hold every parameter of the model, for its own are not used, but "
            f"{len(missing)} are missing: {', '.join(missing[:_MOST_NAMED])}{more}; {advice}"
        )


def explained_of(outputs: Tensor, targets: Tensor, objective: Objective) -> float | None:
    """The R² of a `Score`; None where there is none."""
    if not objective.explained(outputs, targets) or bool((targets == targets[:1]).all()):
        return None
    real = targets.double()
    residual = (outputs.double() - real).square().sum()
    total = (real - real.mean(0)).square().sum()
    return (1 - residual / total).item()


def _at_least_single(value: Tensor) -> Tensor:
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
