"""Inner products in 16 bits: `apart = round((1 − ⟨ŵ_i, ŵ_j⟩) / 2 · 65535)`."""

import math

import numpy as np

STEPS = 65_535
"""What stands for opposite directions; 0 stands for equal ones."""


def apart_of(inner_products: np.ndarray, *, level: float | None = None) -> np.ndarray:
    """The quantised cosine distances, uint16; falling inner products give ascending ones.

    The inner product that is read back is off by at most 1 / 65,535, next to a level by at most
    3 / 65,535.

    Args:
        inner_products: finite; rounding beyond [−1, 1] is cut off.
        level: where links begin: distances up to `limit_of(level)` are those of inner products from
            it on, and of no others.
    """
    products = np.asarray(inner_products)
    distance = (1 - products.astype(np.float64)) / 2
    found = np.rint(np.clip(distance, 0, 1) * STEPS)
    if level is not None:
        limit = limit_of(level)
        found = np.where(products >= level, np.minimum(found, limit), np.maximum(found, limit + 1))
    return found.clip(max=STEPS).astype(np.uint16)


def limit_of(level: float) -> int:
    """The greatest quantised distance of a link, rounded as the page does."""
    return math.floor((1 - min(max(level, -1.0), 1.0)) / 2 * STEPS + 0.5)


def cut_of(level: float, sigma: float) -> float:
    """A cutoff on the link weight that keeps the links up to `limit_of(level)`.

    `exp(−(2 limit + 1) / (65,535 σ²))`: half a step below the weakest of them, so that it means
    the same when it is read back from five digits.
    """
    return math.exp(-(2 * limit_of(level) + 1) / (STEPS * sigma**2))


def inner_product_of(apart: np.ndarray | int) -> np.ndarray:
    """The inner products that quantised distances stand for, float64."""
    return 1 - 2 * np.asarray(apart, np.float64) / STEPS
