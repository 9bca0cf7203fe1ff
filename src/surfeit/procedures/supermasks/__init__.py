"""Untrained networks with a mask: from trained weights, learned, popped up, or constructed."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.procedures.supermasks.actions import (
        KEPT,
        REMOVED,
        Action,
        Weights,
        signed_constants,
        untrained,
    )
    from surfeit.procedures.supermasks.approximation import approximation_error
    from surfeit.procedures.supermasks.bernoulli import BernoulliMask
    from surfeit.procedures.supermasks.config import SupermaskConfig
    from surfeit.procedures.supermasks.construction import Construction, construct
    from surfeit.procedures.supermasks.criteria import (
        MASK_CRITERIA,
        large_final_same_sign,
        untrained_table,
    )
    from surfeit.procedures.supermasks.edge_popup import EdgePopup, kaiming
    from surfeit.procedures.supermasks.masked import MaskedNetwork
    from surfeit.procedures.supermasks.measured import criterion_rows, learned_rows
    from surfeit.procedures.supermasks.sampled import sampled_accuracy
    from surfeit.procedures.supermasks.table import METHODS, supermask_table
    from surfeit.procedures.supermasks.trainings import Learned, masked_job, supermask_jobs

__all__ = [
    "KEPT",
    "MASK_CRITERIA",
    "METHODS",
    "REMOVED",
    "Action",
    "BernoulliMask",
    "Construction",
    "EdgePopup",
    "Learned",
    "MaskedNetwork",
    "SupermaskConfig",
    "Weights",
    "approximation_error",
    "construct",
    "criterion_rows",
    "kaiming",
    "large_final_same_sign",
    "learned_rows",
    "masked_job",
    "sampled_accuracy",
    "signed_constants",
    "supermask_jobs",
    "supermask_table",
    "untrained",
    "untrained_table",
]

lazy_front(__name__)
