"""Figures: one file each, drawn from tables and nothing else."""

from surfeit.tables.figures import (
    anatomy,
    criteria,
    curvature,
    graph,
    landscape,
    learning,
    line,
    paths,
    rank,
    removal,
    spectrum,
    tickets,
    view,
)
from surfeit.tables.figures.style import save, save_as

__all__ = [
    "anatomy",
    "criteria",
    "curvature",
    "graph",
    "landscape",
    "learning",
    "line",
    "paths",
    "rank",
    "removal",
    "save",
    "save_as",
    "spectrum",
    "tickets",
    "view",
]
