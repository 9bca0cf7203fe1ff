"""Accuracy or loss against the number of removed units: every removal's outputs, exactly.

A removal changes the pre-activations of the units' readers by one unit's term, so that only what
depends on those has to run again; where a reader is not linear in the units, it runs again too.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float64, Int64
from torch import Tensor, nn

from surfeit.core import Objective, Split, check_split, check_tensor, cross_entropy, one_thread
from surfeit.models import Structure
from surfeit.models.structure import check_examples_apart
from surfeit.prune.removal import Removal
from surfeit.prune.tally import RemovalCurve, Tally
from surfeit.prune.without import WithoutUnits


def removal_curve(
    model: nn.Module,
    layer: str,
    order: Int64[Tensor, " removals"],
    split: Split,
    *,
    objective: Objective = cross_entropy,
    keep_bias: bool = False,
    dtype: torch.dtype = torch.float64,
    memory: int = 2**29,
    structure: Structure | None = None,
) -> Float64[Tensor, " removals+1"]:
    """Accuracies after 0, 1, 2, ... removals, each as a full forward pass would find it.

    Where the objective knows no classes, as in a regression, its losses. See `removal_curves`,
    which does the same for many orders at once.

    >>> order = removal_order(structure.layer("fc1").matrix(model), magnitude)
    >>> removal_curve(model, "fc1", order, dataset.test)

    Returns:
        float64 [removals + 1], at index k the fraction of examples (or positions) that are right
        after k removals (the first of equal outputs counts), or the mean loss; on the split's
        device.
    """
    (curve,) = removal_curves(
        model,
        layer,
        [order],
        split,
        objective=objective,
        keep_bias=keep_bias,
        dtype=dtype,
        memory=memory,
        structure=structure,
    )
    return curve.points


@one_thread()
def removal_curves(
    model: nn.Module,
    layer: str,
    orders: Sequence[Int64[Tensor, " removals"]],
    split: Split,
    *,
    objective: Objective = cross_entropy,
    losses: bool = False,
    keep_bias: bool = False,
    dtype: torch.dtype = torch.float64,
    memory: int = 2**29,
    structure: Structure | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[RemovalCurve]:
    """What a network is worth after 0, 1, 2, ... removals in each of several orders.

    A removed unit is exactly zero in the input of everything that reads it, also behind
    activations, normalisation and pools; a removed output is zero itself. Units that are added to
    others, as in a residual stream, go as one group: `structure.group(layer)` says which, and the
    order is of the group's units. A normalisation over units (LayerNorm) is a reader: the units are
    zero at its input, which is another network than one that was cut.

    With `D_i` the unit's output and `W` the weights of a reader that is linear in the units, its
    pre-activations after k removals are

        `Z_k = b + Σ_{j≥k} D_order[j] W_order[j]ᵀ + (units that stay)`.

    They are built up from the last removal to the first: sums only grow, nothing cancels, and
    units that say nothing leave ties as they are. Any other reader runs again for each removal of a
    unit that it reads, and so does what lies behind it. What comes before runs once for all orders.
    In float64 the predictions are those of a full float64 pass; the model itself is left alone, and
    evaluated without dropout and with running statistics whatever its mode.

    Args:
        model: any network that `Structure` can follow and whose result is one tensor.
        layer: dotted name of a layer, the output layer included.
        orders: int64 each, distinct units, first removed first; all of them or only the first few.
        split: inputs and targets; moved to the model's device chunk by chunk.
        objective: what judges the outputs.
        losses: whether to give the losses beside accuracies; without classes they are given anyway.
        keep_bias: zero the unit's incoming weights only, as the report's program does: its output
            is what the modules in between make of its constant bias.
        dtype: of the arithmetic. float32 halves the time and may decide near ties otherwise.
        memory: bytes that a chunk of examples may take beside the model's copy.
        structure: of the model, if it is at hand.
        progress: called with the share of the work that is done, in [0, 1].

    Returns:
        a curve for each order, on the split's device, with what `removal_bounds` asks for.

    Raises:
        ValueError: if there is no such layer, its units mix before they are read (which operation
            does it is named), the network cannot be followed, an order is not one of the layer's
            units, the inputs do not fit, the outputs cannot be judged (NaN, labels without an
            output), an example's outputs depend on others, dtype or memory are out of range, or
            model, split or objective are of another type.

    Source: Heitmann 2020, section 3.1. Cost: about two passes up to the readers, and for each
    removal one unit's term and whatever depends on the readers. One CPU thread is taken, since
    operations are small; `surfeit.core.threads` chooses more.
    """
    check_operands(model, split, objective)
    removal = checked_removal(
        model, layer, split.inputs, dtype=dtype, memory=memory, structure=structure
    )
    orders = [checked_units(order, removal.units, whose=removal.words) for order in orders]
    with torch.no_grad():
        without = WithoutUnits(model, removal, dtype=dtype, keep_bias=keep_bias)
        tallies = [Tally(objective, len(order) + 1, losses=losses) for order in orders]
        seen = 0
        for part, front in without.fronts(split, objective, memory):
            for done, (tally, order) in enumerate(zip(tallies, orders, strict=True), start=1):
                tally.add(without.removed(front, order), part.targets)
                if progress is not None:
                    progress((seen + len(part) * done / len(orders)) / len(split))
            seen += len(part)
        read = without.read_units()
    return [
        tally.curve(split.targets.device, certain=_leading(~read[order]))
        for tally, order in zip(tallies, orders, strict=True)
    ]


@one_thread()
def outputs_without(
    model: nn.Module,
    layer: str,
    units: Int64[Tensor, " removed"],
    inputs: Tensor,
    *,
    keep_bias: bool = False,
    dtype: torch.dtype = torch.float64,
    structure: Structure | None = None,
) -> Tensor:
    """The network's outputs once units of a layer are removed: see `removal_curves`.

    Args:
        model, layer, keep_bias, dtype, structure: as there.
        units: int64, distinct units of the layer or of its group.
        inputs: [n, ...], as the network takes them.

    Returns:
        the outputs [n, ...] in `dtype`, on the model's device.

    Raises:
        ValueError: as there.

    Cost: two to three forward passes.
    """
    removal = checked_removal(model, layer, inputs, dtype=dtype, structure=structure)
    order = checked_units(units, removal.units, whose=removal.words)
    with torch.no_grad():
        without = WithoutUnits(model, removal, dtype=dtype, keep_bias=keep_bias)
        return next(without.removed(without.front(inputs), order))


def _leading(values: Tensor) -> int:
    """How many of the first are true."""
    return int(values.long().cumprod(0).sum())


def checked_removal(
    model: nn.Module,
    layer: str,
    inputs: Tensor,
    *,
    dtype: torch.dtype,
    memory: int = 1,
    structure: Structure | None = None,
) -> Removal:
    """The removal of a layer's units, once the options and the network allow it.

    Raises:
        ValueError: if they do not.
    """
    _check_options(dtype, memory)
    check_examples_apart(model)
    known = Structure.of(model, inputs[:1]) if structure is None else structure
    return Removal.of(known, layer, outputs=True)


def check_operands(model: nn.Module, split: Split, objective: Objective) -> None:
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be an nn.Module such as run.model(), got {model!r}")
    check_split(split)
    if not isinstance(objective, Objective):
        raise ValueError(
            f"objective must be an Objective, got {objective!r}: pass cross_entropy, "
            "squared_error, hinge, binary_cross_entropy, or own_objective(function)"
        )


def _check_options(dtype: torch.dtype, memory: int) -> None:
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
    if memory < 1:
        raise ValueError(f"memory must be at least 1 byte, got {memory}")


def checked_units(
    given: Tensor, units: int, *, whose: str, name: str = "order"
) -> Int64[Tensor, " removed"]:
    """Units that are to go, on the CPU, if they are some of those there are, each once.

    Args:
        given: what was given for them.
        units: how many there are.
        whose: they are, in words.
        name: of the argument.

    Raises:
        ValueError: if not.
    """
    check_tensor(name, given)
    if given.dtype != torch.int64 or given.dim() != 1:
        raise ValueError(f"{name} must be int64 [removals], got {given.dtype} {list(given.shape)}")
    listed = given.tolist()
    unknown = sorted({unit for unit in listed if not 0 <= unit < units})
    if unknown:
        raise ValueError(f"the {whose} are 0 to {units - 1}, the {name} names {unknown[:5]}")
    if len(set(listed)) < len(listed):
        repeated = sorted({unit for unit in listed if listed.count(unit) > 1})
        raise ValueError(f"the {name} removes units more than once: {repeated[:5]}")
    return given.cpu()
