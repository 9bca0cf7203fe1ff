"""Which layers a score that reads layers' inputs can score, and the inputs' second moments."""

import torch
from jaxtyping import Float64
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from surfeit.core import ties
from surfeit.models.structure import Layer
from surfeit.prune.evidence import Evidence
from surfeit.prune.evidence.loss import all_finite, batches
from surfeit.prune.scores.watching import Module, input_rows, slices, watched


def scored_layers(evidence: Evidence, score: str) -> dict[str, Module]:
    """The modules of all prunable parameters, by their layers' names.

    Raises:
        ValueError: if one is no weight of a Linear or convolution layer, of several at once, or of
            a layer that computes something else than its type does.
    """
    for name, tie in ties(evidence.network).items():
        if tie.to in evidence.names:
            raise ValueError(
                f"{score} looks at the inputs of one layer for each weight, but {tie.to} is "
                f"{name} too: choose a score that looks at weights or gradients"
            )
    modules = {name: _module(evidence, layer, score) for name, layer in evidence.layers.items()}
    held = {weight_of(layer) for layer in evidence.layers.values()}
    others = sorted(set(evidence.names) - held)
    if others:
        raise ValueError(
            f"{score} scores weights of Linear and convolution layers only, not "
            f"{', '.join(others)}: leave them out of the mask"
        )
    return modules


def weight_of(layer: Layer) -> str:
    """The name of the weight of a Linear or convolution layer."""
    return layer.weights[0].tensor


def _module(evidence: Evidence, layer: Layer, score: str) -> Module:
    module, path = evidence.network.get_submodule(layer.module), layer.module
    inside = path.rpartition(".")[2] == "out_proj" and isinstance(
        evidence.network.get_submodule(path.rpartition(".")[0]), nn.MultiheadAttention
    )
    if layer.kind not in ("linear", "convolution") or inside:
        kind = "a projection of attention" if inside else type(module).__name__
        raise ValueError(
            f"{score} reads the inputs of Linear and convolution layers, not those of layer "
            f"{layer.label} ({kind}): choose a score that looks at weights or gradients, such as "
            "taylor"
        )
    if not evidence.followed.plain(layer.name):
        raise ValueError(
            f"layer {layer.label} has a forward pass or hooks of its own, so that {score} does not "
            "know what its weight is multiplied with: choose a score that looks at weights or "
            "gradients, such as taylor"
        )
    assert isinstance(module, nn.Linear | _ConvNd)
    return module


@torch.no_grad()
def second_moments(evidence: Evidence) -> dict[str, Float64[Tensor, "groups inputs inputs"]]:
    """`Ψ = mean_n Σ_p x_np x_npᵀ` of each layer's inputs over the split, not centred.

    Summed over positions p (a convolution's patches) and averaged over examples n: with ΔW a change
    of the weights, `½ tr(ΔW Ψ ΔWᵀ)` is half the mean squared change of the layer's output. One
    matrix for each group of a grouped convolution.

    Raises:
        ValueError: if there is no split, a layer runs more than once or never, or its inputs or
            their squares are not finite.

    Cost: one forward pass and O(examples · positions · inputs²) a layer; 8 inputs² bytes.
    """
    split = evidence.examples
    modules = scored_layers(evidence, "this score")
    sums: dict[str, Tensor] = {}

    def see(name: str, x: Tensor, y: Tensor) -> None:
        layer = modules[name]
        for part in slices(layer, x, y):
            rows = input_rows(layer, x[part]).transpose(0, 1).flatten(1, 2)
            product = (rows.mT @ rows).double()
            sums[name] = sums[name] + product if name in sums else product

    like = next(iter(evidence.weights.values()))
    for batch in batches(split, evidence.batch_size, like):
        with watched(modules, see):
            evidence.network(batch.inputs)
    moments = {name: total / len(split) for name, total in sums.items()}
    return all_finite("second moments of the inputs", moments)
