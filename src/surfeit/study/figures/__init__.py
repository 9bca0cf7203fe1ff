"""Figures: one file each, drawn from tables and nothing else."""

from surfeit.study.figures import graph, learning, rank, removal, spectrum, tickets
from surfeit.study.figures.style import save

__all__ = ["graph", "learning", "rank", "removal", "save", "spectrum", "tickets"]
