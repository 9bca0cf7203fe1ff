"""Where the examples of a training lie in memory, and in which precision."""

from collections.abc import Mapping

import torch

from surfeit.core import Split

_ALIGNMENT = 64  # bytes: where torch puts its own tensors


def placed(splits: Mapping[str, Split], dtype: torch.dtype) -> dict[str, Split]:
    """The splits in a precision, and where torch itself would put what is measured whole.

    Integers, such as tokens and labels, stay what they are. Products over inputs at odd addresses,
    as views and mapped files have them, add up in another order, and losses would differ in their
    last bits. Training inputs are gathered batch by batch, wherever they lie.
    """
    return {
        name: Split(_aligned(_in(dtype, split.inputs), name), _in(dtype, split.targets))
        for name, split in splits.items()
    }


def _in(dtype: torch.dtype, values: torch.Tensor) -> torch.Tensor:
    return values.to(dtype) if values.is_floating_point() else values


def _aligned(inputs: torch.Tensor, name: str) -> torch.Tensor:
    return inputs if name == "train" or inputs.data_ptr() % _ALIGNMENT == 0 else inputs.clone()
