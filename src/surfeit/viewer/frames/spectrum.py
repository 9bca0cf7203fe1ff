"""The eigenvalues of a layer at one moment and the noise fitted to them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from surfeit.core import finite_matrix
from surfeit.spectra import (
    MASKED,
    MarchenkoPastur,
    eigenpairs,
    fit_marchenko_pastur,
    scattered_zeros,
)
from surfeit.viewer.wire import encode

LEADING = 16
_CURVE = 120  # points of the density: closer than pixels on the page


@dataclass(frozen=True, kw_only=True, eq=False)
class SpectrumFrame:
    """A layer's spectrum; the names are those of the page.

    Args:
        units: of the layer.
        eigenvalues: float32, falling; those that are zero by the layer's shape are left out.
        fit: the noise's, or None where nothing can be fitted.
        loadings: float32 [leading, units], squared entries of the leading eigenvectors of `W Wᵀ`.
        note: why there is no fit, or that it is a description only; a sentence, or None.
    """

    units: int
    eigenvalues: np.ndarray
    fit: MarchenkoPastur | None
    loadings: np.ndarray
    note: str | None

    def packed(self) -> bytes:
        """The frame in the bytes that `surfeit.viewer.wire` describes.

        Loadings are sent as their roots, a byte each: `loading = root² / Σ root²` of its row.
        """
        empty = np.empty(0, np.float32)
        at, density = (empty, empty) if self.fit is None else self.fit.curve(_CURVE)
        header = {
            "units": self.units,
            "leading": len(self.loadings),
            "fit": None if self.fit is None else _edges(self.fit),
            "note": self.note,
        }
        arrays = {
            "eigenvalues": self.eigenvalues,
            "density_at": np.asarray(at, np.float32),
            "density": np.asarray(density, np.float32),
            "roots": _roots(self.loadings),
        }
        return encode(header, arrays)


def spectrum_frame(weight: Float[Tensor, "units *inputs"], *, groups: int = 1) -> SpectrumFrame:
    """A layer's eigenvalues, its noise and who is in its leading directions.

    Args:
        weight: the layer's weight.
        groups: of the layer. With more than one the matrix has zeros where other groups' weights
            stand: its eigenvalues are those of all groups, and no law of noise is theirs.

    Raises:
        ValueError: if a weight is not finite.

    Cost: O(units · inputs · min(units, inputs)).
    """
    matrix = finite_matrix(weight)
    found, leading = eigenpairs(matrix, LEADING)
    fit, note = None, None
    try:
        if groups > 1:
            raise ValueError(
                f"the layer's {groups} groups of units read different inputs, and each has a noise "
                "of its own"
            )
        fit = fit_marchenko_pastur(found, matrix.shape)
    except ValueError as error:
        note = f"no noise is fitted: {error}"
    if fit is not None and not fit.fits:
        note = "the bulk does not look like noise: edges and spikes are descriptions only"
    elif fit is not None and scattered_zeros(matrix) >= MASKED:
        note = (
            "the layer is pruned, which the noise does not allow for: spikes are descriptions only"
        )
    return SpectrumFrame(
        units=len(matrix),
        eigenvalues=found[: min(matrix.shape)].numpy().astype(np.float32),
        fit=fit,
        loadings=leading.square().numpy().astype(np.float32),
        note=note,
    )


def _edges(fit: MarchenkoPastur) -> dict[str, float | int | bool]:
    return {
        "lower": fit.lower,
        "upper": fit.upper,
        "threshold": fit.threshold,
        "spikes": fit.spike_count,
        "fits": fit.fits,
    }


def _roots(loadings: np.ndarray) -> np.ndarray:
    """The loadings' roots in 255 steps up to the largest of each row; rows sum to 1."""
    roots = np.sqrt(loadings)
    return np.rint(255 * roots / roots.max(axis=1, keepdims=True)).astype(np.uint8)
