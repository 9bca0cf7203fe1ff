"""`Structure`: what a network is, found once by running it."""

from surfeit.models.structure.calls import UnfollowableError
from surfeit.models.structure.effective import tensor
from surfeit.models.structure.groups import Group
from surfeit.models.structure.layers import (
    Layer,
    check_uncomputed,
    layer,
    layers,
    prunable,
    weight_matrix_of,
)
from surfeit.models.structure.parts import Part
from surfeit.models.structure.readers import Reader
from surfeit.models.structure.structure import Structure, unwrapped

__all__ = [
    "Group",
    "Layer",
    "Part",
    "Reader",
    "Structure",
    "UnfollowableError",
    "check_uncomputed",
    "layer",
    "layers",
    "prunable",
    "tensor",
    "unwrapped",
    "weight_matrix_of",
]
