"""Verdicts on claims of several parts in one unit, all of which have to hold."""

from collections.abc import Mapping
from dataclasses import replace

from surfeit.lab.verdict import Verdict, exceeds
from surfeit.lab.verdict.sample import Values
from surfeit.lab.verdict.several import weakest


def all_exceed(
    claim: str,
    parts: Mapping[str, Values],
    *,
    margin: float = 0.0,
    comparisons: int = 1,
    unit: str,
) -> Verdict:
    """Whether the mean of paired values is above a margin in every part.

    Each part is judged by `exceeds`, and the claim by the rule of `all_of`: supported if every part
    is, contradicted if one is at p < 0.05 / (comparisons · parts).

    Args:
        claim: its id.
        parts: by what a part is, in words behind a figure (`"over random removal"`), the values,
            one a replicate.
        margin, comparisons, unit: as of `exceeds`.

    Returns:
        the verdict with effect, interval and n of the part that decides, and its figure in words.

    Raises:
        ValueError: if there is no part.
    """
    judged = [
        exceeds(claim, values, margin=margin, comparisons=comparisons, unit=unit, says=words)
        for words, values in parts.items()
    ]
    part = weakest(claim, sorted(judged, key=_lower), comparisons=comparisons)
    if part.effect is None:
        return part
    return replace(part, says=f"{part.effect:+.3g} {unit} {part.says}")


def _lower(verdict: Verdict) -> tuple[bool, float]:
    """The weakest first: what was not measured, then the lowest end."""
    if verdict.effect is None:
        return False, 0.0
    return True, verdict.effect if verdict.lower is None else verdict.lower
