"""Capacity: norms of weights and of what training added to them; margins, and the widest one."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.capacity.margins import hard_margin, logistic_descent, logistic_flow, margins
    from surfeit.capacity.measures import (
        MEASURES,
        frobenius,
        max_l1,
        parameter_count,
        spectral_frobenius,
        spectral_l12,
        unit_wise,
    )
    from surfeit.capacity.norms import mixed_norm, spectral_norm
    from surfeit.capacity.two_layer import TwoLayer, unit_capacity, unit_impact

__all__ = [
    "MEASURES",
    "TwoLayer",
    "frobenius",
    "hard_margin",
    "logistic_descent",
    "logistic_flow",
    "margins",
    "max_l1",
    "mixed_norm",
    "parameter_count",
    "spectral_frobenius",
    "spectral_l12",
    "spectral_norm",
    "unit_capacity",
    "unit_impact",
    "unit_wise",
]

lazy_front(__name__)
