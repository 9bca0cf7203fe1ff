"""Masks and removals: scores, what they keep, whole units, and accuracy against removals."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
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
    from surfeit.prune.can_go import (
        CanGo,
        can_go_of_layer,
        can_go_of_table,
        competing_criteria,
        curves_of_table,
        estimated_removable,
        units_that_can_go,
    )
    from surfeit.prune.can_go_words import can_go_briefly, can_go_sentence
    from surfeit.prune.certainty import Bounds, examples_needed, possible_loss, removal_bounds
    from surfeit.prune.criteria import (
        CRITERIA,
        Criterion,
        activation_correlation,
        criterion_named,
        fpgm,
        frame_potential,
        inner_product,
        magnitude,
        random,
        raw_frame_potential,
        taylor_unit,
        usual_criteria,
    )
    from surfeit.prune.curve import outputs_without, removal_curve, removal_curves
    from surfeit.prune.evidence import Evidence
    from surfeit.prune.masks import (
        Coverage,
        Mask,
        Overlap,
        Overlaps,
        check_alive,
        check_mask,
        check_nested,
        coverage,
        densities,
        density,
        full_mask,
        intersect,
        invert,
        overlap,
        prunable,
    )
    from surfeit.prune.orders import contributions, order_by, removal_order
    from surfeit.prune.removable import (
        accepted_rise,
        explained_variance,
        removable,
        removable_by_loss,
    )
    from surfeit.prune.removal import Removal
    from surfeit.prune.schedules import at_step, cubic, iterative, one_shot
    from surfeit.prune.scores import (
        SCORES,
        obs_update,
        score_named,
        synflow_mask,
    )
    from surfeit.prune.table import removal_table, scoring_examples
    from surfeit.prune.tally import RemovalCurve
    from surfeit.prune.together import Gone, WithoutTogether
    from surfeit.prune.trial import RemovalTrial, removal_trial
    from surfeit.prune.unit_scores import UNIT_SCORES, UnitScore, unit_score_named, unit_score_names
    from surfeit.prune.unit_selection import unit_mask_from_scores
    from surfeit.prune.units import unit_mask

__all__ = [
    "ALLOCATIONS",
    "CRITERIA",
    "SCORES",
    "UNIT_SCORES",
    "Allocation",
    "Bounds",
    "CanGo",
    "Coverage",
    "Criterion",
    "Evidence",
    "Gone",
    "Mask",
    "Overlap",
    "Overlaps",
    "Removal",
    "RemovalCurve",
    "RemovalTrial",
    "UnitScore",
    "WithoutTogether",
    "accepted_rise",
    "activation_correlation",
    "alive_units",
    "allocation_named",
    "at_step",
    "can_go_briefly",
    "can_go_of_layer",
    "can_go_of_table",
    "can_go_sentence",
    "check_alive",
    "check_mask",
    "check_nested",
    "competing_criteria",
    "contributions",
    "coverage",
    "criterion_named",
    "cubic",
    "curves_of_table",
    "densities",
    "density",
    "erk_mask",
    "estimated_removable",
    "examples_needed",
    "explained_variance",
    "fpgm",
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
    "order_by",
    "outputs_without",
    "overlap",
    "possible_loss",
    "prunable",
    "random",
    "raw_frame_potential",
    "removable",
    "removable_by_loss",
    "removal_bounds",
    "removal_curve",
    "removal_curves",
    "removal_order",
    "removal_table",
    "removal_trial",
    "score_named",
    "scoring_examples",
    "synflow_mask",
    "taylor_unit",
    "uniform_mask",
    "unit_densities",
    "unit_density",
    "unit_mask",
    "unit_mask_from_scores",
    "unit_score_named",
    "unit_score_names",
    "units_that_can_go",
    "usual_criteria",
]

lazy_front(__name__)
