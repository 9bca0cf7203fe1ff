"""What the study `asymmetric_valleys` measures: beside it, so that judging measures nothing."""

from collections.abc import Iterator
from typing import Any

from surfeit.core import Params, Streams, evaluate
from surfeit.data import Dataset
from surfeit.landscape import asymmetry, averaged_weights, batch_statistics, null_direction
from surfeit.store import Run
from surfeit.studies._fitting import examples

COLUMNS = (
    *("part", "direction", "at", "train_loss", "test_loss", "test_accuracy"),
    *("distance", "ahead", "behind", "difference", "standard_error"),
)


def sides(
    decayed: Run,
    constant: Run,
    dataset: Dataset,
    *,
    images: int,
    measured: int,
    points: tuple[float, float, int],
    distances: list[float],
    random: int,
) -> Iterator[dict[str, Any]]:
    """The line from a training's end to averaged weights, and how unequal its minimum's sides are.

    Args:
        decayed: its end is at 0 on the line.
        constant: the same training, but that its rate does not fall; the average of its snapshots
            after the step at which the other's does is at 1.
        dataset: the whole data set.
        images: how many of it were trained on; the runs' seed draws them.
        measured: at most so many of each split are measured on.
        points: the first, the last, and how many, of the line.
        distances: in lengths of the line from 0 to 1, from the minimum of the training loss.
        random: how many random directions are measured as well.

    Yields:
        rows of `part` "line", with `at` and the losses, and of `part` "side", with the direction
        ("average" or "random 0", ...) and what `asymmetry` gives.
    """
    seed = decayed.config["seed"]
    streams = Streams(seed)
    train, test = (
        split.some(measured, streams.get("valley", name))
        for name, split in (
            ("train", examples(dataset, images, seed).train),
            ("test", dataset.test),
        )
    )
    model = decayed.model()
    (fall,) = decayed.config["recipe"]["milestones"]
    later = [step for step in constant.steps() if step > fall]
    average = averaged_weights(
        model, (constant.tensors(step) for step in later), statistics_from=train.inputs
    )
    start = decayed.tensors()
    names = [name for name, _ in model.named_parameters() if name in start]
    direction = {name: average[name] - start[name] for name in names}

    def at(place: float) -> Params:
        moved = start | {name: start[name] + place * direction[name] for name in names}
        return moved | batch_statistics(model, moved, train.inputs)

    line = []
    first, last, count = points
    for number in range(count):
        place = first + (last - first) * number / (count - 1)
        own, other = (evaluate(model, at(place), split) for split in (train, test))
        losses = {"train_loss": own.loss, "test_loss": other.loss}
        line.append({"at": place, **losses, "test_accuracy": other.accuracy})
        yield _row(part="line", direction="average", **line[-1])
    lowest = at(min(line, key=lambda row: row["train_loss"])["at"])
    directions = {"average": direction} | {
        f"random {n}": null_direction(direction, streams.get("valley", "random", n))
        for n in range(random)
    }
    for name, along in directions.items():
        found = asymmetry(
            model, lowest, along, train, distances=distances, statistics_from=train.inputs
        )
        for row in found.to_pylist():
            yield _row(part="side", direction=name, **row)


def _row(**known: Any) -> dict[str, Any]:
    return dict.fromkeys(COLUMNS) | known
