"""Scores of weights: what a weight is worth keeping for. Larger = kept.

A score is a function `Evidence -> {parameter name: tensor like the weight}`, float64 and finite.
Options have names and defaults. `SCORES` holds them by name. Units are judged by criteria: see
`surfeit.prune.criteria` and `surfeit.prune.unit_scores`.
"""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.prune.evidence import Evidence
    from surfeit.prune.options import Mode, Option, check_options, check_temperature, options_of
    from surfeit.prune.scores.brain_damage import gauss_newton_diagonal, obd
    from surfeit.prune.scores.brain_surgeon import obs, obs_update
    from surfeit.prune.scores.catalog import (
        SCORES,
        Score,
        score_named,
        score_semantics,
    )
    from surfeit.prune.scores.chance import random
    from surfeit.prune.scores.flow import synflow, synflow_mask
    from surfeit.prune.scores.magnitudes import (
        large_final,
        large_init,
        large_init_large_final,
        magnitude_increase,
        movement,
        small_final,
        small_init,
        small_init_small_final,
    )
    from surfeit.prune.scores.sensitivity import grasp, snip, taylor

__all__ = [
    "SCORES",
    "Evidence",
    "Mode",
    "Option",
    "Score",
    "check_options",
    "check_temperature",
    "gauss_newton_diagonal",
    "grasp",
    "large_final",
    "large_init",
    "large_init_large_final",
    "magnitude_increase",
    "movement",
    "obd",
    "obs",
    "obs_update",
    "options_of",
    "random",
    "score_named",
    "score_semantics",
    "small_final",
    "small_init",
    "small_init_small_final",
    "snip",
    "synflow",
    "synflow_mask",
    "taylor",
]

lazy_front(__name__)
