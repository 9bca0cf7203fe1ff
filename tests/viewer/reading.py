"""Reads what pages read, by Python."""

import numpy as np

from surfeit.viewer.frames.matrix import NONE, STEPS


def places_of(header, arrays):
    """The places of a compact pack, [moments, units, 2]."""
    kept = arrays["low"].astype(int) + 256 * arrays["high"].astype(int)
    changes = np.where(kept % 2, -(kept + 1) // 2, kept // 2)
    steps = changes.reshape(len(header["at"]), header["units"], 2).cumsum(axis=0)
    return np.array(header["corner"]) + header["step"] * steps


def products_of(header, arrays):
    """All products of a compact matrix's pack, [units, units]."""
    units = header["units"]
    products = np.zeros((units, units), int)
    products[np.triu_indices(units, 1)] = arrays["pairs"]
    products += products.T
    products[np.diag_indices(units)] = STEPS
    products[header["nowhere"]] = NONE
    products[:, header["nowhere"]] = NONE
    return products
