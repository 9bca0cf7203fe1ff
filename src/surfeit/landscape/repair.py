"""Repair of interpolated networks: each unit's mean and spread as they are between the ends."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from surfeit.core import Params, copied, ties
from surfeit.landscape.batch_statistics import batch_statistics, gathered
from surfeit.landscape.line import between, check_fit
from surfeit.models import Structure
from surfeit.models.structure import Layer


@dataclass(frozen=True, eq=False)
class Moments:
    """What a layer's units give before their activation, over examples and positions.

    Args:
        mean, std: of each unit.
    """

    mean: Float[Tensor, " units"]
    std: Float[Tensor, " units"]


@torch.no_grad()
def repair(
    model: nn.Module,
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    inputs: Shaped[Tensor, "n *shape"],
) -> Callable[[float], Params]:
    """The path between two networks on which no unit's activity collapses.

    At `t` the network is `(1 − t) first + t second`, and then each unit's pre-activation `z` is
    rescaled and shifted to mean `(1 − t) m₁ + t m₂` and standard deviation `(1 − t) s₁ + t s₂`,
    those of the ends. Layer by layer, what comes later seeing what came before repaired, it is
    folded into the unit's weights and bias:

    `w ← w s / σ`, `b ← (b − μ) s / σ + m`.

    Units that pass a batch normalisation are left to its statistics, which are computed anew and
    do the same. Output layers are left as they are, as is a unit that never changes (`σ = 0`) but
    for its mean. Both ends are the networks themselves.

    Args:
        model: the network's structure.
        first, second: parameters and buffers by name, the second matched to the first.
        inputs: training examples, at least 2.

    Returns:
        from t in [0, 1] to parameters and buffers.

    Raises:
        ValueError: if the ends fit neither each other nor the model, there are fewer than two
            inputs, the network cannot be followed, or a layer to be repaired has no bias, is run
            more than once, shares its weight or computes it.

    Source: Jordan et al. 2023 ("REPAIR"), section 3. As there, statistics are those of batches
    (of 1,000, averaged), each normalised by its own meanwhile. Cost: two passes over the inputs,
    and one for each t; with batch normalisation two.
    """
    for end in (first, second):
        check_fit(model, end)
    if len(inputs) < 2:
        raise ValueError(f"repair needs at least 2 inputs, got {len(inputs)}")
    structure = Structure.of(model, inputs[:1])
    layers = _repaired_layers(structure, model)
    network = copied(model).eval()
    ends = [_moments(network, end, layers, inputs) for end in (first, second)]

    def at(t: float) -> Params:
        tensors = between(first, second, t)
        if t in (0, 1):
            return tensors
        wanted = {
            name: Moments(
                torch.lerp(ends[0][name].mean, ends[1][name].mean, t),
                torch.lerp(ends[0][name].std, ends[1][name].std, t),
            )
            for name in layers
        }
        with torch.no_grad():
            found = _moments(network, tensors, layers, inputs, wanted)
            tensors |= _folded(tensors, layers, found, wanted)
            return tensors | batch_statistics(network, tensors, inputs)

    return at


def _repaired_layers(structure: Structure, model: nn.Module) -> dict[str, Layer]:
    """The hidden layers without a batch normalisation behind them."""
    outputs, tied = structure.outputs, {tie.to for tie in ties(model).values()} | ties(model).keys()
    found = {}
    for name, layer in structure.layers.items():
        kinds = ("linear", "convolution", "transposed convolution")
        if name in outputs or layer.kind not in kinds or not structure.calls(name):
            continue
        if structure.normalisations(name):
            continue
        shared = [part.tensor for part in layer.weights if part.tensor in tied]
        for lacks, why in (
            (not layer.biases, "has no bias to fold a mean into, and no batch normalisation"),
            (structure.calls(name) > 1, "is run more than once"),
            (shared, "shares its weight with another one"),
            (layer.computed, "computes its weight from other parameters"),
        ):
            if lacks:
                raise ValueError(f"layer {layer.label} cannot be repaired: it {why}")
        found[name] = layer
    return found


def _moments(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    layers: Mapping[str, Layer],
    inputs: Tensor,
    wanted: Mapping[str, Moments] | None = None,
) -> dict[str, Moments]:
    """The units' moments, averaged over batches; with wanted ones each layer is given these."""
    sums: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in layers}
    with _watched(network, layers, sums, wanted):
        gathered(network, tensors, inputs)
    averaged = {}
    for name, pairs in sums.items():
        means, variances = zip(*pairs, strict=True)
        averaged[name] = Moments(torch.stack(means).mean(0), torch.stack(variances).mean(0).sqrt())
    return averaged


@contextmanager
def _watched(
    network: nn.Module,
    layers: Mapping[str, Layer],
    sums: Mapping[str, list[tuple[Tensor, Tensor]]],
    wanted: Mapping[str, Moments] | None,
) -> Iterator[None]:
    """Notes what layers give, and changes it to the wanted moments on the way."""
    handles = []
    for name, layer in layers.items():
        axis = -1 if layer.kind == "linear" else 1

        def note(
            _: nn.Module, __: object, output: Tensor, name: str = name, axis: int = axis
        ) -> Tensor | None:
            flat = output.movedim(axis, 0).flatten(1)
            mean, variance = flat.mean(1), flat.var(1, correction=0)
            sums[name].append((mean, variance))
            if wanted is None:
                return None
            here = Moments(mean, variance.sqrt())
            scale, shift = _change(here, wanted[name])
            sides = [1] * output.dim()
            sides[axis] = -1
            return output * scale.view(sides) + shift.view(sides)

        handles.append(network.get_submodule(layer.module).register_forward_hook(note))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _change(here: Moments, wanted: Moments) -> tuple[Tensor, Tensor]:
    """The factor and the summand that take one's moments to another's."""
    scale = torch.where(here.std > 0, wanted.std / here.std, 1.0)
    return scale, wanted.mean - here.mean * scale


def _folded(
    tensors: Mapping[str, Tensor],
    layers: Mapping[str, Layer],
    found: Mapping[str, Moments],
    wanted: Mapping[str, Moments],
) -> Params:
    folded: Params = {}
    for name, layer in layers.items():
        scale, shift = _change(found[name], wanted[name])
        (weight,), (bias,) = layer.weights, layer.biases
        value = tensors[weight.tensor]
        owners = weight.owners(value.shape).to(value.device)
        folded[weight.tensor] = value * scale[owners]
        folded[bias.tensor] = tensors[bias.tensor] * scale + shift
    return folded
