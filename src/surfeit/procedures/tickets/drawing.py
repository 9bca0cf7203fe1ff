"""New initial weights for a network, of the law that its own were drawn from."""

import torch
from torch import nn

from surfeit.core import Params, copied, tensors_of
from surfeit.models import Initial, initialise_
from surfeit.prune.prunable import prunable


def drawn_like(
    model: nn.Module, initial: Params, generator: torch.Generator, *, law: Initial | None
) -> Params:
    """A new network's parameters and buffers, of the law of the initial weights.

    Where those were drawn by `initialise_`, so are these. Of any other network the law is not
    known: each layer's own initial weights are dealt out anew over its places (the same law, if
    they were drawn independently), and all other tensors are the initial ones.

    Args:
        model: the network.
        initial: the dense network's parameters and buffers at step 0.
        generator: what is drawn from.
        law: that `initialise_` drew the initial weights from, or None where it did not.
    """
    if law is not None:
        drawn = tensors_of(initialise_(copied(model), generator, law))
        return {name: value.to(initial[name].dtype) for name, value in drawn.items()}
    dealt = dict(initial)
    for name in prunable(model):
        order = torch.randperm(initial[name].numel(), generator=generator)
        dealt[name] = initial[name].flatten()[order].view(initial[name].shape)
    return dealt
