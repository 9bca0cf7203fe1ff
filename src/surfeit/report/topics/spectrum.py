"""A layer's eigenvalues and the noise fitted to them."""

from math import isfinite
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.report import html, words
from surfeit.report.config import ReportConfig
from surfeit.report.quantities import Quantity
from surfeit.report.subject import Subject
from surfeit.report.topics.topic import (
    Column,
    Entry,
    Numbers,
    Reference,
    Rows,
    Tables,
    Topic,
)
from surfeit.report.words import Finding
from surfeit.spectra import (
    MASKED,
    MarchenkoPastur,
    eigenvalues,
    fit_marchenko_pastur,
    scattered_zeros,
)
from surfeit.tables.figures import spectrum
from surfeit.tables.tables import where

# `zeros` is the share of weights that a mask left at zero, `pruned` whether there are so many that
# spikes are no test.
_SCHEMAS = {
    "eigenvalues": pa.schema(
        [
            ("layer", pa.string()),
            ("stage", pa.string()),
            ("eigenvalue", pa.float64()),
            ("spike", pa.bool_()),
        ]
    ),
    "bulk": pa.schema(
        [
            ("layer", pa.string()),
            ("stage", pa.string()),
            *(
                (name, pa.float64())
                for name in ("variance", "lower", "upper", "threshold", "ratio")
            ),
            ("spikes", pa.int64()),
            ("bulk", pa.int64()),
            ("eigenvalues", pa.int64()),
            ("largest", pa.float64()),
            ("distance", pa.float64()),
            ("distance_limit", pa.float64()),
            ("fits", pa.bool_()),
            ("zeros", pa.float64()),
            ("pruned", pa.bool_()),
        ]
    ),
    "density": pa.schema(
        [
            ("layer", pa.string()),
            ("stage", pa.string()),
            ("eigenvalue", pa.float64()),
            ("density", pa.float64()),
        ]
    ),
}


def measure_spectrum(subject: Subject, config: ReportConfig) -> Rows:
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


def _numbers(here: Tables, quantity: Quantity) -> Numbers:
    return {"spectrum": {stage: _stage(here["bulk"], stage) for stage in ("initial", "final")}}


def _stage(bulk: pa.Table, stage: str) -> Numbers | None:
    rows = where(bulk, stage=stage).to_pylist()
    if not rows:
        return None
    edges = ("lower", "upper", "threshold", "variance")
    wanted = ("spikes", "eigenvalues", "largest", *edges, "fits", "pruned", "zeros")
    distances = ("distance", "distance_limit")
    finite = {key: rows[0][key] if isfinite(rows[0][key]) else None for key in distances}
    return {key: rows[0][key] for key in wanted} | finite


def _findings(name: str, summary: Numbers) -> list[Finding]:
    stages = summary["layers"][name]["spectrum"]
    before, after = stages["initial"], stages["final"]
    if after is None:
        return []
    text = "" if before is None else f"Before training {before['spikes']} did."
    if not after["fits"]:
        text += (
            " The others no longer look like noise of one variance either, so the edge between "
            "them is a description, not a test."
        )
    elif after["pruned"]:
        text += " Its weights are pruned, so that this is a description, not a test."
    finding = Finding(
        f"{after['spikes']} of {after['eigenvalues']} eigenvalues stand above the noise.",
        text.strip(),
    )
    return [finding]


def _figure(here: Tables, reference: Reference) -> Figure | None:
    if here["eigenvalues"].num_rows == 0:
        return None
    return spectrum.figure(here["eigenvalues"], here["density"], here["bulk"])


def _table(name: str, summary: Numbers, tables: Tables) -> str:
    layer = summary["layers"][name]
    rows = [
        [
            {"initial": "at initialisation", "final": "after training"}[stage],
            f"{found['spikes']} of {found['eigenvalues']}",
            f"{found['lower']:.3g} to {found['upper']:.3g}",
            f"{found['threshold']:.3g}",
            f"{found['largest']:.3g}",
            _distance(found),
        ]
        for stage in ("initial", "final")
        if (found := layer["spectrum"][stage]) is not None
    ]
    head = (
        "",
        "Spikes",
        "Noise lies at",
        "A spike must pass",
        "Largest",
        "Distance of bulk from noise",
    )
    caption = f"{words.layer_name(name)}: eigenvalues and the fitted noise"
    return html.table(caption, head, rows, stacked=True) if rows else ""


def _distance(found: Numbers) -> str:
    if found["distance"] is None:
        return "–"
    verdict = "looks like noise" if found["fits"] else "does not look like noise"
    return f"{found['distance']:.2f} ({verdict}: limit {found['distance_limit']:.2f})"


def _cell(layer: Numbers, worth: Quantity) -> str:
    final = layer["spectrum"]["final"]
    return "–" if final is None else f"{final['spikes']} of {final['eigenvalues']}"


def _glossary(summary: Numbers) -> list[Entry]:
    meaning = (
        "Independent random weights of one variance have eigenvalues in a known range (Marchenko "
        "and Pastur 1967); a spike is an eigenvalue above that range by more than such noise "
        "strays in 99 of 100 layers: it passes the dashed line of the figure. That is for weights "
        "of light tails, such as Gaussian ones, none of them pruned: of layers of pure noise with "
        "heavy tails (Student’s t of 5 degrees of freedom) 12 to 35 in 100 had a spike, of layers "
        "under a random mask 40 to 63 where a fifth of the weights was kept, and nearly all below."
    )
    return [Entry(word="Noise, spike", meaning=meaning)]


SPECTRUM = Topic(
    name="spectrum",
    short="Spectra",
    title="Eigenvalues and noise",
    introduction=(
        "The eigenvalues of W Wᵀ say how much the layer does in each of its directions. Random "
        "weights give the black curve (the Marchenko-Pastur law). What training adds shows as "
        "spikes to the right of it: few directions that carry much. Even pure noise strays a "
        "little beyond the end of its curve, so only what also passes the dashed line is "
        "called a spike. Where that line lies is known for independent weights of one variance "
        "with light tails; beyond those a spike is a description. The axis is logarithmic."
    ),
    caption="eigenvalues before and after training, with the fitted noise.",
    missing="There is no spectrum of this layer.",
    schemas=_SCHEMAS,
    measure=measure_spectrum,
    numbers=_numbers,
    findings=_findings,
    figure=_figure,
    table=_table,
    columns=(Column(heading="Spikes above noise", cell=_cell, term="spike"),),
    glossary=_glossary,
    describes=True,
)
