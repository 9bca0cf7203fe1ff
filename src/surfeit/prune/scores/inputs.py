"""Which layers a score that reads layers' inputs can score, and the inputs' second moments."""

import torch
from jaxtyping import Float64
from torch import Tensor

from surfeit.core import Layer, ties
from surfeit.prune.scores.evidence import Evidence
from surfeit.prune.scores.loss import all_finite, batches
from surfeit.prune.scores.network import weight_name
from surfeit.prune.scores.watching import input_rows, slices, watched


def scored_layers(evidence: Evidence, score: str) -> dict[str, Layer]:
    """The layers of all prunable parameters.

    Raises:
        ValueError: if one is no weight of a Linear or convolution layer, or of several at once.
    """
    layers = evidence.layers
    for name, tie in ties(evidence.network).items():
        if tie.to in evidence.names:
            raise ValueError(
                f"{score} looks at the inputs of one layer for each weight, but {tie.to} is "
                f"{name} too: choose a score that looks at weights or gradients"
            )
    others = sorted(set(evidence.names) - {weight_name(name) for name in layers})
    if others:
        raise ValueError(
            f"{score} scores weights of Linear and convolution layers only, not "
            f"{', '.join(others)}: leave them out of the mask"
        )
    return layers


@torch.no_grad()
def second_moments(evidence: Evidence) -> dict[str, Float64[Tensor, "groups inputs inputs"]]:
    """`Ψ = mean_n Σ_p x_np x_npᵀ` of each layer's inputs over the split, not centred.

    A convolution's inputs are its patches, summed over positions p and averaged over images n: with
    ΔW a change of the weights, `½ tr(ΔW Ψ ΔWᵀ)` is half the mean squared change of the layer's
    output. One matrix for each group of a grouped convolution.

    Raises:
        ValueError: if there is no split, a layer runs more than once or never, or its inputs or
            their squares are not finite.

    Cost: one forward pass and O(images · positions · inputs²) a layer; 8 inputs² bytes.
    """
    split = evidence.examples
    sums: dict[str, Tensor] = {}

    def see(name: str, x: Tensor, y: Tensor) -> None:
        layer = evidence.layers[name]
        for part in slices(layer, x, y):
            rows = input_rows(layer, x[part]).transpose(0, 1).flatten(1, 2)
            product = (rows.mT @ rows).double()
            sums[name] = sums[name] + product if name in sums else product

    like = next(iter(evidence.weights.values()))
    for batch in batches(split, evidence.batch_size, like):
        with watched(evidence.layers, see):
            evidence.network(batch.images)
    moments = {name: total / len(split) for name, total in sums.items()}
    return all_finite("second moments of the inputs", moments)
