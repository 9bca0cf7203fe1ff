"""What a layer's units answer: as their first reader takes them, or as the layer leaves them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from surfeit.core import fast_path_off, unwrapped
from surfeit.models.structure.calls import tensors_in
from surfeit.models.structure.structure import Structure
from surfeit.models.structure.units import left


@dataclass(frozen=True, eq=False)
class UnitOutputs:
    """Where a layer's units' outputs are taken.

    Args:
        layer: whose units they are.
        module: at whose call.
        occurrence: at which of its calls.
        entering: whether among what enters the module, or among what leaves it.
        place: which tensor of these.
        axis: of the units, counted from the end.
        units: int64, the unit at each position along the axis; -1 for none.
        behind: what they have passed since they left the layer, in words; "" for nothing.
    """

    layer: str
    module: str
    occurrence: int
    entering: bool
    place: int
    axis: int
    units: Int64[Tensor, " positions"]
    behind: str

    @staticmethod
    def of(structure: Structure, name: str) -> "UnitOutputs":
        """Where the outputs of a layer's units are to be had.

        What its first reader reads: behind normalisation, activation and pooling. Where other
        layers' units are added to them on the way, as in a residual stream, nothing behind the sum
        is this layer's alone, and the outputs are those that the layer itself leaves; so they are
        for an output layer.

        Raises:
            ValueError: if no pass runs the layer, or its units lie nowhere apart.
        """
        described = structure.layer(name)
        if not structure.calls(name):
            raise ValueError(f"no pass through the network runs {described.label}")
        if structure.group(name) is None:
            for reader in structure.readers(name):
                if reader.axis is not None and reader.kind in ("layer", "normalisation"):
                    return UnitOutputs(
                        layer=name,
                        module=reader.name,
                        occurrence=reader.occurrence,
                        entering=True,
                        place=reader.place,
                        axis=reader.axis,
                        units=reader.units,
                        behind=", ".join(reader.between),
                    )
        module = structure.caller(name)
        axis, units = left(structure.module(module), described)
        return UnitOutputs(name, module, 0, False, 0, axis, units, "")

    def of_units(self, value: Tensor) -> Float[Tensor, "n units positions"]:
        """The units' outputs from what is taken: all of a unit's positions side by side."""
        moved = value.movedim(self.axis, 1) if value.dim() > 1 else value[None]
        apart = moved.reshape(len(moved), moved.shape[1], -1)
        here = (self.units >= 0).nonzero().flatten()
        order = here[torch.argsort(self.units[here], stable=True)].to(value.device)
        units = int(self.units.max()) + 1
        if len(here) % units or not torch.equal(
            torch.bincount(self.units[here], minlength=units),
            torch.full((units,), len(here) // units),
        ):
            raise ValueError(f"the units of layer {self.layer!r} lie in unequal numbers of places")
        return apart[:, order].reshape(len(moved), units, -1)


@torch.no_grad()
def unit_outputs(
    model: nn.Module,
    names: Sequence[str],
    inputs: Tensor,
    *,
    structure: Structure | None = None,
) -> dict[str, Float[Tensor, "n units positions"]]:
    """What the units of some layers answer to inputs, in evaluation mode: see `UnitOutputs.of`.

    Args:
        model: the network, whose mode is left as it is.
        names: of layers.
        inputs: [n, ...], on the model's device and of its precision.
        structure: of the network or of one like it, if it is at hand.

    Returns:
        by layer: a convolution's positions, or those of a sequence, along the last axis.

    Raises:
        ValueError: as `UnitOutputs.of`, or if the network does not take the inputs.

    Cost: one forward pass.
    """
    model = unwrapped(model)
    known = structure if structure is not None else Structure.of(model, inputs[:1])
    wanted = [UnitOutputs.of(known, name) for name in names]
    with _taken(model, wanted) as taken:
        try:
            model(inputs)
        except RuntimeError as error:
            raise ValueError(
                f"the network takes no inputs of shape {list(inputs.shape[1:])}: {error}"
            ) from error
    missing = [one.layer for one in wanted if one.layer not in taken]
    if missing:
        raise ValueError(f"the units of layer {missing[0]!r} were not seen: no module reads them")
    return {one.layer: one.of_units(taken[one.layer]) for one in wanted}


@contextmanager
def _taken(model: nn.Module, wanted: Sequence[UnitOutputs]) -> Iterator[dict[str, Tensor]]:
    """What is taken, by layer, of the pass that is made meanwhile."""
    found: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    modules, handles = dict(model.named_modules()), []
    training = model.training

    def entering(name: str, args: Any, kwargs: Any) -> None:
        number = counts[name] = counts.get(name, -1) + 1
        take(name, number, True, tensors_in((args, kwargs)))

    def leaving(name: str, output: Any) -> None:
        take(name, counts[name], False, tensors_in(output))

    def take(name: str, number: int, enters: bool, tensors: list[Tensor]) -> None:
        for one in wanted:
            if (one.module, one.occurrence, one.entering) == (name, number, enters):
                found[one.layer] = tensors[one.place].clone()  # it may be overwritten in place

    for name in dict.fromkeys(one.module for one in wanted):
        module = modules.get(name)
        if module is None:
            continue

        def before(_: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
            entering(name, args, kwargs)

        def after(_: nn.Module, args: Any, kwargs: Any, output: Any, name: str = name) -> None:
            leaving(name, output)

        handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        handles.append(module.register_forward_hook(after, with_kwargs=True))
    model.eval()
    try:
        with fast_path_off():
            yield found
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
