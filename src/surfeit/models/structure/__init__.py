"""`Structure`: what a network is, found once by running it."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
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
    from surfeit.models.structure.outputs import UnitOutputs, unit_outputs
    from surfeit.models.structure.parts import Part
    from surfeit.models.structure.readers import Reader
    from surfeit.models.structure.record import (
        COMPUTED,
        computed_tensors,
        layer_records,
        recorded_matrix,
        stored_names,
    )
    from surfeit.models.structure.statistics import check_examples_apart
    from surfeit.models.structure.structure import Structure

__all__ = [
    "COMPUTED",
    "Group",
    "Layer",
    "Part",
    "Reader",
    "Structure",
    "UnfollowableError",
    "UnitOutputs",
    "check_examples_apart",
    "check_uncomputed",
    "computed_tensors",
    "layer",
    "layer_records",
    "layers",
    "prunable",
    "recorded_matrix",
    "stored_names",
    "tensor",
    "unit_outputs",
    "weight_matrix_of",
]

lazy_front(__name__)
