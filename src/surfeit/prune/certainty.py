"""How many removals cost no more than so much accuracy, with confidence: bounds, no estimate.

A count read off a removal curve is an estimate: on LeNet-300-100 (MNIST, fc1, one point) it is
above the true one in a third to a half of samples of 360 to 5,000 images.
"""

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from surfeit.core import check_tensor, tango_score
from surfeit.prune.tango import threshold


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Between which numbers lies how many removals are within what may be lost.

    Args:
        lower: at least so many are; 0 where nothing was shown.
        upper: more than so many are not; all where nothing was shown.
        loss: what may be lost, a fraction.
        confidence: of both together.
        examples: that were tested.
    """

    lower: int
    upper: int
    loss: float
    confidence: float
    examples: int


def removal_bounds(
    lost: Int64[Tensor, " removals+1"],
    gained: Int64[Tensor, " removals+1"],
    *,
    examples: int,
    loss: float = 0.01,
    confidence: float = 0.95,
    certain: int = 0,
) -> Bounds:
    """How many of a fixed order of removals cost at most `loss` of accuracy, with confidence.

    Of the population that the examples are drawn from, K* is the largest k such that no k' ≤ k
    removals cost more than δ. With `z_k` Tango's score of the examples lost and gained by k
    removals (`surfeit.core.tango_score`), and α = (1 − confidence) / 2 a side:

    - lower: the last k before the first with `z_k > −z_L`. It exceeds K* only if the step K* + 1,
      a single one, is passed wrongly: `P(lower > K*) ≤ α` without a correction for many steps.
    - upper: from all removals downwards as long as `z_k ≥ z_U`, one less than the last k passed.
      It bounds the last k within δ, and so K* where a curve recovers.

    `z_L` and `z_U` are the least thresholds whose exact size is at most α.

    The order must not depend on these examples: scores that look at examples take them from the
    training split, and where one of several orders is chosen it is chosen on other examples. The
    bounds are about this network and examples drawn as these were.

    >>> curve = removal_curves(model, "fc1", [order], dataset.test)[0]
    >>> removal_bounds(curve.lost, curve.gained, examples=curve.examples)

    Args:
        lost: int64 [removals + 1], at index k how many of the examples that the whole network
            answers rightly are answered wrongly after k removals; 0 first.
        gained: the reverse; 0 first.
        examples: how many were tested, right or wrong, each with one answer.
        loss: δ, what may be lost, a fraction in (0, 1). No examples could show that nothing at all
            is lost.
        confidence: of both bounds together, in (0, 1): each alone has half the risk.
        certain: so many of the first removals need no examples: they change no answer, whatever
            the example, as where all outgoing weights are zero.

    Raises:
        ValueError: if the counts are no int64 [removals + 1], not between 0 and the examples, or
            do not begin with 0, a number is out of range, or removals that are certain changed
            an answer.

    Source: Angelopoulos et al. 2021, "Learn then Test", section 4 (fixed-sequence testing); Tango
    1998. Measured coverage of each bound at α = 0.05, δ = 0.01 and 300 removals, over 66 planted
    curves with 2,000 samples each of 360, 1,000 or 5,000 examples (standard error 0.5 points):
    ordinary curves lower 95.0 to 98.6 %, upper 94.7 to 97.4 %; those that are hardest for a bound
    lower 94.5 to 97.4 %, upper 95.0 to 97.5 %. Where K* = 134 and cost grows with the fourth power
    of k, mean bounds are 35 and 175 at n = 360, 84 and 159 at 1,000, 118 and 147 at 5,000.
    Cost: `threshold`'s, once for each (examples, loss, confidence).
    """
    _check_fraction("loss", loss)
    _check_fraction("confidence", confidence)
    b, c = _checked(lost, gained, examples)
    removals = len(b) - 1
    if not 0 <= certain <= removals:
        raise ValueError(f"certain must be a number of removals, 0 to {removals}, got {certain}")
    if b[: certain + 1].any() or c[: certain + 1].any():
        raise ValueError(
            f"the first {certain} removals are given as certain to change no answer, and some of "
            "these examples are lost or gained by them: one of the two is not of this curve"
        )
    alpha = (1 - confidence) / 2
    scores = tango_score(b, c, examples=examples, loss=loss)
    shown = scores <= -threshold(examples, loss, alpha, "lower")
    shown[: certain + 1] = True
    refuted = scores >= threshold(examples, loss, alpha, "upper")
    return Bounds(
        lower=_first_false(shown) - 1,
        upper=removals - _first_false(refuted[::-1]),
        loss=loss,
        confidence=confidence,
        examples=examples,
    )


def examples_needed(loss: float = 0.01, *, confidence: float = 0.95) -> int:
    """How many examples it takes at least until `removal_bounds` can be above 0.

    `n ≥ ln α / ln(1 − δ)` with α = (1 − confidence) / 2: with fewer, even none lost of n leaves a
    loss of more than δ possible. So many may not be enough: the test that is exact for gains too is
    a little stricter, and where nothing is lost or gained at δ = 0.01 takes some 20 more than 368.

    Args:
        loss: δ, a fraction in (0, 1).
        confidence: of both bounds together, in (0, 1).

    Raises:
        ValueError: if either is out of range.
    """
    _check_fraction("loss", loss)
    _check_fraction("confidence", confidence)
    return math.ceil(math.log((1 - confidence) / 2) / math.log1p(-loss))


def possible_loss(examples: int, *, confidence: float = 0.95) -> float:
    """The largest loss of accuracy that remains possible where none of so many examples is lost.

    `1 − α^(1/n)` with α = (1 − confidence) / 2, a fraction: the inverse of `examples_needed`.

    Raises:
        ValueError: if there are no examples, or the confidence is out of range.
    """
    _check_fraction("confidence", confidence)
    if examples < 1:
        raise ValueError(f"examples must be at least 1, got {examples}")
    return -math.expm1(math.log((1 - confidence) / 2) / examples)


def _first_false(passed: np.ndarray) -> int:
    """The place of the first that did not pass; all of them where every one did."""
    return len(passed) if passed.all() else int(passed.argmin())


def _checked(lost: Tensor, gained: Tensor, examples: int) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(examples, bool) or not isinstance(examples, int) or examples < 1:
        raise ValueError(f"examples must be a whole number from 1 on, got {examples!r}")
    for name, counts in (("lost", lost), ("gained", gained)):
        check_tensor(name, counts)
        if counts.dtype != torch.int64 or counts.dim() != 1 or not len(counts):
            raise ValueError(
                f"{name} must be int64 [removals + 1], got {counts.dtype} {list(counts.shape)}"
            )
    if len(lost) != len(gained):
        raise ValueError(
            f"lost and gained must be of one curve, got {len(lost)} and {len(gained)} points"
        )
    if int(lost[0]) or int(gained[0]):
        raise ValueError(
            "the whole network loses and gains nothing against itself, got "
            f"{int(lost[0])} lost and {int(gained[0])} gained at first: the first point is that "
            "of no removal"
        )
    together = lost + gained
    if int(lost.min()) < 0 or int(gained.min()) < 0 or int(together.max()) > examples:
        raise ValueError(
            f"lost and gained must be counts of {examples} examples, got up to "
            f"{int(together.max())} together and down to {min(int(lost.min()), int(gained.min()))}"
        )
    return lost.double().cpu().numpy(), gained.double().cpu().numpy()


def _check_fraction(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
        raise ValueError(f"{name} must be a fraction between 0 and 1, both excluded, got {value!r}")
