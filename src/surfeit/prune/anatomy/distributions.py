"""The whole distributions behind the anatomy's numbers, as tables that a figure can draw."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from torch import Tensor

from surfeit.core import unknown
from surfeit.prune.anatomy.spread import OVER, Over, kept_counts, null_counts
from surfeit.prune.anatomy.table import layer_name
from surfeit.prune.anatomy.travel import distances

COUNTS = pa.schema(
    [
        ("layer", pa.string()),
        ("over", pa.string()),
        ("kept", pa.int64()),
        ("observed", pa.int64()),
        ("expected", pa.float64()),
    ]
)
DISTANCES = pa.schema(
    [
        ("layer", pa.string()),
        ("of", pa.string()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("share", pa.float64()),
    ]
)


def count_table(mask: Mapping[str, Tensor]) -> pa.Table:
    """How many units and inputs keep 0, 1, 2, ... weights, and how many by chance.

    Args:
        mask: bool tensors by parameter name, True = kept; those of one dimension are left out.

    Returns:
        rows `layer, over ("units" or "inputs"), kept, observed, expected` up to the largest number
        kept or expected (fewer than 1e-6 groups beyond it): `observed` groups keep exactly `kept`
        weights, `expected` do by the hypergeometric null of `spread`.

    Raises:
        ValueError: as `kept_counts`.

    Cost: O(N) and O(c) for each layer with `c` weights a group.
    """
    parts = [
        _counts(layer_name(name), kept, over)
        for name, kept in mask.items()
        if kept.dim() > 1
        for over in OVER
    ]
    return pa.concat_tables(parts) if parts else COUNTS.empty_table()


def distance_table(
    mask: Mapping[str, Tensor],
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    *,
    bins: int = 60,
) -> pa.Table:
    """Histograms of how far kept and other weights travelled between two snapshots.

    Args:
        mask: bool tensors by parameter name, True = kept.
        before, after: weights by parameter name; others may be among them.
        bins: equal ones from 0 to the layer's largest distance, at least 1.

    Returns:
        rows `layer, of ("kept" or "others"), lower, upper, share`: the share of those weights
        whose distance, in initial standard deviations, lies in [lower, upper).

    Raises:
        ValueError: if a parameter is missing or bins is below 1, or as `distances`.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    parts = []
    for name, kept in mask.items():
        for weights in (before, after):
            if name not in weights:
                raise unknown("weights of the masked parameter", name, weights)
        moved = distances(before[name], after[name])
        edges = np.linspace(0, max(float(moved.max()), 1e-12), bins + 1)
        for of, chosen in (("kept", kept), ("others", ~kept)):
            values = moved[chosen].numpy(force=True)
            if len(values):
                counts, _ = np.histogram(values, bins=edges)
                columns = [layer_name(name)] * bins, [of] * bins, edges[:-1], edges[1:]
                arrays = (*columns, counts / len(values))
                parts.append(pa.table(dict(zip(DISTANCES.names, arrays, strict=True)), DISTANCES))
    return pa.concat_tables(parts) if parts else DISTANCES.empty_table()


def _counts(layer: str, mask: Tensor, over: Over) -> pa.Table:
    counts = kept_counts(mask, over=over).numpy(force=True)
    groups, size = len(counts), mask.numel() // len(counts)
    expected = groups * null_counts(groups, size, int(counts.sum()))
    beyond = expected[::-1].cumsum()[::-1] >= 1e-6
    most = max(int(counts.max()), int(np.flatnonzero(beyond).max(initial=0)))
    observed = np.bincount(counts, minlength=most + 1)
    columns = {
        "layer": [layer] * (most + 1),
        "over": [over] * (most + 1),
        "kept": np.arange(most + 1),
        "observed": observed,
        "expected": expected[: most + 1],
    }
    return pa.table(columns, COUNTS)
