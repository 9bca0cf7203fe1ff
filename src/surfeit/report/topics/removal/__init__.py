"""Removing units: how many of a layer can go, and at what cost."""

from html import escape
from statistics import fmean, stdev

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.prune import can_go_briefly
from surfeit.prune import table as curves
from surfeit.report import html, words
from surfeit.report.quantities import Quantity
from surfeit.report.topics.choices import choice_of
from surfeit.report.topics.removal.measuring import measure_removals
from surfeit.report.topics.removal.wording import answer_of, finding, glossary, headline
from surfeit.report.topics.topic import Column, Numbers, Reference, Tables, Topic
from surfeit.report.words import Finding
from surfeit.tables.figures import removal
from surfeit.tables.tables import where

_SCHEMAS = {
    "removal": curves.SCHEMA,
    "removable": pa.schema(
        [
            ("layer", pa.string()),
            ("criterion", pa.string()),
            ("remove", pa.string()),
            ("repeat", pa.int64()),
            ("removable", pa.int64()),
        ]
    ),
    "can_go": pa.schema(
        [
            ("layer", pa.string()),
            ("criterion", pa.string()),
            ("units", pa.int64()),
            ("estimate", pa.int64()),
            ("lower", pa.int64()),
            ("upper", pa.int64()),
            ("loss", pa.float64()),
            ("confidence", pa.float64()),
            ("examples", pa.int64()),
            ("why_no_bounds", pa.string()),
        ]
    ),
}
_SCHEMAS["accepted"] = _SCHEMAS["can_go"]
# Units are counted from 0; where layers go together they are those of the group.
_SCHEMAS["orders"] = pa.schema(
    [
        ("layer", pa.string()),
        ("criterion", pa.string()),
        ("place", pa.int64()),
        ("unit", pa.int64()),
    ]
)
_BOUNDS = ("lower", "upper", "loss", "confidence", "examples")


def _numbers(here: Tables, quantity: Quantity) -> Numbers:
    return {"removal": _removal(here, quantity), "not_removed": _reason(here["notes"])}


def _removal(here: Tables, quantity: Quantity) -> Numbers | None:
    choice = choice_of(here, "removal")
    if choice is None:
        return None
    (row,) = here["layers"].to_pylist()
    (answer,) = here["can_go"].to_pylist()
    counts = where(here["removable"], remove="least")
    random = where(here["removable"], criterion="random")["removable"].to_pylist()
    bounds = None if answer["lower"] is None else {name: answer[name] for name in _BOUNDS}
    least = answer["estimate"] if bounds is None else bounds["lower"]
    return {
        "criterion": answer["criterion"],
        "units": answer["units"],
        "group": row["group"],
        "bounds": bounds,
        "why_no_bounds": answer["why_no_bounds"],
        "share": least / answer["units"],
        "estimate": answer["estimate"],
        "by_criterion": {row["criterion"]: row["removable"] for row in counts.to_pylist()},
        "random": _mean_and_spread(random),
        "accepted": [
            {key: row[key] for key in row if key != "layer"} for row in here["accepted"].to_pylist()
        ],
        "test": choice["test"],
        "as_many": _as_many(here, quantity, row, answer["criterion"], least or answer["estimate"]),
    }


def _as_many(
    here: Tables, quantity: Quantity, row: Numbers, criterion: str, removed: int
) -> Numbers:
    """What the network is worth on the test split without so many units, chosen and at random."""
    at = where(here["removal"], split="test", removed=removed)
    chosen = where(at, criterion=criterion, remove="least")[quantity.curve].to_pylist()
    random = where(at, criterion="random")[quantity.curve].to_pylist()
    return {
        "removed": removed,
        "after": _in(quantity, chosen[0], row),
        "random": _mean_and_spread([_in(quantity, value, row) for value in random]),
    }


def _in(quantity: Quantity, value: float, row: Numbers) -> float:
    """A point of a curve in the quantity of the report."""
    return 1 - value / row["test_variance"] if quantity.name == "r2" else value


def _reason(notes: pa.Table) -> str | None:
    """Why no units were removed; None if they were."""
    reasons = [row["reason"] for row in where(notes, topic="removal").to_pylist()]
    return next((reason for reason in reasons if reason is not None), None)


def _mean_and_spread(values: list[float]) -> Numbers:
    spread = stdev(values) if len(values) > 1 else None
    return {"mean": fmean(values), "sd": spread, "repeats": len(values)}


def _findings(name: str, summary: Numbers) -> list[Finding]:
    return [finding(name, summary)]


def _figure(here: Tables, reference: Reference) -> Figure | None:
    if here["removal"].num_rows == 0:
        return None
    (row,) = here["layers"].to_pylist()
    return removal.figure(
        here["removal"],
        loss=reference.loss,
        chance=None if reference.classes is None else 1 / reference.classes,
        answer=_drawn(here["can_go"].to_pylist()[0]),
        variance={split: row[f"{split}_variance"] for split in ("validation", "test")},
    )


def _drawn(row: Numbers) -> removal.Answer:
    bounds = None if row["lower"] is None else (row["lower"], row["upper"])
    return removal.Answer(criterion=row["criterion"], estimate=row["estimate"], bounds=bounds)


