"""Judges of rates of success: above a rate, or higher than another's."""

from collections.abc import Sequence

import numpy as np
from scipy.special import bdtr, bdtrc

from surfeit.lab.verdict.sample import missing_in_words
from surfeit.lab.verdict.verdict import Ruling, Verdict
from surfeit.tables import (
    Interval,
    difference_interval,
    exact_interval,
    paired_interval,
    shared_confidence,
    sign_test,
)

Successes = Sequence[bool | None] | np.ndarray


def succeeds(
    claim: str,
    successes: Successes,
    *,
    rate: float,
    comparisons: int = 1,
    unit: str = "of runs",
    says: str = "",
) -> Verdict:
    """Whether trainings succeed more often than at a rate.

    Supported if Clopper and Pearson's interval lies above the rate, contradicted if below. It errs
    at most as often as it says at every n, which Wilson's does not: three of three would be above
    0.4, and happen there once in sixteen.

    Args:
        claim: its id.
        successes: whether each replicate succeeded; None where one is missing, which leaves the
            claim undecided.
        rate: in (0, 1), set before the run.
        comparisons, unit, says: as of `exceeds`.

    Returns:
        the effect is the rate of success, a fraction.

    Raises:
        ValueError: if a success is neither true nor false, the rate is out of range or there is
            less than one comparison.
    """
    if not 0 < rate < 1:
        raise ValueError(f"the rate must be in (0, 1), got {rate}")
    outcomes, doubt = _outcomes(successes)
    confidence, n, count = shared_confidence(comparisons), len(outcomes), int(outcomes.sum())
    if doubt:
        share = count / n if n else None
        return _verdict(claim, share, None, None, n, doubt, unit, says, signed=False)
    found = exact_interval(count, n, confidence=confidence)
    least = bdtrc(count - 1, n, rate) if count else 1.0
    p = min(1.0, 2 * float(min(least, bdtr(count, n, rate))))
    ruling = _side(found, rate)
    return _verdict(claim, count / n, found, p, n, "", unit, says, ruling=ruling, signed=False)


def succeeds_more(
    claim: str,
    first: Successes,
    second: Successes,
    *,
    paired: bool = True,
    comparisons: int = 1,
    unit: str = "of runs",
    says: str = "",
) -> Verdict:
    """Whether the first of two kinds of training succeeds more often than the second.

    Supported, or contradicted, where both the interval of the difference leaves out 0 and the exact
    test rejects chance: the sign test of the pairs that differ (McNemar's), or Fisher's test of
    unpaired ones. The intervals alone err too often at few replicates: three pairs of three that
    differ one way happen once in eight.

    Args:
        claim: its id.
        first, second: whether each replicate succeeded, in the same order of seeds if `paired`;
            None where one is missing, which leaves the claim undecided.
        paired: whether the replicates share seeds.
        comparisons, unit, says: as of `exceeds`.

    Returns:
        the effect is the difference of the rates; `n` counts pairs, or all trainings.

    Raises:
        ValueError: as `succeeds`, or if paired successes differ in number.
    """
    if paired and len(first) != len(second):
        raise ValueError(
            f"paired successes must be as many on both sides, got {len(first)} and {len(second)}: "
            "None where one is missing"
        )
    confidence = shared_confidence(comparisons)
    (one, doubt), (other, other_doubt) = _outcomes(first), _outcomes(second)
    doubt = doubt or other_doubt
    n = min(len(one), len(other)) if paired else len(one) + len(other)
    if doubt:
        effect = float(one.mean() - other.mean()) if min(len(one), len(other)) else None
        return _verdict(claim, effect, None, None, n, doubt, unit, says)
    if paired:
        found = paired_interval(other, one, confidence=confidence)
        p = sign_test(one.astype(float) - other) if (one != other).any() else 1.0
    else:
        counts = (int(other.sum()), len(other)), (int(one.sum()), len(one))
        found, p = difference_interval(*counts, confidence=confidence), _fisher(*counts)
    ruling = _side(found, 0.0) if p < 1 - confidence else "inconclusive"
    return _verdict(claim, found.estimate, found, p, n, "", unit, says, ruling=ruling)


def _outcomes(successes: Successes) -> tuple[np.ndarray, str]:
    """The successes that are there as bool [n], and what keeps them from deciding."""
    # NaN is what a table's null becomes in a column of numbers.
    given = [None if one is None or one != one else one for one in successes]
    present = [one for one in given if one is not None]
    if any(one not in (0, 1) for one in present):
        raise ValueError(f"a success is true or false, got {present}")
    doubt = missing_in_words(len(given) - len(present), len(given))
    if len(present) < 2:
        doubt = doubt or ("one replicate, so no interval" if present else "no values")
    return np.array(present, dtype=bool), doubt


def _fisher(first: tuple[int, int], second: tuple[int, int]) -> float:
    from scipy.stats import fisher_exact  # a second to import, and few verdicts need it

    table = [[successes, n - successes] for successes, n in (first, second)]
    return float(fisher_exact(table).pvalue)  # pyright: ignore[reportAttributeAccessIssue]


def _side(found: Interval, rate: float) -> Ruling:
    if found.lower > rate:
        return "supported"
    return "contradicted" if found.upper < rate else "inconclusive"


def _verdict(
    claim: str,
    effect: float | None,
    found: Interval | None,
    p: float | None,
    n: int,
    doubt: str,
    unit: str,
    says: str,
    *,
    ruling: Ruling = "inconclusive",
    signed: bool = True,
) -> Verdict:
    return Verdict(
        claim=claim,
        ruling=ruling,
        effect=effect,
        lower=found.lower if found else None,
        upper=found.upper if found else None,
        n=n,
        unit=unit,
        says=says,
        doubt=doubt,
        p=p,
        signed=signed,
    )
