"""Scores: what a weight or a unit is worth keeping for. Larger = kept.

A score is a function `Evidence -> {parameter name: tensor like the weight}`, a unit score (module
`units`) `Evidence -> {layer name: [units]}`; all are float64 and finite. Options have names and
defaults. `SCORES` and `UNIT_SCORES` hold them by name.
"""

from surfeit.prune.scores.brain_damage import gauss_newton_diagonal, obd
from surfeit.prune.scores.brain_surgeon import obs, obs_update
from surfeit.prune.scores.catalog import (
    SCORES,
    UNIT_SCORES,
    Option,
    check_options,
    options_of,
    score_named,
    score_semantics,
    unit_score_named,
)
from surfeit.prune.scores.chance import random
from surfeit.prune.scores.evidence import Evidence, Score, UnitScore
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
from surfeit.prune.scores.normalising import Mode
from surfeit.prune.scores.options import check_temperature
from surfeit.prune.scores.sensitivity import grasp, snip, taylor

__all__ = [
    "SCORES",
    "UNIT_SCORES",
    "Evidence",
    "Mode",
    "Option",
    "Score",
    "UnitScore",
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
    "unit_score_named",
]
