"""Inner products in 16 bits: `apart = round((1 − ⟨ŵ_i, ŵ_j⟩) / 2 · 65535)`."""

import numpy as np

STEPS = 65_535
"""What stands for opposite directions; 0 stands for equal ones."""


def apart_of(inner_products: np.ndarray) -> np.ndarray:
    """The quantised cosine distances, uint16; falling inner products give ascending ones.

    The inner product that is read back is off by at most 1 / 65,535.

    Args:
        inner_products: finite; rounding beyond [−1, 1] is cut off.
    """
    distance = (1 - np.asarray(inner_products, np.float64)) / 2
    return np.rint(np.clip(distance, 0, 1) * STEPS).astype(np.uint16)


def inner_product_of(apart: np.ndarray | int) -> np.ndarray:
    """The inner products that quantised distances stand for, float64."""
    return 1 - 2 * np.asarray(apart, np.float64) / STEPS
