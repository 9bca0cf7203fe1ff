"""Why a training's loss is no finite number: what is looked at first, and what helps."""

import torch

from surfeit.core import Params, Split

_LARGE = 100.0


def first_aid(step: int, first: int, split: Split, tensors: Params, lr: float) -> str:
    """What to do about a loss that is not finite, in a sentence or two.

    Before the first update no learning rate has done anything: weights, inputs and targets alone
    can be at fault. Later, inputs and targets far from 1 are named before the rate.

    Args:
        step: where the loss is not finite.
        first: the training's first step.
        split: the training examples, as the data set holds them.
        tensors: parameters and buffers by name, as they are now.
        lr: the learning rate before its schedule.
    """
    floats = [value.dtype for value in tensors.values() if value.is_floating_point()]
    scale = far_from_one(split, floats[0])
    if step > first:
        rate = f"ower the learning rate ({lr}), warm up, or clip gradients"
        return f"{scale}; or l{rate}" if scale else f"L{rate}"
    broken = [name for name, value in tensors.items() if not bool(value.isfinite().all())]
    if broken:
        return f"No update was made yet: {broken[0]} of the network itself is not finite"
    asked = scale or "Look at the initial weights, and at what the network computes"
    return f"No update was made yet, so that the learning rate has no part in it. {asked}"


def far_from_one(split: Split, dtype: torch.dtype) -> str:
    """A sentence on inputs or targets far from 1, or nothing.

    Args:
        split: the examples, as the data set holds them.
        dtype: what they are computed in.
    """
    for what, values in {"inputs": split.inputs, "targets": split.targets}.items():
        largest = float(values.abs().max()) if values.is_floating_point() else 0.0
        if largest > _LARGE:
            too_large = largest > torch.finfo(dtype).max
            beyond = f", more than {str(dtype).removeprefix('torch.')} holds" if too_large else ""
            return f"The {what} reach {largest:.3g} in size{beyond}: scale them to about 1"
    return ""
