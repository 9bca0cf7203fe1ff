"""Tango's score of a paired difference: how far right answers fall short of what is supposed."""

import numpy as np
from jaxtyping import Float64


def tango_score(
    lost: Float64[np.ndarray, " n"] | float,
    gained: Float64[np.ndarray, " n"] | float,
    *,
    examples: int,
    loss: float,
) -> Float64[np.ndarray, " n"]:
    """How far a fall of accuracy lies above `loss`, in standard deviations.

    With b examples lost and c gained of n, and the fall δ that is supposed,

        `B = −b − c + (2n − b + c) δ`,
        `q̃ = (√(B² + 8 n c δ (1 − δ)) − B) / 4n`, the likeliest share of gained examples,
        `z = (b − c − n δ) / √(n (2 q̃ + δ (1 − δ)))`.

    A negative δ is a rise: the score is then minus that of the two counts exchanged. At 0 it is
    `(b − c) / √(b + c)`, McNemar's, and 0 where nothing changed.

    Args:
        lost: how many right answers have become wrong; any shape.
        gained: how many wrong answers have become right.
        examples: n, of both.
        loss: δ, a fraction in (−1, 1).

    Returns:
        the scores: negative where less is lost than δ.

    Source: Tango 1998, equations 9 to 12, for p = lost and q = gained.
    """
    if loss < 0:
        return -tango_score(gained, lost, examples=examples, loss=-loss)
    b, c, n = np.asarray(lost, dtype=float), np.asarray(gained, dtype=float), examples
    spread = loss * (1 - loss)
    B = -b - c + (2 * n - b + c) * loss
    q = (np.sqrt(B * B + 8 * n * c * spread) - B) / (4 * n)
    deviation = np.sqrt(n * (2 * q + spread))
    return (b - c - n * loss) / np.where(deviation > 0, deviation, 1)
