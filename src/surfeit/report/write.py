"""A report on disk: the page, its figures, its tables and its numbers."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surfeit.report.config import ReportConfig

# Torch, pyarrow and matplotlib take seconds to import: that is paid for by a report only.
if TYPE_CHECKING:
    import pyarrow as pa
    from torch import nn

    from surfeit.core import Objective
    from surfeit.data import Dataset
    from surfeit.report.live import Live
    from surfeit.report.measure import Progress
    from surfeit.store import Run

_PREFIX = ".report-"


def write_report(
    run: "Run | Path | str",
    dataset: "Dataset",
    out: Path | str,
    config: ReportConfig | None = None,
    *,
    objective: "Objective | None" = None,
    into: "nn.Module | None" = None,
    progress: "Progress | None" = None,
) -> Path:
    """Measures a run's redundancy and writes `report.html`, its figures, tables and summary.

    Everything is made in a temporary folder inside `out` and put in place at the end, the page
    last: if anything fails, what was there before still is, and no half page, nor a folder that is
    empty. The folder of a report that was killed goes with the next one.

    Args:
        run: a run with snapshots, or its folder; see `surfeit.report.measure.measure`.
        dataset: the data that it was trained on.
        out: a folder, made once all is measured. Files of the same names in it are replaced:
            `report.html`, `summary.json`, `figures/NAME.svg|png|pdf`, `tables/NAME.parquet`.
        config: what to measure; the defaults suit any network.
        objective: what judges the network; the run's own if not given. It is needed where that is a
            function of the user's own; where a loop of the user's own trained the network, the
            squared error of real targets or the cross-entropy of classes is taken.
        into: the module to load the weights into, where the run cannot build its own.
        progress: called as `progress(stage, done, total)`: each stage begins with none done and
            ends with all.

    Returns:
        the path of the page.

    Raises:
        ValueError: if the run was trained on other data, an argument is of another type, `out` is
            empty, or as `measure`.
        StoreError: if the run's folder holds none, or `out` cannot be written; found before
            anything is measured.

    Cost: LeNet-300-100 on digits takes about 10 s on one core, half of it for the figures.
    """
    from surfeit.core.folders import missing_folders, removed_if_empty
    from surfeit.report.live import live_graphs
    from surfeit.report.measure import measure, silent
    from surfeit.report.network import objective_of
    from surfeit.report.provenance import provenance
    from surfeit.report.summary import summarise
    from surfeit.store import claimed_folder
    from surfeit.store.files import disk_errors, make_folder

    run = _run(run)
    _check_dataset(dataset)
    config = ReportConfig() if config is None else config
    _check_settings(out, config, objective)
    _check_data(run, dataset)
    out = _check_places(Path(out))
    # Said before the measurement, in which a run that is still trained may go on.
    objective = objective_of(run, dataset, objective)
    about = provenance(run, dataset, objective)
    tables = measure(run, dataset, config, objective=objective, into=into, progress=progress)
    summary = summarise(tables, about, config)
    names = list(summary["layers"])
    live = live_graphs(run, dataset, names, config, into=into, tell=progress or silent)
    classes = dataset.classes if dataset.task == "classes" else None
    with (
        removed_if_empty(missing_folders(out)),
        disk_errors(make_folder(out)),
        claimed_folder(out, _PREFIX) as building,
    ):
        _build(building, summary, tables, live, classes, progress or silent)
        _put_in_place(building, out)
    return out / "report.html"


def headline_of(out: Path | str) -> str:
    """What the report in a folder says on top, in a few sentences.

    Args:
        out: where `write_report` put it.
    """
    from surfeit.report.findings import headline

    return headline(json.loads((Path(out) / "summary.json").read_text(encoding="utf-8")))


def _run(given: "Run | Path | str") -> "Run":
    """The run itself, or the one in a folder."""
    from surfeit.store import Run

    if isinstance(given, Run):
        return given
    if not isinstance(given, str | Path):
        raise ValueError(
            f"run must be a Run such as train(...) or Store().find(...) gives, or its folder, got "
            f"{given!r:.200}"
        )
    return Run(given)


def _check_dataset(given: object) -> None:
    from surfeit.data import Dataset

    if not isinstance(given, Dataset):
        raise ValueError(
            "dataset must be a surfeit.data.Dataset such as surfeit.data.load('digits') or "
            f"from_tensors(...) gives, got {given!r:.200}"
        )


def _check_settings(out: object, config: object, objective: object) -> None:
    from surfeit.core.evaluation import check_objective

    if not isinstance(out, str | Path) or not str(out):
        raise ValueError(
            f'out must be the report\'s folder, such as "reports/mine", got {out!r:.200}'
        )
    if not isinstance(config, ReportConfig):
        raise ValueError(
            f"config must be a ReportConfig, got {config!r:.200}: pass ReportConfig(...), or "
            "nothing for the defaults"
        )
    if objective is not None:
        check_objective(objective)


def _check_places(out: Path) -> Path:
    """The folder, once a file could be put wherever the report puts one; nothing is made yet."""
    from surfeit.store.writable import check_writable

    for folder in (out, out / "figures", out / "tables"):
        check_writable(folder)
    return out


def _check_data(run: "Run", dataset: "Dataset") -> None:
    trained_on = run.identity.get("data")
    if trained_on is not None and trained_on != dataset.fingerprint:
        raise ValueError(
            f"run {run.key[:12]} was trained on data of fingerprint {str(trained_on)[:12]}, "
            f"{dataset.name} has {dataset.fingerprint[:12]}: give the data it was trained on"
        )


def _build(
    folder: Path,
    summary: dict[str, Any],
    tables: "dict[str, pa.Table]",
    live: "Live",
    classes: int | None,
    tell: "Progress",
) -> None:
    import pyarrow.parquet as pq

    from surfeit.report.curvature import NAME as CURVATURE
    from surfeit.report.drawings import drawings
    from surfeit.report.page import render
    from surfeit.report.panels import Drawing
    from surfeit.store import file_name
    from surfeit.tables.figures import save
    from surfeit.tables.figures.readout import readout

    (folder / "tables").mkdir()
    for name, table in tables.items():
        pq.write_table(table, folder / "tables" / f"{name}.parquet")
    drawn: dict[str, Drawing] = {}
    run = summary["run"]
    every = list(
        drawings(
            tables,
            loss=summary["settings"]["loss"],
            classes=classes,
            objective=run["objective"],
            examples=run["examples"],
        )
    )
    for done, (name, drawing) in enumerate(every):
        tell("drawing figures", done, len(every))
        topic, _, layer = name.partition("-")
        file = topic if topic in ("learning", CURVATURE) else file_name(topic, layer)
        path = save(drawing, folder / "figures", file)["svg"]
        drawn[name] = Drawing(svg=path.read_text(encoding="utf-8"), readout=readout(drawing))
    tell("drawing figures", len(every), len(every))
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    (folder / "summary.json").write_text(text, encoding="utf-8")
    (folder / "report.html").write_text(render(summary, drawn, tables, live), encoding="utf-8")


def _put_in_place(building: Path, out: Path) -> None:
    files = sorted(path for path in building.rglob("*") if path.is_file())
    # The page comes last: whoever sees it finds what it speaks of.
    for path in sorted(files, key=lambda path: path.name == "report.html"):
        target = out / path.relative_to(building)
        target.parent.mkdir(exist_ok=True)
        os.replace(path, target)
