"""All measurements of a report: from a run to its tables."""

from collections.abc import Callable
from typing import Any, Protocol

import pyarrow as pa
from torch import nn

from surfeit.core import weight_matrix
from surfeit.data import Dataset
from surfeit.report.config import ReportConfig
from surfeit.report.directions import link_threshold, measure_directions
from surfeit.report.noise import measure_noise
from surfeit.report.ranks import measure_ranks
from surfeit.report.removals import measure_removals
from surfeit.report.schema import SCHEMAS, table
from surfeit.report.subject import Subject, check_fits, right, subjects
from surfeit.store import Run

Rows = dict[str, list[dict[str, Any]]]


class Progress(Protocol):
    """Called with a stage's name, how many of its parts are done, and how many it has.

    Each stage begins with none done and ends with all.
    """

    def __call__(self, stage: str, done: int, total: int, /) -> None: ...


def measure(
    run: Run,
    dataset: Dataset,
    config: ReportConfig,
    *,
    into: nn.Module | None = None,
    progress: Progress | None = None,
) -> dict[str, pa.Table]:
    """The tables that `surfeit.report.schema` describes, and "learning", the run's metrics.

    What a layer does not allow (units of an output layer, a network that is no chain, weights
    that are all zero) gives no rows and a row in "notes" that says why. Without a snapshot at
    step 0 everything that compares with the initial weights has no rows.

    Args:
        run: a run with at least one snapshot; the last one is the trained network.
        dataset: the data it was trained on; its validation images choose, its test images judge.
        config: layers, thresholds, repeats, ranks and seed.
        into: the module to load the weights into, where the run cannot build its own.
        progress: told what is being measured.

    Raises:
        ValueError: if a layer named in the configuration is not in the model, or the network
            does not take the data's images or tell apart as many classes.

    Cost: for each layer, 8 + repeats removal curves and 2 · ranks projections, on the validation
    and the test images.
    """
    tell = progress or silent
    model = run.model(into=into).to(dataset.test.images.device).eval()
    check_fits(run, model, dataset)
    chosen = subjects(run, model, dataset, config)
    rows: Rows = {name: [] for name in SCHEMAS}
    for split in ("validation", "test"):
        correct = right(model, dataset.splits[split])
        counts = {"correct": int(correct.sum()), "images": len(correct)}
        rows["dense"].append({"split": split, **counts})
    for subject in chosen:
        rows["layers"].append(_about(subject, config))
        for done, (topic, call) in enumerate(_PARTS.items()):
            tell(f"measuring {subject.name}", done, len(_PARTS))
            for name, more in _attempt(subject, topic, call, config).items():
                rows[name] += more
        tell(f"measuring {subject.name}", len(_PARTS), len(_PARTS))
    return {name: table(name, found) for name, found in rows.items()} | {"learning": run.metrics()}


def silent(stage: str, done: int, total: int) -> None:
    """What is told if nobody listens."""


def _removals(subject: Subject, config: ReportConfig) -> Rows:
    if subject.obstacle is not None:
        raise ValueError(subject.obstacle)
    return measure_removals(subject, config)


def _noise(subject: Subject, config: ReportConfig) -> Rows:
    return measure_noise(subject)


_PARTS: dict[str, Callable[[Subject, ReportConfig], Rows]] = {
    "removal": _removals,
    "graph": measure_directions,
    "spectrum": _noise,
    "rank": measure_ranks,
}


def _attempt(
    subject: Subject,
    topic: str,
    call: Callable[[Subject, ReportConfig], Rows],
    config: ReportConfig,
) -> Rows:
    try:
        return call(subject, config)
    except ValueError as error:
        text = f"Left out for {subject.name}: {error}."
        return {"notes": [{"topic": topic, "layer": subject.name, "text": text}]}


def _about(subject: Subject, config: ReportConfig) -> dict[str, Any]:
    units, inputs = weight_matrix(subject.weight).shape
    return {
        "layer": subject.name,
        "kind": "convolution" if subject.convolution else "fully connected",
        "units": units,
        "inputs": inputs,
        "validation_images": len(subject.validation),
        "test_images": len(subject.test),
        "link": link_threshold(subject, config),
        "cluster": config.cluster,
    }
