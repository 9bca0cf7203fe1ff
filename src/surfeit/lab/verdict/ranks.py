"""A judge of order: whether one quantity rises or falls with another."""

import numpy as np

from surfeit.lab.verdict.sample import FEWEST, Values, missing_in_words, numbers
from surfeit.lab.verdict.verdict import Ruling, Verdict
from surfeit.tables import (
    RankCorrelation,
    rank_correlation,
    rank_correlation_over_replicates,
    shared_confidence,
)


def ranks(
    claim: str,
    x: Values,
    y: Values,
    *,
    falls: bool = False,
    comparisons: int = 1,
    unit: str = "rank correlation",
    says: str = "",
) -> Verdict:
    """Whether y rises with x, or falls with it: Spearman's rank correlation.

    Supported where the permutation test rejects chance, on the claimed side, and the interval does
    not reach 0; contradicted where the same is true of the other side. The interval over replicates
    guards against seeds that differ in their slopes, the permutation test against few and equal
    correlations: where all replicates have the same one, such as 1, it alone decides, and there is
    no interval. Replicates are tested together by the sum of products of centred ranks, which is
    their mean correlation where no values are equal; where some are, it gives a replicate less
    weight the more of its values are. Where orders are too many to count p is of 9,999 draws with a
    fixed seed, and changes by a few thousandths with the order of the replicates.

    Args:
        claim: its id.
        x: [conditions], such as widths, or [replicates, conditions].
        y: [replicates, conditions], paired by seed: n counts replicates. Or [points] that are
            independent of each other, as x: n counts points. None and NaN are missing, which leaves
            the claim undecided.
        falls: whether the claim is that y falls with x.
        comparisons, unit, says: as of `exceeds`.

    Returns:
        the effect is the correlation, negative where y falls.

    Raises:
        ValueError: if shapes do not match, x has missing values or all equal, or there is less than
            one comparison.
    """
    confidence, outcomes = shared_confidence(comparisons), numbers(y)
    doubt = _doubt(outcomes)
    if doubt:
        return _verdict(claim, None, len(outcomes), doubt, unit, says)
    paired = outcomes.ndim == 2
    correlate = rank_correlation_over_replicates if paired else rank_correlation
    found = correlate(numbers(x), outcomes, confidence=confidence)
    ruling: Ruling = "inconclusive"
    if found.n < FEWEST:
        few = "one replicate" if found.n == 1 else f"{found.n} replicates"
        doubt = f"{few}, too few for a ruling"
    elif found.p < 1 - confidence and _clear(found):
        as_claimed = (found.estimate < 0) == falls
        ruling = "supported" if as_claimed else "contradicted"
    return _verdict(claim, found, found.n, doubt, unit, says, ruling)


def _clear(found: RankCorrelation) -> bool:
    """Whether the interval leaves out 0; where there is none nothing varies."""
    return found.lower is None or found.upper is None or found.lower > 0 or found.upper < 0


def _doubt(outcomes: np.ndarray) -> str:
    if outcomes.ndim not in (1, 2):
        raise ValueError(f"y must be [points] or [replicates, conditions], got {outcomes.shape}")
    finite = np.isfinite(outcomes)
    if not finite.all():
        return missing_in_words(int((~finite).sum()), outcomes.size)
    rows = outcomes if outcomes.ndim == 2 else outcomes[None]
    if rows.shape[0] == 0 or rows.shape[1] < 2:
        return "fewer than two conditions, so no order"
    flat = int((rows == rows[:, :1]).all(axis=1).sum())
    where = f"in {flat} of {len(rows)} replicates " if outcomes.ndim == 2 else ""
    return f"{where}all values are equal, so no order" if flat else ""


def _verdict(
    claim: str,
    found: RankCorrelation | None,
    n: int,
    doubt: str,
    unit: str,
    says: str,
    ruling: Ruling = "inconclusive",
) -> Verdict:
    return Verdict(
        claim=claim,
        ruling=ruling,
        effect=found.estimate if found else None,
        lower=found.lower if found else None,
        upper=found.upper if found else None,
        n=n,
        unit=unit,
        says=says,
        doubt=doubt,
        p=found.p if found else None,
    )
