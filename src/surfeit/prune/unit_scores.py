"""Criteria as scores of units, larger = kept: of all units at once, or in a greedy order.

What prunes whole units while training, and structured tickets, names one of these. `NAME` is the
criterion of that name with all units there; `greedy_NAME`, of a criterion of pairs, is the order of
`removal_order`: contributions are taken anew whenever a unit has gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float64
from torch import Tensor

from surfeit.core import unknown
from surfeit.prune.criteria import CRITERIA, Criterion, OfEvidence, criterion_named
from surfeit.prune.criteria.catalog import GREEDY
from surfeit.prune.evidence import Evidence
from surfeit.prune.options import Option, check_options
from surfeit.prune.orders import contributions, order_by
from surfeit.prune.removal import Removal
from surfeit.prune.unit_selection import Scored, maskings, pooled_scores
from surfeit.prune.units import Masking

UNIT_SCORES: Mapping[str, OfEvidence] = {name: one.scores for name, one in CRITERIA.items()}
"""What each criterion says of all units at once: functions of evidence, by name."""


@dataclass(frozen=True, kw_only=True)
class UnitScore:
    """A criterion, and how units are scored by it.

    Args:
        criterion: the criterion.
        greedy: whether scores are places in the criterion's removal order, the last to go largest;
            such places compare units of one layer only.
        options: the criterion's own, by name.
    """

    criterion: Criterion
    greedy: bool = False
    options: Mapping[str, Option] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name that stands in keys: a former one where there is one."""
        name = self.criterion.former or self.criterion.name
        return f"{GREEDY}{self.criterion.name}" if self.greedy else name

    def of(
        self, evidence: Evidence, chosen: Mapping[str, Masking] | None = None
    ) -> dict[str, Scored]:
        """The scores of units that can go, by the first layer of each group.

        Args:
            evidence: of the network as it is, with what the criterion looks at.
            chosen: the units to score, by first layer; all that have scores if None.

        Raises:
            ValueError: if chosen units have no scores, or as the criterion and
                `surfeit.prune.unit_selection.maskings`.
        """
        if self.greedy:
            chosen = maskings(evidence.followed, evidence.unit_layers) if chosen is None else chosen
            return {
                name: Scored(own, self._places(own.removal, evidence))
                for name, own in chosen.items()
            }
        scores = self.criterion.scores(evidence, **self.options)
        chosen = maskings(evidence.followed, scores) if chosen is None else chosen
        return {
            name: Scored(own, pooled_scores(own.removal, scores)) for name, own in chosen.items()
        }

    def _places(self, removal: Removal, evidence: Evidence) -> Float64[Tensor, " units"]:
        """Each unit's place in the removal order: weights that a mask removed are zero."""
        order = order_by(contributions(self.criterion, removal, evidence.network)).cpu()
        places = torch.empty(len(order), dtype=torch.float64)
        places[order] = torch.arange(len(order), dtype=torch.float64)
        return places


def unit_score_names() -> list[str]:
    """The names of all scores of units: those of criteria, former ones, and greedy orders."""
    former = [one.former for one in CRITERIA.values() if one.former is not None]
    greedy = [GREEDY + name for name, one in CRITERIA.items() if one.pairs]
    return [*CRITERIA, *former, *greedy]


def unit_score_named(name: str, **options: Option) -> UnitScore:
    """The score of units called `name`, with dashes or underscores.

    >>> unit_score_named("taylor-unit", minibatch=1).of(evidence)["fc1"].scores

    Args:
        name: of `unit_score_names`.
        options: the criterion's own, see `surfeit.prune.options.options_of`.

    Raises:
        ValueError: if there is none, or it has no such option; the nearest names are suggested.
    """
    key = name.replace("-", "_")
    if key not in unit_score_names():
        raise unknown("unit score", name, unit_score_names())
    greedy = key not in CRITERIA and key.startswith(GREEDY)
    criterion = criterion_named(key.removeprefix(GREEDY) if greedy else key)
    check_options(key, criterion.options_from, options)
    return UnitScore(criterion=criterion, greedy=greedy, options=options)
