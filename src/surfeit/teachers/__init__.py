"""Students that learn online from a noisy teacher: exact errors, where they end, who matches."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.teachers.activations import (
        ACTIVATIONS,
        ERF,
        LINEAR,
        RELU,
        Activation,
        activation_named,
    )
    from surfeit.teachers.networks import Networks, drawn_networks
    from surfeit.teachers.online import Lessons, learn_online
    from surfeit.teachers.overlaps import (
        Overlaps,
        error_of_zero,
        generalisation_error,
        overlaps_of,
    )
    from surfeit.teachers.specialisation import (
        found_units,
        lucky_shares,
        lucky_units,
        matches,
        specialists,
    )
    from surfeit.teachers.stationary import first_order_error, linear_error, shared_error

__all__ = [
    "ACTIVATIONS",
    "ERF",
    "LINEAR",
    "RELU",
    "Activation",
    "Lessons",
    "Networks",
    "Overlaps",
    "activation_named",
    "drawn_networks",
    "error_of_zero",
    "first_order_error",
    "found_units",
    "generalisation_error",
    "learn_online",
    "linear_error",
    "lucky_shares",
    "lucky_units",
    "matches",
    "overlaps_of",
    "shared_error",
    "specialists",
]

lazy_front(__name__)
