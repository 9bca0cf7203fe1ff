"""The embedded data set: its split and its values."""

import pytest
import torch
from sklearn.datasets import load_digits as load_from_sklearn

from surfeit.data import load


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def test_digits_have_the_documented_shapes(digits):
    assert [len(split) for split in digits.splits.values()] == [1077, 360, 360]
    assert (digits.input_shape, digits.classes) == ((1, 8, 8), 10)


def test_digits_splits_hold_every_image_once_with_its_label(digits):
    bunch = load_from_sklearn()
    raw = torch.from_numpy(bunch.images).flatten(1).to(torch.int64)
    original = sorted(zip(raw.tolist(), bunch.target.tolist(), strict=True))
    found = []
    for split in digits.splits.values():
        images = ((split.images * 0.3760 + 0.3053) * 16).round().to(torch.int64).flatten(1)
        found += zip(images.tolist(), split.labels.tolist(), strict=True)
    assert sorted(found) == original


def test_digits_test_and_validation_hold_equal_counts_of_each_class(digits):
    assert digits.test.labels.bincount().tolist() == [36] * 10
    assert digits.validation.labels.bincount().tolist() == [36] * 10


def test_digits_are_normalised(digits):
    images = torch.cat([split.images for split in digits.splits.values()])
    assert abs(float(images.mean())) < 1e-3
    assert abs(float(images.std()) - 1) < 1e-3
    assert float(images.min()) == float(digits.black)


def test_digits_fingerprint_stands():
    """A golden value: when it changes, every stored run on digits is another run."""
    expected = "d89eb61e14f1"
    assert load("digits").fingerprint.startswith(expected)


def test_digits_are_the_same_where_scikit_learn_keeps_them_elsewhere(monkeypatch, digits):
    monkeypatch.setattr("surfeit.data.digits._file", lambda: None)
    assert load("digits").fingerprint == digits.fingerprint


def test_digits_print_as_one_line(digits):
    assert repr(digits) == "Dataset(digits, 1077/360/360 images of 1x8x8, 10 classes)"
