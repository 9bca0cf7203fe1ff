"""What studies and reports share: statistics with error bars, figures from tables."""

from surfeit.study.statistics import (
    Interval,
    mean_interval,
    paired_interval,
    share_interval,
    wilson_interval,
)

__all__ = ["Interval", "mean_interval", "paired_interval", "share_interval", "wilson_interval"]
