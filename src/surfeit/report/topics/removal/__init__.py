"""Removing units: how many of a layer can go, and at what cost."""

from html import escape
from statistics import fmean, stdev

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.prune import table as curves
from surfeit.report import html, words
from surfeit.report.quantities import Quantity
from surfeit.report.topics.choices import choice_of
from surfeit.report.topics.removal.measuring import measure_removals
from surfeit.report.topics.removal.wording import finding, glossary, headline
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
}


def _numbers(here: Tables, quantity: Quantity) -> Numbers:
    return {"removal": _removal(here, quantity), "not_removed": _reason(here["notes"])}


def _removal(here: Tables, quantity: Quantity) -> Numbers | None:
    choice = choice_of(here, "removal")
    if choice is None:
        return None
    removed = choice["amount"]
    (row,) = here["layers"].to_pylist()
    counts = where(here["removable"], remove="least")
    by_criterion = {row["criterion"]: row["removable"] for row in counts.to_pylist()}
    random = where(here["removable"], criterion="random")["removable"].to_pylist()
    at = where(here["removal"], criterion="random", split="test", removed=removed)
    left = [_in(quantity, value, row) for value in at[quantity.curve].to_pylist()]
    units = at["units"][0].as_py()
    return {
        "criterion": choice["chosen"],
        "removable": removed,
        "units": units,
        "group": row["group"],
        "share": removed / units,
        "by_criterion": by_criterion,
        "random": _mean_and_spread(random),
        "test": choice["test"],
        "random_test": _mean_and_spread(left),
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
    rows = where(here["removal"], split="test")
    if rows.num_rows == 0:
        return None
    return removal.figure(
        rows,
        loss=reference.loss,
        chance=None if reference.classes is None else 1 / reference.classes,
        chosen=where(here["choices"], what="removal")["amount"][0].as_py(),
        variance=here["layers"]["test_variance"][0].as_py(),
    )


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
        f"{words.layer_name(name)}: units of {removal['units']} that can go, by criterion "
        f"(validation {words.examples(summary)})"
    )
    head = ("Criterion", "Least important first", "Most important first")
    return html.details("Every criterion", html.table(caption, head, rows))


def _removable_cell(layer: Numbers, worth: Quantity) -> str:
    removed = layer["removal"]
    if removed is None:
        return "–"
    return (
        f"<span><b>{removed['removable']}</b> of {removed['units']} "
        f"({words.percent(removed['share'], 0)}){html.bar(removed['share'])}"
        f"<small>{escape(removed['criterion'].replace('_', ' '))}</small></span>"
    )


def _random_cell(layer: Numbers, worth: Quantity) -> str:
    return "–" if layer["removal"] is None else words.plus_minus(layer["removal"]["random"])


def _cost_cell(layer: Numbers, worth: Quantity) -> str:
    if layer["removal"] is None:
        return "–"
    test = layer["removal"]["test"]
    return (
        f"<span>{worth.amount(test['after'])}<small>before: {worth.amount(test['before'])}"
        "</small></span>"
    )


def _settings(summary: Numbers) -> list[tuple[str, str]]:
    return [("Random orders", str(summary["settings"]["repeats"]))]


REMOVAL = Topic(
    name="removal",
    short="Removing units",
    title="Removing units",
    introduction=(
        "Units are removed one after another without retraining, and the network is tested "
        "after each. On the left each criterion removes first what it deems least important: "
        "a curve that stays high for long is what redundancy looks like. On the right it "
        "removes the most important first: a criterion that knows anything falls below "
        "random there. The grey band is random order, one standard deviation about its mean."
    ),
    caption="test accuracy after each removal.",
    of_losses={
        "introduction": (
            "Units are removed one after another without retraining, and the network is "
            "tested after each. On the left each criterion removes first what it deems least "
            "important: a loss that stays low for long is what redundancy looks like. On the "
            "right it removes the most important first: a criterion that knows anything rises "
            "above random there. The grey band is random order, one standard deviation about "
            "its mean."
        ),
        "caption": "test loss after each removal; lower is better.",
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
        Column(heading="Units that can go for at most {loss}", cell=_removable_cell),
        Column(heading="… in random order", cell=_random_cell),
        Column(heading="Test {quantity} after", cell=_cost_cell),
    ),
    legend="± is the standard deviation of {repeats} random orders.",
    glossary=glossary,
    settings=_settings,
)
