"""Where a curve falls to a level for good."""

import math
from collections.abc import Sequence
from itertools import pairwise


def crossing(places: Sequence[float], values: Sequence[float], level: float) -> float:
    """The place from which on the values are at most a level, straight between the places.

    Between the last place i whose value is above it and the next one j it is

        x = x_i + (x_j − x_i) (y_i − level) / (y_i − y_j)

    >>> crossing([1, 2, 3], [0.3, 0.2, 0.0], 0.1)
    2.5

    Args:
        places: ascending; their logarithms, where the curve is straight over those.
        values: one a place; one that is missing (NaN) counts as above the level.
        level: the largest value that is low enough.

    Returns:
        the place; NaN if the last value is above the level, or none is.

    Raises:
        ValueError: if there are not as many values as places, or places do not ascend.
    """
    ascend = all(one < other for one, other in pairwise(places))
    if len(places) != len(values) or not ascend:
        raise ValueError(
            f"a crossing needs a value for each of ascending places, got {len(values)} values at "
            f"{list(places)}"
        )
    above = [at for at, value in enumerate(values) if not value <= level]
    if not above or above[-1] == len(places) - 1:
        return math.nan
    at = above[-1]
    share = (values[at] - level) / (values[at] - values[at + 1])
    return places[at] + (places[at + 1] - places[at]) * share
