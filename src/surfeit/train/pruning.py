"""Weights or units that are removed while a training goes on."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from surfeit.core import CollapseError, Objective, Split, cross_entropy, squared_error, unknown
from surfeit.models import Structure
from surfeit.prune import (
    Evidence,
    allocation_named,
    full_mask,
    prunable,
    unit_mask_from_scores,
    unit_score_named,
)
from surfeit.prune.masks import Mask
from surfeit.prune.options import Option, check_options, check_temperature, options_of
from surfeit.prune.schedules import Steps
from surfeit.prune.scores import score_named, score_semantics
from surfeit.prune.unit_selection import check_any, unit_mask_of
from surfeit.store import NEUTRAL, canonical

Granularity = Literal["weight", "unit"]


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What is removed in the course of a training, and when. A part of its run's key.

    At each moment the score is computed anew, on the weights as they then are; what is removed
    stays removed.

    >>> gradual = Pruning(moments=cubic(0.1, begin=500, end=2_000, every=100))
    >>> train(lenet_300_100, data, recipe, pruning=gradual).mask_at()

    Args:
        moments: pairs (step, density), steps rising, densities falling: after that many updates
            the network is pruned to that density. `surfeit.prune.schedules` has `cubic` (Zhu and
            Gupta 2017) and `at_step`.
        score: a name of `surfeit.prune.scores.SCORES` or, with `granularity="unit"`, of
            `surfeit.prune.unit_score_names()`: a criterion such as `fpgm`, or a greedy order such
            as `greedy_frame_potential`.
        allocation: a name of `surfeit.prune.ALLOCATIONS`: global, uniform or erk. Greedy orders
            compare units of one layer only, which global does not do.
        granularity: `weight`, or `unit`: whole units, those that are added together as one; output
            layers keep all of their own, and so do layers whose units cannot be removed
            (`Structure.why_not_removable`).
        images: training examples that gradients and activations are averaged over, drawn anew at
            each moment; scores of weights alone look at none. Taylor scores of a trained network
            are worth many: see `taylor_unit`.
        options: the score's own options by name, see `surfeit.prune.options_of`: such as
            `{"temperature": 200}` of `grasp`. Unlike elsewhere `snip` and `grasp` are by default
            taken in `training` mode, at whatever moment: the loss is that which the training
            minimises.

    Raises:
        ValueError: if a name is unknown (the nearest are suggested), an option is out of range,
            the moments are none or not in order, or a density is outside (0, 1].
    """

    moments: Steps
    score: str = "large_final"
    allocation: str = "global"
    granularity: Granularity = "weight"
    images: int = 1000
    options: Mapping[str, Option] = field(default_factory=dict, hash=False, metadata={NEUTRAL: {}})

    def __post_init__(self) -> None:
        if self.granularity not in get_args(Granularity):
            raise unknown("granularity", self.granularity, get_args(Granularity))
        function = self._function()
        object.__setattr__(self, "score", self.score.replace("-", "_"))  # one key for both
        check_options(self.score, function, self.options)
        object.__setattr__(self, "options", _own(self.options, self._defaults()))
        allocation_named(self.allocation)
        self._check_allocation()
        if isinstance(self.images, bool) or not isinstance(self.images, int) or self.images < 1:
            raise ValueError(f"images must be an integer >= 1, got {self.images!r}")
        object.__setattr__(self, "moments", tuple((s, float(d)) for s, d in self.moments))
        self._check_moments()

    def in_key(self, model: nn.Module) -> dict[str, Any]:
        """What of it goes into a run's key.

        Args:
            model: the network.
        """
        if self.granularity == "unit":
            score = unit_score_named(self.score)
            name, semantics = score.key, score.criterion.semantics
        else:
            name, semantics = self.score, score_semantics(self.score, model)
        key = canonical(self) | {"score": name}
        return key | ({"semantics": semantics} if semantics > 1 else {})

    def all_kept(self, structure: Structure, model: nn.Module) -> Mask:
        """The mask that keeps everything, of all parameters that may come to be pruned.

        Args:
            structure: of the network.
            model: the network.

        Raises:
            ValueError: if whole units are to go and the network cannot be followed, or no layer has
                units that can be removed by a mask.
        """
        if self.granularity == "weight":
            return full_mask(model)
        return unit_mask_from_scores(model, _no_unit_scores(structure), 1.0, structure=structure)

    def check(
        self,
        structure: Structure,
        model: nn.Module,
        mask: Mapping[str, Tensor],
        objective: Objective,
    ) -> None:
        """Says before a training what its first moment would refuse, whatever the scores are.

        Args:
            structure: of the network.
            model: the network.
            mask: what is kept at first, of all that may come to be pruned.
            objective: what the training minimises.

        Raises:
            ValueError: if more is to be kept than is left, no layer has units that a mask can
                remove, the score does not know the loss, or it would take a batch of one example.
        """
        if self.score == "obd" and objective not in (cross_entropy, squared_error):
            raise ValueError(
                "obd knows the curvature of cross_entropy and squared_error, the training "
                f"minimises {objective.name}: choose another score, such as taylor"
            )
        if "temperature" in self.options:
            check_temperature(self.options["temperature"], objective)
        self._check_images(model)
        if self.granularity == "unit":
            scores = _no_unit_scores(structure)
        else:
            weights = _weights(model, mask)
            scores = {name: torch.zeros(kept.shape) for name, kept in weights.items()}
        # Which layers a global allocation empties depends on the scores.
        with suppress(CollapseError):
            self._allocated(structure, model, scores, self.moments[0][1], mask)

    def choose(
        self,
        model: nn.Module,
        density: float,
        *,
        structure: Structure,
        initial: Mapping[str, Tensor],
        split: Split,
        objective: Objective,
        mask: Mask,
        generator: torch.Generator,
    ) -> Mask:
        """The mask of a moment, within the one before.

        Args:
            model: the network as it is, on the CPU.
            density: the fraction to keep of all weights or units, in (0, 1].
            structure: of the network.
            initial: the weights that the training began with.
            split: the training examples.
            objective: what the training minimises.
            mask: what is kept until now.
            generator: draws the examples, and `random`'s scores.

        Raises:
            CollapseError: if a layer would be left empty.
            ValueError: if more is to be kept than is left.
        """
        drawn = torch.randperm(len(split), generator=generator)[: self.images]
        evidence = Evidence(
            model,
            initial=initial,
            split=split[drawn],
            objective=objective,
            structure=structure,
            mask=_weights(model, mask),
            generator=generator,
        )
        options = self._defaults() | dict(self.options)
        if self.granularity == "weight":
            scores = score_named(self.score, **options)(evidence)
            return self._allocated(structure, model, scores, density, mask)
        scored = unit_score_named(self.score, **options).of(evidence)
        check_any(structure, scored)
        allocation = allocation_named(self.allocation)
        return unit_mask_of(
            model, scored, density, mask=mask, allocation=allocation, structure=structure
        )

    def _function(self) -> Callable[..., object]:
        """The function whose options the score has."""
        if self.granularity == "unit":
            return unit_score_named(self.score).criterion.options_from
        return score_named(self.score)

    def _defaults(self) -> dict[str, Any]:
        """The score's options as they are here by default."""
        found = options_of(self._function())
        return found | ({"mode": "training"} if "mode" in found else {})

    def _check_allocation(self) -> None:
        if self.granularity != "unit" or self.allocation != "global":
            return
        if unit_score_named(self.score).greedy:
            raise ValueError(
                f"{self.score} orders the units of each layer by themselves, which global compares "
                "across layers: pass allocation='uniform'"
            )

    def _check_images(self, model: nn.Module) -> None:
        mode = (self._defaults() | dict(self.options)).get("mode")
        normalised = any(isinstance(one, _BatchNorm) for one in model.modules())
        if self.images < 2 and mode == "training" and normalised:
            raise ValueError(
                f"{self.score} normalises by the statistics of a batch in training mode, and one "
                'example has none: raise images, or pass options={"mode": "evaluation"}'
            )

    def _allocated(
        self,
        structure: Structure,
        model: nn.Module,
        scores: Mapping[str, Tensor],
        density: float,
        mask: Mapping[str, Tensor],
    ) -> Mask:
        allocation = allocation_named(self.allocation)
        if self.granularity == "unit":
            return unit_mask_from_scores(
                model, scores, density, mask=mask, allocation=allocation, structure=structure
            )
        return allocation(scores, density, mask=_weights(model, mask))

    def _check_moments(self) -> None:
        if not self.moments:
            raise ValueError("moments must hold at least one pair (step, density)")
        for step, density in self.moments:
            if isinstance(step, bool) or not isinstance(step, int) or step < 0:
                raise ValueError(f"a moment's step must be an integer >= 0, got {step!r}")
            if not 0 < density <= 1:
                raise ValueError(f"density must be in (0, 1], got {density}")
        for (earlier, more), (later, less) in pairwise(self.moments):
            if later <= earlier or less > more:
                raise ValueError(
                    "moments must have rising steps and falling densities, got "
                    f"({earlier}, {more}) before ({later}, {less})"
                )


def _own(options: Mapping[str, Option], defaults: Mapping[str, Any]) -> dict[str, Option]:
    """The options that are not as by default, each in one form, so that one setting has one key."""
    typed = {
        name: float(value) if isinstance(defaults[name], float) else value
        for name, value in options.items()
    }
    return {name: value for name, value in typed.items() if value != defaults[name]}


def _weights(model: nn.Module, mask: Mapping[str, Tensor]) -> Mask:
    """The mask of layers' weights alone: what went with their units is nothing to score."""
    names = prunable(model)
    return {name: mask[name] for name in names if name in mask}


def _no_unit_scores(structure: Structure) -> dict[str, Tensor]:
    return {
        name: torch.zeros(layer.units)
        for name, layer in structure.layers.items()
        if layer.multiplies
    }
