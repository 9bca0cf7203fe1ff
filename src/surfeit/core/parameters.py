"""A model's tensors as plain dicts by dotted name."""

import hashlib
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core.errors import unknown
from surfeit.core.ties import ties
from surfeit.core.wrappers import unwrapped, without_prefixes

Params = dict[str, Tensor]


def own_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The model's parameters themselves by dotted name, each once, also where it has many names.

    As of all functions here, the names are those within a compiled or parallel network: see
    `unwrapped`.

    Raises:
        ValueError: as `ties`.
    """
    model = unwrapped(model)
    tied = ties(model)
    return {name: value for name, value in model.named_parameters() if name not in tied}


def parameters(model: nn.Module) -> Params:
    """Copies of the model's parameters by dotted name, detached; of tied ones a single copy.

    Raises:
        ValueError: as `ties`.
    """
    return {name: value.detach().clone() for name, value in own_parameters(model).items()}


def buffers(model: nn.Module) -> Params:
    """Copies of the model's buffers (batch statistics) by dotted name."""
    return {name: value.detach().clone() for name, value in _own_buffers(model).items()}


def tensors_of(model: nn.Module) -> Params:
    """Copies of all parameters and buffers by dotted name.

    Raises:
        ValueError: as `ties`.
    """
    return parameters(model) | buffers(model)


def load_(model: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Copies `tensors` (parameters and buffers by name) into the model, which is returned.

    Of parameters that the model ties, one is enough; where several are given they must be equal.
    Names from a compiled or parallel network (`module.fc1.weight`) fit the plain one, and the
    other way round.

    Raises:
        ValueError: if a name or a shape differs from the model's own, or tied parameters are given
            different values.
    """
    own: dict[str, Tensor] = {**own_parameters(model), **_own_buffers(model)}
    tied = ties(model)
    tensors = without_prefixes(tensors, [*own, *tied])
    given = {name: value for name, value in tensors.items() if name not in tied}
    missing, extra = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    if missing or extra:
        raise ValueError(f"the model and the weights differ: missing {missing}, unknown {extra}")
    for name, value in given.items():
        if value.shape != own[name].shape:
            shapes = f"{list(own[name].shape)} in the model, {list(value.shape)} in the weights"
            raise ValueError(f"{name} is {shapes}")
    for name in tied.keys() & tensors.keys():
        if not torch.equal(tied[name].of(given[tied[name].to]), tensors[name]):
            raise ValueError(
                f"{name} and {tied[name].to} are one parameter in the model, but two in the "
                "weights: load them into a model that does not tie them"
            )
    with torch.no_grad():
        for name, value in given.items():
            own[name].copy_(value)
    return model


def check_tensor(name: str, value: object) -> None:
    """Says what to do where an array or a list is given for a tensor.

    Raises:
        ValueError: if the value is no tensor.
    """
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        remedy = "torch.from_numpy(...)" if kind == "ndarray" else "torch.tensor(...)"
        raise ValueError(f"{name} must be a torch tensor, got a {kind}: pass {remedy}")


def check_mask_kind(mask: object) -> None:
    """Says what a mask is where something else is given for one.

    Raises:
        ValueError: if it is not a mapping.
    """
    if not isinstance(mask, Mapping):
        raise ValueError(
            "a mask must be bool tensors by parameter name, True = kept, got a "
            f'{type(mask).__name__}: pass {{"fc1.weight": kept, ...}}, or start from '
            "surfeit.prune.full_mask(model)"
        )


def check_mask_fits(model: nn.Module, mask: Mapping[str, Tensor]) -> None:
    """Says where a mask does not fit a model; parameters that it does not name are kept.

    Raises:
        ValueError: if the mask is no mapping, a name is no parameter of the model (the nearest are
            suggested) or one that is tied to another, a tensor is not bool or of another shape.
    """
    check_mask_kind(mask)
    own, tied = own_parameters(model), ties(model)
    for name, kept in mask.items():
        if name in tied:
            raise ValueError(
                f"{name!r} is one parameter with {tied[name].to!r}, by which the mask must call it"
            )
        if name not in own:
            hint = unknown("parameter", name, own)
            raise ValueError(f"the mask is of another architecture: the model has {hint}")
        check_tensor(f"the mask of {name}", kept)
        if kept.dtype != torch.bool:
            raise ValueError(
                f"the mask of {name} must be bool, True = kept, got {kept.dtype}: pass mask != 0"
            )
        if kept.shape != own[name].shape:
            raise ValueError(
                f"the mask is of another architecture: {name!r} is {list(own[name].shape)} in the "
                f"model, {list(kept.shape)} in the mask"
            )


def weight_matrix(weight: Float[Tensor, "units *inputs"]) -> Float[Tensor, "units inputs"]:
    """The layer's weight matrix `W`: one flattened weight vector a row. A view where possible.

    Three axes are refused: they may be those of `Run.weights`, [snapshots, units, inputs], of which
    an index was forgotten, and snapshots would be taken for units.

    Args:
        weight: [units, inputs], or a filter a unit with two or three axes of space.

    Raises:
        ValueError: if it is no tensor, has fewer than two axes, three, or no entries.
    """
    check_tensor("a layer's weight", weight)
    if weight.dim() == 3:
        raise ValueError(
            f"a layer's weight must be [units, inputs], got 3 axes {list(weight.shape)}: of "
            "run.weights(layer), which is [snapshots, units, inputs], take one snapshot, "
            "run.weights(layer)[-1]; of a Conv1d pass weight.flatten(1)"
        )
    if weight.dim() < 2 or weight.numel() == 0:
        raise ValueError(
            f"a layer's weight must be [units, inputs, ...] with entries, got {list(weight.shape)}"
        )
    return weight.flatten(1)


def digest(tensors: Mapping[str, Tensor]) -> str:
    """sha256 (hex) over names, dtypes, shapes and bytes, in the order of the names.

    Equal digests mean equal to the last bit. Cost: one pass over the data, about 2 GB/s.
    """
    state = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        state.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        state.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()


def _own_buffers(model: nn.Module) -> dict[str, Tensor]:
    model = unwrapped(model)
    tied = ties(model)
    return {name: value for name, value in model.named_buffers() if name not in tied}
