"""The loss as a function of the weights: lines between networks."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.landscape.batch_statistics import batch_statistics
    from surfeit.landscape.line import along_line, between, error_barrier

__all__ = ["along_line", "batch_statistics", "between", "error_barrier"]

lazy_front(__name__)
