"""All scores by name, for the command line and for loops over all of them."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeVar, cast

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from surfeit.core import unknown
from surfeit.prune.scores import magnitudes, sensitivity, units
from surfeit.prune.scores.brain_damage import obd
from surfeit.prune.scores.brain_surgeon import obs
from surfeit.prune.scores.chance import random
from surfeit.prune.scores.evidence import Score, UnitScore
from surfeit.prune.scores.flow import synflow
from surfeit.prune.scores.normalising import check_mode
from surfeit.prune.scores.options import check_damping, check_minibatch, check_temperature

Option = float | str  # of a score, by its argument's name

_Function = TypeVar("_Function", bound=Callable[..., object])

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


# Raised by hand when the same score would keep other weights or units than before.
_SEMANTICS = {"taylor": 2, "taylor_unit": 2}
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
    if name.replace("-", "_") in UNIT_SCORES and name.replace("-", "_") not in SCORES:
        raise ValueError(f"{name!r} is a score of units: it needs granularity 'unit'")
    return _named("score", name, SCORES, options)


def unit_score_named(name: str, **options: Option) -> UnitScore:
    """The score of units called `name`, with dashes or underscores.

    Args:
        name: of `UNIT_SCORES`.
        options: the score's own, see `options_of`.

    Raises:
        ValueError: as `score_named`.
    """
    return _named("unit score", name, UNIT_SCORES, options)


def options_of(score: Callable[..., object]) -> dict[str, Option | None]:
    """A score's options and what they are by default: those of its arguments that have names.

    >>> options_of(SCORES["grasp"])
    {'temperature': 1.0, 'mode': None}
    """
    found = inspect.signature(score).parameters.values()
    return {one.name: one.default for one in found if one.kind is one.KEYWORD_ONLY}


def check_options(name: str, score: Callable[..., object], options: Mapping[str, Option]) -> None:
    """Says before anything is computed which options a score would refuse.

    Raises:
        ValueError: if it has no such option (the nearest are suggested), or one is out of range.
    """
    known = options_of(score)
    for option, value in options.items():
        if option not in known:
            if not known:
                raise ValueError(f"the score {name} has no options, got {option}={value!r}")
            raise unknown(f"option of {name}", option, known)
        _CHECKS[option](value)


def score_semantics(name: str, model: nn.Module) -> int:
    """Which meaning of a score's name is in force for a network, for keys: 1 is the first.

    Args:
        name: of `SCORES` or `UNIT_SCORES`.
        model: the network; some meanings have changed for networks with normalisations alone.
    """
    normalised = any(isinstance(one, _NormBase) for one in model.modules())
    changed = _SEMANTICS | (_SEMANTICS_NORMALISED if normalised else {})
    return changed.get(name, 1)


_CHECKS: Mapping[str, Callable[[object], None]] = MappingProxyType(
    {
        "damping": check_damping,
        "minibatch": check_minibatch,
        "mode": check_mode,
        "temperature": check_temperature,
    }
)


def _named(
    kind: str, name: str, known: Mapping[str, _Function], options: Mapping[str, Option]
) -> _Function:
    found = known.get(name.replace("-", "_"))
    if found is None:
        raise unknown(kind, name, known)
    check_options(name, found, options)
    return cast("_Function", partial(found, **options)) if options else found
