"""The gradients of all fully connected networks of a stack at a step, in batched products.

Networks of other kinds are asked for theirs one by one, see `surfeit.train.stack.update`.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from surfeit.core import Objective, cross_entropy, hinge, squared_error
from surfeit.core import binary_cross_entropy as binary
from surfeit.train.job import Job
from surfeit.train.stack.layers import StackLayers
from surfeit.train.stack.memory import StackMemory, aligned

Slope = Callable[[Tensor, Tensor], Tensor]

_BY_EXAMPLE = (cross_entropy, squared_error, hinge, binary)


class StackedDense:
    """The gradients of fully connected ReLU networks by their closed form, all in one product.

    As `DenseGradient`, with one more axis: `H_l[s] = max(H_{l−1}[s] W_l[s]ᵀ + b_l[s], 0)` and so
    on.

    Args:
        layers: of the networks.
        objective: one whose mean loss is that of its examples, each alone.
        memory: of the stack; gradients lie under "gradient/" and the parameters' names.
    """

    def __init__(self, layers: StackLayers, objective: Objective, memory: StackMemory) -> None:
        self._slope = slope_of(objective)
        self._weights, self._biases = layers.weights, layers.biases
        self._grads = [memory.of(f"gradient/{name}.weight") for name in layers.names]
        self._of_biases = [memory.of(f"gradient/{name}.bias") for name in layers.names]
        self._places = layers.places
        # Products write whole tensors alone: those of shorter batches have memory of their own.
        self._room: dict[int, tuple[list[Tensor], list[Tensor]]] = {}

    @torch.no_grad()
    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Fills the gradients; gives the outputs [places, n, ...].

        Args:
            inputs: [places, rows, ...], as many rows as `StackLayers.rows` says, of which the
                first n count.
            targets: [places, n, ...].
        """
        fed, deltas = self._memory(inputs.shape[1])
        below = inputs.flatten(2)
        for place, (weight, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            torch.baddbmm(bias[:, None], below, weight.transpose(1, 2), out=fed[place])
            below = fed[place].relu_() if place < len(fed) - 1 else fed[place]
        outputs = below[:, : targets.shape[1]]
        delta = self._delta(outputs, targets, below)
        for place in range(len(fed) - 1, -1, -1):
            read = fed[place - 1] if place else inputs.flatten(2)
            _multiply(delta, read, self._grads[place])
            torch.sum(delta, 1, out=self._of_biases[place])
            if place:
                lower = deltas[place - 1]
                torch.bmm(delta, self._weights[place], out=lower)
                delta = torch.ops.aten.threshold_backward.grad_input(
                    lower, fed[place - 1], 0, grad_input=lower
                )
        return outputs

    def _delta(self, outputs: Tensor, targets: Tensor, below: Tensor) -> Tensor:
        """The slope in the outputs, zero in the rows that do not count."""
        slope = self._slope(outputs.flatten(0, 1), targets.flatten(0, 1)).view_as(outputs)
        slope = slope.mul_(self._places)
        if below.shape == outputs.shape:
            return slope
        delta = torch.zeros_like(below)
        delta[:, : outputs.shape[1]] = slope
        return delta

    def _memory(self, count: int) -> tuple[list[Tensor], list[Tensor]]:
        """What layers put out, and the slopes in them, for batches of so many examples."""
        if count not in self._room:
            fed = [
                weight.new_empty(len(weight), count, weight.shape[1]) for weight in self._weights
            ]
            self._room[count] = fed, [torch.empty_like(one) for one in fed[:-1]]
        return self._room[count]


def _multiply(delta: Tensor, read: Tensor, grad: Tensor) -> None:
    """`grad[s] = delta[s]ᵀ read[s]`; where a place's would not begin at a cache line, with units
    more, whose slopes are zero."""
    if grad.is_contiguous():
        torch.bmm(delta.transpose(1, 2), read, out=grad)
        return
    units = aligned(grad.shape[1], [grad.shape[2]], grad.element_size())
    wide = torch.nn.functional.pad(delta, (0, units - grad.shape[1]))
    grad.copy_(torch.bmm(wide.transpose(1, 2), read)[:, : grad.shape[1]])


def slope_of(objective: Objective) -> Slope:
    """`∂ mean loss / ∂ outputs` of each of a stack's networks, given all their examples in a row.

    The mean is over all networks' examples: times their number, a power of two, it is exactly each
    one's own.
    """
    if objective.slope is not None:
        return objective.slope

    def slope(outputs: Tensor, targets: Tensor) -> Tensor:
        leaf = outputs.detach().requires_grad_()
        with torch.enable_grad():
            loss = objective.loss(leaf, targets)
        return torch.autograd.grad(loss, leaf)[0]

    return slope


def is_closed(job: Job, names: Sequence[str]) -> bool:
    """Whether the gradients of a network of dense layers have a closed form for a whole stack.

    Its loss is the mean of the examples', each judged alone, and every step trains all of it at its
    own weights.

    Args:
        names: of its layers, see `dense_layers`.
    """
    recipe = job.recipe
    plain = not recipe.targeted_dropout and recipe.critical_share is None
    plain = plain and not recipe.weight_noise and not recipe.drop_connect
    return plain and job.objective in _BY_EXAMPLE and len(job.trained) == 2 * len(names)
