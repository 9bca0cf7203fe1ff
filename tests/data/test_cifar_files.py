"""CIFAR-10's two layouts, and pickles that ask for more than arrays."""

import io
import os
import pickle
import sys

import numpy as np
import pytest
import torch

from surfeit.core import DataError
from surfeit.data.cifar10 import read_batches
from surfeit.data.cifar_files import read_binary_batch, read_pickled_batch

RECORDS = 4


@pytest.fixture
def data():
    return np.random.default_rng(0).integers(0, 256, (RECORDS, 3072), np.uint8)


@pytest.fixture
def binary(tmp_path, data):
    path = tmp_path / "data_batch_1.bin"
    labels = np.arange(RECORDS, dtype=np.uint8)[:, None]
    path.write_bytes(np.concatenate([labels, data], 1).tobytes())
    return path


def as_in_python_2(images: np.ndarray, labels: list[int]) -> bytes:
    """What Python 2 and numpy 1 pickled, opcode by opcode: byte strings, and `numpy.core`."""
    rows, columns = images.shape
    size = rows * columns
    return b"".join(
        [
            b"\x80\x02}(U\x04data",
            b"cnumpy.core.multiarray\n_reconstruct\n",
            b"(cnumpy\nndarray\n(K\x00tU\x01btR",
            b"(K\x01(J" + rows.to_bytes(4, "little") + b"J" + columns.to_bytes(4, "little") + b"t",
            b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR",
            b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
            b"\x89T" + size.to_bytes(4, "little") + images.tobytes() + b"tb",
            b"U\x06labels](" + b"".join(b"K" + bytes([label]) for label in labels) + b"eu.",
        ]
    )


def test_binary_batch_gives_records_channel_by_channel(binary, data):
    pixels = read_binary_batch(binary, records=RECORDS)
    assert np.array_equal(pixels.images.numpy(), data.reshape(-1, 3, 32, 32))
    assert pixels.images[1, 2, 3, 4] == data[1, 2 * 1024 + 3 * 32 + 4]
    assert pixels.labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:-1], "found 12291 bytes, expected 12292: 4 records of 3073"),
        (lambda b: b + b"x", "found 12293 bytes, expected 12292"),
        (lambda b: b"\x0a" + b[1:], r"found label 10, expected labels in \[0, 10\)"),
    ],
)
def test_binary_batch_names_the_file_and_what_is_wrong(binary, change, message):
    binary.write_bytes(change(binary.read_bytes()))
    with pytest.raises(DataError, match=f"^{binary}: {message}"):
        read_binary_batch(binary, records=RECORDS)


def test_binary_batch_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"data_batch_9\.bin: .*No such file"):
        read_binary_batch(tmp_path / "data_batch_9.bin", records=RECORDS)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("bytes_keys", [True, False])
def test_pickled_batch_reads_every_protocol(tmp_path, data, protocol, bytes_keys):
    batch = {"batch_label": b"1 of 5", "labels": [3, 2, 1, 0], "data": data, "filenames": [b"a"]}
    batch = {key.encode() if bytes_keys else key: value for key, value in batch.items()}
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps(batch, protocol=protocol))
    pixels = read_pickled_batch(path, records=RECORDS)
    assert np.array_equal(pixels.images.numpy(), data.reshape(-1, 3, 32, 32))
    assert pixels.labels.tolist() == [3, 2, 1, 0]


def test_pickled_batch_reads_what_python_2_wrote(tmp_path, data):
    path = tmp_path / "batch"
    path.write_bytes(as_in_python_2(data, [0, 1, 2, 3]))
    pixels = read_pickled_batch(path, records=RECORDS)
    assert np.array_equal(pixels.images.flatten(1).numpy(), data)
    assert pixels.labels.tolist() == [0, 1, 2, 3]


def test_pickled_batch_in_columns_order_is_read_right(tmp_path, data):
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"labels": [0] * RECORDS, "data": np.asfortranarray(data)}))
    assert np.array_equal(read_pickled_batch(path, records=RECORDS).images.flatten(1).numpy(), data)