def _table(name: str, summary: Numbers, tables: Tables) -> str:
    removal = summary["layers"][name]["removal"]
    if removal is None:
        return ""
    counts = where(tables["removable"], layer=name)
    rows = []
    for criterion, least in removal["by_criterion"].items():
        most = where(counts, criterion=criterion, remove="most")["removable"].to_pylist()
        rows.append([criterion.replace("_", " "), str(least), *(str(count) for count in most)])
    random = words.plus_minus(removal["random"])
    rows.append([f"random, {removal['random']['repeats']} orders", random, random])
    caption = (
        f"{words.layer_name(name)}: units of {removal['units']} that each curve of the validation "
        f"{words.examples(summary)} lets go; estimates, of which the largest chose the criterion"
    )
    head = ("Criterion", "Least important first", "Most important first")
    every = html.details("Every criterion", html.table(caption, head, rows))
    return every + _unit_list(name, removal, tables["orders"])


def _unit_list(name: str, removal: Numbers, orders: pa.Table) -> str:
    """Which units go, the first first, up to what was shown and up to the estimate."""
    order = where(orders, layer=name).sort_by("place")["unit"].to_pylist()
    lower = 0 if removal["bounds"] is None else removal["bounds"]["lower"]
    parts = []
    for words_of, first, last in (
        ("Shown", 0, lower),
        ("Further ones by the estimate", lower, removal["estimate"]),
    ):
        if last > first:
            units = ", ".join(map(str, order[first:last]))
            parts.append(f"<p>{words_of} ({last - first}): <code>{units}</code></p>")
    if not parts:
        return ""
    whole = html.file_link("tables/orders.parquet", "the whole order")
    by = escape(removal["criterion"].replace("_", " "))
    about = f"<p>Units counted from 0, in the order of {by}; {whole} is beside this page.</p>"
    return html.details("Which units can go", about + "".join(parts))


def _can_go_cell(layer: Numbers, worth: Quantity) -> str:
    removed = layer["removal"]
    if removed is None:
        return "–"
    return (
        f"<span><b>{escape(can_go_briefly(answer_of(removed)))}</b>"
        f"<small>{escape(removed['criterion'].replace('_', ' '))}</small></span>"
    )


def _estimate_cell(layer: Numbers, worth: Quantity) -> str:
    removed = layer["removal"]
    if removed is None:
        return "–"
    random = words.plus_minus(removed["random"])
    return f"<span>{removed['estimate']}<small>at random: {random}</small></span>"


def _cost_cell(layer: Numbers, worth: Quantity) -> str:
    removed = layer["removal"]
    if removed is None:
        return "–"
    many = removed["as_many"]
    random = words.amount_and_spread(many["random"], worth)
    return (
        f"<span>{worth.amount(many['after'])}<small>{many['removed']} removed; at random: "
        f"{random}; before: {worth.amount(removed['test']['before'])}</small></span>"
    )


def _settings(summary: Numbers) -> list[tuple[str, str]]:
    return [("Random orders", str(summary["settings"]["repeats"]))]


REMOVAL = Topic(
    name="removal",
    short="Removing units",
    title="Removing units",
    introduction=(
        "Units are removed one after another without retraining, and the network is tested "
        "after each: the curves say how many points of accuracy are lost. Up to the accepted loss "
        "the axis is linear, beyond it logarithmic, so that what costs next to nothing can be "
        "seen; below 0 something is gained. The validation curves, least important unit first, "
        "choose the criterion and give an estimate; the test curve of that criterion bounds how "
        "many can go. Between the two bounds nobody can tell on so many examples. A curve that "
        "stays low for long is what redundancy looks like. In the check the most important unit "
        "goes first, and a criterion that knows anything rises above random. The grey band is "
        "random order, one standard deviation about its mean."
    ),
    caption="what the validation examples choose, the test examples judge.",
    of_losses={
        "introduction": (
            "Units are removed one after another without retraining, and the network is "
            "tested after each: the curves say how much worse it is. Up to what is accepted the "
            "axis is linear, beyond it logarithmic, so that what costs next to nothing can be "
            "seen; below 0 something is gained. The validation curves, least important unit "
            "first, choose the criterion and give an estimate; beside them the test curves. A "
            "curve that stays low for long is what redundancy looks like. In the check the most "
            "important unit goes first, and a criterion that knows anything rises above random. "
            "The grey band is random order, one standard deviation about its mean."
        ),
    },
    missing="There is no removal curve of this layer.",
    schemas=_SCHEMAS,
    measure=measure_removals,
    numbers=_numbers,
    findings=_findings,
    figure=_figure,
    table=_table,
    headline=headline,
    columns=(
        Column(heading="Units that can go for at most {loss}", cell=_can_go_cell),
        Column(heading="Estimate on validation", cell=_estimate_cell),
        Column(heading="Test {quantity} after", cell=_cost_cell),
    ),
    legend="± is the standard deviation of {repeats} random orders.",
    glossary=glossary,
    settings=_settings,
)
