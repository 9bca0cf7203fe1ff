"""Which weights an update may move: a mask held at zero, critical weights, targeted dropout."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from surfeit.core import Params, ProtocolError, Streams
from surfeit.models import Structure
from surfeit.prune import check_nested
from surfeit.train.memory import Put
from surfeit.train.recipe import Recipe

_ROUNDS = 8
_ALIGNMENT = 16  # numbers: products are fastest on memory that begins at a cache line
_ROWS = ("linear", "convolution")  # whose weights lie a unit a row


class HeldMask:
    """Keeps removed weights at zero, and looks that they are.

    The masked parameters are moved into one stretch of memory, of which they become views: at
    every step one product holds them all. Those of a stack stay where they are, and the stack
    holds all its networks' at once, by the factors that are put beside them.

    Args:
        mask: bool tensors by parameter name, True = kept.
        params: all parameters by name, of one dtype and device; the masked ones are replaced,
            unless they lie in a stack.
        trained: the names of those that have gradients, in the order of these.
        put: gives the memory of a stack; None outside of any.
    """

    def __init__(
        self,
        mask: Mapping[str, Tensor],
        params: Params,
        trained: Sequence[str],
        put: Put | None = None,
    ) -> None:
        self._kept = {name: kept.to(params[name].device) for name, kept in mask.items()}
        self._places = {name: place for place, name in enumerate(trained) if name in mask}
        self._params = params
        self._round = 0
        if put is not None:
            self._stretches = [_Stretch.beside(name, params[name], put) for name in mask]
        else:
            self._stretches = [_Stretch.of(params, list(mask))] if mask else []
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
        for stretch in self._stretches:
            stretch.flat.mul_(stretch.factor)

    def within(self, params: Params) -> Params:
        """Other values of the parameters with the removed weights at zero; they do not change."""
        return without(params, self._kept)

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
        if self._rounds:
            part, numbers = self._rounds[self._round]
            self._round = (self._round + 1) % len(self._rounds)
            if torch.dot(part, numbers).item() != 0:
                self._count()

    def check_all(self) -> None:
        """As `check`, all of them."""
        if any(torch.dot(*part).item() != 0 for part in self._rounds):
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
        self._rounds: list[tuple[Tensor, Tensor]] = []
        for stretch in self._stretches:
            stretch.keep_(self._kept)
            parts = zip(stretch.flat.chunk(_ROUNDS), stretch.numbers.chunk(_ROUNDS), strict=True)
            self._rounds += parts


@dataclass(frozen=True, eq=False)
class _Stretch:
    """Memory in a row that holds masked parameters, and beside it what holds and checks them.

    Args:
        flat: the parameters.
        views: where each begins, by name, of any tensor of the same length.
        factor: 1 where a weight is kept, 0 where it is removed.
        numbers: 0 where a weight is kept, between 1 and 2 where it is removed.
    """

    flat: Tensor
    views: Callable[[Tensor], Params]
    factor: Tensor
    numbers: Tensor

    @staticmethod
    def of(params: Params, names: Sequence[str]) -> "_Stretch":
        """One that the parameters are moved to."""
        flat = _gather_(params, names)
        shapes = {name: params[name] for name in names}
        views = partial(_views, params=shapes, names=names)
        return _Stretch(flat, views, torch.ones_like(flat), torch.zeros_like(flat))

    @staticmethod
    def beside(name: str, value: Tensor, put: Put) -> "_Stretch":
        """The memory that a parameter of a stack has already."""
        flat = value.view(-1)
        factor = put(f"factor/{name}", torch.ones_like(flat))
        numbers = put(f"numbers/{name}", torch.zeros_like(flat))
        return _Stretch(flat, lambda row: {name: row.view(value.shape)}, factor, numbers)

    def keep_(self, mask: Mapping[str, Tensor]) -> None:
        """Holds and checks this mask from now on."""
        kept = torch.ones_like(self.flat, dtype=torch.bool)
        for name, view in self.views(kept).items():
            view.copy_(mask[name])
        self.factor.copy_(kept)
        self.numbers.copy_(_numbers(kept))


def _gather_(params: Params, names: Sequence[str]) -> Tensor:
    """One tensor that holds the named parameters, which become views of it."""
    sizes = [_aligned(params[name].numel()) for name in names]
    flat = params[names[0]].new_zeros(sum(sizes))
    for name, view in _views(flat, params=params, names=names).items():
        params[name] = view.copy_(params[name])
    return flat


def _views(flat: Tensor, *, params: Params, names: Sequence[str]) -> Params:
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


def of_critical(
    params: Sequence[Tensor], grads: Sequence[Tensor], share: float
) -> Sequence[Tensor]:
    """The gradients of the critical weights, scaled by the share; zero for all other weights.

    Of all `n` weights together those with the `⌊share · n⌋` largest `|w · ∂L/∂w|` are critical (one
    at least; equal ones all are): `share · ∂L/∂w` moves them. What the optimiser itself adds, such
    as weight decay, L1 and momentum, moves every weight. Biases and other parameters of one axis
    keep their gradients.

    Args:
        params: the trained parameters.
        grads: the mean loss's gradients, one a parameter; they are not changed.
        share: in (0, 1], one minus the share of wrong labels; 1 leaves all gradients as they are.

    Source: Xia et al. 2021, "Robust early-learning: hindering the memorization of noisy labels",
    with the scale, the one threshold for all layers and the momentum of non-critical weights as in
    the authors' program. Cost: one selection of the k-th of n numbers.
    """
    weights = [place for place, value in enumerate(params) if value.dim() > 1]
    if share == 1 or not weights:
        return grads
    products = {place: (params[place] * grads[place]).abs() for place in weights}
    every = torch.cat([value.flatten() for value in products.values()])
    kept = max(int(share * len(every)), 1)
    least = every.kthvalue(len(every) - kept + 1).values
    critical = list(grads)
    for place, product in products.items():
        critical[place] = grads[place] * (product >= least) * share
    return critical


class TargetedDropout:
    """Drops some of the smallest weights, or units, of each layer, anew at every step.

    Targeted are the `⌊γ n⌋` smallest of the `n` weights of each unit, or the units with the `⌊γ n⌋`
    smallest of the layer's `n` weight vectors. Each is dropped with probability `α` at each step,
    of a unit the bias too, and what stays is not scaled: at the end the network is used whole, or
    without what was targeted. Left alone are layers of outputs, weights that layers share, and
    layers of other kinds than linear ones and convolutions. Behind a batch normalisation a dropped
    unit still says the normalisation's own bias.

    Args:
        recipe: `α = recipe.targeted_dropout`, `γ = recipe.targeted_share`, and
            `recipe.targeted_granularity`.
        structure: of the network.
        trained: the names of the parameters that are trained.
        streams: the training's; each step draws from `("targeted dropout", step)`.

    Raises:
        ValueError: as `targeted_layers`.

    Source: Gomez et al. 2019, "Learning sparse networks using targeted dropout", section 3.
    Cost: a step selects from each row, and draws one number for each weight or unit.
    """

    def __init__(
        self, recipe: Recipe, structure: Structure, trained: Sequence[str], streams: Streams
    ) -> None:
        self._rate, self._share = recipe.targeted_dropout, recipe.targeted_share
        self._by_unit = recipe.targeted_granularity == "unit"
        self._streams = streams
        self._layers = targeted_layers(structure, trained)

    def kept(self, params: Mapping[str, Tensor], step: int) -> Params:
        """What is kept at a step: bool by name, of the parameters that may be dropped."""
        generator = self._streams.get("targeted dropout", step)
        kept: Params = {}
        for weight, bias in self._layers:
            rows = params[weight].flatten(1)
            if self._by_unit:
                gone = self._drawn(_smallest(rows.norm(dim=1), self._share), generator)
                kept[weight] = ~gone.view(-1, *[1] * (params[weight].dim() - 1))
                if bias is not None:
                    kept[bias] = ~gone
            else:
                gone = self._drawn(_smallest(rows.abs(), self._share), generator)
                kept[weight] = ~gone.view_as(params[weight])
        return kept

    def _drawn(self, targeted: Tensor, generator: torch.Generator) -> Tensor:
        drawn = torch.rand(targeted.shape, generator=generator) < self._rate
        return targeted & drawn.to(targeted.device)


def without(params: Params, kept: Mapping[str, Tensor]) -> Params:
    """The parameters with what is not kept at zero; they are not changed."""
    return {name: value * kept[name] if name in kept else value for name, value in params.items()}


def _smallest(sizes: Tensor, share: float) -> Tensor:
    """Which of the sizes along the last axis are below the one at place `⌊share · n⌋`."""
    count = int(share * sizes.shape[-1])
    return sizes < sizes.kthvalue(count + 1, dim=-1, keepdim=True).values


def targeted_layers(structure: Structure, trained: Sequence[str]) -> list[tuple[str, str | None]]:
    """The names of weight and bias of each layer that targeted dropout drops from.

    Raises:
        ValueError: if the network cannot be followed, or there is no such layer.
    """
    found, tied = [], structure.tied
    shared = {*tied, *tied.values()}
    for name, layer in structure.layers.items():
        if layer.kind not in _ROWS or name in structure.outputs:
            continue
        weight = layer.weights[0].tensor
        bias = layer.biases[0].tensor if layer.biases else None
        if weight in trained and weight not in shared:
            found.append((weight, bias if bias in trained and bias not in shared else None))
    if not found:
        raise ValueError(
            "targeted dropout has no layer to drop from: it takes linear layers and convolutions "
            "that are trained, share no weights and are no outputs"
        )
    return found
