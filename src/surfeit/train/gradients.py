"""A network's outputs, and its loss's gradient: for any network, and faster for dense ones.

Gradients are called alike, `gradient(params, buffers, inputs, targets, outputs) -> gradients`: they
write the batch's outputs into `outputs` and return the gradients of the objective's mean loss in
the order of the parameters. What is no parameter to train stands among the buffers. Outputs in
evaluation mode are `forward(tensors, inputs) -> outputs`.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Objective, Params, call, check_kind, outputs_of, own_parameters
from surfeit.models import describe, is_rebuildable

Gradient = Callable[[Params, Params, Tensor, Tensor, Tensor], Sequence[Tensor]]
Forward = Callable[[Params, Tensor], Tensor]

_ROWS = 250  # their hidden layers stay in a core's cache


def gradient_of(
    model: nn.Module, objective: Objective, params: Params, outputs: Tensor
) -> Gradient:
    """The fastest gradient for a network, the same up to rounding.

    Args:
        model: the network, in training mode when the gradient is called.
        objective: whose mean loss is differentiated.
        params: the parameters to train, for shapes, dtype and device.
        outputs: [n, ...], room for the outputs of the largest batch that will come.
    """
    names = dense_layers(model)
    # With more axes a first layer without a Flatten is applied along the last one.
    closed = outputs.dim() == 2 and objective.slope is not None
    if names is not None and closed and len(params) == 2 * len(names):
        return DenseGradient(names, objective, params, len(outputs))
    return autograd_gradient(model, objective)


def forward_of(model: nn.Module, outputs: Tensor) -> Forward:
    """The fastest forward pass in evaluation mode, the same as `outputs_of` up to rounding.

    Args:
        model: the network's structure; its own weights are not used.
        outputs: [n, ...], some of its outputs, for their shape and device.
    """
    names = dense_layers(model)
    # With more axes a first layer without a Flatten is applied along the last one. An accelerator
    # wants larger parts.
    if names is None or outputs.dim() != 2 or outputs.device.type != "cpu":
        return partial(outputs_of, model)
    return DenseForward(names)


def autograd_gradient(model: nn.Module, objective: Objective) -> Gradient:
    """The gradient of any network by automatic differentiation; buffers change in place."""

    def gradient(
        params: Params, buffers: Params, inputs: Tensor, targets: Tensor, outputs: Tensor
    ) -> Sequence[Tensor]:
        leaves = {name: value.detach().requires_grad_() for name, value in params.items()}
        with torch.enable_grad():
            found = call(model, leaves | buffers, inputs)
            check_kind(found)
            if found.shape != outputs.shape:  # copied, it would be repeated until it fits
                raise ValueError(
                    f"the network gives outputs of shape {list(found.shape)} in training mode and "
                    f"{list(outputs.shape)} in evaluation mode: give the same in both"
                )
            loss = objective.loss(found, targets)
        outputs.copy_(found.detach())
        # A parameter that takes no part in the loss has the gradient zero.
        grads = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
        # The fused updates read a gradient as it lies in memory, whatever its strides say.
        return [grad.contiguous() for grad in grads]

    return gradient


def dense_layers(model: nn.Module) -> list[str] | None:
    """The layers' names if the network is `[Flatten] Linear (ReLU Linear)*` with biases."""
    if type(model) is not nn.Sequential or not is_rebuildable(describe(model)):
        return None
    # named_children leaves out the second place of a module, as that of a last ReLU.
    parts = [(name, part) for name, part in model._modules.items() if part is not None]
    if parts and describe(parts[0][1]) == describe(nn.Flatten()):
        parts = parts[1:]
    kinds = [type(part) for _, part in parts]
    expected = [nn.Linear if place % 2 == 0 else nn.ReLU for place in range(len(kinds))]
    linear = [(name, part) for name, part in parts if isinstance(part, nn.Linear)]
    if kinds != expected or len(kinds) % 2 == 0 or any(p.bias is None for _, p in linear):
        return None
    if len(own_parameters(model)) < 2 * len(linear):  # layers share their weights
        return None
    return [name for name, _ in linear]


