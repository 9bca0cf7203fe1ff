"""How many directions of a layer the network needs, and how many of its update."""

import pyarrow as pa
import torch
from matplotlib.figure import Figure
from torch import Tensor

from surfeit.report import html, words
from surfeit.report.config import ReportConfig
from surfeit.report.quantities import Quantity
from surfeit.report.subject import Subject
from surfeit.report.topics.choices import choice_of
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
from surfeit.spectra import accuracy_by_rank, kept_share, projected
from surfeit.tables.figures import rank as drawn
from surfeit.tables.tables import where

_SCHEMAS = {
    "ranks": pa.schema(
        [
            ("layer", pa.string()),
            ("split", pa.string()),
            ("of", pa.string()),
            ("rank", pa.int64()),
            *((name, pa.float64()) for name in ("share", "accuracy", "loss", "dense")),
        ]
    ),
}


def measure_ranks(subject: Subject, config: ReportConfig) -> Rows:
    """Rows of the tables "ranks" and "choices" for one layer: of its weights and of its update.

    The rank chosen on the validation split is the smallest of those measured from which on every
    one is as good as the whole, but for what may be lost.

    Raises:
        ValueError: if the weights are all zero, or outputs cannot be judged.
    """
    rows: Rows = {"ranks": [], "choices": []}
    full = min(subject.weight.shape)
    ranks = sorted({*(rank for rank in config.ranks if rank < full), full})
    dense = {name: _each(subject, subject.model, name) for name in subject.splits}
    for of, base in _bases(subject):
        shares = kept_share(subject.weight if base is None else subject.weight - base, ranks)
        about = {"layer": subject.name, "of": of}
        for name in subject.splits:
            values = _by_rank(subject, name, ranks, base)
            before = float(dense[name].mean())
            rows["ranks"] += [
                {
                    **about,
                    "split": name,
                    "rank": rank,
                    "share": share,
                    subject.worth.quantity.curve: value,
                    "dense": before,
                }
                for rank, share, value in zip(ranks, shares.tolist(), values, strict=True)
            ]
            if name == "validation":
                rank = subject.worth.smallest_rank(
                    ranks, values, before, subject.validation.targets
                )
                near = projected(subject.model, subject.name, rank, initial=base)
                after = _each(subject, near, "test")
                cost = subject.worth.paired(dense["test"], after, subject.test.targets)
                chosen = {"layer": subject.name, "what": of, "chosen": of, "amount": rank}
                rows["choices"].append({**chosen, **cost})
    return rows


def _by_rank(subject: Subject, split: str, ranks: list[int], base: Tensor | None) -> list[float]:
    """Accuracies or losses, by rank."""
    return accuracy_by_rank(
        subject.model,
        subject.name,
        subject.splits[split],
        ranks,
        initial=base,
        objective=subject.worth.objective,
        structure=subject.structure,
    ).tolist()


def _each(subject: Subject, model: torch.nn.Module, split: str) -> Tensor:
    """What each example of a split is worth to a network."""
    part = subject.splits[split]
    return subject.worth.each(subject.network.outputs(part, model), part.targets)


def _bases(subject: Subject) -> list[tuple[str, Tensor | None]]:
    bases: list[tuple[str, Tensor | None]] = [("weights", None)]
    # A layer that was never trained has no update to project.
    if subject.initial is not None and not torch.equal(subject.initial, subject.weight):
        bases.append(("update", subject.initial))
    return bases


def _numbers(here: Tables, quantity: Quantity) -> Numbers:
    return {"rank": {of: _smallest(here, of) for of in ("weights", "update")}}


def _smallest(here: Tables, of: str) -> Numbers | None:
    choice = choice_of(here, of)
    if choice is None:
        return None
    rows = where(here["ranks"], of=of, split="validation", rank=choice["amount"])
    return {
        "rank": choice["amount"],
        "full": max(where(here["ranks"], of=of)["rank"].to_pylist()),
        "share_of_norm": rows["share"][0].as_py(),
        "test": choice["test"],
    }


def _findings(name: str, summary: Numbers) -> list[Finding]:
    layer = summary["layers"][name]
    weights, update = layer["rank"]["weights"], layer["rank"]["update"]
    if weights is None:
        return []
    worth = words.quantity(summary)
    allowed = worth.allowance(summary["settings"]["loss"])
    text = f"but for {allowed}. {words.cost_on_test(weights['test'], summary)}"
    if update is not None:
        text += (
            f" Of what training added (W − Z) a rank of {update['rank']} is enough: the initial "
            "weights Z stay as they were, only the change is projected."
        )
    the = worth.words if worth.name == "r2" else f"the {worth.words}"
    return [Finding(f"A rank of {weights['rank']} of {weights['full']} keeps {the}", text)]


def _figure(here: Tables, reference: Reference) -> Figure | None:
    rows = where(here["ranks"], split="test")
    if rows.num_rows == 0:
        return None
    variance = here["layers"]["test_variance"][0].as_py()
    return drawn.figure(rows, loss=reference.loss, classes=reference.classes, variance=variance)


def _table(name: str, summary: Numbers, tables: Tables) -> str:
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


def _cell(layer: Numbers, worth: Quantity) -> str:
    weights = layer["rank"]["weights"]
    return "–" if weights is None else f"{weights['rank']} of {weights['full']}"


def _glossary(summary: Numbers) -> list[Entry]:
    return [
        Entry(word="Rank", meaning="The number of independent directions in a matrix."),
        Entry(
            word="Update",
            meaning="W − Z, the weights after training less those at initialisation.",
        ),
    ]


def _settings(summary: Numbers) -> list[tuple[str, str]]:
    ranks = ", ".join(map(str, summary["settings"]["ranks"]))
    return [("Ranks measured", f"{ranks}: those below a layer's own, and its own")]


RANK = Topic(
    name="rank",
    short="Ranks",
    title="How many directions are needed",
    introduction=(
        "The layer's weights W are replaced by their best approximation of a given rank: "
        "only so many independent directions are left. The update W − Z is what training "
        "added to the initial weights Z; there Z is kept whole and only the update is "
        "approximated."
    ),
    caption="the norm that a projection of each rank keeps, and what it costs.",
    missing="There are no projections of this layer.",
    schemas=_SCHEMAS,
    measure=measure_ranks,
    numbers=_numbers,
    findings=_findings,
    figure=_figure,
    table=_table,
    columns=(Column(heading="Rank that keeps all but {loss}", cell=_cell, term="rank"),),
    glossary=_glossary,
    settings=_settings,
)
