"""How the loss bends around the trained weights: a part of the report for those who ask for it.

It is of the whole network, and of the loss that was minimised, on training examples.
"""

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure
from torch import Tensor

from surfeit.core import Streams, one_thread
from surfeit.curvature import Curvature, LossSurface, curvature, hessian, loss_examples
from surfeit.curvature.measure import DENSITY, EIGENVALUES, Told
from surfeit.report import html
from surfeit.report.config import ReportConfig
from surfeit.report.network import Network
from surfeit.report.panels import Drawing, panelled
from surfeit.report.topics import Entry
from surfeit.tables.figures import curvature as figures

Numbers = dict[str, Any]
Rows = dict[str, list[dict[str, Any]]]
NAME, TITLE = "curvature", "How the loss bends"
ABOUT = "The eigenvalues of the loss's Hessian at the trained weights."

_NUMBER, _WHOLE, _TEXT = pa.float64(), pa.int64(), pa.string()
SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        "curvature": EIGENVALUES,
        "curvature_density": DENSITY,
        "curvature_sums": pa.schema(
            [
                ("examples", _WHOLE),
                ("parameters", _WHOLE),
                *((name, _NUMBER) for name in ("loss", "trace", "trace_error")),
                *((name, _NUMBER) for name in ("frobenius", "frobenius_error")),
                ("products", _WHOLE),
                ("remarks", pa.list_(_TEXT)),
                ("left_out", _TEXT),
            ]
        ),
    }
)
"""The tables of the part: the eigenvalues at both ends, the density of all, and their sums.

"curvature_sums" has one row where the part was asked for: how many training examples the loss is
the mean of, and, unless `left_out` says why nothing was measured, what was found.
"""

_LARGEST = 10  # eigenvalues that are found one by one


@one_thread()
def measure_curvature(
    network: Network,
    config: ReportConfig,
    *,
    mask: Mapping[str, Tensor] | None,
    tell: Told,
) -> Rows:
    """Rows of this part's tables.

    Args:
        network: the trained one.
        config: how many training examples, and the seed that draws them and the random vectors.
        mask: True = kept; the weights that it removed are no coordinates. None where there is none.
        tell: as `surfeit.report.measure.Progress`.

    Cost: some 90 products of the Hessian with a vector for the eigenvalues, 300 for the density;
    with 1,000 images half a minute for LeNet-300-100 on one core.
    """
    split = loss_examples(network.dataset.train, config.curvature_examples, seed=config.seed)
    try:
        surface = LossSurface.of(network.model, split, network.worth.objective, mask=mask)
        largest = min(_LARGEST, surface.size)
        found = curvature(
            hessian(surface),
            largest=largest,
            smallest=min(1, surface.size - largest),
            streams=Streams(config.seed),
            progress=_told(tell),
        )
    except ValueError as error:  # as where the network draws at random
        return {"curvature_sums": [{"examples": len(split), "left_out": str(error)}]}
    return {
        "curvature": found.eigenvalues().to_pylist(),
        "curvature_density": found.density_table().to_pylist(),
        "curvature_sums": [_sums(surface, found)],
    }


def curvature_numbers(tables: Mapping[str, pa.Table]) -> Numbers | None:
    """This part of the summary: JSON values; None if nobody asked for it.

    Returns:
        `left_out` (why nothing was measured, or None) and `examples`; where it was measured also
        `loss`, `parameters`, `trace`, `frobenius` and their standard errors, `products`, `remarks`,
        and the `eigenvalues`, largest first.
    """
    rows = tables["curvature_sums"].to_pylist()
    if not rows:
        return None
    (row,) = rows
    if row["left_out"] is not None:
        return {name: row[name] for name in ("left_out", "examples")}
    return row | {"eigenvalues": tables["curvature"].to_pylist()}


def curvature_figure(tables: Mapping[str, pa.Table]) -> Figure | None:
    """The density of all eigenvalues; None where it was not measured."""
    found = curvature_numbers(tables)
    if found is None or found["left_out"] is not None:
        return None
    return figures.figure(
        tables["curvature"],
        tables["curvature_density"],
        matrix="Hessian",
        size=found["parameters"],
    )


