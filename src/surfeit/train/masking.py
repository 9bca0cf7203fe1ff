"""A mask held over training: removed weights are exactly zero at every moment."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from surfeit.core import Params, ProtocolError


class HeldMask:
    """Keeps removed weights at zero, and looks that they are.

    Args:
        mask: bool tensors by parameter name, True = kept.
        params: all parameters, for their order, dtype and device.
    """

    def __init__(self, mask: Mapping[str, Tensor], params: Params) -> None:
        order = list(params)
        self._kept = {name: kept.to(params[name].device) for name, kept in mask.items()}
        self._factors = {name: kept.to(params[name].dtype) for name, kept in self._kept.items()}
        self._probes = {name: _probe(kept, params[name].dtype) for name, kept in self._kept.items()}
        self._places = {name: order.index(name) for name in mask}

    def hold_(self, params: Params) -> None:
        """Sets the removed weights to zero.

        The weights, not the gradients, are masked: whatever momentum, weight decay or Adam's
        moments would add to a removed weight is gone before anything reads it.
        """
        for name, factor in self._factors.items():
            params[name].mul_(factor)

    def of_gradients(self, grads: Sequence[Tensor]) -> list[Tensor]:
        """The gradients of the kept weights alone, so that no removed one counts in their norm."""
        masked = list(grads)
        for name, factor in self._factors.items():
            masked[self._places[name]] = masked[self._places[name]] * factor
        return masked

    def check(self, params: Params) -> None:
        """Says so if a removed weight is not zero.

        One inner product a tensor, with a vector that is zero where weights are kept and some
        number of its own, between 1 and 2, where they are removed: whatever came back to life
        leaves a sum that is not zero. A step is checked in half of what comparing would take.

        Raises:
            ProtocolError: if one is a number other than zero. (NaN is a training that diverged,
                which its loss tells.)
        """
        for name, probe in self._probes.items():
            if torch.dot(params[name].view(-1), probe).item() != 0:
                self._count(name, params[name])

    def _count(self, name: str, weight: Tensor) -> None:
        removed = weight[~self._kept[name]]
        revived = int(((removed != 0) & ~removed.isnan()).sum())
        if revived:
            raise ProtocolError(f"{revived} masked weights of {name} came back to life")


def _probe(kept: Tensor, dtype: torch.dtype) -> Tensor:
    # The golden ratio's multiples: numbers of which no few add up to zero.
    places = torch.arange(kept.numel(), device=kept.device, dtype=torch.float64)
    numbers = 1 + (places * 0.6180339887498949) % 1
    return (numbers * ~kept.reshape(-1)).to(dtype)
