"""What a ticket looks like: where its weights lie, how far they travel, which signs they change."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.prune.anatomy.distributions import count_table, distance_table
    from surfeit.prune.anatomy.selection import further_by_selection
    from surfeit.prune.anatomy.spread import OVER, Spread, kept_counts, null_counts, spread
    from surfeit.prune.anatomy.table import QUANTITIES, anatomy_table
    from surfeit.prune.anatomy.travel import SignChanges, Travel, distances, sign_changes, travel

__all__ = [
    "OVER",
    "QUANTITIES",
    "SignChanges",
    "Spread",
    "Travel",
    "anatomy_table",
    "count_table",
    "distance_table",
    "distances",
    "further_by_selection",
    "kept_counts",
    "null_counts",
    "sign_changes",
    "spread",
    "travel",
]

lazy_front(__name__)
