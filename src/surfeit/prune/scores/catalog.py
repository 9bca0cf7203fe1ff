"""All scores by name, for the command line and for loops over all of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from surfeit.core import unknown
from surfeit.prune.scores import magnitudes, sensitivity, units
from surfeit.prune.scores.brain_damage import obd
from surfeit.prune.scores.brain_surgeon import obs
from surfeit.prune.scores.chance import random
from surfeit.prune.scores.evidence import Score, UnitScore
from surfeit.prune.scores.flow import synflow

_Function = TypeVar("_Function")

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
UNIT_SCORES: Mapping[str, UnitScore] = MappingProxyType(
    {
        "filter_norm": units.filter_norm,
        "frame_potential": units.frame_potential,
        "fpgm": units.fpgm,
        "activation_correlation": units.activation_correlation,
        "taylor_unit": units.taylor_unit,
        "random": units.random,
    }
)


def score_named(name: str) -> Score:
    """The score of weights called `name`, with dashes or underscores.

    Raises:
        ValueError: if there is none; the nearest names are suggested.
    """
    if name.replace("-", "_") in UNIT_SCORES and name.replace("-", "_") not in SCORES:
        raise ValueError(f"{name!r} is a score of units: it needs granularity 'unit'")
    return _named("score", name, SCORES)


def unit_score_named(name: str) -> UnitScore:
    """The score of units called `name`, with dashes or underscores.

    Raises:
        ValueError: if there is none; the nearest names are suggested.
    """
    return _named("unit score", name, UNIT_SCORES)


def _named(kind: str, name: str, known: Mapping[str, _Function]) -> _Function:
    found = known.get(name.replace("-", "_"))
    if found is None:
        raise unknown(kind, name, known)
    return found
