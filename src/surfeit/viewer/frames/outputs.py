"""A sample of what a layer's units answer: of some examples, at some positions."""

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import Split, Streams
from surfeit.models import Structure
from surfeit.models.structure import UnitOutputs, unit_outputs
from surfeit.viewer.timelines.networks import Network

EXAMPLES = 512
_POSITIONS = 8
_CHUNK = 64
_NAMED = 3  # layers of a group that a note names


@torch.no_grad()
def sampled_outputs(
    network: Network, layer: str, examples: Split
) -> tuple[Float[Tensor, "units outputs"], str | None]:
    """The outputs of a layer's units, one row a unit, and what is to be said of them.

    These are `surfeit.models.structure.unit_outputs`; where a unit has many positions, 8 of each
    example are taken, the same for all units.

    Args:
        network: the network, followed.
        layer: the layer's name.
        examples: the first 512 are taken.

    Returns:
        float32 or float64 [units, examples · positions], and a sentence or None.

    Raises:
        ValueError: if there is no such layer, its units are not seen, or the network does not take
            the examples.
    """
    note = output_note(network.structure, layer)
    parts = []
    for part in network.takes(examples.inputs[:EXAMPLES]).split(_CHUNK):
        found = unit_outputs(network.model, [layer], part, structure=network.structure)
        parts.append(_some_positions(found[layer]))
    return torch.cat(parts).permute(1, 0, 2).flatten(1), note


def output_note(structure: Structure, layer: str) -> str | None:
    """Where outputs are taken, a sentence, if not behind all that follows the layer."""
    if UnitOutputs.of(structure, layer).entering or layer in structure.outputs:
        return None
    group = structure.group(layer)
    if group is None:
        return "outputs are shown as the layer leaves them: no one layer reads them"
    return (
        "outputs are shown as the layer leaves them, before they are added to or multiplied with "
        f"those of {others_of(structure, layer)}"
    )


def others_of(structure: Structure, layer: str) -> str:
    """The other layers of a group in words."""
    others = [repr(name) for name in structure.members(layer) if name != layer]
    return listed(others) if others else "itself"


def listed(names: list[str]) -> str:
    """Names in words, a long list cut."""
    if len(names) <= _NAMED + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} others"


def _some_positions(outputs: Float[Tensor, "n units positions"]) -> Tensor:
    positions = outputs.shape[2]
    if positions <= _POSITIONS:
        return outputs
    generator = Streams(0).get("viewer", "positions")
    return outputs[:, :, torch.randperm(positions, generator=generator)[:_POSITIONS].sort().values]