class _Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def _mark(path):
    open(path, "w").close()  # what a hostile pickle would do


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (__import__("os").system, r"(posix|nt)\.system"),
        (eval, r"builtins\.eval"),
        (getattr, r"builtins\.getattr"),
        (np.save, r"numpy\.save"),
        (np.load, r"numpy\.load"),
        (pickle.loads, r"_pickle\.loads"),
    ],
)
def test_pickled_batch_that_calls_anything_is_refused_and_not_run(tmp_path, function, named):
    marker = tmp_path / "was-here"
    arguments = {"system": f"touch {marker}", "eval": f"open({str(marker)!r}, 'w')"}
    hostile = _Calls(function, arguments.get(function.__name__, str(marker)))
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": hostile, "labels": [0]}))
    with pytest.raises(DataError, match=rf"^{path}: found a pickle that asks for {named}, "):
        read_pickled_batch(path, records=1)
    assert not marker.exists()


def test_the_hostile_pickle_would_have_run_without_the_refusal(tmp_path):
    marker = tmp_path / "was-here"
    pickle.loads(pickle.dumps(_Calls(eval, f"open({str(marker)!r}, 'w').close()")))
    assert marker.exists()


def test_pickled_batch_may_not_choose_a_codec(tmp_path):
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps(_Calls(sys.modules["_codecs"].encode, "uryyb", "rot13")))
    with pytest.raises(DataError, match=r"asks for _codecs\.encode to 'rot13'"):
        read_pickled_batch(path, records=1)


def test_pickled_batch_may_not_use_the_extension_registry(tmp_path):
    path = tmp_path / "batch"
    path.write_bytes(b"\x80\x02\x82\x01.")  # the opcode EXT1 with code 1
    with pytest.raises(DataError, match="expected a whole pickle"):
        read_pickled_batch(path, records=1)


def test_pickled_batch_may_not_hold_references_to_elsewhere(tmp_path):
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, 2)
    pickler.persistent_id = lambda value: "elsewhere" if value == [1] else None
    pickler.dump({"data": [1]})
    path = tmp_path / "batch"
    path.write_bytes(stream.getvalue())
    with pytest.raises(DataError, match="expected a whole pickle"):
        read_pickled_batch(path, records=1)


@pytest.mark.parametrize("keep", [0, 1, 20, 100, 5000])
def test_pickled_batch_cut_short_is_named(tmp_path, data, keep):
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"labels": [0] * 4, "data": data}, protocol=2)[:keep])
    with pytest.raises(DataError, match=f"^{path}: expected a whole pickle, found a damaged one"):
        read_pickled_batch(path, records=RECORDS)


GOOD = np.zeros((RECORDS, 3072), np.uint8)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ([1, 2], "found a pickled list, expected a dict"),
        ({"labels": [0] * 4}, r"found data NoneType, expected uint8 \[4, 3072\]"),
        ({"data": GOOD[:3], "labels": [0] * 3}, r"found data uint8 \[3, 3072\]"),
        ({"data": GOOD.astype(float), "labels": [0] * 4}, "found data float64"),
        ({"data": GOOD, "labels": [0] * 3}, "a list of 3, expected a list of 4 integers"),
        ({"data": GOOD, "labels": [0, 1, 2, "3"]}, "a list of 4, expected a list of 4 integers"),
        ({"data": GOOD, "labels": b"0123"}, "found labels: bytes"),
        ({"data": GOOD, "labels": [0, 1, 2, 10]}, r"found label 10, expected labels in \[0, 10\)"),
        ({"data": GOOD, "labels": [0, 1, 2, -7]}, "found label -7, expected labels"),
        ({"data": GOOD, "labels": [0, 1, 2, 2**70]}, f"found label {2**70}, expected labels"),
    ],
)
def test_pickled_batch_says_what_is_not_as_it_should_be(tmp_path, batch, message):
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps(batch))
    with pytest.raises(DataError, match=f"^{path}: .*{message}"):
        read_pickled_batch(path, records=RECORDS)