def curvature_section(
    summary: Mapping[str, Any], drawing: Drawing | None, files: str, noun: str
) -> str:
    """The section of the page, empty if nobody asked for it.

    Args:
        summary: of the report.
        drawing: of the density.
        files: links to the figure's files.
        noun: what examples are called.
    """
    found = summary[NAME]
    if found is None:
        return ""
    if found["left_out"] is not None:
        return html.section(NAME, TITLE, html.paragraph(f"Left out: {found['left_out']}."))
    body = html.paragraph(_introduction(found, noun))
    if drawing is not None:
        label = "Density of the eigenvalues of the Hessian"
        shown = panelled(drawing, prefix=f"{NAME}-d", label=label)
        body += html.figure(shown, _CAPTION) + files
    body += "".join(html.paragraph(_sentence(text)) for text in found["remarks"])
    return html.section(NAME, TITLE, body + html.details("All eigenvalues", _table(found)))


def curvature_entries(summary: Mapping[str, Any]) -> list[Entry]:
    """The words of this part, where it is shown."""
    if summary[NAME] is None:
        return []
    return [
        Entry(
            word="Hessian",
            meaning="The matrix of the loss's second derivatives. Along an eigenvector a step of "
            "length s changes the slope by s times the eigenvalue: where that is near zero, "
            "weights can move and hardly change the loss.",
        )
    ]


_CAPTION = (
    "Eigenvalues of the loss's Hessian, smoothed over a hundredth of their range, on a logarithmic "
    "scale; triangles are eigenvalues that were found one by one."
)
_MEASURES = (
    "How large they are depends on the scale of the weights, which layers of ReLUs share out as "
    "they like, so that networks of different scale are not compared by them."
)


def _introduction(found: Numbers, noun: str) -> str:
    smallest = _first(found, "smallest")
    ends = f"{_first(found, 'largest'):.3g}"
    ends += "" if smallest is None else f", the smallest {smallest:.3g}"
    return (
        f"The mean loss of {found['examples']:,} training {noun} is {found['loss']:.4g}, as a "
        f"function of {found['parameters']:,} parameters. The largest eigenvalue of its Hessian is "
        f"{ends}; the sum of all is "
        f"{_with_error(found, 'trace')}, the root of the sum of their squares "
        f"{_with_error(found, 'frobenius')} (± one standard error). {_MEASURES}"
    )


def _first(found: Numbers, end: str) -> float | None:
    rows = [row for row in found["eigenvalues"] if row["end"] == end and row["rank"] == 1]
    return rows[0]["eigenvalue"] if rows else None


def _with_error(found: Numbers, name: str) -> str:
    return f"{found[name]:.4g} ± {found[f'{name}_error']:.2g}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _table(found: Numbers) -> str:
    rows = [
        [
            f"{row['end']}, {row['rank']}",
            f"{row['eigenvalue']:.4g}",
            f"{row['residual']:.2g}",
            "yes" if row["converged"] else "no",
        ]
        for row in found["eigenvalues"]
    ]
    head = ("", "Eigenvalue", "Residual", "Converged")
    caption = "Eigenvalues at both ends"
    return html.table(caption, head, [[escape(cell) for cell in row] for row in rows])


def _sums(surface: LossSurface, found: Curvature) -> dict[str, Any]:
    density = found.density
    return {
        "examples": len(surface.split),
        "parameters": surface.size,
        "loss": surface.loss,
        "trace": density.trace.value,
        "trace_error": density.trace.standard_error,
        "frobenius": density.frobenius.value,
        "frobenius_error": density.frobenius.standard_error,
        "products": found.products,
        "remarks": [*surface.remarks, *found.pairs.remarks],
    }


def _told(tell: Told) -> Told:
    """Both stages under names of their own."""
    return lambda stage, done, total: tell(f"measuring the curvature: {stage}", done, total)
