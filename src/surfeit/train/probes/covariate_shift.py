"""The probe `covariate_shift`: how much an update changes what layers get, in two senses."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from surfeit.core import Params
from surfeit.train.probes.lengths import cosine, difference, norm
from surfeit.train.probes.probe import Probe
from surfeit.train.probes.step import ProbedStep


def _look(step: ProbedStep) -> Iterator[dict[str, Any]]:
    """For each layer i, with θ before and θ' after the update, on the same batch:

    `mean_shift = √mean_u (m'_u − m_u)²` and `deviation_shift = √mean_u (s'_u − s_u)²` over what
    enters the layer, by input u (channel): the shift of moments; both also `relative`, over
    `√mean_u s_u²`. `gradient_shift = ‖G_i − G'_i‖` and `gradient_cosine = cos(G_i, G'_i)`, with
    `G_i` the gradient of layer i at θ and `G'_i` that once all layers before i have been updated
    and the others not.
    """
    before, after = step.entering(), step.entering(step.after)
    _, gradient = step.loss_and_gradient()
    owners = _owners(step)
    for place, layer in enumerate(step.layers):
        own = [name for name, owner in owners.items() if owner == place]
        if not own:
            continue
        yield {"layer": layer, **_of_moments(before.get(layer), after.get(layer))} | _of_gradient(
            step, gradient, owners, place
        )


def _owners(step: ProbedStep) -> dict[str, int]:
    """By parameter the place of the layer that it belongs to.

    That of a normalisation or an activation goes with the layer before it, in the order of the
    network's modules.
    """
    places = {name: place for place, name in enumerate(step.layers)}
    owners, current = {}, 0
    for name in step.weights:
        current = places.get(name.rpartition(".")[0], current)
        owners[name] = current
    return owners


def _of_moments(before: Tensor | None, after: Tensor | None) -> dict[str, float | None]:
    if before is None or after is None:
        names = ("mean_shift", "deviation_shift", "relative_mean", "relative_deviation")
        return dict.fromkeys(names)
    (mean, deviation), (mean_after, deviation_after) = _by_input(before), _by_input(after)
    scale = _root_mean_square(deviation)
    shift = _root_mean_square(mean_after - mean)
    spread = _root_mean_square(deviation_after - deviation)
    return {
        "mean_shift": shift,
        "deviation_shift": spread,
        "relative_mean": shift / scale if scale else None,
        "relative_deviation": spread / scale if scale else None,
    }


def _by_input(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel, over examples and positions, in float64."""
    channels = values.double().transpose(0, 1).flatten(1) if values.dim() > 2 else values.double().T
    return channels.mean(1), channels.var(1, unbiased=False).sqrt()


def _root_mean_square(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def _of_gradient(
    step: ProbedStep, gradient: Params, owners: dict[str, int], place: int
) -> dict[str, float | None]:
    mixed = {
        name: step.after[name] if owners[name] < place else value
        for name, value in step.weights.items()
    }
    _, shifted = step.loss_and_gradient(mixed)
    own = [name for name, owner in owners.items() if owner == place]
    one, other = ({name: found[name] for name in own} for found in (gradient, shifted))
    length = norm(one)
    change = norm(difference(one, other))
    return {
        "gradient_shift": change,
        "relative_gradient": change / length if length else None,
        "gradient_cosine": cosine(one, other),
    }


covariate_shift = Probe(
    name="covariate_shift",
    look=_look,
    words="a row a layer: how an update changes the mean and the deviation of what enters it, and "
    "how the update of the layers before changes its gradient (Santurkar 2018, definition 2.1)",
)
"""Internal covariate shift in both senses: of moments (Ioffe and Szegedy 2015) and of gradients.

Layers come in the order in which the network registers them. Cost: for L layers L + 1 forward and
backward passes of a batch, and two forward passes.
"""
