"""A split: inputs and what a network should make of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor
from torch.utils import data as torch_data

from surfeit.core.parameters import check_tensor

Task = Literal["classes", "regression"]

_FLOATING = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_INTEGER = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


@dataclass(frozen=True)
class Split:
    """Inputs and targets that belong together, ready for a model.

    >>> Split(torch.rand(360, 1, 8, 8), labels)  # images
    >>> Split(tokens, tags)  # int64 [n, length] both: a class at each position
    >>> Split(x, y[:, None])  # regression

    Args:
        inputs: [n, ...], floating point or integer, as a model takes them: images [n, channels,
            height, width], vectors [n, features], signals [n, channels, length], tokens
            [n, length].
        targets: for classes int64 [n], or [n, positions] for a class at each position, in
            [0, classes); for regression floating point [n, outputs].

    Raises:
        ValueError: if there are no examples, their counts differ, or shapes or dtypes are other
            than the above.
    """

    inputs: Shaped[Tensor, "n *shape"]
    targets: Int64[Tensor, " n"] | Int64[Tensor, "n positions"] | Float[Tensor, "n outputs"]

    def __post_init__(self) -> None:
        check_tensor("inputs", self.inputs)
        check_tensor("targets", self.targets)
        _check_dense("inputs", self.inputs)
        _check_dense("targets", self.targets)
        _check_inputs(self.inputs)
        _check_targets(self.targets)
        if len(self.inputs) != len(self.targets) or len(self.inputs) == 0:
            raise ValueError(
                "a split needs as many targets as inputs and at least one of each, "
                f"got {len(self.inputs)} inputs and {len(self.targets)} targets"
            )
        if self.inputs.numel() == 0 or self.targets.numel() == 0:
            raise ValueError(
                "an example needs at least one number as its input and one as its target, got "
                f"inputs {list(self.inputs.shape)} and targets {list(self.targets.shape)}"
            )

    def __repr__(self) -> str:
        return f"Split({len(self)} {describe_inputs(self)}{_describe_targets(self.targets)})"

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: slice | Tensor) -> "Split":
        """The chosen examples: by slice, or by an index or bool tensor."""
        return Split(self.inputs[index], self.targets[index])

    @property
    def task(self) -> Task:
        """What the targets are: "classes" or "regression"."""
        return "regression" if self.targets.is_floating_point() else "classes"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(self.inputs.shape[1:])

    @property
    def holds_images(self) -> bool:
        """Whether the inputs are floating point [n, channels, height, width]."""
        return self.inputs.dim() == 4 and self.inputs.is_floating_point()

    @property
    def images(self) -> Float[Tensor, "n channels height width"]:
        """The inputs, where they are images.

        Raises:
            ValueError: if they are not.
        """
        if not self.holds_images:
            raise ValueError(
                "images are floating point [n, channels, height, width], the inputs are "
                f"{_kind(self.inputs)}: this works on images alone"
            )
        return self.inputs

    @property
    def labels(self) -> Int64[Tensor, " n"]:
        """The targets, where they are one class an example.

        Raises:
            ValueError: if they are not.
        """
        if self.task != "classes" or self.targets.dim() != 1:
            raise ValueError(
                f"labels are int64 [n], one class an example, the targets are "
                f"{_kind(self.targets)}: this works on one class an example alone"
            )
        return self.targets

    def some(self, most: float, generator: torch.Generator) -> "Split":
        """At most so many examples, drawn without replacement and kept in their order.

        Args:
            most: at least 1; with no more examples than that, the split itself is returned.
            generator: a CPU generator.
        """
        if len(self) <= most:
            return self
        chosen = torch.randperm(len(self), generator=generator)[: int(most)].sort().values
        return self[chosen.to(self.targets.device)]

    def to(self, device: torch.device | str) -> "Split":
        """The same split with its tensors on `device`."""
        return Split(self.inputs.to(device), self.targets.to(device))


def check_split(value: object, name: str = "split") -> None:
    """Says what to pass where a data set, a pair or something else is given for a split.

    Args:
        name: what the argument is called, for the message.

    Raises:
        ValueError: if the value is no `Split`.
    """
    if isinstance(value, Split):
        return
    raise ValueError(
        f"{name} must be a Split such as data.validation or data.test, got a "
        f"{type(value).__name__}: {_split_advice(value)}"
    )


def check_splits(value: object, name: str = "splits") -> None:
    """As `check_split`, where splits by name are wanted; that there is one is the caller's concern.

    Raises:
        ValueError: if the value is no mapping, or one of its values no `Split`.
    """
    if not isinstance(value, Mapping):
        advice = "data.splits" if hasattr(value, "splits") else '{"test": data.test}'
        raise ValueError(
            f"{name} must be splits by name, got a {type(value).__name__}: pass {advice}"
        )
    for key, split in value.items():
        check_split(split, f"{name}[{key!r}]")


def _split_advice(value: object) -> str:
    if all(isinstance(getattr(value, key, None), Split) for key in ("train", "validation", "test")):
        return "pass data.train, data.validation (to choose by) or data.test (to judge by)"
    if isinstance(value, torch_data.TensorDataset):
        return "pass Split(*dataset.tensors), if these are inputs and targets"
    if isinstance(value, torch_data.Dataset | torch_data.DataLoader):
        return 'make a data set of it, surfeit.data.from_dataset("mine", ...), and pass a split'
    return "pass Split(inputs, targets), of tensors"


def describe_inputs(split: Split) -> str:
    """What the inputs are, as in "images of 1x8x8", "examples of 5", "examples of 12 integers"."""
    sides = "x".join(map(str, split.input_shape)) or "1"
    if split.holds_images:
        return f"images of {sides}"
    return f"examples of {sides}" + ("" if split.inputs.is_floating_point() else " integers")


def _describe_targets(targets: Tensor) -> str:
    if targets.dim() == 1:
        return ""
    count, outputs = targets.shape[1], targets.is_floating_point()
    noun = "output" if outputs else "position"
    return f", {'' if outputs else 'a class at '}{count} {noun}{'s' if count > 1 else ''}"


def _check_dense(name: str, tensor: Tensor) -> None:
    """Refuses what has no plain bytes: it could neither be told apart nor written as it is."""
    if tensor.is_meta:
        raise ValueError(f"{name} must hold values, got a tensor on the meta device")
    if tensor.layout != torch.strided:
        raise ValueError(f"{name} must be dense, got {tensor.layout}: pass {name}.to_dense()")
    if tensor.is_neg():
        raise ValueError(f"{name} must be plain, got a negated view: pass {name}.resolve_neg()")


def _check_inputs(inputs: Tensor) -> None:
    if inputs.dtype in (*_FLOATING, *_INTEGER) and inputs.dim() > 0:
        return
    advice = {
        torch.bool: ": pass inputs.float()",
        torch.complex64: ": pass torch.view_as_real(inputs)",
        torch.complex128: ": pass torch.view_as_real(inputs)",
    }.get(inputs.dtype, "")
    raise ValueError(
        f"inputs must be floating point or integers [n, ...], got {_kind(inputs)}{advice}"
    )


def _check_targets(targets: Tensor) -> None:
    if targets.dtype == torch.int64 and targets.dim() in (1, 2):
        return
    if targets.dtype in _FLOATING and targets.dim() == 2:
        return
    raise ValueError(
        "targets must be int64 [n] (a class an example) or [n, positions] (a class at each "
        "position), or floating point [n, outputs] (regression), "
        f"got {_kind(targets)}: {_target_advice(targets)}"
    )


def _target_advice(targets: Tensor) -> str:
    classes, dims = "pass targets.long() if they are classes", targets.dim()
    if targets.dtype == torch.bool:
        return f"{classes}, targets.float() of shape [n, outputs] if they are numbers to meet"
    if targets.dtype in _INTEGER:
        flat = "one number or row an example" if dims == 0 else "pass targets.flatten(1)"
        return flat if targets.dtype == torch.int64 else classes
    if targets.dtype not in _FLOATING:
        return "pass torch.view_as_real(...).flatten(1)" if targets.is_complex() else classes
    if dims == 1:
        return f"pass targets[:, None] for regression with one output; {classes}"
    return "pass targets.flatten(1)" if dims > 2 else "one row of outputs an example"


def _kind(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"
