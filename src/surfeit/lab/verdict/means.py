"""Judges of means over replicates: above a margin, equal, not worse, or as published."""

import math
from typing import Any

from surfeit.lab.verdict.sample import Values, sample_for
from surfeit.lab.verdict.verdict import Ruling, Verdict
from surfeit.tables import (
    Mean,
    equivalence_test,
    mean_test,
    prediction_interval,
    prediction_test,
    shared_confidence,
)


def exceeds(
    claim: str,
    values: Values,
    *,
    margin: float = 0.0,
    comparisons: int = 1,
    unit: str,
    says: str = "",
    signed: bool = True,
) -> Verdict:
    """Whether the mean of paired values is above a margin.

    Supported if the whole of Student's interval lies above the margin, contradicted if it lies
    below. At the margin itself each happens once in forty for normal values, at any n from 3 on.
    Fewer than three values, and values that are all equal, decide nothing: they do not tell how
    much replicates vary.

    Student's interval is not meant for skewed values: of exponential ones, whose mean is at the
    margin, the interval lies beyond it on the side of the short tail 11.1 % of the time at n = 3,
    11.3 % at 5, 9.6 % at 10 and 7.4 % at 20, and under 0.7 % on the other. Differences of two
    equally skewed arms are symmetric, and err 1.6 to 2.3 %: judge pairs, not bare values. No test
    mends it: sign and permutation tests need six replicates to reach 5 % at all.

    Args:
        claim: its id.
        values: one a replicate, such as paired differences; None or NaN where one is missing,
            which leaves the claim undecided.
        margin: set before the run.
        comparisons: how many the study makes: the confidence is `1 − 0.05 / comparisons`.
        unit, says: as of `Verdict`.
        signed: as of `Verdict`: False where the values are shares or sizes, not differences.

    Raises:
        ValueError: if the values have more than one axis, the margin is not finite, or there is
            less than one comparison.
    """
    if not math.isfinite(margin):
        raise ValueError(f"the margin must be finite, got {margin}")
    sample = sample_for(values)
    over = sample.mean(shared_confidence(comparisons))
    p = mean_test(sample.values, margin) if sample.varies else None
    words: Any = {"unit": unit, "says": says, "signed": signed}
    words["against"] = f"{margin:g}" if margin else ""
    return sample.verdict(claim, _side(over, margin), over, p=p, **words)


def equals(
    claim: str,
    values: Values,
    *,
    margin: float,
    comparisons: int = 1,
    unit: str,
    says: str = "",
) -> Verdict:
    """Whether the mean of paired values is within `± margin`: two one-sided tests.

    Supported if the interval of confidence `1 − 2 · 0.05 / comparisons` lies within the margins;
    contradicted if that of confidence `1 − 0.05 / comparisons` lies outside of them. The verdict
    has the interval that decided, the narrower one if neither did.

    Arguments and errors are those of `exceeds`; the margin must be above 0.
    """
    _check_margin(margin)
    sample, confidence = sample_for(values), shared_confidence(comparisons)
    inner, outer = sample.mean(2 * confidence - 1), sample.mean(confidence)
    words: Any = {"unit": unit, "says": says, "against": f"±{margin:g}"}
    if not sample.varies:
        return sample.verdict(claim, "inconclusive", inner, p=None, **words)
    p = equivalence_test(sample.values, margin).p
    if p < 1 - confidence:
        return sample.verdict(claim, "supported", inner, p=p, **words)
    # Beyond the margin p is above a half, and 1 − p that of the mean's lying beyond by chance.
    p = p if p <= 0.5 else 2 * (1 - p)
    outside = _side(outer, margin) == "supported" or _side(outer, -margin) == "contradicted"
    ruling, over = ("contradicted", outer) if outside else ("inconclusive", inner)
    return sample.verdict(claim, ruling, over, p=p, **words)


def not_worse(
    claim: str,
    values: Values,
    *,
    margin: float,
    comparisons: int = 1,
    unit: str,
    says: str = "",
) -> Verdict:
    """Whether the mean of paired values is above `−margin`: no loss that matters.

    Supported if the whole interval lies above `−margin`, contradicted if it lies below: a loss that
    is "not significant" may still be large.

    Arguments and errors are those of `exceeds`; the margin, in `unit`, must be above 0.
    """
    _check_margin(margin)
    return exceeds(claim, values, margin=-margin, comparisons=comparisons, unit=unit, says=says)


def agrees(
    claim: str,
    values: Values,
    published: float,
    *,
    tolerance: float,
    averaged: int = 1,
    comparisons: int = 1,
    unit: str,
    says: str = "",
) -> Verdict:
    """Whether a single published figure is one that our trainings could have given.

    Contradicted if it lies outside of our prediction interval; supported if it lies inside and the
    whole interval is no wider than the tolerance; a wider one cannot tell. So figures that really
    are the tolerance apart are called alike less than once in forty.

    Args:
        claim: its id.
        values: ours, one a replicate, in the figure's unit.
        published: the figure.
        tolerance: the largest width of the interval that still says anything, in `unit`, set
            before the run.
        averaged: how many trainings the published figure is the mean of.
        comparisons, unit, says: as of `exceeds`.

    Returns:
        the effect is our mean, and the interval is that of prediction.

    Raises:
        ValueError: as `exceeds`, or if the figure is not finite or the tolerance not above 0.
    """
    _check_margin(tolerance, "tolerance")
    if not math.isfinite(published):
        raise ValueError(f"the published figure must be finite, got {published}")
    sample = sample_for(values)
    words: Any = {"unit": unit, "says": says, "signed": False}
    words["against"] = f"{published:g} published"
    if not sample.varies:
        return sample.verdict(claim, "inconclusive", sample.mean(0.95), p=None, **words)
    further = prediction_interval(sample.values, averaged=averaged, count=comparisons)
    over, p = Mean(further.n, further.estimate, further.lower, further.upper), None
    ruling: Ruling = "supported"
    if not further.lower <= published <= further.upper:
        ruling, p = "contradicted", prediction_test(sample.values, published, averaged=averaged)
    elif further.upper - further.lower > tolerance:
        ruling, sample = "inconclusive", sample.doubted("the prediction interval is too wide")
    return sample.verdict(claim, ruling, over, p=p, **words)


def _side(over: Mean | None, margin: float) -> Ruling:
    """On which side of a margin the whole interval lies."""
    if over is None or over.lower is None or over.upper is None:
        return "inconclusive"
    if over.lower > margin:
        return "supported"
    return "contradicted" if over.upper < margin else "inconclusive"


def _check_margin(margin: float, name: str = "margin") -> None:
    if not 0 < margin < math.inf:
        raise ValueError(f"the {name} must be above 0 and finite, got {margin}: set it beforehand")
