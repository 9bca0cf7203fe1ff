"""A layer's eigenvalues and the noise fitted to them."""

from typing import Any

from surfeit.report.subject import Subject
from surfeit.spectra import (
    MASKED,
    MarchenkoPastur,
    eigenvalues,
    fit_marchenko_pastur,
    scattered_zeros,
)

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
    rows: Rows = {"eigenvalues": [], "bulk": [], "density": [], "notes": []}
    for stage, weight in subject.stages():
        about = {"layer": subject.name, "stage": stage}
        found = eigenvalues(weight)
        fit = fit_marchenko_pastur(found, weight.shape)
        real = found[: min(weight.shape)].tolist()
        rows["eigenvalues"] += [
            {**about, "eigenvalue": value, "spike": value > fit.threshold} for value in real
        ]
        zeros = scattered_zeros(weight)
        pruned = zeros >= MASKED
        seen = {"eigenvalues": len(real), "largest": real[0], "zeros": zeros, "pruned": pruned}
        rows["bulk"].append({**about, **_fitted(fit), **seen})
        rows["density"] += [{**about, **point} for point in _density(fit)]
        if stage == "final" and pruned:
            rows["notes"].append(_pruned(subject.name, zeros))
    return rows


def _pruned(layer: str, zeros: float) -> dict[str, Any]:
    """What is to be known of a layer with zeros among its weights."""
    text = (
        f"{100 * zeros:.0f} % of this layer's weights are exactly zero, as pruning leaves them. "
        "The noise that is fitted here has no such holes. Under a random mask 40 to 63 in 100 "
        "layers of nothing but noise had a spike where a fifth of the weights was kept, and "
        "nearly all where it was a tenth. So spikes are a description here, not a test."
    )
    return {"topic": "spectrum", "layer": layer, "text": text}


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
