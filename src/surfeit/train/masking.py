"""A mask held over training: removed weights are exactly zero at every moment."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from surfeit.core import Params, ProtocolError
from surfeit.prune import check_nested

_ROUNDS = 8
_ALIGNMENT = 16  # numbers: products are fastest on memory that begins at a cache line


class HeldMask:
    """Keeps removed weights at zero, and looks that they are.

    The masked parameters are moved into one stretch of memory, of which they become views: at
    every step one product holds them all.

    Args:
        mask: bool tensors by parameter name, True = kept.
        params: all parameters by name, of one dtype and device; the masked ones are replaced.
        trained: the names of those that have gradients, in the order of these.
    """

    def __init__(self, mask: Mapping[str, Tensor], params: Params, trained: Sequence[str]) -> None:
        self._kept = {name: kept.to(params[name].device) for name, kept in mask.items()}
        self._places = {name: place for place, name in enumerate(trained) if name in mask}
        self._params = params
        if not mask:
            return
        self._flat = _gather_(params, list(mask))
        self._round = 0
        self._prepare()

    def kept(self) -> Params:
        """What is kept, bool by parameter name, on the CPU."""
        return {name: kept.cpu() for name, kept in self._kept.items()}

    def density(self) -> float:
        """The fraction of the parameters' entries that is kept."""
        counts = [(int(kept.sum()), kept.numel()) for kept in self._kept.values()]
        return sum(kept for kept, _ in counts) / sum(every for _, every in counts)

    def shrink_(self, mask: Mapping[str, Tensor]) -> None:
        """Removes more: only what `mask` keeps too is kept from now on.

        Raises:
            ProtocolError: if it keeps what was removed before.
        """
        inner = {name: kept.to(self._kept[name].device) for name, kept in mask.items()}
        check_nested(inner, {name: self._kept[name] for name in inner})
        self._kept |= inner
        self._prepare()

    def hold_(self) -> None:
        """Sets the removed weights to zero.

        The weights, not the gradients, are masked: whatever momentum, weight decay or Adam's
        moments would add to a removed weight is gone before anything reads it.
        """
        if self._kept:
            self._flat.mul_(self._factor)

    def of_gradients(self, grads: Sequence[Tensor]) -> list[Tensor]:
        """The gradients of the kept weights alone, so that no removed one counts in their norm."""
        masked = list(grads)
        for name, place in self._places.items():
            masked[place] = masked[place] * self._kept[name]
        return masked

    def check(self) -> None:
        """Says so if a removed weight is not zero: an eighth of them at each call, in turn.

        One inner product with numbers that are zero where weights are kept, and between 1 and 2
        where they are removed: what came back to life leaves a sum that is not zero, unless
        several of opposite signs cancel to the last bit, which the next look would tell. All of
        them at once would cost a step of LeNet-300-100 more than 2 %; what is alive stays alive
        unless `hold_` works, so that eight steps find it as surely as one. Every measurement and
        every snapshot looks at all.

        Raises:
            ProtocolError: if one is a number other than zero. (NaN is a training that diverged,
                which its loss tells.)
        """
        if self._kept:
            stretch, numbers = self._rounds[self._round]
            self._round = (self._round + 1) % len(self._rounds)
            if torch.dot(stretch, numbers).item() != 0:
                self._count()

    def check_all(self) -> None:
        """As `check`, all of them."""
        if self._kept and any(torch.dot(*part).item() != 0 for part in self._rounds):
            self._count()

    def _count(self) -> None:
        """Says which removed weights are not zero, and how many."""
        for name, kept in self._kept.items():
            removed = self._params[name][~kept]
            revived = int(((removed != 0) & ~removed.isnan()).sum())
            if revived:
                raise ProtocolError(f"{revived} masked weights of {name} came back to life")

    def _prepare(self) -> None:
        """The factors that hold the mask, and the numbers that look whether it holds."""
        kept = torch.ones_like(self._flat, dtype=torch.bool)
        for name, view in _views(kept, self._params, list(self._kept)).items():
            view.copy_(self._kept[name])
        self._factor = kept.to(self._flat.dtype)
        numbers = _numbers(kept).to(self._flat.dtype)
        self._rounds = list(zip(self._flat.chunk(_ROUNDS), numbers.chunk(_ROUNDS), strict=True))


def _gather_(params: Params, names: Sequence[str]) -> Tensor:
    """One tensor that holds the named parameters, which become views of it."""
    sizes = [_aligned(params[name].numel()) for name in names]
    flat = params[names[0]].new_zeros(sum(sizes))
    for name, view in _views(flat, params, names).items():
        params[name] = view.copy_(params[name])
    return flat


def _views(flat: Tensor, params: Params, names: Sequence[str]) -> Params:
    views, begin = {}, 0
    for name in names:
        count = params[name].numel()
        views[name] = flat[begin : begin + count].view(params[name].shape)
        begin += _aligned(count)
    return views


def _aligned(count: int) -> int:
    return -(-count // _ALIGNMENT) * _ALIGNMENT


def _numbers(kept: Tensor) -> Tensor:
    # The golden ratio's multiples: numbers of which no few add up to zero.
    places = torch.arange(kept.numel(), device=kept.device, dtype=torch.float64)
    return (1 + (places * 0.6180339887498949) % 1) * ~kept
