"""Units' outputs over a split, and whether a network takes its inputs."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Split
from surfeit.models import Structure
from surfeit.models.structure import UnitOutputs, unit_outputs
from surfeit.prune.evidence.loss import batches


def activations(
    network: nn.Module, structure: Structure, layers: Iterable[str], parts: Iterable[Split]
) -> dict[str, Float[Tensor, "examples units"]]:
    """Units' outputs by layer name, averaged over their positions: see `Evidence.activations`.

    Args:
        network: in evaluation mode.
        structure: of the network.
        layers: names; those whose units' outputs nobody reads apart are left out.
        parts: the examples, batch by batch, where the network is.

    Raises:
        ValueError: if the network cannot be followed.
    """
    names = [name for name in layers if _has_outputs(structure, name)]
    outputs: dict[str, list[Tensor]] = {name: [] for name in names}
    for part in parts:
        of_part = unit_outputs(network, names, part.inputs, structure=structure)
        for name, values in of_part.items():
            outputs[name].append(values.mean(dim=2))
    return {name: torch.cat(values) for name, values in outputs.items()}


@torch.no_grad()
def check_taken(network: nn.Module, split: Split) -> None:
    """Says so if the network does not take the split's inputs.

    Raises:
        ValueError: with the network's own error.
    """
    like = next(network.parameters())
    try:
        network(next(batches(split, 1, like)).inputs)
    except (RuntimeError, IndexError, TypeError) as error:
        shape = list(split.input_shape)
        raise ValueError(f"the model takes no input of shape {shape}: {error}") from error


def _has_outputs(structure: Structure, name: str) -> bool:
    """Whether the outputs of a layer's units can be read; the network must have been followed."""
    if structure.obstacle is not None:
        raise ValueError(structure.obstacle)
    try:
        UnitOutputs.of(structure, name)
    except ValueError:
        return False
    return True
