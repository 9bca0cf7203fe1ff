"""An objective made of a function of the user's own."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from surfeit.core.objective.objective import Objective, Reduction
from surfeit.core.objective.sources import qualified_name, source_digest


def own_objective(
    function: Callable[[Tensor, Tensor], Tensor],
    correct: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Objective:
    """The objective whose loss is a function's value.

    >>> def huber(outputs, targets):
    ...     return torch.nn.functional.huber_loss(outputs, targets, delta=0.5)
    >>> train(mlp((32,)), data, Recipe(), objective=own_objective(huber))

    In a run's key stand the qualified names and the digests of the functions' sources: with them
    the constants and functions of the same package that they read. What is outside a package of
    the user's own counts by its name; an attribute of a module by the module's name.

    Args:
        function: `(outputs, targets) -> loss`: the mean over the examples, a scalar, or a loss for
            each example, [n]; differentiable in the outputs.
        correct: `(outputs, targets) -> bools`, shaped like the targets, for an accuracy:
            `largest_output` where the largest of the outputs is the network's choice. Without it
            there is none.

    Raises:
        ValueError: if a function is a lambda, captures variables, has no source to read, or reads a
            global value that no digest can stand for.
    """
    source = {"function": qualified_name(function), "source": source_digest(function)}
    if correct is not None:
        source |= {"correct": qualified_name(correct), "correct_source": source_digest(correct)}

    def compute(outputs: Tensor, targets: Tensor, reduction: Reduction) -> Tensor:
        return _value(function(outputs, targets), source["function"], len(targets), reduction)

    def judge(outputs: Tensor, targets: Tensor) -> Tensor | None:
        return None if correct is None else correct(outputs, targets)

    def check_fit(outputs: Tensor, targets: Tensor, width: int) -> None:
        del width  # what the outputs mean is the function's own affair
        if len(outputs) != len(targets):
            raise ValueError(
                f"the network must give one output an input, got outputs of shape "
                f"{list(outputs.shape)} for {len(targets)} inputs"
            )

    return Objective(
        name=source["function"],
        compute=compute,
        judge=judge,
        check_fit=check_fit,
        explains=True,
        source=source,
        functions=(function, correct),
    )


def _value(loss: Any, name: str, count: int, reduction: Reduction) -> Tensor:
    if not isinstance(loss, Tensor) or tuple(loss.shape) not in ((), (count,)):
        given = list(loss.shape) if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise ValueError(
            f"{name} must return the mean loss, a scalar tensor, or one loss an example, "
            f"[{count}], got {given}"
        )
    mean = loss.mean()
    return mean if reduction == "mean" else mean * count
