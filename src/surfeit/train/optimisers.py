"""Optimisers over a plain dict of parameters, and the learning rate at a step.

The arithmetic is torch's own. SGD and Adam call the fused kernels that `torch.optim` calls with
`fused=True`, without its sorting of tensors by device at every step, which takes a third of the
time of an update of 266,200 weights. The others use the functional forms in `torch.optim`.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim.adagrad import adagrad
from torch.optim.rmsprop import rmsprop

from surfeit.core import Params
from surfeit.train.memory import Put, own_memory
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
        put: gives the memory of the moments.
        stacked_axes: of a stack's parameters, [networks, numbers] each, how many axes each has in
            a network; each network has a gradient's norm of its own.

    Sources: Kingma and Ba 2015 (Adam); Loshchilov and Hutter 2019 (AdamW); Duchi et al. 2011
    (Adagrad); Tieleman and Hinton 2012 (RMSProp); Sutskever et al. 2013 (Nesterov's momentum).
    """

    def __init__(
        self,
        recipe: Recipe,
        params: Params,
        put: Put = own_memory,
        *,
        stacked_axes: Mapping[str, int] | None = None,
    ) -> None:
        self._recipe, self._stacked = recipe, stacked_axes is not None
        self._names = list(params)
        self._params = list(params.values())
        axes = stacked_axes or {name: value.dim() for name, value in params.items()}
        self._weights = [index for index, name in enumerate(params) if axes[name] > 1]
        moments = _MOMENTS[recipe.optimizer]
        if not recipe.momentum:
            moments = tuple(name for name in moments if name != "momentum")
        self._moments = {
            moment: [put(f"{moment}/{n}", torch.zeros_like(p)) for n, p in params.items()]
            for moment in moments
        }
        count = torch.zeros((), dtype=torch.float32, device=self._params[0].device)
        self._count = put("count", count)
        # Torch asks for a number a parameter; networks of a stack have made equally many updates.
        self._counts = [self._count.view(-1)[0]] * len(self._params)
        self._update = getattr(self, f"_{recipe.optimizer}")

    def step_(self, grads: Sequence[Tensor], lr: float) -> None:
        """Changes the parameters in place by one update at the rate `lr`.

        Args:
            grads: the loss's gradients in the order of the parameters.
            lr: the learning rate of this update.
        """
        if self._recipe.l1:
            grads = list(grads)
            for index in self._weights:
                sign = self._params[index].sign()
                grads[index] = grads[index].add(sign, alpha=self._recipe.l1)
        if self._recipe.clip_norm is not None:
            grads = _clipped(grads, self._recipe.clip_norm, stacked=self._stacked)
        self._update(grads, lr)

    def state(self) -> Params:
        """All state as tensors by name, for a checkpoint."""
        state = {
            f"{moment}/{name}": value
            for moment, values in self._moments.items()
            for name, value in zip(self._names, values, strict=True)
        }
        return state | {"count": self._count}

    def load_(self, state: Params) -> None:
        """Takes up the state that `state` gave."""
        for name, value in self.state().items():
            value.copy_(state[name])

    def _sgd(self, grads: Sequence[Tensor], lr: float) -> None:
        torch.ops.aten._fused_sgd_(
            self._params,
            grads,
            # Without momentum there are no buffers; with it they start at zero, which makes the
            # first step like any other.
            self._moments.get("momentum", []),
            weight_decay=self._recipe.weight_decay,
            momentum=self._recipe.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=self._recipe.nesterov,
            maximize=False,
            is_first_step=False,
        )

    def _adam(self, grads: Sequence[Tensor], lr: float) -> None:
        self._adaptive(torch.ops.aten._fused_adam_, grads, lr)

    def _adamw(self, grads: Sequence[Tensor], lr: float) -> None:
        self._adaptive(torch.ops.aten._fused_adamw_, grads, lr)

    def _adaptive(self, kernel: Callable[..., None], grads: Sequence[Tensor], lr: float) -> None:
        self._count.add_(1)
        kernel(
            self._params,
            grads,
            self._moments["mean"],
            self._moments["square"],
            [],
            self._counts,
            lr=lr,
            beta1=self._recipe.beta1,
            beta2=self._recipe.beta2,
            weight_decay=self._recipe.weight_decay,
            eps=self._recipe.epsilon,
            amsgrad=False,
            maximize=False,
        )

    def _adagrad(self, grads: Sequence[Tensor], lr: float) -> None:
        adagrad(
            self._params,
            list(grads),
            self._moments["square"],
            self._own_counts(),
            foreach=True,
            lr=lr,
            weight_decay=self._recipe.weight_decay,
            lr_decay=0.0,
            eps=self._recipe.epsilon,
            maximize=False,
        )

    def _rmsprop(self, grads: Sequence[Tensor], lr: float) -> None:
        rmsprop(
            self._params,
            list(grads),
            self._moments["square"],
            [],
            self._moments.get("momentum", []),
            self._own_counts(),
            foreach=True,
            lr=lr,
            alpha=self._recipe.alpha,
            eps=self._recipe.epsilon,
            weight_decay=self._recipe.weight_decay,
            momentum=self._recipe.momentum,
            centered=False,
        )

    def _own_counts(self) -> list[Tensor]:
        """As `_counts` before the update, to be added to: torch's unfused updates do."""
        counts = [count.clone() for count in self._counts]
        self._count.add_(1)
        return counts


def rate(recipe: Recipe, step: int, total: int) -> float:
    """The learning rate of the update after `step` updates, of `total`; pure in its arguments.

    `constant`: lr. `steps`: lr · decay^(milestones passed). `cosine`: lr (1 + cos(π t / T)) / 2.
    `inverse`: lr / (1 + t / decay_steps), which meets Robbins and Monro's conditions (1951). During
    warm-up this is multiplied by (t + 1) / warmup_steps.

    Args:
        recipe: names the schedule.
        step: updates made so far, in [0, total).
        total: updates of the whole training.
    """
    lr = recipe.lr
    if recipe.schedule == "steps":
        lr *= recipe.decay ** sum(step >= milestone for milestone in recipe.milestones)
    elif recipe.schedule == "cosine":
        lr *= (1 + math.cos(math.pi * step / total)) / 2
    elif recipe.schedule == "inverse":
        assert recipe.decay_steps is not None
        lr /= 1 + step / recipe.decay_steps
    if step < recipe.warmup_steps:
        lr *= (step + 1) / recipe.warmup_steps
    return lr


def _clipped(grads: Sequence[Tensor], largest: float, *, stacked: bool) -> list[Tensor]:
    """All gradients scaled by one factor so that their total norm is at most `largest`.

    Stacked ones are scaled by a factor for each network.
    """
    # Not in place: autograd may give two parameters that are added the same tensor.
    if not stacked:
        factor = torch.clamp(largest / (get_total_norm(grads) + 1e-6), max=1.0)
        return [grad * factor for grad in grads]
    norms = torch.stack([grad.flatten(1).norm(dim=1) for grad in grads]).norm(dim=0)
    factors = torch.clamp(largest / (norms + 1e-6), max=1.0)
    return [grad * factors.view(-1, *[1] * (grad.dim() - 1)) for grad in grads]
