"""What studies and reports share: statistics with error bars, figures from tables."""

from surfeit.tables.statistics import (
    Interval,
    Mean,
    mean_interval,
    over_replicates,
    paired_interval,
    share_interval,
    wilson_interval,
)

__all__ = [
    "Interval",
    "Mean",
    "mean_interval",
    "over_replicates",
    "paired_interval",
    "share_interval",
    "wilson_interval",
]
