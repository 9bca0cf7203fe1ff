"""All measurements of a report: from a run to its tables."""

from typing import Any, Protocol

import pyarrow as pa
from torch import nn

from surfeit.core import Objective
from surfeit.data import Dataset
from surfeit.report import words
from surfeit.report.config import ReportConfig
from surfeit.report.curvature import measure_curvature
from surfeit.report.joint import measure_joint
from surfeit.report.network import Network
from surfeit.report.schema import SHARED, schemas, table
from surfeit.report.subject import Subject, subjects
from surfeit.report.topics import TOPICS, Topic
from surfeit.report.topics.topic import Rows
from surfeit.store import Run


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
    objective: Objective | None = None,
    into: nn.Module | None = None,
    progress: Progress | None = None,
) -> dict[str, pa.Table]:
    """The tables that `surfeit.report.schema` describes, and "learning", the run's metrics.

    What a layer does not allow (units that are outputs or mix before they are read, a network that
    cannot be followed, weights that are all zero) gives no rows and a row in "notes" that says why.
    Units that can only go together with those of other layers are removed once, with the first of
    them. Without a snapshot at step 0 and a later one everything that compares with the initial
    weights has no rows.

    What may be lost (`config.loss`) is of the accuracy where there are classes, of R² where the
    loss is the squared error of real targets, and a share of the loss elsewhere.

    Args:
        run: a run with at least one snapshot; the last one is the trained network.
        dataset: the data it was trained on; its validation split chooses, its test split judges.
        config: layers, thresholds, repeats, ranks and seed.
        objective: what judges the outputs; the run's own if not given, and where a loop of the
            user's own trained it the squared error of real targets or the cross-entropy.
        into: the module to load the weights into, where the run cannot build its own.
        progress: told what is being measured.

    Raises:
        ValueError: if a layer named in the configuration is not in the model, the network does not
            take the data's inputs, or the objective is not known or cannot judge its outputs.

    Cost: for each layer, 8 + repeats removal curves and 2 · ranks projections, on the validation
    and the test split, and 32 passes with units of all layers removed together; the curvature, if
    it is asked for, as `surfeit.report.curvature`.
    """
    tell = progress or silent
    network = Network.of(run, dataset, config, objective=objective, into=into)
    chosen = subjects(network, config)
    rows: Rows = {name: [] for name in schemas()}
    for name in ("validation", "test"):
        split = dataset.splits[name]
        rows["dense"].append({"split": name, **network.worth.dense(network.outputs(split), split)})
    for subject in chosen:
        rows["layers"].append(_about(subject, config))
        for done, topic in enumerate(TOPICS.values()):
            tell(f"measuring {subject.name}", done, len(TOPICS))
            for name, more in _attempt(subject, topic, config).items():
                assert name in topic.schemas or name in SHARED, f"{topic.name} has no {name!r}"
                rows[name] += more
        tell(f"measuring {subject.name}", len(TOPICS), len(TOPICS))
    tell("measuring all layers together", 0, 1)
    for name, more in measure_joint(network, chosen, rows, config).items():
        rows[name] += more
    tell("measuring all layers together", 1, 1)
    if config.curvature:
        rows |= measure_curvature(network, config, mask=run.mask_at(None), tell=tell)
    return {name: table(name, found) for name, found in rows.items()} | {"learning": run.metrics()}


def silent(stage: str, done: int, total: int) -> None:
    """What is told if nobody listens."""


def _attempt(subject: Subject, topic: Topic, config: ReportConfig) -> Rows:
    try:
        return topic.measure(subject, config)
    except ValueError as error:
        text = f"Left out for {words.layer_name(subject.name)}: {error}."
        about = {"topic": topic.name, "layer": subject.name}
        return {"notes": [{**about, "text": text, "reason": str(error)}]}


def _about(subject: Subject, config: ReportConfig) -> dict[str, Any]:
    layer = subject.layer
    row = {
        "layer": layer.name,
        "kind": "fully connected" if layer.kind == "linear" else layer.kind,
        "units": layer.units,
        "inputs": layer.inputs,
        "validation_images": len(subject.validation),
        "test_images": len(subject.test),
        "group": list(subject.together) or None,
        "validation_variance": subject.worth.variance(subject.validation.targets),
        "test_variance": subject.worth.variance(subject.test.targets),
    }
    for topic in TOPICS.values():
        row |= topic.of_layer(subject, config)
    return row
