"""One step of a training as a probe sees it: copies, of which nothing leads back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from surfeit.core import Objective, Params, Split, call, check_kind, converted_, copied, load_
from surfeit.models.structure import layers as layers_of
from surfeit.train.state import lent_seed


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbedStep:
    """The update from `weights` to `weights + update`, and what it was made from.

    All tensors are copies on the training's device, and what is expensive is computed when it is
    asked for: `inputs` and `targets` (the batch is drawn once more), `update`, passes. Random
    numbers come from `generator` or from torch's global ones, which are lent a seed of the probe
    and the step: they are the same whenever the training is resumed.

    >>> def margin(step):
    ...     outputs = step.outputs()
    ...     best = outputs.topk(2, dim=1).values
    ...     return {"margin": float((best[:, 0] - best[:, 1]).mean())}

    Args:
        number: updates that were made before.
        epoch: passes over the data that were made before.
        rate: the learning rate of the update.
        weights: the trained parameters before the update, by name.
        buffers: all other tensors before it, frozen parameters too.
        gradient: of the loss on the batch, as the training had it: dropout, and what else the
            recipe does to a batch, are in it; weight decay, clipping and momentum are not. Of
            weights that a mask removes it is zero.
        mask: bool by name of a masked parameter, True = kept.
        after: the trained parameters after the update, by name.
        previous: the update before this one, by name, where the probe looks back; None at the
            training's first step.
        objective: what is minimised.
        split: the training examples.
        batch_size: examples of a batch, the last one of an epoch may have fewer.
        generator: a CPU generator of the probe's own for this step.
        model: the structure, without numbers.
    """

    number: int
    epoch: float
    rate: float
    weights: Params
    buffers: Params
    gradient: Params
    mask: Params
    after: Params
    previous: Params | None
    objective: Objective
    split: Split
    batch_size: int
    generator: torch.Generator
    model: nn.Module
    _drawn: Callable[[], tuple[Tensor, Tensor]] = field(repr=False)
    _seed: int = field(repr=False)
    _network: nn.Module = field(repr=False)

    @cached_property
    def update(self) -> Params:
        """What was added to the weights, by name; zero where a mask removes."""
        return {name: self.after[name] - value for name, value in self.weights.items()}

    @property
    def inputs(self) -> Tensor:
        """The batch's inputs [n, ...], augmented as they were."""
        return self._batch[0]

    @property
    def targets(self) -> Tensor:
        """The batch's targets [n, ...]."""
        return self._batch[1]

    @cached_property
    def layers(self) -> list[str]:
        """The modules that hold layers' weights, by dotted name, in the order of the network."""
        found = layers_of(self._network)
        return list(dict.fromkeys(layer.module for layer in found.values()))

    def outputs(
        self, weights: Params | None = None, inputs: Tensor | None = None, *, training: bool = True
    ) -> Tensor:
        """The network's outputs [n, ...], through which gradients flow to the weights.

        Args:
            weights: by name; those before the update if not given.
            inputs: the batch's if not given.
            training: in training mode, by the batch's own statistics and with the step's own
                dropout; or in evaluation mode.

        Cost: a forward pass.
        """
        weights = self.weights if weights is None else weights
        inputs = self.inputs if inputs is None else inputs
        own = {name: value.clone() for name, value in self.buffers.items()}
        self.model.train(training)
        with lent_seed(self._seed, inputs.device):
            outputs = call(self.model, weights | own, inputs)
        check_kind(outputs)
        return outputs

    def loss_and_gradient(
        self,
        weights: Params | None = None,
        inputs: Tensor | None = None,
        targets: Tensor | None = None,
    ) -> tuple[float, Params]:
        """The mean loss in training mode and its gradient, by name, zero where a mask removes.

        It is that of the objective on the examples as they are: weight decay is no part of it.

        Args:
            weights, inputs: as of `outputs`.
            targets: the batch's if not given.

        Cost: a forward and a backward pass.
        """
        given = self.weights if weights is None else weights
        leaves = {name: value.detach().requires_grad_() for name, value in given.items()}
        with torch.enable_grad():
            outputs = self.outputs(leaves, inputs)
            loss = self.objective.loss(outputs, self.targets if targets is None else targets)
        slopes = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
        return loss.item(), self.kept(dict(zip(leaves, slopes, strict=True)))

    def kept(self, values: Params) -> Params:
        """The values by parameter, zero where a mask removes."""
        return {n: v * self.mask[n] if n in self.mask else v for n, v in values.items()}

    def network(self) -> nn.Module:
        """A network of its own with the weights before the update, on the training's device.

        Cost: a copy of the network.
        """
        like = next(iter(self.weights.values()))
        own = converted_(converted_(copied(self._network), like.dtype), like.device)
        return load_(own, self.weights | self.buffers)

    @torch.no_grad()
    def entering(self, weights: Params | None = None) -> dict[str, Tensor]:
        """What enters each layer for the batch, by the layer's name, in training mode.

        So it is behind normalisation, activation and pooling, but of what is not run as a module
        nothing is missed: a layer's own inputs are looked at. Of a layer that is run several times
        all calls one after another.

        Args:
            weights: as of `outputs`.

        Cost: a forward pass.
        """
        taken: dict[str, list[Tensor]] = {}
        with self._listening(taken):
            self.outputs(weights)
        return {name: torch.cat(values) for name, values in taken.items() if values}

    @cached_property
    def _batch(self) -> tuple[Tensor, Tensor]:
        return self._drawn()

    @contextmanager
    def _listening(self, taken: dict[str, list[Tensor]]) -> Iterator[None]:
        def note(name: str, module: nn.Module, inputs: tuple[object, ...]) -> None:
            del module
            if inputs and isinstance(inputs[0], Tensor) and inputs[0].is_floating_point():
                taken.setdefault(name, []).append(inputs[0].detach())

        hooks = [
            self.model.get_submodule(name).register_forward_pre_hook(partial(note, name))
            for name in self.layers
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
