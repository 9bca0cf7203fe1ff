"""How far kept and other weights travel between two snapshots, and whose sign changes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from surfeit.core import check_tensor


@dataclass(frozen=True, kw_only=True)
class Travel:
    """Distances of the kept and of the other weights, in units of the layer's initial deviation.

    Args:
        kept: mean distance `|Δw| / sd` of the kept weights.
        others: of the removed ones.
        kept_rms, others_rms: root mean squares of the same.
        further: probability that a kept weight travels further than another, ties half; 0.5 by
            chance.
        p_value: two-sided, of `further` (Mann-Whitney).
        kept_n, others_n: how many weights.
    """

    kept: float
    others: float
    kept_rms: float
    others_rms: float
    further: float
    p_value: float
    kept_n: int
    others_n: int


@dataclass(frozen=True, kw_only=True)
class SignChanges:
    """How many of the kept and of the other weights ended with another sign: exact counts.

    Args:
        kept, others: weights whose sign changed.
        kept_n, others_n: of how many.
        p_value: two-sided, that both have one share (two-proportion z test).
    """

    kept: int
    others: int
    kept_n: int
    others_n: int
    p_value: float


def distances(
    before: Float[Tensor, "*shape"], after: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """How far each weight travelled, `|after − before| / sd(before)`, float64.

    Args:
        before: a layer's weight at the first snapshot; its standard deviation over all entries is
            the unit of length.
        after: the same layer's weight at the second.

    Raises:
        ValueError: if the shapes differ, an entry is not finite, or all initial weights are equal,
            so that there is no unit of length.
    """
    for name, value in (("before", before), ("after", after)):
        check_tensor(name, value)
        if not bool(value.isfinite().all()):
            raise ValueError(f"weights must be finite, but those {name} hold NaN or infinity")
    if before.shape != after.shape:
        shapes = f"{list(before.shape)} and {list(after.shape)}"
        raise ValueError(f"before and after must have one shape, got {shapes}")
    start = before.detach().double()
    deviation = float(start.std(correction=0)) if start.numel() else 0.0
    if deviation == 0:
        raise ValueError(
            "distances are measured in standard deviations of the first weights, "
            f"but all {start.numel()} of them are equal"
        )
    return (after.detach().double() - start).abs() / deviation


def travel(
    before: Float[Tensor, "*shape"],
    after: Float[Tensor, "*shape"],
    mask: Bool[Tensor, "*shape"],
) -> Travel:
    """Compares how far kept and removed weights travelled in one training.

    `d = |after − before| / sd(before)`; mean and root mean square of `d` over the kept and over the
    removed weights, and Mann-Whitney's `further = U / (n_kept n_others)`.

    Weights of one network are not independent, so the p-value tells whether a difference is more
    than the scatter of this network's weights, not whether another seed would show it: for that,
    take `further` of several replicates. And a mask made from large final weights prefers those
    that travelled: compare with a mask of another criterion.

    Args:
        before, after: a layer's weights at two snapshots; for claim F6 the initial and the final
            weights of the *dense* network, in which removed weights travel too.
        mask: bool, True = kept.

    Returns:
        NaN where there are no kept, or no other, weights; their p-value is 1.

    Raises:
        ValueError: as `distances`, or if the mask does not fit the weights.

    Source: Mann and Whitney 1947; the claim, Frankle and Carbin 2019, appendix F. Cost:
    O(N log N) for the ranks.
    """
    moved, chosen = distances(before, after), _checked(mask, before)
    kept, others = moved[chosen].numpy(force=True), moved[~chosen].numpy(force=True)
    further, p_value = math.nan, 1.0
    if len(kept) and len(others):
        from scipy.stats import mannwhitneyu  # here, since it takes a second of a worker's start

        found = mannwhitneyu(kept, others, method="asymptotic")
        further = float(found.statistic) / (len(kept) * len(others))
        p_value = 1.0 if math.isnan(found.pvalue) else float(found.pvalue)
    return Travel(
        kept=_mean(kept),
        others=_mean(others),
        kept_rms=math.sqrt(_mean(kept**2)),
        others_rms=math.sqrt(_mean(others**2)),
        further=further,
        p_value=p_value,
        kept_n=len(kept),
        others_n=len(others),
    )


def sign_changes(
    before: Float[Tensor, "*shape"],
    after: Float[Tensor, "*shape"],
    mask: Bool[Tensor, "*shape"],
) -> SignChanges:
    """Counts the kept and the removed weights whose sign changed; zero is a sign of its own.

    Args:
        before, after: a layer's weights at two snapshots.
        mask: bool, True = kept.

    Returns:
        counts, from which a share and its Wilson interval follow.

    Raises:
        ValueError: if the shapes differ or the mask does not fit the weights.
    """
    if before.shape != after.shape:
        shapes = f"{list(before.shape)} and {list(after.shape)}"
        raise ValueError(f"before and after must have one shape, got {shapes}")
    changed, chosen = before.sign() != after.sign(), _checked(mask, before)
    kept, others = int(changed[chosen].sum()), int(changed[~chosen].sum())
    kept_n, others_n = int(chosen.sum()), int((~chosen).sum())
    return SignChanges(
        kept=kept,
        others=others,
        kept_n=kept_n,
        others_n=others_n,
        p_value=_two_proportions(kept, kept_n, others, others_n),
    )


def paired_distance_p(first: Float[Tensor, " n"], second: Float[Tensor, " n"]) -> float:
    """Two-sided p-value that the same weights travel as far in two trainings (Wilcoxon 1945)."""
    difference = (first - second).numpy(force=True)
    if not difference.any():
        return 1.0
    from scipy.stats import wilcoxon

    found: Any = wilcoxon(difference, method="asymptotic")
    return float(found.pvalue)


def paired_sign_p(first: Bool[Tensor, " n"], second: Bool[Tensor, " n"]) -> float:
    """Two-sided p-value that signs change as often in two trainings (McNemar 1947, exact)."""
    from scipy.stats import binomtest

    only = int((first & ~second).sum()), int((second & ~first).sum())
    return float(binomtest(only[0], sum(only)).pvalue) if sum(only) else 1.0


def _two_proportions(first: int, first_n: int, second: int, second_n: int) -> float:
    if not first_n or not second_n:
        return 1.0
    pooled = (first + second) / (first_n + second_n)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / first_n + 1 / second_n))
    difference = abs(first / first_n - second / second_n)
    return math.erfc(difference / deviation / math.sqrt(2)) if deviation else 1.0


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan


def _checked(mask: Tensor, weight: Tensor) -> Tensor:
    check_tensor("a layer's mask", mask)
    if mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(
            f"the mask must be bool {list(weight.shape)} like the weights, "
            f"got {mask.dtype} {list(mask.shape)}"
        )
    return mask.to(weight.device)
