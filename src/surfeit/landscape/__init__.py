"""The loss as a function of the weights: lines between networks."""

from surfeit.landscape.batch_statistics import batch_statistics
from surfeit.landscape.line import along_line, between, error_barrier

__all__ = ["along_line", "batch_statistics", "between", "error_barrier"]