@pytest.mark.parametrize("cut", [1, 3072, 4 * 3072])
def test_pickled_batch_whose_bytes_do_not_fill_its_shape_is_refused(tmp_path, data, cut):
    """numpy's own loader would read beyond them."""
    size = data.size
    whole = as_in_python_2(data, [0, 1, 2, 3])
    lying = whole.replace(
        size.to_bytes(4, "little") + data.tobytes(),
        (size - cut).to_bytes(4, "little") + data.tobytes()[: size - cut],
    )
    assert len(lying) == len(whole) - cut
    path = tmp_path / "batch"
    path.write_bytes(lying)
    with pytest.raises(DataError, match=rf"found data of {size - cut} bytes, expected {size} for"):
        read_pickled_batch(path, records=RECORDS)


def test_pickled_batch_of_more_values_than_a_batch_has_is_refused(tmp_path):
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"labels": [[] for _ in range(10_000)]}, 2))
    with pytest.raises(DataError, match="far more values than it should"):
        read_pickled_batch(path, records=1)


@pytest.mark.parametrize("read", [read_binary_batch, read_pickled_batch])
def test_batch_is_a_regular_file_of_bounded_size(tmp_path, read):
    path = tmp_path / "batch"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole: takes no room on the disk
    with pytest.raises(DataError, match=r"found 1,099,511,627,776 bytes, expected at most"):
        read(path, records=RECORDS)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match="expected a regular file, found a pipe"):
        read(path, records=RECORDS)
    with pytest.raises(DataError, match="expected a regular file, found a directory"):
        read(tmp_path, records=RECORDS)
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(DataError, match="Too many levels of symbolic links"):
        read(path, records=RECORDS)


@pytest.fixture
def both_layouts(tmp_path, data):
    """The same images in both layouts; batch k holds label k, the test batch 0."""
    binary, pickled = tmp_path / "cifar-10-batches-bin", tmp_path / "cifar-10-batches-py"
    binary.mkdir()
    pickled.mkdir()
    for label, name in enumerate(["test_batch", *(f"data_batch_{k}" for k in range(1, 6))]):
        images = data + np.uint8(label)
        column = np.full((RECORDS, 1), label, np.uint8)
        (binary / f"{name}.bin").write_bytes(np.concatenate([column, images], 1).tobytes())
        (pickled / name).write_bytes(as_in_python_2(images, [label] * 4))
    return tmp_path


def test_batches_of_both_layouts_are_equal(both_layouts):
    training, test = read_batches(both_layouts, records=RECORDS)
    (both_layouts / "cifar-10-batches-bin/test_batch.bin").unlink()
    training_again, test_again = read_batches(both_layouts, records=RECORDS)
    assert torch.equal(training.images, training_again.images)
    assert torch.equal(test.images, test_again.images)
    assert training.labels.tolist() == training_again.labels.tolist()
    assert training.labels.tolist() == [k for k in range(1, 6) for _ in range(RECORDS)]
    assert test.labels.tolist() == test_again.labels.tolist() == [0] * RECORDS


def test_batches_prefer_the_layout_without_pickles(both_layouts):
    for path in (both_layouts / "cifar-10-batches-py").iterdir():
        path.write_bytes(b"damaged")
    assert len(read_batches(both_layouts, records=RECORDS)[0]) == 5 * RECORDS


def test_batches_name_the_missing_one_of_the_fuller_layout(both_layouts):
    (both_layouts / "cifar-10-batches-bin/test_batch.bin").unlink()
    (both_layouts / "cifar-10-batches-bin/data_batch_1.bin").unlink()
    (both_layouts / "cifar-10-batches-py/data_batch_4").unlink()
    with pytest.raises(DataError, match="cifar-10-batches-py/data_batch_4: found no such file"):
        read_batches(both_layouts, records=RECORDS)
