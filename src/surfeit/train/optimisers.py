"""Optimisers over a plain dict of parameters: torch's own arithmetic, our bookkeeping.

The functional forms in `torch.optim` do the sums, fused into one pass over the memory where torch
has such a kernel. They take no part in autograd and hold no reference to the parameters.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from surfeit.core import Params
from surfeit.train.recipe import Recipe

_MOMENTS = {
    "sgd": ("momentum",),
    "adam": ("mean", "square"),
    "adamw": ("mean", "square"),
    "adagrad": ("square",),
    "rmsprop": ("square", "momentum"),
}


class Optimiser:
    """A recipe's optimiser with its state over a fixed list of parameters.

    Args:
        recipe: names the optimiser and its coefficients.
        params: the parameters by name, changed in place by `step_`.

    Sources: Kingma and Ba 2015 (Adam); Loshchilov and Hutter 2019 (AdamW); Duchi et al. 2011
    (Adagrad); Tieleman and Hinton 2012 (RMSProp); Sutskever et al. 2013 (Nesterov's momentum).
    """

    def __init__(self, recipe: Recipe, params: Params) -> None:
        self._recipe = recipe
        self._names = list(params)
        self._params = list(params.values())
        self._weights = [index for index, value in enumerate(self._params) if value.dim() > 1]
        moments = _MOMENTS[recipe.optimizer]
        if not recipe.momentum:
            moments = tuple(name for name in moments if name != "momentum")
        self._moments = {name: [torch.zeros_like(p) for p in self._params] for name in moments}
        # Each parameter counts for itself: torch's kernels add one to every entry of the list.
        self._counts = [torch.zeros((), dtype=torch.float32, device=p.device) for p in self._params]

    def step_(self, grads: Sequence[Tensor], lr: float) -> None:
        """Changes the parameters in place by one update at the rate `lr`.

        Args:
            grads: the loss's gradients in the order of the parameters.
            lr: the learning rate of this update.
        """
        grads = list(grads)
        if self._recipe.l1:
            for index in self._weights:
                sign = self._params[index].sign()
                grads[index] = grads[index].add(sign, alpha=self._recipe.l1)
        if self._recipe.clip_norm is not None:
            grads = _clipped(grads, self._recipe.clip_norm)
        getattr(self, f"_{self._recipe.optimizer}")(grads, lr)

    def state(self) -> Params:
        """All state as tensors by name, for a checkpoint."""
        state = {
            f"{moment}/{name}": value
            for moment, values in self._moments.items()
            for name, value in zip(self._names, values, strict=True)
        }
        counts = {f"count/{n}": count for n, count in zip(self._names, self._counts, strict=True)}
        return state | counts

    def load_(self, state: Params) -> None:
        """Takes up the state that `state` gave."""
        for name, value in self.state().items():
            value.copy_(state[name])

    def _sgd(self, grads: list[Tensor], lr: float) -> None:
        buffers = self._moments.get("momentum")
        sgd(
            self._params,
            grads,
            list(buffers) if buffers else [None] * len(grads),
            fused=True,
            weight_decay=self._recipe.weight_decay,
            momentum=self._recipe.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=self._recipe.nesterov,
            maximize=False,
        )

    def _adam(self, grads: list[Tensor], lr: float) -> None:
        self._adaptive(adam, grads, lr)

    def _adamw(self, grads: list[Tensor], lr: float) -> None:
        self._adaptive(adamw, grads, lr)

    def _adaptive(self, update: Callable[..., None], grads: list[Tensor], lr: float) -> None:
        update(
            self._params,
            grads,
            self._moments["mean"],
            self._moments["square"],
            [],
            self._counts,
            fused=True,
            amsgrad=False,
            beta1=self._recipe.beta1,
            beta2=self._recipe.beta2,
            lr=lr,
            weight_decay=self._recipe.weight_decay,
            eps=self._recipe.epsilon,
            maximize=False,
        )

    def _adagrad(self, grads: list[Tensor], lr: float) -> None:
        adagrad(
            self._params,
            grads,
            self._moments["square"],
            self._counts,
            foreach=True,
            lr=lr,
            weight_decay=self._recipe.weight_decay,
            lr_decay=0.0,
            eps=self._recipe.epsilon,
            maximize=False,
        )

    def _rmsprop(self, grads: list[Tensor], lr: float) -> None:
        rmsprop(
            self._params,
            grads,
            self._moments["square"],
            [],
            self._moments.get("momentum", []),
            self._counts,
            foreach=True,
            lr=lr,
            alpha=self._recipe.alpha,
            eps=self._recipe.epsilon,
            weight_decay=self._recipe.weight_decay,
            momentum=self._recipe.momentum,
            centered=False,
        )


def _clipped(grads: list[Tensor], largest: float) -> list[Tensor]:
    """All gradients scaled by one factor so that their total norm is at most `largest`."""
    total = get_total_norm(grads)
    # Not in place: autograd may give two parameters that are added the same tensor.
    factor = torch.clamp(largest / (total + 1e-6), max=1.0)
    return [grad * factor for grad in grads]
