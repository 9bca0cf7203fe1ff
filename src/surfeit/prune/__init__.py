"""Masks and removals: scores, what they keep, whole units, and accuracy against removals."""

from surfeit.prune.alive import alive_units, unit_densities, unit_density
from surfeit.prune.allocation import (
    ALLOCATIONS,
    Allocation,
    allocation_named,
    erk_mask,
    global_mask,
    layer_rates,
    layerwise_mask,
    level_densities,
    n_of_m_mask,
    uniform_mask,
)
from surfeit.prune.criteria import (
    CRITERIA,
    Criterion,
    frame_potential,
    inner_product,
    magnitude,
    random,
    raw_frame_potential,
)
from surfeit.prune.curve import RemovalCurve, outputs_without, removal_curve, removal_curves
from surfeit.prune.masks import (
    Mask,
    Overlap,
    Overlaps,
    check_alive,
    check_mask,
    check_nested,
    densities,
    density,
    full_mask,
    intersect,
    invert,
    overlap,
    prunable,
)
from surfeit.prune.orders import removal_order
from surfeit.prune.removable import removable
from surfeit.prune.removal import Removal
from surfeit.prune.schedules import at_step, cubic, iterative, one_shot
from surfeit.prune.scores import (
    SCORES,
    UNIT_SCORES,
    Evidence,
    obs_update,
    score_named,
    synflow_mask,
    unit_score_named,
)
from surfeit.prune.table import removal_table
from surfeit.prune.unit_selection import unit_mask_from_scores
from surfeit.prune.units import unit_mask

__all__ = [
    "ALLOCATIONS",
    "CRITERIA",
    "SCORES",
    "UNIT_SCORES",
    "Allocation",
    "Criterion",
    "Evidence",
    "Mask",
    "Overlap",
    "Overlaps",
    "Removal",
    "RemovalCurve",
    "alive_units",
    "allocation_named",
    "at_step",
    "check_alive",
    "check_mask",
    "check_nested",
    "cubic",
    "densities",
    "density",
    "erk_mask",
    "frame_potential",
    "full_mask",
    "global_mask",
    "inner_product",
    "intersect",
    "invert",
    "iterative",
    "layer_rates",
    "layerwise_mask",
    "level_densities",
    "magnitude",
    "n_of_m_mask",
    "obs_update",
    "one_shot",
    "outputs_without",
    "overlap",
    "prunable",
    "random",
    "raw_frame_potential",
    "removable",
    "removal_curve",
    "removal_curves",
    "removal_order",
    "removal_table",
    "score_named",
    "synflow_mask",
    "uniform_mask",
    "unit_densities",
    "unit_density",
    "unit_mask",
    "unit_mask_from_scores",
    "unit_score_named",
]
