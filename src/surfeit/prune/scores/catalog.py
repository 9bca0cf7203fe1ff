"""All scores of weights by name, for the command line and for loops over all of them."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from surfeit.core import Params, unknown
from surfeit.prune.options import Option, check_options
from surfeit.prune.scores import magnitudes, sensitivity
from surfeit.prune.scores.brain_damage import obd
from surfeit.prune.scores.brain_surgeon import obs
from surfeit.prune.scores.chance import random
from surfeit.prune.scores.flow import synflow
from surfeit.prune.unit_scores import unit_score_names

Score = Callable[..., Params]
"""A function of evidence, and of options by name, that gives tensors like the weights."""

SCORES: Mapping[str, Score] = MappingProxyType(
    {
        "large_final": magnitudes.large_final,
        "small_final": magnitudes.small_final,
        "large_init": magnitudes.large_init,
        "small_init": magnitudes.small_init,
        "large_init_large_final": magnitudes.large_init_large_final,
        "small_init_small_final": magnitudes.small_init_small_final,
        "magnitude_increase": magnitudes.magnitude_increase,
        "movement": magnitudes.movement,
        "random": random,
        "snip": sensitivity.snip,
        "grasp": sensitivity.grasp,
        "synflow": synflow,
        "taylor": sensitivity.taylor,
        "obd": obd,
        "obs": obs,
    }
)

# Raised by hand when the same score would keep other weights than before.
_SEMANTICS = {"taylor": 2}
# The same, where the network has batch or instance normalisations.
_SEMANTICS_NORMALISED = {"snip": 2, "grasp": 2}


def score_named(name: str, **options: Option) -> Score:
    """The score of weights called `name`, with dashes or underscores.

    >>> score_named("grasp", temperature=200)(evidence)

    Args:
        name: of `SCORES`.
        options: the score's own, see `options_of`.

    Raises:
        ValueError: if there is none, or it has no such option; the nearest names are suggested.
    """
    key = name.replace("-", "_")
    if key not in SCORES:
        if key in unit_score_names():
            raise ValueError(f"{name!r} is a score of units: it needs granularity 'unit'")
        raise unknown("score", name, SCORES)
    check_options(name, SCORES[key], options)
    return partial(SCORES[key], **options) if options else SCORES[key]


def score_semantics(name: str, model: nn.Module) -> int:
    """Which meaning of a score's name is in force for a network, for keys: 1 is the first.

    Args:
        name: of `SCORES`.
        model: the network; some meanings have changed for networks with normalisations alone.
    """
    normalised = any(isinstance(one, _NormBase) for one in model.modules())
    changed = _SEMANTICS | (_SEMANTICS_NORMALISED if normalised else {})
    return changed.get(name, 1)
