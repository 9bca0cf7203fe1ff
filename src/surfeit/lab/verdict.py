"""Verdicts: what the measured effect and its interval say about a claim."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from surfeit.tables.statistics import over_replicates

Ruling = Literal["supported", "contradicted", "inconclusive"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a study finds of one claim.

    Args:
        claim: its id.
        ruling: supported, contradicted or inconclusive.
        effect: the measured effect, in `unit`; NaN where nothing could be measured.
        lower, upper: the interval that decided; None where there is none.
        n: replicates that it rests on.
        unit: of the effect: `points` (of accuracy), `steps`, `correlation`, ...
        says: the effect in one plain sentence, which says no more than the figures.
    """

    claim: str
    ruling: Ruling
    effect: float
    lower: float | None
    upper: float | None
    n: int
    unit: str
    says: str = ""


def exceeds(
    claim: str,
    values: Sequence[float],
    *,
    margin: float = 0.0,
    comparisons: int = 1,
    unit: str,
    says: str = "",
) -> Verdict:
    """Whether the mean of paired values is above a margin.

    Supported if the whole interval lies above the margin, contradicted if it lies below.

    Args:
        claim: its id.
        values: one a replicate, such as paired differences.
        margin: set before the run.
        comparisons: how many the study makes: the confidence is `1 − 0.05 / comparisons`.
        unit, says: as of `Verdict`.
    """
    over = over_replicates(values, confidence=1 - 0.05 / comparisons)
    ruling: Ruling = "inconclusive"
    if over.lower is not None and over.lower > margin:
        ruling = "supported"
    elif over.upper is not None and over.upper < margin:
        ruling = "contradicted"
    return Verdict(
        claim=claim,
        ruling=ruling,
        effect=over.mean,
        lower=over.lower,
        upper=over.upper,
        n=over.n,
        unit=unit,
        says=says,
    )


def equals(
    claim: str,
    values: Sequence[float],
    *,
    margin: float,
    comparisons: int = 1,
    unit: str,
    says: str = "",
) -> Verdict:
    """Whether the mean of paired values is within `± margin`: two one-sided tests.

    Supported if the interval of confidence `1 − 2 · 0.05 / comparisons` lies within the margins;
    contradicted if that of confidence `1 − 0.05 / comparisons` lies outside of them.
    """
    inner = over_replicates(values, confidence=1 - 0.1 / comparisons)
    outer = over_replicates(values, confidence=1 - 0.05 / comparisons)
    ruling: Ruling = "inconclusive"
    if inner.lower is not None and inner.upper is not None:
        if -margin < inner.lower and inner.upper < margin:
            ruling = "supported"
        elif outer.lower is not None and outer.upper is not None:
            outside = outer.lower > margin or outer.upper < -margin
            ruling = "contradicted" if outside else "inconclusive"
    return Verdict(
        claim=claim,
        ruling=ruling,
        effect=inner.mean,
        lower=inner.lower,
        upper=inner.upper,
        n=inner.n,
        unit=unit,
        says=says,
    )
