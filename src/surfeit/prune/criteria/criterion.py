"""What a criterion is: how it judges the units of a layer, and the words for it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from surfeit.prune.evidence import Evidence
from surfeit.prune.options import check_options

OfWeights = Callable[[Tensor, torch.Generator | None], Tensor]
"""From a weight matrix [units, inputs] and a generator to scores [units] or pairs of units."""

OfEvidence = Callable[..., dict[str, Tensor]]
"""From evidence, and options by name, to scores [units] by layer name."""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """How much each unit of a layer contributes: the least goes first.

    A criterion of weights is called with a weight matrix, as a plain function of that kind is:

    >>> CRITERIA["magnitude"](model.fc1.weight.detach())

    Args:
        name: in tables, in keys and, with dashes, on the command line.
        says: what a unit contributes, in one sentence for glossaries.
        first: which units go first, for sentences such as "61 of 300 units can go, {first}".
        of_weights: `(W [units, inputs], generator or None) -> float64` that is either scores
            [units], a unit's contribution whatever else is removed, or non-negative pairs
            [units, units]: entry `[i, j]` is what unit j, as long as it is there, adds to the
            contribution of unit i. A signed measure of pairs is shifted first: a constant added to
            every entry changes no order. None where weights alone do not tell.
        of_evidence: `(Evidence, **options) -> {layer: float64 [units]}`, finite, larger = kept.
            None where it is what `of_weights` says of each layer's own matrix.
        pairs: whether `of_weights` gives pairs, so that its orders are greedy.
        draws: whether it draws from the generator, so that it needs one and orders are repeated.
        usual: whether tables and reports take it where no criterion is named.
        former: another name, under which the keys of runs hold it.
        semantics: which meaning of the name is in force, for keys: 1 is the first. Raised by hand
            when the same criterion would keep other units than before.

    Raises:
        ValueError: if it has neither function, or the name is none.
    """

    name: str
    says: str
    first: str
    of_weights: OfWeights | None = None
    of_evidence: OfEvidence | None = None
    pairs: bool = False
    draws: bool = False
    usual: bool = False
    former: str | None = None
    semantics: int = 1

    def __post_init__(self) -> None:
        if self.of_weights is None and self.of_evidence is None:
            raise ValueError(
                f"the criterion {self.name} judges by nothing: give it of_weights or of_evidence"
            )
        if not self.name.isidentifier():
            raise ValueError(
                f"a criterion's name must be of letters, digits and _, got {self.name!r}"
            )

    @property
    def title(self) -> str:
        """The name in words: "Frame potential"."""
        return self.name.replace("_", " ").capitalize()

    @property
    def needs_examples(self) -> bool:
        """Whether weights alone do not tell."""
        return self.of_weights is None

    @property
    def options_from(self) -> Callable[..., object]:
        """The function whose options are the criterion's: see `surfeit.prune.options_of`."""
        return self.scores if self.of_evidence is None else self.of_evidence

    def __call__(
        self, weight: Float[Tensor, "units inputs"], generator: torch.Generator | None = None
    ) -> Tensor:
        """Scores [units] or pairs [units, units] of a bare weight matrix.

        Raises:
            ValueError: if weights alone do not tell, or as `of_weights` does.
        """
        if self.of_weights is None:
            raise ValueError(
                f"the criterion {self.name} looks at a network and examples, not at a weight "
                "matrix alone: use removal_table(..., scores_on=('train', dataset.train)), or "
                "contributions(..., evidence=Evidence(model, split=dataset.train))"
            )
        return self.of_weights(weight, generator)

    def scores(
        self, evidence: Evidence, **options: float | str
    ) -> dict[str, Float64[Tensor, " units"]]:
        """Scores of all layers' units at once: [units] by layer name, larger = kept.

        Of pairs it is each unit's sum over all units that are there. Units that go together, as in
        a residual stream, have a score in each layer: `pooled_scores` takes the mean.

        Args:
            evidence: of the network, with what the criterion looks at.
            options: the criterion's own.

        Raises:
            ValueError: if the evidence lacks what it looks at, or an option is unknown.
        """
        check_options(self.name, self.options_from, options)
        if self.of_evidence is not None:
            return self.of_evidence(evidence, **options)
        assert self.of_weights is not None
        return {
            name: at_once(self.of_weights(evidence.matrix(name), evidence.generator))
            for name in evidence.unit_layers
        }


def at_once(contributions: Tensor) -> Float64[Tensor, " units"]:
    """Each unit's contribution while all are there: scores themselves, the row sums of pairs."""
    values = contributions.double()
    return values.sum(dim=1) if values.dim() == 2 else values
