"""IDX files: what is written is read; what is damaged is named."""

import gzip
import os
import resource
import struct

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from surfeit.core import DataError
from surfeit.data.idx import read_idx, read_pair

QUIETLY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, max_side=5)


@QUIETLY
@given(array=arrays.arrays(np.uint8, SHAPES), suffix=st.sampled_from(["", ".gz"]))
def test_idx_gives_back_what_was_written(tmp_path, write_idx, array, suffix):
    path = write_idx(tmp_path / f"array{suffix}", array)
    found = read_idx(path, array.ndim)
    assert found.dtype == torch.uint8
    assert np.array_equal(found.numpy(), array)


@pytest.fixture
def labels(tmp_path, write_idx):
    return write_idx(tmp_path / "labels", np.arange(10))


def changed(path, change):
    path.write_bytes(change(path.read_bytes()))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:-1], r"found 9 bytes of data, expected 10 for dimensions \[10\]"),
        (lambda b: b + b"x", "found more than 10 bytes of data, expected 10"),
        (lambda b: b[:6], "found 6 bytes, expected a header of 8"),
        (lambda b: b"", "expected an IDX file, found an empty one"),
        (lambda b: b"\1" + b[1:], "found magic number 0x01000801, expected 0x00000801"),
        (lambda b: b[:3] + b"\3" + b[4:], "0x00000803, expected 0x00000801.*1 dimension$"),
        (lambda b: b[:2] + b"\x0d" + b[3:], "type code 0x0d, expected 0x08"),
        (lambda b: b[:4] + b"\0\0\0\0", r"dimensions \[0\], expected none empty"),
    ],
)
def test_idx_names_the_file_what_was_found_and_what_was_expected(labels, change, message):
    with pytest.raises(DataError, match=f"^{labels}: .*{message}"):
        read_idx(changed(labels, change), 1)


def test_idx_with_an_absurd_header_is_refused_before_reading(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", *[2**32 - 1] * 3))
    with pytest.raises(DataError, match="expected none empty or absurd"):
        read_idx(path, 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b[:-12],  # cut off within the data
        lambda b: b[:-4],  # cut off within the trailer
        lambda b: b[:-8] + b"\0\0\0\0" + b[-4:],  # another CRC
        lambda b: b[:10] + b"\xff" * 8 + b[18:],
        lambda b: b"no gzip" + b,
    ],
)
def test_idx_names_a_damaged_gzip_file(tmp_path, write_idx, change):
    path = write_idx(tmp_path / "labels.gz", np.arange(200))
    with pytest.raises(DataError, match=f"^{path}: expected a whole gzip file"):
        read_idx(changed(path, change), 1)


def test_idx_names_an_overlong_gzip_file(tmp_path, labels):
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(labels.read_bytes() + b"x"))
    with pytest.raises(DataError, match="found more than 10 bytes"):
        read_idx(path, 1)


def test_idx_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(DataError, match=f"^{tmp_path}: .*directory"):
        read_idx(tmp_path, 1)


@pytest.fixture
def pair(tmp_path, write_idx):
    def write(count, labels, suffix=""):
        images = np.arange(count * 6).reshape(count, 2, 3)
        write_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", images)
        write_idx(tmp_path / f"train-labels-idx1-ubyte{suffix}", np.array(labels))
        return images

    return write


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_pair_gives_images_with_a_channel_and_whole_labels(tmp_path, pair, suffix):
    images = pair(3, [2, 0, 1], suffix)
    pixels = read_pair(tmp_path, "train", shape=(3, 2, 3), classes=3)
    assert np.array_equal(pixels.images[:, 0].numpy(), images)
    assert pixels.labels.tolist() == [2, 0, 1]
    assert pixels.labels.dtype == torch.int64


def test_pair_prefers_the_plain_file(tmp_path, pair):
    pair(3, [2, 0, 1])
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    assert len(read_pair(tmp_path, "train", shape=(3, 2, 3), classes=3)) == 3


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 1], 3, "train-labels-idx1-ubyte: found 2 labels, expected 3"),
        ([0, 1, 3], 3, r"train-labels-idx1-ubyte: found label 3, expected labels in \[0, 3\)"),
    ],
)
def test_pair_says_which_labels_are_wrong(tmp_path, pair, labels, classes, message):
    pair(3, labels)
    with pytest.raises(DataError, match=message):
        read_pair(tmp_path, "train", shape=(3, 2, 3), classes=classes)


def test_pair_says_which_images_have_another_shape(tmp_path, pair):
    pair(3, [0, 1, 2])
    message = r"images-idx3-ubyte: found images \[3, 2, 3\], expected \[4, 2, 3\]"
    with pytest.raises(DataError, match=message):
        read_pair(tmp_path, "train", shape=(4, 2, 3), classes=3)


def test_pair_says_which_file_is_not_there(tmp_path, pair):
    pair(3, [0, 1, 2])
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="train-labels-idx1-ubyte: found no such file"):
        read_pair(tmp_path, "train", shape=(3, 2, 3), classes=3)


def test_idx_that_claims_more_than_is_allowed_is_refused_before_reading(tmp_path):
    """A gzip file of a few MB can hold GB of zeros."""
    path = tmp_path / "images.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(bytes([0, 0, 8, 3]) + struct.pack(">3I", 1 << 10, 1 << 10, 1 << 10))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"1,073,741,824 bytes, expected at most 1,000$"):
        read_idx(path, 3, most=1000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10 << 10


def test_idx_that_claims_more_than_its_file_holds_is_refused_before_reading(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 1000, 1000, 900) + b"x" * 100)
    with pytest.raises(DataError, match="found 100 bytes of data, expected 900000000 for"):
        read_idx(path, 3)


def test_pair_refuses_a_bomb_of_images(tmp_path, pair):
    pair(3, [0, 1, 2])
    bomb = bytes([0, 0, 8, 3]) + struct.pack(">3I", 3, 1 << 14, 1 << 14) + b"\0" * (1 << 20)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bomb, 1))
    with pytest.raises(DataError, match=r"dimensions \[3, 16384, 16384\], .* at most 4,132"):
        read_pair(tmp_path, "train", shape=(3, 2, 3), classes=3)


def test_idx_is_a_regular_file(tmp_path):
    path = tmp_path / "labels"
    os.mkfifo(path)
    with pytest.raises(DataError, match="expected a regular file, found a pipe"):
        read_idx(path, 1)
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(DataError, match="Too many levels of symbolic links"):
        read_idx(path, 1)
