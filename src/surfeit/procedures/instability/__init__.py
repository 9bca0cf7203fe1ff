"""Instability: do two trainings that part at a step end in one basin?"""

from surfeit.procedures.instability.barriers import STABLE, barriers
from surfeit.procedures.instability.measure import (
    InstabilityConfig,
    instability_lines,
    lines_from,
)

__all__ = ["STABLE", "InstabilityConfig", "barriers", "instability_lines", "lines_from"]
