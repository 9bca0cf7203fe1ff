"""Verdicts on claims of several parts, all of which have to hold."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from surfeit.lab.verdict import Verdict, exceeds


def all_exceed(
    claim: str,
    parts: Mapping[str, Sequence[float]],
    *,
    margin: float = 0.0,
    comparisons: int = 1,
    unit: str,
) -> Verdict:
    """Whether the mean of paired values is above a margin in every part.

    Supported if every part is by itself: no correction is due, since the weakest alone decides.
    Contradicted if one is below the margin at the confidence `1 − 0.05 / (comparisons · parts)`:
    of many parts one would be at less, though the claim were true.

    Args:
        claim: its id.
        parts: by what a part is, in words behind a figure (`"over random removal"`), the values,
            one a replicate.
        margin, comparisons, unit: as of `exceeds`.

    Returns:
        the verdict with effect, interval and n of the part that decides: the one that contradicts,
        else the weakest one.

    Raises:
        ValueError: if there is no part.

    Source: Berger 1982 (intersection-union tests); Bonferroni for the other direction.
    """
    if not parts:
        raise ValueError(f"the claim {claim} needs at least one part to be judged by, got none")

    def judged(count: int) -> list[Verdict]:
        found = [
            exceeds(claim, values, margin=margin, comparisons=count, unit=unit, says=words)
            for words, values in parts.items()
        ]
        return [
            one if one.effect is None else replace(one, says=f"{one.effect:+.3g} {unit} {one.says}")
            for one in found
        ]

    each, strict = judged(comparisons), judged(comparisons * len(parts))
    against = [one for one in strict if one.ruling == "contradicted"]
    if against:
        return min(against, key=_effect)
    if all(one.ruling == "supported" for one in each):
        return min(each, key=_lower)
    doubtful = [one for one in each if one.ruling != "supported"]
    return replace(min(doubtful, key=_lower), ruling="inconclusive")


def _lower(verdict: Verdict) -> float:
    return _effect(verdict) if verdict.lower is None else verdict.lower


def _effect(verdict: Verdict) -> float:
    """What was not measured is the least of all."""
    return -math.inf if verdict.effect is None else verdict.effect
