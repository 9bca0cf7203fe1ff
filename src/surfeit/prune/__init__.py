"""Removing units: criteria and the orders they give."""

from surfeit.prune.criteria import (
    CRITERIA,
    Criterion,
    frame_potential,
    inner_product,
    magnitude,
    random,
    raw_frame_potential,
)
from surfeit.prune.orders import removal_order

__all__ = [
    "CRITERIA",
    "Criterion",
    "frame_potential",
    "inner_product",
    "magnitude",
    "random",
    "raw_frame_potential",
    "removal_order",
]
