"""Slopes of the loss in a gate on each unit."""

from jaxtyping import Float64
from torch import Tensor

from surfeit.prune.criteria.criterion import Criterion
from surfeit.prune.evidence import Evidence
from surfeit.prune.evidence.gates import unit_slopes
from surfeit.prune.options import MINIBATCH, check_minibatch


def taylor_unit(
    evidence: Evidence, *, minibatch: int = MINIBATCH
) -> dict[str, Float64[Tensor, " units"]]:
    """`mean_b (∂L_b/∂c_i)²`: units whose removal changes the loss of many minibatches are kept.

    With c_i a gate on the unit, at 1, L_b the mean loss of minibatch b, and the mean weighted by
    the minibatches' examples: to first order, the mean square of what a minibatch's loss changes by
    when the unit goes. The gate stands where a removal acts: wherever the unit is read, behind
    normalisation and activation. Units that go together, as in a residual stream, have one gate,
    and each member its score. Units that no removal is known of have a gate on their weights and
    bias (`gates.unit_slopes`).

    Args:
        evidence: with a split; a score of the whole training set is worth many of a few examples.
        minibatch: examples b whose mean loss is differentiated at once, taken from the split in its
            order: 1 for each example's own slope. Where the network was trained until the mean
            slope is about zero, the order of the units hardly depends on it; the whole split at
            once would leave the square of a mean that is about zero.

    Returns:
        layer name -> [units], in the square of the loss's unit, >= 0.

    Raises:
        ValueError: if minibatch is no integer >= 1, or as `gates.unit_slopes`.

    Source: Molchanov et al. 2019, equations 8 and 9, whose gate behind batch normalisation
    (section 3.2) is a special case. Cost: as `gates.unit_slopes`.
    """
    check_minibatch(minibatch)
    sums: dict[str, Tensor] = {}
    for share, slopes in unit_slopes(evidence, minibatch):
        for name, slope in slopes.items():
            square = share * slope.square()
            sums[name] = sums[name] + square if name in sums else square
    return sums


TAYLOR_UNIT = Criterion(
    name="taylor_unit",
    says="How much the loss of a minibatch changes, to first order and squared, if the unit goes.",
    first="the units whose removal changes the loss least, to first order, first (Taylor)",
    of_evidence=taylor_unit,
    semantics=2,
)
