"""Statistics over replicates: estimates with intervals, tests, and what many comparisons cost."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.tables.statistics.area import (
        Curve,
        area_between,
        common_range,
        mean_gap,
        mean_gaps,
    )
    from surfeit.tables.statistics.bootstrap import bootstrap_interval
    from surfeit.tables.statistics.censored import Orders, Stops, difference_bounds, stop_orders
    from surfeit.tables.statistics.crossing import crossing
    from surfeit.tables.statistics.equivalence import Equivalence, equivalence_test
    from surfeit.tables.statistics.intervals import (
        Interval,
        Mean,
        mean_interval,
        mean_test,
        over_replicates,
    )
    from surfeit.tables.statistics.many import holm, shared_confidence, simultaneous_intervals
    from surfeit.tables.statistics.permutation import sign_flip_test, sign_test
    from surfeit.tables.statistics.prediction import prediction_interval, prediction_test
    from surfeit.tables.statistics.proportions import (
        counted_interval,
        difference_interval,
        exact_interval,
        paired_interval,
        share_interval,
        wilson_interval,
    )
    from surfeit.tables.statistics.rank import (
        RankCorrelation,
        rank_correlation,
        rank_correlation_over_replicates,
    )
    from surfeit.tables.statistics.words import digits_for, figure_in_words, range_in_words

__all__ = [
    "Curve",
    "Equivalence",
    "Interval",
    "Mean",
    "Orders",
    "RankCorrelation",
    "Stops",
    "area_between",
    "bootstrap_interval",
    "common_range",
    "counted_interval",
    "crossing",
    "difference_bounds",
    "difference_interval",
    "digits_for",
    "equivalence_test",
    "exact_interval",
    "figure_in_words",
    "holm",
    "mean_gap",
    "mean_gaps",
    "mean_interval",
    "mean_test",
    "over_replicates",
    "paired_interval",
    "prediction_interval",
    "prediction_test",
    "range_in_words",
    "rank_correlation",
    "rank_correlation_over_replicates",
    "share_interval",
    "shared_confidence",
    "sign_flip_test",
    "sign_test",
    "simultaneous_intervals",
    "stop_orders",
    "wilson_interval",
]

lazy_front(__name__)
