"""A quantity of several trainings: a thin line a seed, and their mean."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from surfeit.tables.figures.style import Stroke


def draw_seeds(
    axes: Axes, rows: Iterable[Mapping[str, Any]], x: str, y: str, stroke: Stroke, label: str
) -> None:
    """Draws a column against another: each seed's values, and the mean where all seeds have one.

    Args:
        axes: where.
        rows: with `seed` and both columns; those without a value (None) are left out.
        x, y: the columns.
        stroke: of the mean; the seeds' lines have its colour.
        label: of the mean.
    """
    drawn = [row for row in rows if row[y] is not None]
    by_seed = {
        seed: {row[x]: row[y] for row in drawn if row["seed"] == seed}
        for seed in sorted({row["seed"] for row in drawn})
    }
    for values in by_seed.values():
        along = sorted(values)
        axes.plot(along, [values[at] for at in along], color=stroke.color, linewidth=0.6, alpha=0.5)
    shared = (
        sorted(set.intersection(*(set(values) for values in by_seed.values()))) if drawn else []
    )
    means = [np.mean([values[at] for values in by_seed.values()]) for at in shared]
    axes.plot(shared, means, label=label, **stroke.options())
