"""What was found of networks, kept as long as they live."""

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from torch import nn

from surfeit.models.structure.layers import Layer
from surfeit.models.structure.traced import Traced

if TYPE_CHECKING:
    from surfeit.models.structure.structure import Structure


@dataclass
class Found:
    """What is known of a network; nothing in it holds the network.

    Args:
        example: inputs that the network takes, or None where they are not known yet.
        layers: by name.
        traced: what running it has shown, once it was run.
        obstacle: why it cannot be followed, once that is known.
    """

    example: Any
    layers: dict[str, Layer]
    traced: Traced | None = None
    obstacle: str | None = None

    def learn(self, example: Any) -> None:
        """Takes an example, if there is one, unless the network was followed already."""
        if example is not None and self.traced is None:
            self.example, self.obstacle = example, None


@dataclass(frozen=True)
class _Kept:
    """What is kept for a network as long as that lives.

    A structure holds its network, so that one can be asked that nobody else holds; were the
    structure itself kept here, no network would ever be let go.
    """

    signature: Any
    found: Found
    structure: "weakref.ref[Structure]"


_KEPT: "weakref.WeakKeyDictionary[nn.Module, _Kept]" = weakref.WeakKeyDictionary()


def keep(model: nn.Module, structure: "Structure", found: Found) -> None:
    """Keeps a network's structure for as long as the network has its modules and parameters."""
    _KEPT[model] = _Kept(_signature(model), found, weakref.ref(structure))


def kept(model: nn.Module) -> tuple[Found | None, Optional["Structure"]]:
    """What was found of a network as it is now, and its structure if somebody holds it."""
    before = _KEPT.get(model)
    if before is None or before.signature != _signature(model):
        return None, None
    return before.found, before.structure()


def _signature(model: nn.Module) -> Any:
    # Weak references, since a new module may get the number of one that is gone.
    modules = tuple((name, weakref.ref(module)) for name, module in model.named_modules())
    shapes = tuple(
        (name, id(value), tuple(value.shape)) for name, value in model.named_parameters()
    )
    return modules, shapes
