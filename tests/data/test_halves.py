"""Halves of a data set: a partition, class by class."""

import pytest
import torch

from surfeit.core import Streams
from surfeit.data import Dataset, from_tensors, halves


def make_blobs() -> Dataset:
    generator = Streams(0).get("blobs")

    def pair(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.randint(0, 3, (count,), generator=generator)
        return torch.randn(count, 1, 4, 4, generator=generator), labels

    return from_tensors("blobs", train=pair(50), validation=pair(17), test=pair(19))


def test_halves_part_the_training_images_class_by_class():
    whole = make_blobs()
    first, second = halves(whole)
    assert len(first.train) == len(second.train) == 25
    for label in range(whole.classes):
        counts = [int((half.train.labels == label).sum()) for half in (first, second)]
        assert abs(counts[0] - counts[1]) <= 1
        assert sum(counts) == int((whole.train.labels == label).sum())
    parted = [_rows(half) for half in (first, second)]
    assert sorted(parted[0] + parted[1]) == sorted(_rows(whole))
    assert all(row in _rows(whole) for row in parted[0])
    order = [_rows(whole).index(row) for row in parted[0]]
    assert order == sorted(order)


def _rows(dataset: Dataset) -> list[tuple[float, ...]]:
    """Each training image with its label."""
    images = dataset.train.images.flatten(1).tolist()
    return [
        (*image, label) for image, label in zip(images, dataset.train.labels.tolist(), strict=True)
    ]


def test_halves_share_validation_and_test_and_have_their_own_names():
    whole = make_blobs()
    first, second = halves(whole)
    for half in (first, second):
        assert torch.equal(half.test.images, whole.test.images)
        assert torch.equal(half.validation.labels, whole.validation.labels)
    assert (first.name, second.name) == ("blobs-half-1", "blobs-half-2")
    assert len({whole.fingerprint, first.fingerprint, second.fingerprint}) == 3


def test_halves_are_drawn_from_the_seed():
    whole = make_blobs()
    assert halves(whole)[0].fingerprint == halves(whole, 0)[0].fingerprint
    assert halves(whole)[0].fingerprint != halves(whole, 1)[0].fingerprint
    with pytest.raises(ValueError, match="seed must be an integer >= 0"):
        halves(whole, -1)


def test_a_class_of_one_image_cannot_be_halved():
    labels = make_blobs().train.labels
    single = make_blobs()
    object.__setattr__(single.train, "targets", torch.where(labels == 2, 1, labels))
    single.train.labels[0] = 2
    with pytest.raises(ValueError, match="class '2' has a single training example"):
        halves(single)
