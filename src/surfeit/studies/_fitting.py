"""What studies of networks that fit their training set share: its examples, and the errors left."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from surfeit.core import Streams, evaluate
from surfeit.data import Dataset, subset
from surfeit.execute import Row
from surfeit.lab import Lab
from surfeit.store import Run
from surfeit.train import Job


def examples(dataset: Dataset, count: int, seed: int) -> Dataset:
    """The data with the training images that a seed draws; smaller sets lie in larger ones.

    Raises:
        ValueError: if there are fewer images than classes, or more than the data set trains on.
    """
    least, most = dataset.classes, len(dataset.train)
    if not least <= count <= most:
        raise ValueError(
            f"images must be in [{least}, {most:,}], from one a class to all that {dataset.name} "
            f"trains on, got {count:,}"
        )
    return subset(dataset, count, Streams(seed).get("subset"))


def check_ascending(name: str, values: Sequence[int], *, fewest: int = 2) -> None:
    """Says so if sizes are not so many whole numbers above 0, each larger than the last.

    Raises:
        ValueError: then.
    """
    whole = all(type(value) is int and value > 0 for value in values)
    if len(values) < fewest or not whole or list(values) != sorted(set(values)):
        raise ValueError(
            f"{name} must be {fewest} or more whole numbers above 0 in ascending order, "
            f"got {values}"
        )


def wrong(run: Run, dataset: Dataset) -> Iterator[dict[str, Any]]:
    """The shares of the training and of the test images that are misclassified at the end."""
    right = evaluate(run.model(), run.tensors(), dataset.train).accuracy
    assert right is not None  # classes have an accuracy, and a run that diverged is none
    yield {
        "train_error": 1 - right,
        "test_error": 1 - run.metrics()["test_accuracy"][-1].as_py(),
    }


def measured(
    lab: Lab,
    function: Callable[..., Iterable[Row]],
    runs: Mapping[str, Run],
    jobs: Mapping[str, Job],
) -> dict[str, dict[str, Any]]:
    """The one row that a function measures of each run, on the data that it was trained on."""
    names: dict[str, list[str]] = {}
    for name, job in jobs.items():
        names.setdefault(job.dataset.fingerprint, []).append(name)
    found: dict[str, dict[str, Any]] = {}
    for alike in names.values():
        dataset = jobs[alike[0]].dataset
        rows = lab.measure(function, {name: runs[name] for name in alike}, dataset)
        found |= {name: row for name, (row,) in rows.items()}
    return found
