"""The parts of the page that show one figure and one table a layer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from surfeit.report import html, words
from surfeit.report.quantities import Quantity
from surfeit.tables.tables import where

Numbers = Mapping[str, Any]
Tables = Mapping[str, pa.Table]


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One part of the page.

    Args:
        name: the anchor, and the beginning of its figures' names.
        short: its name in the list of contents.
        title: its heading.
        introduction: how to read its figures.
        caption: under each figure, behind the layer's name.
        missing: what stands in a figure's place.
        live: the caption instead where the viewer shows the layer, in the figure's place.
        table: the layer's table as HTML, of its name, the summary and the tables.
        of_losses: what stands instead where curves are of losses, by the names above.
    """

    name: str
    short: str
    title: str
    introduction: str
    caption: str
    missing: str
    table: Callable[[str, Numbers, Tables], str]
    live: str = ""
    of_losses: Mapping[str, str] = field(default_factory=dict)

    def read_by(self, quantity: Quantity) -> "Topic":
        """The topic in the words that fit what the network is judged by."""
        return replace(self, **self.of_losses) if quantity.curve == "loss" else self


def _removal_table(name: str, summary: Numbers, tables: Tables) -> str:
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


def _graph_table(name: str, summary: Numbers, tables: Tables) -> str:
    layer = summary["layers"][name]
    graph, units = layer["graph"], layer["units"]
    rows = [
        [
            {"initial": "at initialisation", "final": "after training"}[stage],
            str(units - found["isolated"]),
            str(found["isolated"]),
            str(found["largest_component"]),
            f"{found['clusters']} ({found['in_clusters']} units)",
        ]
        for stage in ("initial", "final")
        if (found := graph[stage]) is not None
    ]
    caption = f"{words.layer_name(name)}: joined from an inner product of {graph['link']:.2f} on"
    head = ("", "Linked units", "Isolated units", "Largest component", "Clusters of near equals")
    return html.table(caption, head, rows) if rows else ""


def _spectrum_table(name: str, summary: Numbers, tables: Tables) -> str:
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
    return html.table(caption, head, rows) if rows else ""


def _distance(found: Numbers) -> str:
    if found["distance"] is None:
        return "–"
    verdict = "looks like noise" if found["fits"] else "does not look like noise"
    return f"{found['distance']:.2f} ({verdict}: limit {found['distance_limit']:.2f})"


def _rank_table(name: str, summary: Numbers, tables: Tables) -> str:
    rows = where(tables["ranks"], layer=name)
    if rows.num_rows == 0:
        return ""
    by = {(row["of"], row["split"], row["rank"]): row for row in rows.to_pylist()}
    kinds = [of for of in ("weights", "update") if (of, "test") in {key[:2] for key in by}]
    titles = {"weights": "W", "update": "W − Z"}
    head = ["Rank"]
    for of in kinds:
        head += [f"{titles[of]}: norm kept", f"{titles[of]}: validation", f"{titles[of]}: test"]
    lines = []
    for rank in sorted({key[2] for key in by}):
        line = [str(rank)]
        for of in kinds:
            there = [by.get((of, split, rank)) for split in ("validation", "test")]
            line.append(words.percent(there[1]["share"]) if there[1] else "–")
            line += [_worth(row) if row else "–" for row in there]
        lines.append(line)
    curve = words.quantity(summary).curve
    of = "accuracies" if curve == "accuracy" else "losses"
    shown = words.layer_name(name)
    caption = f"{shown}: what a projection of each rank keeps ({of} of the whole network)"
    return html.details("The table of ranks", html.table(caption, head, lines))


def _worth(row: Numbers) -> str:
    return f"{row['loss']:.4g}" if row["accuracy"] is None else words.percent(row["accuracy"])


TOPICS = (
    Topic(
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
        table=_removal_table,
    ),
    Topic(
        name="graph",
        short="Graph",
        title="The graph of weight vectors",
        introduction=(
            "Each mark is a unit, as large as its weight vector is long. Two units are joined if "
            "their weight vectors point in nearly the same direction: if their inner product "
            "passes a threshold, by default the largest that chance would bring about among as "
            "many random directions. It differs from layer to layer, since random directions "
            "come closer to each other where units are many and their weights few. Only who is "
            "joined with whom has a meaning, not where on the sheet a group lies. Units that "
            "training drew together do similar work."
        ),
        caption="units before and after training, in one scale.",
        live=(
            "units over the training: the slider goes through it, Space plays it, a click on a "
            "unit shows its nearest neighbours. Printed, the page has a still picture here."
        ),
        missing="There is no graph of this layer.",
        table=_graph_table,
    ),
    Topic(
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
        table=_spectrum_table,
    ),
    Topic(
        name="rank",
        short="Ranks",
        title="How many directions are needed",
        introduction=(
            "The layer's weights W are replaced by their best approximation of a given rank: "
            "only so many independent directions are left. The update W − Z is what training "
            "added to the initial weights Z; there Z is kept whole and only the update is "
            "approximated."
        ),
        caption="norm and test accuracy that a projection of each rank keeps.",
        of_losses={"caption": "norm kept by a projection of each rank, and the test loss with it."},
        missing="There are no projections of this layer.",
        table=_rank_table,
    ),
)
