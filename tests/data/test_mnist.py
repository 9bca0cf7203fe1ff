"""MNIST and Fashion-MNIST, from files of full size that hold noise."""

import gzip

import numpy as np
import pytest
import torch

from surfeit.core import DataError
from surfeit.data import load

FOLDERS = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}
CONSTANTS = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}


@pytest.fixture(scope="module")
def raw():
    generator = np.random.default_rng(0)
    counts = {"train": 60_000, "t10k": 10_000}
    return {
        prefix: (
            generator.integers(0, 256, (count, 28, 28), np.uint8),
            generator.integers(0, 10, count, np.uint8),
        )
        for prefix, count in counts.items()
    }


@pytest.fixture(scope="module")
def root(raw, tmp_path_factory):
    """Both data sets by one set of files: labels gzipped, images plain."""
    top = tmp_path_factory.mktemp("data")
    folder = top / FOLDERS["mnist"]
    folder.mkdir(parents=True)
    for prefix, (images, labels) in raw.items():
        head = bytes([0, 0, 8, 3]) + np.array(images.shape, ">u4").tobytes()
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        head = bytes([0, 0, 8, 1]) + np.array(labels.shape, ">u4").tobytes()
        packed = gzip.compress(head + labels.tobytes(), 1)
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(packed)
    (top / "FashionMNIST").symlink_to(top / "MNIST")
    return top


@pytest.fixture(scope="module", params=FOLDERS)
def dataset(request, root):
    return load(request.param, root)


def test_splits_have_the_documented_sizes(dataset):
    assert [len(split) for split in dataset.splits.values()] == [55_000, 5_000, 10_000]
    assert (dataset.input_shape, dataset.classes) == ((1, 28, 28), 10)


def test_images_are_normalised_by_the_published_constants(dataset, raw):
    mean, std = CONSTANTS[dataset.name]
    expected = (raw["t10k"][0][:50].astype(np.float64) / 255 - mean) / std
    found = dataset.test.images[:50, 0].double().numpy()
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert float(dataset.test.images.min()) == float(dataset.black)


def test_validation_and_train_share_out_the_training_file(dataset, raw):
    """Each image's bytes are as good as unique here, and labels go with their images."""
    mean, std = CONSTANTS[dataset.name]

    def keys(split):
        bytes_ = ((split.images[:, 0, 0, :8] * std + mean) * 255).round().to(torch.int64)
        return {tuple(row): int(y) for row, y in zip(bytes_.tolist(), split.labels, strict=True)}

    images, labels = raw["train"]
    rows = images[:, 0, :8].tolist()
    original = {tuple(row): int(y) for row, y in zip(rows, labels, strict=True)}
    train, validation = keys(dataset.train), keys(dataset.validation)
    assert not train.keys() & validation.keys()
    assert train | validation == original


def test_validation_is_drawn_from_all_over_the_file(dataset, raw):
    std = CONSTANTS[dataset.name][1]
    first = torch.from_numpy(raw["train"][0][0]).float() / 255
    drawn = dataset.validation.images[0, 0] * std + CONSTANTS[dataset.name][0]
    assert not torch.allclose(first, drawn, atol=1e-3)  # a head of the file would begin with it


def test_mnist_and_fashion_mnist_are_divided_by_different_streams(root):
    mnist, fashion = load("mnist", root), load("fashion-mnist", root)
    assert not torch.equal(mnist.validation.labels, fashion.validation.labels)
    assert mnist.fingerprint != fashion.fingerprint


def test_loading_again_gives_the_same_fingerprint(dataset, root):
    assert load(dataset.name, root).fingerprint == dataset.fingerprint


@pytest.mark.parametrize("name", FOLDERS)
def test_missing_files_are_named_with_the_command_that_fetches_them(tmp_path, name):
    command = f"`surfeit data fetch {name} --data-dir {tmp_path}`"
    message = f"{FOLDERS[name]}/train-images-idx3-ubyte: found no such file.*missing: {command}"
    with pytest.raises(DataError, match=message):
        load(name, tmp_path)


def test_a_damaged_file_is_to_be_deleted_before_it_is_fetched_anew(root, tmp_path):
    folder = tmp_path / "MNIST/raw"
    folder.mkdir(parents=True)
    for path in (root / "MNIST/raw").iterdir():
        (folder / path.name).symlink_to(path)
    damaged = folder / "t10k-images-idx3-ubyte"
    damaged.unlink()
    damaged.write_bytes(b"\0\0\x08\x03")
    message = r"t10k-images-idx3-ubyte: found 4 bytes.*delete that file and run `surfeit data fetch"
    with pytest.raises(DataError, match=message):
        load("mnist", tmp_path)
