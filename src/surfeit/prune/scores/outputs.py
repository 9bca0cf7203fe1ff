"""Units' outputs behind their activation, in any network whose layers run once."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from surfeit.core import Layer, Params, Split
from surfeit.prune.scores.loss import batches
from surfeit.prune.scores.watching import watched

# By name, as modules, torch.nn.functional and tensors' own methods all call them.
_ACTIVATIONS = frozenset(
    {
        *("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "celu", "selu", "gelu", "silu"),
        *("mish", "sigmoid", "logsigmoid", "tanh", "softplus", "softsign", "threshold"),
        *("tanhshrink", "hardshrink", "softshrink", "hardtanh", "hardswish", "hardsigmoid"),
        *("clamp", "clamp_min"),
    }
)
_PASSED = frozenset(
    {"batch_norm", "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"}
)


class _Following(TorchFunctionMode):
    """Follows layers' outputs through normalisation and dropout to the first activation."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: Params = {}
        # The tensors are held, lest another be born under the id of one that has gone.
        self._pending: dict[int, tuple[str, Tensor]] = {}

    def follow(self, name: str, output: Tensor) -> None:
        self.outputs[name] = output
        self._pending[id(output)] = (name, output)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").rstrip("_")
        if name not in _ACTIVATIONS and name not in _PASSED:
            return result
        operand = args[0] if args else (kwargs or {}).get("input")
        source = self._pending.get(id(operand))
        if source is not None and isinstance(result, Tensor):
            self.outputs[source[0]] = result
            if name in _PASSED:
                self._pending[id(result)] = (source[0], result)
            else:
                del self._pending[id(operand)]
        return result


@torch.no_grad()
def unit_outputs(
    network: nn.Module, layers: Mapping[str, Layer], split: Split, size: int
) -> dict[str, Float[Tensor, "images units"]]:
    """Each layer's units' outputs on each image of the split.

    They are taken behind the first elementwise activation that follows the layer, at most through
    batch normalisation and dropout; where none follows (the last layer, or a sum with a shortcut),
    as the layer or its normalisation leaves them. A convolution's outputs, and those of a Linear
    layer along a sequence, are their means over positions.
    """
    parts: dict[str, list[Tensor]] = {name: [] for name in layers}
    like = next(network.parameters())
    for batch in batches(split, size, like):
        following = _Following()

        def see(name: str, _: Tensor, output: Tensor, follow: Any = following.follow) -> None:
            follow(name, output)

        with watched(layers, see), following:
            network(batch.images)
        for name, layer in layers.items():
            parts[name].append(_mean_over_positions(layer, following.outputs[name]))
    return {name: torch.cat(values) for name, values in parts.items()}


def _mean_over_positions(layer: Layer, output: Tensor) -> Tensor:
    units_second = output.movedim(-1, 1) if isinstance(layer, nn.Linear) else output
    return units_second.reshape(len(output), units_second.shape[1], -1).mean(dim=2)
