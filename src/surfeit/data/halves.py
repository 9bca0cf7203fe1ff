"""A data set's two halves: two samples of one distribution."""

from dataclasses import replace

import torch
from jaxtyping import Int64
from torch import Tensor

from surfeit.core import Streams, digest
from surfeit.data.dataset import Dataset, check_dataset
from surfeit.data.fingerprint import fingerprint_of


def halves(dataset: Dataset, seed: int = 0) -> tuple[Dataset, Dataset]:
    """The data set with one half of its training examples, and with the other.

    Each class's examples are drawn into halves without replacement, in their former order; of an
    odd number the half that is smaller so far gets one more. Without one class an example, all are
    drawn alike. Validation and test splits stay whole in both: what differs is what is trained on.

    >>> first, second = halves(load("cifar10"))

    Args:
        seed: of the draw, from its stream `halves`; an integer >= 0.

    Raises:
        ValueError: if a class that is there, or the data set, has a single training example.

    Source: Morcos, Yu, Paganini and Tian 2019 (CIFAR-10a and CIFAR-10b).
    """
    check_dataset(dataset)
    generator, labels = Streams(seed).get("halves"), _strata(dataset)
    parts: tuple[list[Tensor], list[Tensor]] = ([], [])
    for label in labels.unique().tolist():
        members = (labels == label).nonzero().flatten()
        if len(members) < 2:
            names = dataset.class_names
            whose = dataset.name if names is None else f"class {names[label]!r}"
            raise ValueError(f"{whose} has a single training example: it cannot be halved")
        drawn = members[torch.randperm(len(members), generator=generator)]
        counts = [sum(len(part) for part in half) for half in parts]
        middle = len(drawn) // 2 + (len(drawn) % 2 if counts[0] <= counts[1] else 0)
        parts[0].append(drawn[:middle])
        parts[1].append(drawn[middle:])
    return _half(dataset, 1, torch.cat(parts[0])), _half(dataset, 2, torch.cat(parts[1]))


def _strata(dataset: Dataset) -> Int64[Tensor, " n"]:
    """What is halved each by itself: classes, or all examples as one."""
    if dataset.task == "classes" and dataset.positions is None:
        return dataset.train.labels.cpu()
    return torch.zeros(len(dataset.train), dtype=torch.int64)


def _half(dataset: Dataset, number: int, drawn: Tensor) -> Dataset:
    index = drawn.sort().values
    return replace(
        dataset,
        name=f"{dataset.name}-half-{number}",
        train=dataset.train[index.to(dataset.train.targets.device)],
        fingerprint=fingerprint_of(dataset.fingerprint, "halves", digest({"index": index})),
    )
