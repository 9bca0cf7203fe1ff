"""The trainable parameters of a network as one vector, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Params, check_mask_fits, own_parameters


@dataclass(frozen=True, kw_only=True, eq=False)
class Coordinates:
    """Which numbers of a network the curvature is in, and in which order they make up a vector.

    Args:
        point: the trainable parameters by name, where the curvature is taken.
        kept: of masked ones, the entries that are free; a parameter without an entry is free as a
            whole.
        frozen: the names of the parameters that are left out: they take no gradient.
    """

    point: Params
    kept: Params
    frozen: tuple[str, ...]

    @staticmethod
    def of(network: nn.Module, mask: Mapping[str, Tensor] | None) -> "Coordinates":
        """The coordinates of a network: tied parameters once, frozen ones not at all.

        Raises:
            ValueError: if no parameter is left, or the mask does not fit the network.
        """
        check_mask_fits(network, mask or {})
        own = own_parameters(network)
        free = {name: value.detach() for name, value in own.items() if _is_free(value)}
        frozen = tuple(name for name in own if name not in free)
        kept = {
            name: held.to(free[name].device)
            for name, held in (mask or {}).items()
            if name in free and not bool(held.all())
        }
        found = Coordinates(point=free, kept=kept, frozen=frozen)
        if found.size == 0:
            words = f"all are frozen: {', '.join(frozen)}" if frozen else "it has none"
            raise ValueError(f"the network must have a parameter that is trained, but {words}")
        return found

    @property
    def sizes(self) -> dict[str, int]:
        """How many coordinates each parameter has."""
        return {
            name: int(self.kept[name].sum()) if name in self.kept else value.numel()
            for name, value in self.point.items()
        }

    @property
    def size(self) -> int:
        """How many coordinates there are."""
        return sum(self.sizes.values())

    @property
    def like(self) -> Tensor:
        """An empty tensor of the vectors' type, the widest of the parameters', and device."""
        values = list(self.point.values())
        widest = torch.float64 if any(v.dtype == torch.float64 for v in values) else torch.float32
        return torch.empty(0, dtype=widest, device=values[0].device)

    def flat(self, tensors: Mapping[str, Tensor]) -> Float[Tensor, " size"]:
        """Tensors shaped like the parameters as one vector."""
        parts = []
        for name in self.point:
            value, kept = tensors[name], self.kept.get(name)
            parts.append(value.reshape(-1) if kept is None else value[kept])
        return torch.cat([part.to(self.like) for part in parts])

    def tensors(self, vector: Float[Tensor, " size"]) -> Params:
        """A vector as tensors shaped like the parameters; zero where a mask removed an entry."""
        found: Params = {}
        ends = list(accumulate(self.sizes.values()))
        for (name, value), size, end in zip(
            self.point.items(), self.sizes.values(), ends, strict=True
        ):
            part = vector[end - size : end].to(value)
            kept = self.kept.get(name)
            if kept is None:
                found[name] = part.view(value.shape)
            else:
                found[name] = torch.zeros_like(value).masked_scatter_(kept, part)
        return found


def _is_free(value: nn.Parameter) -> bool:
    return value.requires_grad and value.is_floating_point()
