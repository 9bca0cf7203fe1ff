"""Removing units: criteria, the orders they give, and accuracy against removals."""

from surfeit.prune.chain import Cut, cut_at
from surfeit.prune.criteria import (
    CRITERIA,
    Criterion,
    frame_potential,
    inner_product,
    magnitude,
    random,
    raw_frame_potential,
)
from surfeit.prune.curve import removal_curve
from surfeit.prune.orders import removal_order
from surfeit.prune.removable import removable
from surfeit.prune.table import removal_table

__all__ = [
    "CRITERIA",
    "Criterion",
    "Cut",
    "cut_at",
    "frame_potential",
    "inner_product",
    "magnitude",
    "random",
    "raw_frame_potential",
    "removable",
    "removal_curve",
    "removal_order",
    "removal_table",
]