class DenseForward:
    """The outputs of a fully connected ReLU network, in parts whose hidden layers are reused.

    Beside `outputs_of` on LeNet-300-100 it takes a tenth less time: inputs are not copied, and the
    hidden layers of each part overwrite those of the last.

    Args:
        names: the layers' names, first to last.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = _weights_and_biases(names)

    @torch.no_grad()
    def __call__(
        self, tensors: Params, inputs: Float[Tensor, "n *shape"]
    ) -> Float[Tensor, "n outputs"]:
        """The outputs of these weights and biases.

        Cost: one forward pass, in parts of 250 inputs.
        """
        hidden = [
            inputs.new_empty(min(_ROWS, len(inputs)), len(tensors[weight]))
            for weight, _ in self._names[:-1]
        ]
        outputs = inputs.new_empty(len(inputs), len(tensors[self._names[-1][0]]))
        parts = zip(inputs.flatten(1).split(_ROWS), outputs.split(_ROWS), strict=True)
        for part, found in parts:
            fed = [part, *(layer[: len(part)] for layer in hidden)]
            _feed(tensors, self._names, fed, found)
        return outputs


class DenseGradient:
    """The gradient of a fully connected ReLU network, by its closed form, into reused memory.

    `H_0 = X`, `A_l = H_{l−1} W_lᵀ + b_l`, `H_l = max(A_l, 0)`; with `D_L` the slope of the mean
    loss in the outputs `A_L` (`(softmax(A_L) − Y) / n` of cross-entropy, `2 (A_L − Y) / n` of the
    squared error) and `D_l = (D_{l+1} W_{l+1}) ∘ [A_l > 0]`: `∂W_l = D_lᵀ H_{l−1}`, `∂b_l = Σ D_l`.

    A step of LeNet-300-100 on one core spends four fifths of its time in these products; autograd's
    bookkeeping and fresh memory for every gradient would take another seventh.

    Args:
        names: the layers' names, first to last.
        objective: one whose slope has a closed form.
        params: the network's parameters, for shapes, dtype and device.
        batch_size: the largest batch that will come.
    """

    def __init__(
        self, names: Sequence[str], objective: Objective, params: Params, batch_size: int
    ) -> None:
        assert objective.slope is not None
        self._slope = objective.slope
        self._names = _weights_and_biases(names)
        self._grads = {name: torch.empty_like(value) for name, value in params.items()}
        self._ordered = tuple(self._grads.values())
        first = params[self._names[0][0]]
        units = [len(params[weight]) for weight, _ in self._names[:-1]]
        self._hidden = [first.new_empty(batch_size, count) for count in units]
        self._deltas = [first.new_empty(batch_size, count) for count in units]

    @torch.no_grad()
    def __call__(
        self,
        params: Params,
        buffers: Params,
        inputs: Float[Tensor, "n *shape"],
        targets: Tensor,
        outputs: Float[Tensor, "n outputs"],
    ) -> Sequence[Tensor]:
        """The gradients, in memory that the next call overwrites; what is put out, in `outputs`."""
        count = len(inputs)
        fed = [inputs.flatten(1), *(hidden[:count] for hidden in self._hidden)]
        _feed(params, self._names, fed, outputs)
        delta = self._slope(outputs, targets)
        for place in range(len(self._names) - 1, -1, -1):
            weight, bias = self._names[place]
            torch.mm(delta.T, fed[place], out=self._grads[weight])
            torch.sum(delta, 0, out=self._grads[bias])
            if place:
                below = self._deltas[place - 1][:count]
                torch.mm(delta, params[weight], out=below)
                delta = torch.ops.aten.threshold_backward.grad_input(
                    below, fed[place], 0, grad_input=below
                )
        return self._ordered


def _weights_and_biases(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(f"{name}.weight", f"{name}.bias") for name in names]


def _feed(
    params: Params, names: Sequence[tuple[str, str]], fed: Sequence[Tensor], outputs: Tensor
) -> None:
    """Writes what each layer is fed with, after the first, and the last one's outputs."""
    for place, (weight, bias) in enumerate(names[:-1]):
        torch.addmm(params[bias], fed[place], params[weight].T, out=fed[place + 1]).relu_()
    weight, bias = names[-1]
    torch.addmm(params[bias], fed[-1], params[weight].T, out=outputs)
