"""Where a report comes from: the run, the data, the versions, and how to get it again."""

import shlex
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from surfeit.core import Objective, StoreError, cross_entropy
from surfeit.data import Dataset
from surfeit.report import html, words
from surfeit.report.network import noun_of
from surfeit.report.topics import answering_first
from surfeit.store import Run
from surfeit.train import Recipe

Numbers = Mapping[str, Any]


def provenance(run: Run, dataset: Dataset, objective: Objective = cross_entropy) -> dict[str, Any]:
    """What the run says of itself and its data, as JSON values.

    Returns:
        objective (by name), examples ("images" or "examples") and recorded (whether a loop of the
        user's own trained it); key, model and data (names), fingerprint, seed, steps and epochs (of
        training), first and last snapshot (steps), command and versions; status ("done", "running"
        or "interrupted") and planned_steps, those of the whole training, None where the run does
        not say.
    """
    steps = run.steps()
    if not steps:
        raise StoreError(f"run {run.key[:12]} has no snapshots: there is nothing to report on yet")
    metrics = run.metrics()
    epochs = metrics["epoch"].to_pylist() if "epoch" in metrics.column_names else []
    return {
        "key": run.key,
        "model": run.about.get("model") or "the network",
        "data": run.about.get("data") or dataset.name,
        "fingerprint": dataset.fingerprint,
        "objective": objective.name,
        "examples": noun_of(dataset),
        "recorded": run.identity.get("kind") == "recorded",
        "seed": run.config.get("seed"),
        "status": run.status,
        "steps": steps[-1],
        "planned_steps": _planned_steps(run, dataset),
        "epochs": epochs[-1] if epochs else None,
        "first_snapshot": steps[0],
        "last_snapshot": steps[-1],
        "command": typed_command(run.about.get("command")),
        "versions": dict(run.about.get("versions") or {}),
        "created": run.about.get("created"),
    }


def _planned_steps(run: Run, dataset: Dataset) -> int | None:
    recipe = run.config.get("recipe")
    try:
        return None if recipe is None else Recipe(**recipe).total_steps(len(dataset.train))
    except (TypeError, ValueError):  # of another version: it does not say it to this one
        return None


def typed_command(given: str | None) -> str | None:
    """The command without the folder that its program lies in, as it is typed."""
    if not given:
        return None
    try:
        program, *arguments = shlex.split(given)
    except ValueError:  # cut short, or not of a shell
        return given
    file = Path(program)
    # So `python -m package` says which program it runs.
    typed = ["python", "-m", file.parent.name] if file.name == "__main__.py" else [file.name]
    return shlex.join([*typed, *arguments])


def provenance_block(summary: Numbers, tables: Sequence[str] = ()) -> str:
    """The run's record as a table, with the settings of the measurement and the files behind it.

    Args:
        summary: as `summarise` gives it.
        tables: the names of the tables beside the page.
    """
    run = summary["run"]
    rows = [
        ["Run", f"<code>{escape(run['key'])}</code>"],
        ["Model", escape(run["model"])],
        ["Data", f"{escape(run['data'])}, fingerprint <code>{escape(run['fingerprint'])}</code>"],
        ["Objective", escape(run["objective"].replace("_", " "))],
        ["Training", f"{run['steps']:,} steps{_epochs(run)}, seed {escape(str(run['seed']))}"],
        ["Snapshots", escape(_snapshots(run))],
        ["Versions", escape(", ".join(f"{name} {v}" for name, v in run["versions"].items()))],
    ]
    if run["command"]:
        # The command trains to the end: of an unfinished run it gives another network.
        what = "To get it again" if run["status"] == "done" else "Started by; trains it to the end"
        rows.append([what, f"<code>{escape(run['command'])}</code>"])
    record = html.table("The run", ("What", "Value"), rows)
    lines = [[escape(name), escape(text)] for name, text in setting_words(summary)]
    measured = html.table("Set before the measurement", ("Setting", "Value"), lines)
    return record + html.details("Settings of this report", measured) + _files(tables)


def setting_words(summary: Numbers) -> list[tuple[str, str]]:
    """A report's settings and their values in plain words."""
    settings, worth = summary["settings"], words.quantity(summary)
    layers, noun = settings["layers"], words.examples(summary)
    return [
        (
            "Layers",
            ", ".join(map(words.layer_name, layers))
            if layers
            else "all but the output layers, unused ones and embeddings",
        ),
        (
            "Loss that may be added"
            if worth.name == "loss"
            else f"{_capital(worth.words)} that may be lost",
            f"{worth.allowance(settings['loss'])} ({settings['loss']:g})",
        ),
        *(setting for topic in answering_first() for setting in topic.settings(summary)),
        (
            f"{_capital(noun)} of each split for a convolution",
            f"at most {settings['convolution_images']:,}",
        ),
        ("Multiplications for a layer", f"about {settings['work']:,.0f} at most"),
        ("Seed of the random orders", str(settings["seed"])),
        *_curvature_settings(settings),
    ]


def _curvature_settings(settings: Numbers) -> list[tuple[str, str]]:
    if not settings["curvature"]:
        return []
    return [("Training examples for the curvature", f"at most {settings['curvature_examples']:,}")]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _epochs(run: Numbers) -> str:
    return f" ({round(run['epochs'], 2):g} epochs)" if run["epochs"] else ""


def _snapshots(run: Numbers) -> str:
    first, last = run["first_snapshot"], run["last_snapshot"]
    if first == last == 0:
        return (
            "the run has a single one, of step 0: how its weights came about is not known, and "
            "what compares with initial ones is left out"
        )
    if first == 0:
        return f"initialisation is step 0, the trained network is step {last:,}"
    return (
        f"the trained network is step {last:,}; the run has no snapshot of its initial weights, so "
        "what compares with them is left out"
    )


def _files(tables: Sequence[str]) -> str:
    """Links to what lies beside the page; they lead nowhere where the page was sent alone."""
    listed = ", ".join(html.file_link(f"tables/{name}.parquet", name) for name in tables)
    return (
        f"<p>Beside this page: {html.file_link('summary.json')} holds every number, the folder "
        f"tables every table as Parquet{f' ({listed})' if listed else ''}, and the folder figures "
        "every figure as SVG, PNG and PDF.</p>"
    )
