"""A layer's eigenvalues before and after training, with what noise alone would give."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from surfeit.tables.figures.style import BLACK, SKY, VERMILLION, WIDTH, panels, style
from surfeit.tables.tables import column, where

TITLES = {"initial": "At initialisation", "final": "After training"}
BULK_BINS = 14  # bins across the narrowest noise bulk
MOST_BINS = 120
SMALLEST = 1e-4  # of the largest eigenvalue: what lies below is named, not drawn


def figure(eigenvalues: pa.Table, density: pa.Table, bulk: pa.Table) -> Figure:
    """Counts of eigenvalues on a logarithmic axis, one panel a stage side by side, on one scale.

    The line is the count that the fitted Marchenko-Pastur density expects in each bin (density
    times bin width, so that its area is the number of eigenvalues in the bulk); triangles are the
    spikes, each at its own value.

    Args:
        eigenvalues: one row an eigenvalue and stage: `stage` ("initial" or "final"), `eigenvalue`,
            `spike` (above the noise).
        density: the fitted density at points: `stage`, `eigenvalue`, `density` (integrates to 1).
        bulk: one row a stage: `stage`, `lower` and `upper` end of the noise, `threshold` that a
            spike must pass, `bulk`, how many eigenvalues the noise has.

    Raises:
        ValueError: if no eigenvalue is positive.
    """
    values = column(eigenvalues, "eigenvalue")
    if not (values > 0).any():
        raise ValueError("a spectrum needs at least one positive eigenvalue")
    stages = [stage for stage in TITLES if stage in set(eigenvalues["stage"].to_pylist())]
    edges = _bins(values, bulk)
    with style():
        drawing, axes = panels(len(stages), height=3.3)
        drawing.set_figwidth(WIDTH / 2 * len(stages))
        for panel, stage in zip(axes[0], stages, strict=True):
            _histogram(panel, _of(eigenvalues, stage), _shifted(edges, _of(bulk, stage)))
            _noise(panel, _of(density, stage), _of(bulk, stage), edges)
            _spikes(panel, _of(eigenvalues, stage), _of(bulk, stage))
            panel.set(ylabel="eigenvalues", xscale="log", xlim=(edges[0], edges[-1]))
            panel.set_title(f"{TITLES[stage]}:\n{_words(_of(eigenvalues, stage), edges[0])}")
            panel.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
            panel.xaxis.set_major_locator(LogLocator(subs=_ticks(edges)))
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.set_xlabel("eigenvalue of W Wᵀ (logarithmic axis)")
        highest = max(panel.get_ylim()[1] for panel in axes[0])
        for panel in axes[0]:
            panel.set_ylim(0, highest)
        handles, labels = axes[0, -1].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=2 * len(stages))
    return drawing


def _bins(values: np.ndarray, bulk: pa.Table) -> np.ndarray:
    largest = values.max()
    smallest = values[values > SMALLEST * largest].min()
    ends = [largest * 1.6, *(1.1 * value for value in bulk["threshold"].to_pylist())]
    # A hard edge at zero has no place on a logarithmic axis: three decades of the bulk are shown.
    lowers = [
        max(lower, upper * 1e-3)
        for lower, upper in zip(bulk["lower"].to_pylist(), bulk["upper"].to_pylist(), strict=True)
    ]
    start, stop = np.log(min(smallest, *lowers, ends[0]) * 0.8), np.log(max(ends))
    widths = [
        np.log(upper / lower) / BULK_BINS
        for lower, upper in zip(lowers, bulk["upper"].to_pylist(), strict=True)
        if upper > lower
    ]
    wanted = (stop - start) / min(widths, default=(stop - start) / 40)
    return np.exp(np.linspace(start, stop, int(np.clip(wanted, 20, MOST_BINS)) + 1))


def _shifted(edges: np.ndarray, bulk: pa.Table) -> np.ndarray:
    """The bins moved until one begins at the threshold, so that no bar lies on both its sides."""
    logs, threshold = np.log(edges), bulk["threshold"][0].as_py()
    width = logs[1] - logs[0]
    if threshold <= 0:
        return edges
    start = logs[0] + (np.log(threshold) - logs[0]) % width - width
    return np.exp(start + width * np.arange(len(edges) + 1))


def _histogram(axes: Axes, rows: pa.Table, edges: np.ndarray) -> None:
    values = column(rows, "eigenvalue")
    counts, _ = np.histogram(values, bins=edges)
    axes.bar(
        edges[:-1],
        counts,
        width=np.diff(edges),
        align="edge",
        color=SKY,
        edgecolor="white",
        linewidth=0.3,
        label="eigenvalues",
    )
    axes.set_ylim(0, max(1, counts.max()) * 1.15)


def _noise(axes: Axes, density: pa.Table, bulk: pa.Table, edges: np.ndarray) -> None:
    if density.num_rows == 0:
        return
    x = column(density, "eigenvalue")
    y = column(density, "density")
    order = np.argsort(x)
    x, y = x[order], y[order]
    expected = bulk["bulk"][0].as_py() * y * x * np.log(edges[1] / edges[0])
    axes.plot(x, expected, color=BLACK, linewidth=1.6, label="expected of pure noise")


def _spikes(axes: Axes, rows: pa.Table, bulk: pa.Table) -> None:
    spikes = rows.filter(rows["spike"])["eigenvalue"].to_pylist()
    height = axes.get_ylim()[1]
    axes.scatter(
        spikes,
        [0.09 * height] * len(spikes),
        marker="v",
        s=22,
        color=VERMILLION,
        edgecolors="black",
        linewidths=0.5,
        label="spikes",
        clip_on=False,
        zorder=4,
    )
    for threshold in bulk["threshold"].to_pylist():
        axes.axvline(
            threshold, color=BLACK, linewidth=0.9, linestyle="--", label="a spike must pass this"
        )


def _ticks(edges: np.ndarray) -> tuple[float, ...]:
    decades = np.log10(edges[-1] / edges[0])
    return (1,) if decades > 4 else (1, 3) if decades > 2 else (1, 2, 5)


def _words(rows: pa.Table, smallest: float) -> str:
    text = f"{sum(rows['spike'].to_pylist())} of {rows.num_rows} above the noise"
    below = sum(value < smallest for value in rows["eigenvalue"].to_pylist())
    return f"{text}, {below} below {smallest:.1g} not shown" if below else text


def _of(table: pa.Table, stage: str) -> pa.Table:
    return where(table, stage=stage)
