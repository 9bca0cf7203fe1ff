"""An estimate with its standard error."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A mean over independent probes.

    Args:
        value: the mean, and whatever is known exactly.
        standard_error: the probes' standard deviation over the root of their number; 0 where the
            value is exact.
        probes: how many they were.
    """

    value: float
    standard_error: float
    probes: int

    @staticmethod
    def of(samples: Sequence[float] | np.ndarray, exact: float = 0.0) -> "Estimate":
        """`exact` plus the mean of two or more samples; `exact` alone where there are none."""
        values = np.asarray(samples, dtype=float)
        if len(values) == 0:
            return Estimate(exact, 0.0, 0)
        error = float(values.std(ddof=1)) / math.sqrt(len(values))
        return Estimate(exact + float(values.mean()), error, len(values))

    @property
    def root(self) -> "Estimate":
        """The square root, its error to first order; of what chance made negative, 0."""
        value = math.sqrt(max(self.value, 0.0))
        if value == 0:
            return Estimate(0.0, math.sqrt(self.standard_error), self.probes)
        return Estimate(value, self.standard_error / (2 * value), self.probes)
