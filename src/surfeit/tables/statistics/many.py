"""Many comparisons at once: what each must reach so that all together err no more than one."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from surfeit.tables.statistics.intervals import Mean, over_replicates
from surfeit.tables.statistics.samples import checked_confidence

Name = TypeVar("Name", bound=Hashable)


def shared_confidence(comparisons: int, confidence: float = 0.95) -> float:
    """The confidence of each of several intervals that all cover with `confidence` together.

    `1 − (1 − confidence) / comparisons`, whether they depend on each other or not.

    Raises:
        ValueError: if there is less than one comparison or the confidence is not in (0, 1).

    Source: Bonferroni; Dunn 1961.
    """
    if comparisons < 1 or comparisons != int(comparisons):
        raise ValueError(f"comparisons must be a whole number of at least 1, got {comparisons}")
    return 1 - (1 - checked_confidence(confidence)) / comparisons


def simultaneous_intervals(
    values: Mapping[Name, ArrayLike], *, confidence: float = 0.95
) -> dict[Name, Mean]:
    """The mean of each sample with its interval, wide enough that all cover together.

    Args:
        values: samples by name, as of `over_replicates`; each counts as a comparison, those
            without an interval included.
        confidence: of all intervals together, in (0, 1).

    Raises:
        ValueError: if there is no sample, and as `over_replicates`.
    """
    each = shared_confidence(len(values), confidence)
    return {name: over_replicates(sample, confidence=each) for name, sample in values.items()}


def holm(p_values: ArrayLike) -> np.ndarray:
    """p-values adjusted so that rejecting all below α errs anywhere at most with probability α.

    The k-th smallest of m becomes `max over j ≤ k of min(1, (m − j + 1) p_j)`: never more than
    Bonferroni's `m p`, whether the tests depend on each other or not.

    Args:
        p_values: [m] in [0, 1], at least one.

    Returns:
        [m], in the order given.

    Raises:
        ValueError: if there is none or one is not in [0, 1].

    Source: Holm 1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or len(p) == 0 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p-values must be [m] numbers in [0, 1], got {p.tolist()}")
    order = np.argsort(p)
    steps = p[order] * (len(p) - np.arange(len(p)))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
