"""Linear models fitted by least squares: solutions, exact risks, random features, descent."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.least_squares.descent import (
        condition_number,
        descent_steps,
        limiting_condition_number,
        limiting_descent_steps,
    )
    from surfeit.least_squares.draws import (
        bias_and_variance,
        random_feature_error,
        weak_feature_errors,
    )
    from surfeit.least_squares.features import FEATURES, RandomFeatures
    from surfeit.least_squares.linear_risks import (
        Risk,
        ridge_risk,
        ridgeless_risk,
        weak_feature_quantile,
        weak_feature_risk,
    )
    from surfeit.least_squares.momentum import contraction, momentum_losses
    from surfeit.least_squares.random_feature_risk import random_feature_risk
    from surfeit.least_squares.sgd import (
        best_rate,
        critical_batch,
        expected_losses,
        noise_floor,
        simulated_losses,
    )
    from surfeit.least_squares.shrinkage import (
        penalised_share,
        penalty_of_steps,
        soft_threshold,
        sparse_solution,
        stopped_share,
    )
    from surfeit.least_squares.solution import minimum_norm
    from surfeit.least_squares.widths import Fit, check_fits, check_widths, fits_by_width

__all__ = [
    "FEATURES",
    "Fit",
    "RandomFeatures",
    "Risk",
    "best_rate",
    "bias_and_variance",
    "check_fits",
    "check_widths",
    "condition_number",
    "contraction",
    "critical_batch",
    "descent_steps",
    "expected_losses",
    "fits_by_width",
    "limiting_condition_number",
    "limiting_descent_steps",
    "minimum_norm",
    "momentum_losses",
    "noise_floor",
    "penalised_share",
    "penalty_of_steps",
    "random_feature_error",
    "random_feature_risk",
    "ridge_risk",
    "ridgeless_risk",
    "simulated_losses",
    "soft_threshold",
    "sparse_solution",
    "stopped_share",
    "weak_feature_errors",
    "weak_feature_quantile",
    "weak_feature_risk",
]

lazy_front(__name__)
