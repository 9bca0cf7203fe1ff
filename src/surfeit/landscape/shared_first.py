"""A first layer that is linear, computed once for all points of a plane.

On a plane `w0 + a d1 + b d2` the first layer's outputs are `z0 + a z1 + b z2`, so that three
products serve every point, where the rest of the network has to run at each.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from surfeit.core import Params, call, copied
from surfeit.core.ties import ties
from surfeit.landscape.plane import Plane


class _Given(nn.Module):
    """In the place of a layer: what it would give."""

    value: Tensor

    def forward(self, inputs: Tensor) -> Tensor:
        return self.value


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedFirst:
    """A network whose first layer's outputs are given.

    Args:
        name: of the first layer, an `nn.Linear`.
        whole: the network.
        rest: a copy in which the layer gives what it is told.
        given: the module that gives it.
    """

    name: str
    whole: nn.Module
    rest: nn.Module
    given: _Given

    @staticmethod
    @torch.no_grad()
    def of(structure: nn.Module, plane: Plane, inputs: Tensor) -> "SharedFirst | None":
        """The network with its first layer apart; None where that is not an `nn.Linear` alone.

        It is where what the layer reads is the same at two points of the plane, it is called once,
        and the outputs are those of the whole network there, but for rounding.

        Args:
            structure: the network, in the mode in which it is to be called.
            plane: where the points lie.
            inputs: two or more, to try it on.
        """
        tried = _first(structure, plane.origin, inputs[:2])
        if tried is None:
            return None
        name, read = tried
        far = plane.at((1.0,) * plane.dimensions)
        again = _first(structure, far, inputs[:2])
        if again is None or again[0] != name or not torch.equal(read, again[1]):
            return None
        rest, given = copied(structure), _Given()
        parent, _, attribute = name.rpartition(".")
        setattr(rest.get_submodule(parent), attribute, given)
        found = SharedFirst(name=name, whole=structure, rest=rest, given=given)
        parts = found.products(plane, inputs[:2])
        place = (0.5,) * plane.dimensions
        whole = call(structure, plane.at(place), inputs[:2].clone())
        apart = found.outputs(plane.at(place), parts, place, inputs[:2])
        return found if torch.allclose(whole, apart, rtol=1e-3, atol=1e-4) else None

    def products(self, plane: Plane, inputs: Tensor) -> tuple[Tensor, ...]:
        """The layer's outputs at the origin, and what each direction adds to them."""
        weight, bias = f"{self.name}.weight", f"{self.name}.bias"
        seen = _first(self.whole, plane.origin, inputs)
        assert seen is not None
        _, read = seen
        still = torch.zeros_like(plane.origin[weight])  # a frozen weight
        return tuple(
            F.linear(read, one.get(weight, still), one.get(bias))
            for one in (plane.origin, *plane.directions)
        )

    def outputs(
        self, tensors: Params, parts: tuple[Tensor, ...], place: tuple[float, ...], inputs: Tensor
    ) -> Tensor:
        """The network's outputs at a place of the plane."""
        value = parts[0].clone()
        for coordinate, part in zip(place, parts[1:], strict=True):
            value.add_(part, alpha=coordinate)
        self.given.value = value
        own = {key: one for key, one in tensors.items() if not key.startswith(f"{self.name}.")}
        return call(self.rest, own, inputs)


def _first(structure: nn.Module, tensors: Params, inputs: Tensor) -> tuple[str, Tensor] | None:
    """The first module with parameters that is called, if a plain Linear, and what it read."""
    calls: list[tuple[str, Tensor]] = []
    handles = []
    for name, module in structure.named_modules():
        if any(True for _ in module.parameters(recurse=False)):

            def note(module: nn.Module, read: tuple, name: str = name) -> None:
                calls.append((name, read[0]))

            handles.append(module.register_forward_pre_hook(note))
    try:
        call(structure, tensors, inputs.clone())
    finally:
        for handle in handles:
            handle.remove()
    if not calls:
        return None
    name, read = calls[0]
    once = [called for called, _ in calls].count(name) == 1
    return (name, read) if name and once and _plain(structure, name) else None


def _plain(structure: nn.Module, name: str) -> bool:
    """Whether a module is a Linear whose weight and bias nothing else has or computes."""
    module = structure.get_submodule(name)
    own = {f"{name}.weight", f"{name}.bias"}
    tied = {one for key, tie in ties(structure).items() for one in (key, tie.to)}
    return (
        type(module) is nn.Linear
        and not parametrize.is_parametrized(module)
        and not module._forward_hooks
        and not module._forward_pre_hooks
        and not own & tied
    )
