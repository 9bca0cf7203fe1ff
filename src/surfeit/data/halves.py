"""A data set's two halves: two samples of one distribution."""

from dataclasses import replace

import torch
from torch import Tensor

from surfeit.core import Streams, digest
from surfeit.data.dataset import Dataset, fingerprint_of


def halves(dataset: Dataset, seed: int = 0) -> tuple[Dataset, Dataset]:
    """The data set with one half of its training images, and with the other.

    Each class's images are drawn into halves without replacement, in their former order; of an odd
    number the half that is smaller so far gets one more. Validation and test splits stay whole in
    both: what differs is what is trained on.

    >>> first, second = halves(load("cifar10"))

    Args:
        seed: of the draw, from its stream `halves`; an integer >= 0.

    Raises:
        ValueError: if a class that is there has a single training image.

    Source: Morcos, Yu, Paganini and Tian 2019 (CIFAR-10a and CIFAR-10b).
    """
    generator, labels = Streams(seed).get("halves"), dataset.train.labels.cpu()
    parts: tuple[list[Tensor], list[Tensor]] = ([], [])
    for label in labels.unique().tolist():
        members = (labels == label).nonzero().flatten()
        if len(members) < 2:
            name = dataset.class_names[label]
            raise ValueError(f"class {name!r} has a single training image: it cannot be halved")
        drawn = members[torch.randperm(len(members), generator=generator)]
        counts = [sum(len(part) for part in half) for half in parts]
        middle = len(drawn) // 2 + (len(drawn) % 2 if counts[0] <= counts[1] else 0)
        parts[0].append(drawn[:middle])
        parts[1].append(drawn[middle:])
    return _half(dataset, 1, torch.cat(parts[0])), _half(dataset, 2, torch.cat(parts[1]))


def _half(dataset: Dataset, number: int, drawn: Tensor) -> Dataset:
    index = drawn.sort().values
    return replace(
        dataset,
        name=f"{dataset.name}-half-{number}",
        train=dataset.train[index.to(dataset.train.labels.device)],
        fingerprint=fingerprint_of(dataset.fingerprint, "halves", digest({"index": index})),
    )
