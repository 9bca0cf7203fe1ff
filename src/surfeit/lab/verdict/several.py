"""Verdicts on claims with several parts, and on several claims at once."""

from collections.abc import Sequence
from dataclasses import replace

from surfeit.lab.verdict.verdict import Ruling, Verdict
from surfeit.tables import holm

_WEAKEST_FIRST: tuple[Ruling, ...] = ("contradicted", "inconclusive", "supported")


def all_of(claim: str, *parts: Verdict, says: str = "") -> Verdict:
    """The verdict on a claim that holds only if each of its parts does: that of its weakest part.

    Contradicted if a part is, else inconclusive if a part is, else supported. No correction is
    needed to support it, since all parts must; to contradict it one part is enough, so judge the
    parts with `comparisons=` their number where that may happen by chance.

    Args:
        claim: its id.
        parts: at least one.
        says: as of `Verdict`; the sentences of all parts if not given.

    Returns:
        effect, interval, n, unit and p are those of the part that decided: the first contradicted
        or inconclusive one, or of supported ones the one of the largest p.

    Raises:
        ValueError: if there is no part.
    """
    if not parts:
        raise ValueError(f"{claim} has no parts: all_of needs at least one verdict")
    weakest = min((part.ruling for part in parts), key=_WEAKEST_FIRST.index)
    deciding = [part for part in parts if part.ruling == weakest]
    part = deciding[0]
    if weakest == "supported":
        part = max(deciding, key=lambda one: one.p or 0.0)
    said = says or " ".join(one.says for one in parts if one.says)
    which = f"decided by {part.claim}" if len(parts) > 1 else ""
    return replace(
        part, claim=claim, says=said, doubt="; ".join(text for text in (part.doubt, which) if text)
    )


def holm_corrected(verdicts: Sequence[Verdict], *, error: float = 0.05) -> tuple[Verdict, ...]:
    """The verdicts of one study, so that all together err with probability `error` at most.

    A ruling whose p-value is not below `error` once adjusted by Holm becomes inconclusive. Never
    weaker than `comparisons=`, which each judge takes instead; judge with `comparisons=1` for this.
    Intervals stay those of single claims.

    Args:
        verdicts: of the judges; those without a ruling count, with p = 1 where they have none.
        error: in (0, 1), and at most that of the judges, 0.05.

    Raises:
        ValueError: if there is no verdict, the error is out of range, or a ruling has no p-value,
            as `agrees` has none where a figure is supported.

    Source: Holm 1979.
    """
    if not 0 < error <= 0.05:
        raise ValueError(f"the error must be in (0, 0.05], got {error}")
    bare = [one.claim for one in verdicts if one.ruling != "inconclusive" and one.p is None]
    if bare:
        raise ValueError(f"the rulings on {bare} have no p-value: correct them by comparisons=")
    adjusted = holm([1.0 if one.p is None else one.p for one in verdicts])
    return tuple(
        one
        if one.ruling == "inconclusive" or p < error
        else replace(
            one,
            ruling="inconclusive",
            doubt=f"{one.ruling} alone, but not among {len(verdicts)} comparisons",
        )
        for one, p in zip(verdicts, adjusted, strict=True)
    )
