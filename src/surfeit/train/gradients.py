"""The loss's gradient on a batch: by autograd for any network, in closed form for dense ones.

Both are called alike, `gradient(params, buffers, images, labels, logits) -> gradients`: they write
the batch's outputs into `logits` and return the gradients of the mean cross-entropy in the order
of the parameters.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from surfeit.core import Params, call, own_parameters
from surfeit.models import describe, is_rebuildable

Gradient = Callable[[Params, Params, Tensor, Tensor, Tensor], Sequence[Tensor]]


def gradient_of(model: nn.Module, params: Params, batch_size: int) -> Gradient:
    """The fastest gradient for a network, the same up to rounding.

    Args:
        model: the network, in training mode when the gradient is called.
        params: its parameters, for shapes, dtype and device.
        batch_size: the largest batch that will come.
    """
    names = dense_layers(model)
    if names is not None:
        return DenseGradient(names, params, batch_size)
    return autograd_gradient(model)


def autograd_gradient(model: nn.Module) -> Gradient:
    """The gradient of any network by automatic differentiation; buffers change in place."""

    def gradient(
        params: Params, buffers: Params, images: Tensor, labels: Tensor, logits: Tensor
    ) -> Sequence[Tensor]:
        leaves = {name: value.detach().requires_grad_() for name, value in params.items()}
        with torch.enable_grad():
            outputs = call(model, leaves | buffers, images)
            loss = F.cross_entropy(outputs, labels)
        logits.copy_(outputs.detach())
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


class DenseGradient:
    """The gradient of a fully connected ReLU network, by its closed form, into reused memory.

    `H_0 = X`, `A_l = H_{l−1} W_lᵀ + b_l`, `H_l = max(A_l, 0)`; with `D_L = (softmax(A_L) − Y) / n`
    and `D_l = (D_{l+1} W_{l+1}) ∘ [A_l > 0]`: `∂W_l = D_lᵀ H_{l−1}`, `∂b_l = Σ D_l`.

    A step of LeNet-300-100 on one core spends four fifths of its time in these products; autograd's
    bookkeeping and fresh memory for every gradient would take another seventh.

    Args:
        names: the layers' names, first to last.
        params: the network's parameters, for shapes, dtype and device.
        batch_size: the largest batch that will come.
    """

    def __init__(self, names: Sequence[str], params: Params, batch_size: int) -> None:
        self._names = [(f"{name}.weight", f"{name}.bias") for name in names]
        self._grads = {name: torch.empty_like(value) for name, value in params.items()}
        self._ordered = tuple(self._grads.values())
        first = params[self._names[0][0]]
        units = [len(params[weight]) for weight, _ in self._names[:-1]]
        self._hidden = [first.new_empty(batch_size, count) for count in units]
        self._deltas = [first.new_empty(batch_size, count) for count in units]
        self._minus = first.new_full((batch_size, 1), -1.0)

    @torch.no_grad()
    def __call__(
        self,
        params: Params,
        buffers: Params,
        images: Float[Tensor, "n channels height width"],
        labels: Int64[Tensor, " n"],
        logits: Float[Tensor, "n classes"],
    ) -> Sequence[Tensor]:
        """The gradients, in memory that the next call overwrites; the outputs go into `logits`."""
        count = len(images)
        inputs = [images.flatten(1), *(hidden[:count] for hidden in self._hidden)]
        for place, (weight, bias) in enumerate(self._names[:-1]):
            above = inputs[place + 1]
            torch.addmm(params[bias], inputs[place], params[weight].T, out=above).relu_()
        weight, bias = self._names[-1]
        torch.addmm(params[bias], inputs[-1], params[weight].T, out=logits)
        delta = torch.softmax(logits, 1)
        delta.scatter_add_(1, labels[:, None], self._minus[:count]).div_(count)
        for place in range(len(self._names) - 1, -1, -1):
            weight, bias = self._names[place]
            torch.mm(delta.T, inputs[place], out=self._grads[weight])
            torch.sum(delta, 0, out=self._grads[bias])
            if place:
                below = self._deltas[place - 1][:count]
                torch.mm(delta, params[weight], out=below)
                delta = torch.ops.aten.threshold_backward.grad_input(
                    below, inputs[place], 0, grad_input=below
                )
        return self._ordered
