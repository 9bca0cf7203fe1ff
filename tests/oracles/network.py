"""A network that is written twice: as it is, and with its removals written out by hand."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

Keep = Mapping[str, Tensor]  # by layer: 1 for each unit that is kept, 0 for each that is removed


class Network(nn.Module):
    """A network that can be run with units removed.

    `removable` names the layers whose units are removed and, of each, the other layers whose units
    are added to its own and go with them.
    """

    removable: ClassVar[dict[str, tuple[str, ...]]]

    def examples(self) -> Tensor:
        """Inputs, [n, ...]."""
        raise NotImplementedError

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        """As `forward`, with `keep` multiplied in right before each reader."""
        raise NotImplementedError


def maps(keep: Tensor) -> Tensor:
    """A vector of channels as [channels, 1, 1], to multiply images with."""
    return keep[:, None, None]
