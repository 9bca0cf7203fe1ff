"""A mask held over training: removed weights are exactly zero at every moment."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from surfeit.core import Params, ProtocolError


class HeldMask:
    """Keeps removed weights at zero.

    Args:
        mask: bool tensors by parameter name, True = kept.
        params: all parameters, for their order, dtype and device.
    """

    def __init__(self, mask: Mapping[str, Tensor], params: Params) -> None:
        order = list(params)
        self._kept = {name: kept.to(params[name].device) for name, kept in mask.items()}
        self._factors = {name: kept.to(params[name].dtype) for name, kept in self._kept.items()}
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

        Raises:
            ProtocolError: if one is a number other than zero. (NaN is a training that diverged,
                which its loss tells.)
        """
        for name, kept in self._kept.items():
            removed = params[name][~kept]
            revived = int(((removed != 0) & ~removed.isnan()).sum())
            if revived:
                raise ProtocolError(f"{revived} masked weights of {name} came back to life")
