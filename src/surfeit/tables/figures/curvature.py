"""The density of a Hessian's eigenvalues, with the outliers that were found one by one."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.tables.figures.style import BLUE, SKY, VERMILLION, panels, style
from surfeit.tables.tables import column, where

_BELOW = 0.3  # of one eigenvalue's bump: what is lower is not drawn


def figure(eigenvalues: pa.Table, density: pa.Table, *, matrix: str, size: int) -> Figure:
    """The density on a logarithmic axis, two standard errors about it, and triangles at outliers.

    Args:
        eigenvalues: a row an eigenvalue that was found: `eigenvalue`, `converged`.
        density: the smoothed density at points of the axis: `eigenvalue`, `density`,
            `standard_error` over the probes.
        matrix: what it is of, in words: "Hessian".
        size: how many eigenvalues there are.
    """
    x, y = column(density, "eigenvalue"), column(density, "density")
    error = column(density, "standard_error")
    with style():
        drawing, axes = panels(1, height=3.4)
        panel = axes[0, 0]
        low = _floor(y, x, size)
        panel.fill_between(
            x,
            np.maximum(y - 2 * error, low),
            np.maximum(y + 2 * error, low),
            color=SKY,
            alpha=0.5,
            linewidth=0,
            label="two standard errors over the probes",
        )
        panel.plot(
            x,
            np.maximum(y, low),
            color=BLUE,
            label="density, smoothed over a hundredth of the range",
        )
        _outliers(panel, eigenvalues, low)
        panel.set(yscale="log", xlim=(x[0], x[-1]), ylim=(low, 3 * y.max()))
        panel.set(xlabel=f"eigenvalue of the {matrix}", ylabel="density of eigenvalues")
        panel.set_title(f"The {size:,} eigenvalues of the {matrix}")
        drawing.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawing


def _floor(density: np.ndarray, at: np.ndarray, size: int) -> float:
    """Just below the bump of a single eigenvalue, a hundredth of the range wide."""
    bump = 1 / (size * (at[-1] - at[0]) / 110 * np.sqrt(2 * np.pi))
    return float(min(_BELOW * bump, density.max() / 10))


def _outliers(axes: Axes, eigenvalues: pa.Table, low: float) -> None:
    for converged, face, label in (
        (True, VERMILLION, "found one by one"),
        (False, "white", "not converged"),
    ):
        values = column(where(eigenvalues, converged=converged), "eigenvalue")
        if len(values):
            axes.scatter(
                values,
                [1.6 * low] * len(values),
                marker="^",
                s=26,
                color=face,
                edgecolors="black",
                linewidths=0.5,
                label=label,
                zorder=4,
            )
