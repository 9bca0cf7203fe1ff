"""What studies of networks that fit their training set share: its examples, and the errors left."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from surfeit.core import Streams, evaluate
from surfeit.data import Dataset, subset, with_label_noise
from surfeit.store import Run

Labels = Literal["true", "random"]


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


def labelled(dataset: Dataset, labels: Labels, seed: int) -> Dataset:
    """The data with its own training labels (`true`), or with a seed's draw of all (`random`)."""
    if labels == "true":
        return dataset
    return with_label_noise(dataset, 1.0, Streams(seed).get("labels"), kind="uniform")


def wrong(
    run: Run, dataset: Dataset, images: int, labels: Labels = "true"
) -> Iterator[dict[str, Any]]:
    """The shares of the training and of the test images that are misclassified at the end.

    Args:
        run: trained on so many images of the data set, as its seed draws them.
        dataset: the whole one: it is sent once for all runs.
        images: how many.
        labels: which of `labelled` it was trained on.
    """
    seed = run.config["seed"]
    trained_on = labelled(examples(dataset, images, seed), labels, seed).train
    right = evaluate(run.model(), run.tensors(), trained_on).accuracy
    assert right is not None  # classes have an accuracy, and a run that diverged is none
    yield {
        "train_error": 1 - right,
        "test_error": 1 - run.metrics()["test_accuracy"][-1].as_py(),
    }
