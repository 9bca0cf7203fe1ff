"""An objective: the loss that a training minimises and, where it exists, what counts as right."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import torch
from jaxtyping import Bool
from torch import Tensor

Reduction = Literal["mean", "sum"]
Shape = tuple[int, ...]

_HALF = (torch.float16, torch.bfloat16)
_Number = TypeVar("_Number", Tensor, float)


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A loss over a network's outputs, what of them is right, and which outputs it can judge.

    The objectives of this package are values of it; `own_objective` makes one of a function.

    Args:
        name: what it is called.
        compute: `(outputs, targets, reduction) -> loss`, a scalar.
        judge: `(outputs, targets) -> bools`, or None where nothing can be right or wrong.
        check_fit: `(outputs, targets, width)`, a ValueError in words where shapes or labels do not
            fit; `width` is how many numbers the network must give for an example or position.
        slope: `(outputs, targets) -> ∂ mean loss / ∂ outputs` where it has a closed form.
        explains: whether R², the share of the targets' variance that is explained, says something
            about outputs shaped like real targets.
        source: what stands for a user's own functions in a run's key.
        functions: a user's own functions: the loss and, where there is one, what is right.
    """

    name: str
    compute: Callable[[Tensor, Tensor, Reduction], Tensor]
    judge: Callable[[Tensor, Tensor], Tensor | None]
    check_fit: Callable[[Tensor, Tensor, int], None]
    slope: Callable[[Tensor, Tensor], Tensor] | None = None
    explains: bool = False
    source: Mapping[str, str] | None = field(default=None, hash=False)
    functions: tuple[Callable[[Tensor, Tensor], Tensor] | None, ...] = field(
        default=(), compare=False
    )

    def loss(self, outputs: Tensor, targets: Tensor, reduction: Reduction = "mean") -> Tensor:
        """The loss of outputs against targets, a scalar with its gradient; in float32 of halves.

        Args:
            outputs: [n, ...], as `check` takes them; nothing is checked here.
            targets: [n] or [n, ...].
            reduction: `mean` over the examples (and positions), or `sum`: n times the mean.
        """
        return self.compute(_at_least_single(outputs), targets, reduction)

    def correct(self, outputs: Tensor, targets: Tensor) -> Bool[Tensor, "*judged"] | None:
        """Where the outputs are right, shaped like the targets; None where there are no classes.

        Args:
            outputs: [n, ...], as `check` takes them: what NaN would be counted as means nothing.
            targets: [n] or [n, ...].
        """
        return self.judge(_at_least_single(outputs), targets)

    def explained(self, outputs: Tensor, targets: Tensor) -> bool:
        """Whether outputs of this shape have an R² against these targets."""
        return self.explains and targets.is_floating_point() and outputs.shape == targets.shape

    def check(self, outputs: object, targets: Tensor, width: int | None = None) -> None:
        """Says why outputs cannot be judged, if they cannot.

        Args:
            outputs: what a network gave for n inputs.
            targets: [n] or [n, ...].
            width: how many numbers the network must give for an example or position; by default
                as many as it gives.

        Raises:
            ValueError: if the outputs are no tensor of floats, are not shaped as the objective
                needs them, hold NaN or infinity, or a label has no output.

        Cost: two passes over the outputs, one over the targets.
        """
        check_kind(outputs)
        assert isinstance(outputs, Tensor)
        self.check_fit(outputs, targets, outputs.shape[-1] if width is None else width)
        finite = outputs.isfinite().reshape(len(outputs), -1).all(1)
        if not finite.all():
            bad = int((~finite).sum())
            raise ValueError(
                f"the network's outputs must be finite, but {bad} of {len(outputs)} hold NaN or "
                "infinity: nothing can be said of such a network. Look for NaN in its weights, its "
                "running statistics and its inputs, or compute in a wider type"
            )

    def in_key(self) -> Any:
        """What stands for it in a run's key."""
        return self.name if self.source is None else dict(self.source)


def check_kind(outputs: object) -> None:
    """Says what to do where a network gives something else than one tensor of floats.

    Raises:
        ValueError: if it does.
    """
    if isinstance(outputs, Tensor) and outputs.is_floating_point() and outputs.dim():
        return
    if isinstance(outputs, Tensor):
        given = f"a tensor of {outputs.dtype} of shape {list(outputs.shape)}"
    elif isinstance(outputs, Mapping):
        given = f"a {type(outputs).__name__} of {', '.join(map(str, outputs))}"
    elif isinstance(outputs, Sequence):
        given = f"a {type(outputs).__name__} of {len(outputs)}"
    else:
        given = f"a {type(outputs).__name__}"
    raise ValueError(
        "the network must give one tensor of floating point numbers, the first axis over the "
        f"inputs, got {given}: wrap it in a module whose forward returns what is to be judged"
    )


def expect_shape(name: str, outputs: Tensor, targets: Tensor, allowed: Sequence[Shape]) -> None:
    """Says which outputs an objective needs for these targets, if it is others.

    Raises:
        ValueError: if the outputs have none of the allowed shapes.
    """
    if tuple(outputs.shape) not in allowed:
        shapes = " or ".join(str(list(shape)) for shape in dict.fromkeys(allowed))
        raise ValueError(
            f"{name} needs outputs of shape {shapes} for targets of shape {list(targets.shape)}, "
            f"the network gives {list(outputs.shape)}"
        )


def expect_labels(name: str, targets: Tensor, classes: int) -> None:
    """Says so if a label has no output.

    Raises:
        ValueError: if one is not in [0, classes).
    """
    low, high = (int(bound) for bound in targets.aminmax())
    if low < 0 or high >= classes:
        raise ValueError(
            f"{name} needs labels in [0, {classes}), one an output, got labels in [{low}, {high}]: "
            "a label without an output can be neither right nor wrong"
        )


def reduced(losses: Tensor, count: int, reduction: Reduction) -> Tensor:
    """The mean of all losses of `count` examples, or `count` times that."""
    return losses.mean() if reduction == "mean" else per_example(losses.sum(), losses, count)


def per_example(total: _Number, judged: Tensor, count: int) -> _Number:
    """A sum over all that is judged as a sum over examples, each the mean of its own."""
    return total / (judged.numel() // count)


def of_shape(outputs: Tensor, targets: Tensor) -> Tensor:
    """One logit an example, shaped like its targets."""
    return outputs.reshape(targets.shape)


def one_logit(outputs: Tensor, targets: Tensor) -> bool:
    """Whether the outputs are one number a label: [n] or [n, 1] for labels [n]."""
    return tuple(outputs.shape) in one_logit_shapes(targets)


def one_logit_shapes(targets: Tensor) -> list[Shape]:
    """The shapes of outputs that are one number a label."""
    shape = tuple(targets.shape)
    return [(*shape, 1), shape]


def largest_output(outputs: Tensor, targets: Tensor) -> Bool[Tensor, "*judged"]:
    """Whether the largest output is the label's; of equal ones the first counts.

    Args:
        outputs: [n, classes] or [n, positions, classes].
        targets: int64 [n] or [n, positions].
    """
    return outputs.argmax(-1) == targets


def positive_output(outputs: Tensor, targets: Tensor) -> Bool[Tensor, "*judged"]:
    """Whether the one output is above 0 where the label is 1, and only there.

    Args:
        outputs: shaped like the targets, or with a last axis of one more.
        targets: int64, 0 or 1; or real numbers, of which those above ½ count as 1.
    """
    return (of_shape(outputs, targets) > 0) == (targets > 0.5)


def _at_least_single(outputs: Tensor) -> Tensor:
    return outputs.float() if outputs.dtype in _HALF else outputs
