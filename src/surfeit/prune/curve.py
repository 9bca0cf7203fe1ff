"""Accuracy against the number of removed units: every removal's predictions, exactly, at once.

A removal changes the next layer's pre-activations by one unit's term, so that only the modules
behind them have to run again.
"""

import torch
from jaxtyping import Float64, Int64
from torch import Tensor, nn

from surfeit.core import Split, check_tensor
from surfeit.prune.chain import Cut, cut_at
from surfeit.prune.chunks import images_at_once
from surfeit.prune.terms import adder, unit_blocks


def removal_curve(
    model: nn.Module,
    layer: str,
    order: Int64[Tensor, " removals"],
    split: Split,
    *,
    keep_bias: bool = False,
    dtype: torch.dtype = torch.float64,
    memory: int = 2**29,
) -> Float64[Tensor, " removals+1"]:
    """Accuracies after 0, 1, 2, ... removals, each as a full forward pass would find it.

    A removed unit is exactly zero where the next layer reads it, also behind activations,
    normalisation and pools; a removed output is zero itself. With `D_i` the unit's output and `W`
    the next layer's weights, the next pre-activations after k removals are

        `Z_k = b + Σ_{j≥k} D_order[j] W_order[j]ᵀ + (units that stay)`.

    They are built up from the last removal to the first: sums only grow, nothing cancels, and
    units that say nothing leave ties as they are. In float64 the predictions are those of a full
    float64 pass; the model itself is left alone, and evaluated without dropout and with running
    statistics whatever its mode.

    >>> order = removal_order(model.fc1.weight, magnitude)
    >>> removal_curve(model, "fc1", order, dataset.test)

    Args:
        model: a chain, i.e. possibly nested `nn.Sequential`, that returns [images, classes].
            Between the layer and the next there may be elementwise activations, BatchNorm, pools,
            Flatten and Dropout; before the layer and behind the next one anything.
        layer: dotted name of a Linear or Conv1d, Conv2d, Conv3d, the last one included.
        order: int64, distinct units, first removed first; all of them or only the first few.
        split: images and labels; moved to the model's device chunk by chunk.
        keep_bias: zero the unit's incoming weights only, as the report's program does: its output
            is what the modules in between make of its constant bias.
        dtype: of the arithmetic. float32 halves the time and may decide near ties otherwise.
        memory: bytes that a chunk of images may take beside the model's copy.

    Returns:
        float64 [removals + 1] in [0, 1], at index k the fraction of images classified correctly
        after k removals (the first of equal outputs counts), on the split's device.

    Raises:
        ValueError: if there is no such layer, the model is no such chain, the order is not one of
            the layer's units, the images do not fit, or dtype or memory are out of range.

    Source: Heitmann 2020, section 3.1. Cost: about three passes up to the next layer, and for each
    removal one unit's term and the modules behind the next layer.
    """
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
    if memory < 1:
        raise ValueError(f"memory must be at least 1 byte, got {memory}")
    with torch.inference_mode():
        cut = cut_at(model, layer, dtype=dtype)
        device = cut.layer.weight.device
        order = _checked(order, layer, cut.units).to(device)
        image = split.images[:1].to(device, dtype, copy=True)
        size = images_at_once(cut, image, memory=memory)
        instead = _replacement(cut, image, keep_bias)
        correct = torch.zeros(len(order) + 1, dtype=torch.int64, device=device)
        for start in range(0, len(split), size):
            chunk = split[start : start + size].to(device)
            correct += _correct(cut, chunk, order, instead)
        return correct.to(split.labels.device).double() / len(split)


def _checked(order: Tensor, name: str, units: int) -> Tensor:
    check_tensor("order", order)
    if order.dtype != torch.int64 or order.dim() != 1:
        raise ValueError(f"order must be int64 [removals], got {order.dtype} {list(order.shape)}")
    listed = order.tolist()
    unknown = sorted({unit for unit in listed if not 0 <= unit < units})
    if unknown:
        raise ValueError(
            f"layer {name!r} has units 0 to {units - 1}, the order names {unknown[:5]}"
        )
    if len(set(listed)) < len(listed):
        repeated = sorted({unit for unit in listed if listed.count(unit) > 1})
        raise ValueError(f"the order removes units more than once: {repeated[:5]}")
    return order


def _replacement(cut: Cut, image: Tensor, keep_bias: bool) -> Tensor:
    """What stands in place of the units' outputs [1, features, ...] while they are removed."""
    output = torch.zeros_like(cut.before(image))
    if not keep_bias:
        return torch.zeros_like(cut.between(output))
    if cut.layer.bias is not None:
        output += cut.layer.bias.view(-1, *[1] * (output.dim() - 2))
    return cut.between(output)


def _correct(cut: Cut, chunk: Split, order: Tensor, instead: Tensor) -> Tensor:
    """How many images of the chunk are classified correctly after 0, 1, 2, ... removals."""
    features = cut.between(cut.before(chunk.images.to(instead.dtype, copy=True)))
    blocks = unit_blocks(features - instead, cut.units, order)
    Z = _without(features, instead, cut.units, order)
    if cut.following is not None:
        Z = cut.following(Z)
    add_ = adder(cut.following, cut.units, order)
    correct = torch.empty(len(order) + 1, dtype=torch.int64, device=order.device)
    for k in range(len(order), -1, -1):
        if k < len(order):
            add_(Z, blocks[k], k)
        correct[k] = torch.count_nonzero(cut.after(Z).argmax(dim=1) == chunk.labels)
    return correct


def _without(features: Tensor, instead: Tensor, units: int, order: Tensor) -> Tensor:
    reduced = features.clone()
    reduced.unflatten(1, (units, -1))[:, order] = instead.unflatten(1, (units, -1))[:, order]
    return reduced
