"""A layer's eigenvalues and the noise fitted to them."""

from typing import Any

from surfeit.report.subject import Subject
from surfeit.spectra import MarchenkoPastur, eigenvalues, fit_marchenko_pastur

Rows = dict[str, list[dict[str, Any]]]


def measure_noise(subject: Subject) -> Rows:
    """Rows of the tables "eigenvalues", "bulk" and "density", at initialisation and at the end.

    Eigenvalues that are zero by the layer's shape alone (more units than inputs) are left out.

    Raises:
        ValueError: if a side of the weight matrix is 1, all weights are zero, or the layer has
            groups.
    """
    if subject.layer.groups > 1:
        raise ValueError(
            f"its {subject.layer.groups} groups of units read different inputs, so that most of "
            "its weight matrix is zero by construction: the law of random matrices, which asks for "
            "independent entries everywhere, does not describe it"
        )
    rows: Rows = {"eigenvalues": [], "bulk": [], "density": []}
    for stage, weight in subject.stages():
        about = {"layer": subject.name, "stage": stage}
        found = eigenvalues(weight)
        fit = fit_marchenko_pastur(found, weight.shape)
        real = found[: min(weight.shape)].tolist()
        rows["eigenvalues"] += [
            {**about, "eigenvalue": value, "spike": value > fit.threshold} for value in real
        ]
        rows["bulk"].append({**about, **_fitted(fit), "eigenvalues": len(real), "largest": real[0]})
        rows["density"] += [{**about, **point} for point in _density(fit)]
    return rows


def _fitted(fit: MarchenkoPastur) -> dict[str, Any]:
    return {
        "variance": fit.variance,
        "lower": fit.lower,
        "upper": fit.upper,
        "threshold": fit.threshold,
        "ratio": fit.ratio,
        "spikes": fit.spike_count,
        "bulk": fit.noise_shape[0],
        "distance": fit.distance,
        "distance_limit": fit.distance_limit,
        "fits": fit.fits,
    }


def _density(fit: MarchenkoPastur) -> list[dict[str, float]]:
    x, density = (values.tolist() for values in fit.curve())
    return [{"eigenvalue": at, "density": value} for at, value in zip(x, density, strict=True)]
