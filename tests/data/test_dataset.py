"""Data sets of own tensors: shapes, constants, fingerprints, errors."""

from dataclasses import replace

import pytest
import torch

from surfeit.core import Split
from surfeit.data import from_tensors

IMAGES, LABELS = torch.rand(6, 1, 2, 2), torch.tensor([0, 1, 2, 0, 1, 2])
PAIR = (IMAGES, LABELS)


def build(**changed):
    return from_tensors("own", **{"train": PAIR, "validation": PAIR, "test": PAIR} | changed)


def test_dataset_of_own_tensors_keeps_them_and_names_classes_by_number():
    dataset = build()
    assert torch.equal(dataset.train.images, IMAGES)
    assert dataset.class_names == ("0", "1", "2")
    assert (dataset.classes, dataset.input_shape) == (3, (1, 2, 2))


def test_dataset_counts_classes_over_all_splits():
    assert build(test=(IMAGES, LABELS + 4)).classes == 7


def test_dataset_takes_splits_as_well_as_pairs():
    assert build(train=Split(*PAIR)).fingerprint == build().fingerprint


def test_dataset_black_is_what_a_raw_zero_becomes():
    images = torch.rand(4, 2, 3, 3, dtype=torch.float64)
    pair = (images, torch.tensor([0, 1, 0, 1]))
    dataset = from_tensors(
        "own", train=pair, validation=pair, test=pair, mean=(0.5, 0.1), std=(0.25, 0.2)
    )
    assert dataset.black.dtype == torch.float64
    torch.testing.assert_close(dataset.black.flatten(), torch.tensor([-2.0, -0.5]).double())
    assert dataset.black.shape == (2, 1, 1)


def test_dataset_moves_all_splits_and_keeps_the_rest():
    moved = build().to("cpu")
    assert all(split.images.device.type == "cpu" for split in moved.splits.values())
    assert moved.fingerprint == build().fingerprint


def test_fingerprint_is_of_content_not_of_names():
    assert from_tensors("x", train=PAIR, validation=PAIR, test=PAIR).fingerprint == (
        build(class_names=("a", "b", "c")).fingerprint
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"train": (IMAGES + 1e-6, LABELS)},
        {"train": (IMAGES, LABELS.flip(0))},
        {"train": (IMAGES[:5], LABELS[:5])},
        {"train": (IMAGES.flip(0), LABELS.flip(0))},
        {"mean": (0.1,)},
        {"std": (0.9,)},
    ],
)
def test_fingerprint_differs_with_any_change_of_content(changed):
    assert build(**changed).fingerprint != build().fingerprint


def test_fingerprint_differs_when_splits_change_places():
    one, two = (IMAGES[:3], LABELS[:3]), (IMAGES[3:], LABELS[3:])
    assert build(train=one, test=two).fingerprint != build(train=two, test=one).fingerprint


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"class_names": ("a", "b")}, r"in \[0, 2\).* train split lie in \[0, 2\]"),
        ({"test": (IMAGES, LABELS - 1)}, r"the test split lie in \[-1, 1\]"),
        ({"validation": (torch.rand(6, 1, 2, 3), LABELS)}, r"validation .*\[1, 2, 3\]"),
        ({"test": (IMAGES.double(), LABELS)}, "train holds torch.float32 .*test torch.float64"),
        ({"train": (IMAGES / 0, LABELS)}, "finite, but the train split"),
        ({"mean": (0.1, 0.2)}, r"each of 1 channels.*mean \[0.1, 0.2\]"),
        ({"std": (0.0,)}, r"std > 0.*std \[0.0\]"),
    ],
)
def test_dataset_says_what_does_not_fit(changed, message):
    with pytest.raises(ValueError, match=message):
        build(**changed)


def test_dataset_refuses_a_fingerprint_that_is_none():
    with pytest.raises(ValueError, match="64 hex digits, got 'abc'"):
        replace(build(), fingerprint="abc")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_dataset_on_a_gpu_has_its_black_there():
    moved = build().to("cuda")
    assert moved.black.device.type == moved.test.labels.device.type == "cuda"
