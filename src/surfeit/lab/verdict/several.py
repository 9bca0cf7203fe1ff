"""Verdicts on claims with several parts, and on several claims at once."""

from collections.abc import Sequence
from dataclasses import replace

from surfeit.lab.verdict.verdict import Verdict
from surfeit.tables import holm, shared_confidence


def not_judged(claim: str, doubt: str, *, unit: str = "") -> Verdict:
    """The verdict on a claim that this table says nothing about, and why.

    >>> not_judged("F12a", "measured on digits, published of MNIST")
    """
    return Verdict(
        claim=claim, ruling="inconclusive", effect=None, lower=None, upper=None, n=0, unit=unit,
        doubt=doubt,
    )  # fmt: skip


def all_of(claim: str, *parts: Verdict, says: str = "", comparisons: int = 1) -> Verdict:
    """The verdict on a claim that holds only if each of its parts does.

    Supported if every part is by itself: no correction is due, since the weakest alone decides.
    Contradicted if one part is, at p < 0.05 / (comparisons · parts): of many parts one would be at
    less, though the claim were true. Inconclusive otherwise. So both errors stay what a single
    part's are, once in forty, and claims of parts can be parts themselves.

    Args:
        claim: its id.
        parts: at least one, judged with the same `comparisons`; more is more careful, never less.
        says: as of `Verdict`; the sentences of all parts if not given.
        comparisons: how many the study makes, this claim counted once.

    Returns:
        effect, interval, n, unit and p are those of the part that decided: the contradicted one of
        the smallest p, the first that is in doubt, or of supported ones the one of the largest p.
        Where it is contradicted p is Bonferroni's, of all parts; the interval stays the part's.

    Raises:
        ValueError: if there is no part, or less than one comparison.

    Source: Berger 1982 (intersection-union tests); Bonferroni for the other direction.
    """
    part = weakest(claim, parts, comparisons=comparisons)
    said = says or " ".join(one.says for one in parts if one.says)
    which = f"decided by {part.claim}" if len(parts) > 1 else ""
    return replace(
        part, claim=claim, says=said, doubt="; ".join(text for text in (part.doubt, which) if text)
    )


def weakest(claim: str, parts: Sequence[Verdict], *, comparisons: int = 1) -> Verdict:
    """The part that decides whether all hold, ruled as `all_of` says.

    Raises:
        ValueError: as `all_of`.
    """
    if not parts:
        raise ValueError(f"the claim {claim} needs at least one part to be judged by, got none")
    error = (1 - shared_confidence(comparisons)) / len(parts)
    against = [one for one in parts if one.ruling == "contradicted"]
    clear = [one for one in against if one.p is not None and one.p < error]
    if len(parts) == 1:
        return parts[0]
    if clear:
        least = min(clear, key=_p)
        return replace(least, p=min(1.0, len(parts) * _p(least)))
    if against:
        doubt = f"contradicted alone, but not among {len(parts)} parts"
        return replace(min(against, key=_p), ruling="inconclusive", doubt=doubt)
    doubtful = [one for one in parts if one.ruling == "inconclusive"]
    return doubtful[0] if doubtful else max(parts, key=lambda one: one.p or 0.0)


def _p(verdict: Verdict) -> float:
    """What has no p-value cannot be corrected by it: it counts as chance."""
    return 1.0 if verdict.p is None else verdict.p


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
