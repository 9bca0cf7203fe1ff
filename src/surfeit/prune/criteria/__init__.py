"""Criteria: what a unit contributes to its layer or its network. The least goes first.

A criterion is a `Criterion` in a file here, beside the function that it names, and a line in
`catalog`: removal orders and curves, `surfeit prune`, reports, pruning while training and
structured tickets then know it, by its own words.

A weight vector is a row of the layer's weight matrix (`surfeit.models.structure.Layer.matrix`),
whatever the axis of its units: an LSTM's unit has the rows of its four gates. Filters of different
groups of a convolution read different inputs: as weight vectors they are orthogonal, whatever their
entries. Units that the mask of the evidence has removed whole count as not there.
"""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.prune.criteria.catalog import CRITERIA, criterion_named, usual_criteria
    from surfeit.prune.criteria.chance import random
    from surfeit.prune.criteria.criterion import Criterion, OfEvidence, OfWeights, at_once
    from surfeit.prune.criteria.median import fpgm
    from surfeit.prune.criteria.outputs import activation_correlation
    from surfeit.prune.criteria.slopes import taylor_unit
    from surfeit.prune.criteria.weight_vectors import (
        frame_potential,
        inner_product,
        magnitude,
        raw_frame_potential,
    )

__all__ = [
    "CRITERIA",
    "Criterion",
    "OfEvidence",
    "OfWeights",
    "activation_correlation",
    "at_once",
    "criterion_named",
    "fpgm",
    "frame_potential",
    "inner_product",
    "magnitude",
    "random",
    "raw_frame_potential",
    "taylor_unit",
    "usual_criteria",
]

lazy_front(__name__)
