"""Gradients and Hessian-vector products of mean losses, with removed weights as no variables."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from surfeit.core import Params, unknown
from surfeit.prune.evidence.loss import (
    MeanLoss,
    mean_gradients,
    mean_hessian_vector_product,
    mean_squared_gradients,
)


@dataclass(frozen=True, eq=False)
class Derivatives:
    """What `Evidence` says of derivatives; gradients are kept, one for each mode and temperature.

    Args:
        weights: the prunable weights by parameter name.
        kept: bool, True where a weight is kept, by the same names.
    """

    weights: Params
    kept: Params
    _gradients: dict[tuple[tuple[str, ...], float], Params] = field(default_factory=dict)

    def gradients(self, loss: MeanLoss) -> Params:
        """As `Evidence.gradients_of`."""
        key = loss.by_batch, loss.temperature
        if key not in self._gradients:
            self._gradients[key] = self.without_removed(mean_gradients(loss, list(self.weights)))
        return self._gradients[key]

    def squared_gradients(self, loss: MeanLoss) -> Params:
        """As `Evidence.squared_gradients`, of the loss's own batches."""
        return self.without_removed(mean_squared_gradients(loss, list(self.weights)))

    def hessian_vector_product(self, v: Mapping[str, Tensor], loss: MeanLoss) -> Params:
        """As `Evidence.hessian_vector_product`."""
        for name in v:
            if name not in self.weights:
                raise unknown("prunable parameter", name, self.weights)
        for name, weight in self.weights.items():
            if name not in v or v[name].shape != weight.shape:
                given = f"got {list(v[name].shape)}" if name in v else "which is missing"
                raise ValueError(f"v needs {list(weight.shape)} for {name}, {given}")
        vector = self.without_removed({name: v[name].to(w) for name, w in self.weights.items()})
        return self.without_removed(mean_hessian_vector_product(loss, vector))

    def without_removed(self, tensors: Params) -> Params:
        """The tensors with 0 at removed weights."""
        return {name: value.masked_fill(~self.kept[name], 0) for name, value in tensors.items()}
