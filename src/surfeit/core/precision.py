"""Tensors as measurements take them: finite numbers in float32 or float64."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core.parameters import check_tensor, weight_matrix

_FULL = (torch.float32, torch.float64)


def full_precision(values: Tensor, what: str = "weights") -> Tensor:
    """float32 and float64 tensors as they are; half precision and less as float32, exactly.

    Sums of float16 numbers overflow at 65,504, sums of bfloat16 ones lose all but three digits, and
    few decompositions take either: whatever a network's type, it is measured in float32 or float64.

    Args:
        values: any tensor.
        what: its name in a message, in the plural.

    Raises:
        ValueError: if it is no tensor, or holds integers, truth values or complex numbers.
    """
    check_tensor(what, values)
    if values.dtype in _FULL:
        return values
    if not values.is_floating_point():
        remedy = (
            "measure its real and imaginary parts apart"
            if values.is_complex()
            else "convert it by .float(), after taking off any scale that it is stored with"
        )
        raise ValueError(f"{what} must be floating-point numbers, got {values.dtype}: {remedy}")
    return values.float()


def check_finite(values: Tensor, what: str = "weights") -> None:
    """Counts the entries that are no numbers, if there are any.

    Raises:
        ValueError: if one is NaN or infinite.

    Cost: one sum over the entries.
    """
    # NaN and infinities last through a sum. So do overflows, hence the second look.
    if bool(torch.isfinite(values.sum())):
        return
    count = int((~torch.isfinite(values)).sum())
    if count:
        raise ValueError(
            f"{what} must be finite, got {count} NaN or infinite entries of {values.numel()}: "
            "did the training diverge?"
        )


def finite_matrix(weight: Float[Tensor, "units *inputs"]) -> Float[Tensor, "units inputs"]:
    """`weight_matrix`, detached, finite and in float32 or float64: what is measured.

    Raises:
        ValueError: as `weight_matrix`, `full_precision` and `check_finite`.
    """
    matrix = full_precision(weight_matrix(weight).detach(), "a layer's weights")
    check_finite(matrix)
    return matrix


def lift_(model: nn.Module) -> nn.Module:
    """Makes a network's half precision and less float32, in place; the network is returned.

    Parameters and buffers alike; float32 and float64 stay, and what shares memory still does.
    """
    lifted: dict[int, Tensor] = {}
    for value in (*model.parameters(), *model.buffers()):
        if not value.is_floating_point() or value.dtype in _FULL:
            continue
        storage = value.untyped_storage()
        if storage.data_ptr() not in lifted:
            whole = torch.empty(0, dtype=value.dtype, device=value.device).set_(storage)
            lifted[storage.data_ptr()] = whole.float()
        of = lifted[storage.data_ptr()]
        value.data = of.as_strided(value.shape, value.stride(), value.storage_offset())
    return model
