"""All scores of weights by name, for the command line and for loops over all of them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from surfeit.core import unknown
from surfeit.core.catalog import Catalog

if TYPE_CHECKING:
    from torch import nn

    from surfeit.core import Params
    from surfeit.prune.options import Option

Score = Callable[..., "Params"]
"""A function of evidence, and of options by name, that gives tensors like the weights."""

_ENTRIES: dict[str, Score | str] = {
    "large_final": "surfeit.prune.scores.magnitudes:large_final",
    "small_final": "surfeit.prune.scores.magnitudes:small_final",
    "large_init": "surfeit.prune.scores.magnitudes:large_init",
    "small_init": "surfeit.prune.scores.magnitudes:small_init",
    "large_init_large_final": "surfeit.prune.scores.magnitudes:large_init_large_final",
    "small_init_small_final": "surfeit.prune.scores.magnitudes:small_init_small_final",
    "magnitude_increase": "surfeit.prune.scores.magnitudes:magnitude_increase",
    "movement": "surfeit.prune.scores.magnitudes:movement",
    "random": "surfeit.prune.scores.chance:random",
    "snip": "surfeit.prune.scores.sensitivity:snip",
    "grasp": "surfeit.prune.scores.sensitivity:grasp",
    "synflow": "surfeit.prune.scores.flow:synflow",
    "taylor": "surfeit.prune.scores.sensitivity:taylor",
    "obd": "surfeit.prune.scores.brain_damage:obd",
    "obs": "surfeit.prune.scores.brain_surgeon:obs",
}
SCORES: Mapping[str, Score] = Catalog(_ENTRIES)
"""All scores of weights by name."""

# Raised by hand when the same score would keep other weights than before.
_SEMANTICS = {"taylor": 2}
# The same, where the network has batch or instance normalisations.
_SEMANTICS_NORMALISED = {"snip": 2, "grasp": 2}


def score_named(name: str, **options: "Option") -> Score:
    """The score of weights called `name`, with dashes or underscores.

    >>> score_named("grasp", temperature=200)(evidence)

    Args:
        name: of `SCORES`.
        options: the score's own, see `options_of`.

    Raises:
        ValueError: if there is none, or it has no such option; the nearest names are suggested.
    """
    from surfeit.prune.options import check_options
    from surfeit.prune.unit_scores import unit_score_names

    key = name.replace("-", "_")
    if key not in SCORES:
        if key in unit_score_names():
            raise ValueError(f"{name!r} is a score of units: it needs granularity 'unit'")
        raise unknown("score", name, SCORES)
    check_options(name, SCORES[key], options)
    return partial(SCORES[key], **options) if options else SCORES[key]


def score_semantics(name: str, model: "nn.Module") -> int:
    """Which meaning of a score's name is in force for a network, for keys: 1 is the first.

    Args:
        name: of `SCORES`.
        model: the network; some meanings have changed for networks with normalisations alone.
    """
    from torch.nn.modules.batchnorm import _NormBase

    normalised = any(isinstance(one, _NormBase) for one in model.modules())
    changed = _SEMANTICS | (_SEMANTICS_NORMALISED if normalised else {})
    return changed.get(name, 1)
