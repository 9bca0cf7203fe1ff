"""Spectra of weight matrices: eigenvalues, noise and spikes, low rank, angles of subspaces."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.spectra.accuracy import accuracy_by_rank
    from surfeit.spectra.angles import leading_directions, principal_angles
    from surfeit.spectra.effective import projected
    from surfeit.spectra.eigenvalues import eigenpairs, eigenvalues
    from surfeit.spectra.elbow import elbow
    from surfeit.spectra.marchenko_pastur import MarchenkoPastur, fit_marchenko_pastur
    from surfeit.spectra.projection import (
        kept_share,
        project,
        project_randomly,
        project_update,
        residual_energy,
        residual_share,
    )
    from surfeit.spectra.zeros import MASKED, scattered_zeros

__all__ = [
    "MASKED",
    "MarchenkoPastur",
    "accuracy_by_rank",
    "eigenpairs",
    "eigenvalues",
    "elbow",
    "fit_marchenko_pastur",
    "kept_share",
    "leading_directions",
    "principal_angles",
    "project",
    "project_randomly",
    "project_update",
    "projected",
    "residual_energy",
    "residual_share",
    "scattered_zeros",
]

lazy_front(__name__)
