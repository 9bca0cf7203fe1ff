"""The figures of a landscape, and what their axes are called."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from surfeit.procedures.landscape import Landscape, LandscapeConfig
from surfeit.tables.figures import landscape as figures

_RANDOM = {
    "filter": "filter-normalised",
    "layer": "layer-normalised",
    "gaussian": "Gaussian",
}


def labels_of(config: LandscapeConfig) -> tuple[str, str]:
    """What both axes are called."""
    if config.directions == "trajectory":
        return "first component", "second component"
    if config.directions == "between":
        if config.dimensions == 1:
            return "share of the way to the second run", ""
        return "towards the second run", "towards the third run"
    return "first direction", "second direction"


def kind_of(config: LandscapeConfig) -> str:
    """What the directions are, in words."""
    if config.random:
        count = "two random directions" if config.dimensions == 2 else "a random direction"
        return f"{count}, {_RANDOM[config.directions]}"
    if config.directions == "trajectory":
        return "the plane in which the training moved most, through its end"
    return "the line between two runs" if config.dimensions == 1 else "the plane through three runs"


def drawings(found: Landscape, names: Sequence[str]) -> dict[str, Figure]:
    """The figures by name: `landscape`, and `convexity` where it was measured."""
    labels = labels_of(found.config)
    drawn = {"landscape": figures.figure(found.heights, found.path, names=names, labels=labels)}
    if found.convexity.num_rows:
        drawn["convexity"] = figures.convexity_figure(found.convexity, names=names, labels=labels)
    return drawn
