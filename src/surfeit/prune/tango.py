"""Thresholds of Tango's score of a paired difference whose size is exact."""

from functools import lru_cache
from statistics import NormalDist
from typing import Literal

import numpy as np
from jaxtyping import Float64

from surfeit.core import tango_score

Side = Literal["lower", "upper"]

_SHARES = 200  # of gained images that are tried, denser towards none
_SPREADS = 7.0  # standard deviations of the gained: beyond lies a chance below 1e-11
_EXACT = 1e-7  # to which a threshold is found; always from above


@lru_cache(maxsize=256)
def threshold(examples: int, loss: float, alpha: float, side: Side) -> float:
    """The least score whose size is at most `alpha`, over all shares of gained examples.

    Where accuracy falls by exactly δ and a share q of the examples is gained, a score at or below
    −z ("lower") has the chance

        `Σ_c Bin(c; n, q) F(b_z(c); n − c, (q + δ) / (1 − q))`,

    F the binomial distribution function and `b_z(c)` the most lost examples with `score ≤ −z`; a
    score at or above z ("upper") likewise. The largest of 200 values of q in [0, (1 − δ) / 2] is
    the size. The normal quantile in its stead has a size of up to 0.062 and 0.089 where 0.05 is
    wanted (n = 360, δ = 0.01).

    Args:
        examples: n, at least 1.
        loss: δ, a fraction in (0, 1).
        alpha: the size, in (0, 0.5).
        side: "lower" or "upper".

    Returns:
        z, found from above to 1e-7. For δ = 0.01 and α = 0.05: lower 1.6655 at n = 360 and 1.6526
        at n = 6,000, where the last hundredths are due to q near one half; upper 1.801 and 1.687.

    Cost: 0.1 s at n = 360, 0.3 s at 10,000 and 0.5 s at 60,000, once in a process.
    """
    shares = (np.linspace(0, 1, _SHARES) ** 2) * (1 - loss) / 2
    return least_threshold(shares, examples, loss=loss, alpha=alpha, side=side)


def least_threshold(
    shares: Float64[np.ndarray, " shares"], examples: int, *, loss: float, alpha: float, side: Side
) -> float:
    """As `threshold`, over the shares of gained examples that are given."""
    z = NormalDist().inv_cdf(1 - alpha)
    found = sizes(shares, z, examples, loss=loss, side=side)
    low = 0.0
    while True:
        # The worst share decides; where its threshold is enough for another, so is any higher one.
        worst = float(shares[found.argmax()])
        z = _least_of(worst, low, examples, loss=loss, alpha=alpha, side=side)
        found = sizes(shares, z, examples, loss=loss, side=side)
        over = found > alpha
        if not over.any():
            return z
        shares, found, low = shares[over], found[over], z


def _least_of(
    share: float, low: float, examples: int, *, loss: float, alpha: float, side: Side
) -> float:
    """The least threshold above `low` for one share of gained examples, by halving intervals."""
    high = low + 0.5
    while _size(share, high, examples, loss, side) > alpha:
        low, high = high, high + 0.5
    while high - low > _EXACT:
        middle = (low + high) / 2
        if _size(share, middle, examples, loss, side) > alpha:
            low = middle
        else:
            high = middle
    return high


def sizes(
    shares: Float64[np.ndarray, " shares"], z: float, examples: int, *, loss: float, side: Side
) -> Float64[np.ndarray, " shares"]:
    """The chance of a score beyond z where accuracy falls by exactly `loss`, by share gained."""
    return np.asarray([_size(share, z, examples, loss, side) for share in shares.tolist()])


def _size(share: float, z: float, n: int, loss: float, side: Side) -> float:
    from scipy.special import bdtr, bdtrc  # here, since it takes a third of a second of every start

    spread = _SPREADS * np.sqrt(n * share * (1 - share)) + 20
    first, last = max(0, int(n * share - spread)), min(n, int(np.ceil(n * share + spread)))
    c = np.arange(first, last + 1, dtype=float)
    rest, p = (n - c).astype(np.int64), min(1.0, (share + loss) / (1 - share))
    if side == "lower":
        b = _most_lost(c, n, loss, limit=-z, strictly=False)
        tail = np.where(b >= 0, bdtr(b.clip(0), rest, p), 0.0)
    else:
        b = _most_lost(c, n, loss, limit=z, strictly=True)
        tail = np.where(b >= 0, bdtrc(b.clip(0), rest, p), 1.0)
    return float(np.sum(_binomial(c, n, share) * tail))


def _most_lost(
    c: Float64[np.ndarray, " n"], n: int, loss: float, *, limit: float, strictly: bool
) -> Float64[np.ndarray, " n"]:
    """By number gained, the most lost with a score up to, or below, the limit; −1 for none.

    The score grows with the lost: halving intervals finds the last.
    """
    low, high = np.full(len(c), -1.0), n - c
    while (low < high).any():
        middle = np.ceil((low + high) / 2)
        score = tango_score(middle, c, examples=n, loss=loss)
        below = score < limit if strictly else score <= limit
        low, high = np.where(below, middle, low), np.where(below, high, middle - 1)
    return low


def _binomial(c: Float64[np.ndarray, " n"], n: int, p: float) -> Float64[np.ndarray, " n"]:
    from scipy.special import gammaln, xlog1py, xlogy

    ways = gammaln(n + 1) - gammaln(c + 1) - gammaln(n - c + 1)
    return np.exp(ways + xlogy(c, p) + xlog1py(n - c, -p))
