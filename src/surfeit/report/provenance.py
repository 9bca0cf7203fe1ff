"""Where a report comes from: the run, the data, the versions, and how to get it again."""

import shlex
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from surfeit.data import Dataset
from surfeit.report import html
from surfeit.store import Run

Numbers = Mapping[str, Any]


def provenance(run: Run, dataset: Dataset) -> dict[str, Any]:
    """What the run says of itself and its data, as JSON values.

    Returns:
        key, model and data (names), fingerprint, seed, steps and epochs (of training), first and
        last snapshot (steps), command and versions.
    """
    steps = run.steps()
    metrics = run.metrics()
    epochs = metrics["epoch"].to_pylist() if "epoch" in metrics.column_names else []
    return {
        "key": run.key,
        "model": run.about.get("model") or "the network",
        "data": run.about.get("data") or dataset.name,
        "fingerprint": dataset.fingerprint,
        "seed": run.config.get("seed"),
        "steps": steps[-1],
        "epochs": epochs[-1] if epochs else None,
        "first_snapshot": steps[0],
        "last_snapshot": steps[-1],
        "command": _command(run.about.get("command")),
        "versions": dict(run.about.get("versions") or {}),
        "created": run.about.get("created"),
    }


def _command(given: str | None) -> str | None:
    """The command without the folder that its program lies in."""
    if not given:
        return None
    program, *arguments = shlex.split(given)
    return shlex.join([Path(program).name, *arguments])


def provenance_block(summary: Numbers) -> str:
    """The run's record as a table, with the settings of the measurement behind it."""
    run, settings = summary["run"], summary["settings"]
    rows = [
        ["Run", f"<code>{escape(run['key'])}</code>"],
        ["Model", escape(run["model"])],
        ["Data", f"{escape(run['data'])}, fingerprint <code>{escape(run['fingerprint'])}</code>"],
        ["Training", f"{run['steps']:,} steps{_epochs(run)}, seed {escape(str(run['seed']))}"],
        ["Snapshots", escape(_snapshots(run))],
        ["Versions", escape(", ".join(f"{name} {v}" for name, v in run["versions"].items()))],
    ]
    if run["command"]:
        rows.append(["To get it again", f"<code>{escape(run['command'])}</code>"])
    record = html.table("The run", ("What", "Value"), rows)
    lines = [
        [escape(name), f"<code>{escape(str(value))}</code>"] for name, value in settings.items()
    ]
    measured = html.table("Set before the measurement", ("Setting", "Value"), lines)
    return record + html.details("Settings of this report", measured) + html.paragraph(_FILES)


def _epochs(run: Numbers) -> str:
    return f" ({run['epochs']:g} epochs)" if run["epochs"] else ""


def _snapshots(run: Numbers) -> str:
    first, last = run["first_snapshot"], run["last_snapshot"]
    if first == 0:
        return f"initialisation is step 0, the trained network is step {last:,}"
    return (
        f"the trained network is step {last:,}; the run has no snapshot of its initial weights, so "
        "what compares with them is left out"
    )


_FILES = (
    "Beside this page: every number in summary.json, every table as Parquet in tables/, every "
    "figure as SVG, PNG and PDF in figures/."
)
