"""CIFAR-10 from sparse files of full size."""

import pytest

from surfeit.core import DataError
from surfeit.data import load

RECORD = 3073


@pytest.fixture
def root(tmp_path):
    """Black images of class 0; only the first record of each batch is white, of class 9."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name in ["test_batch", *(f"data_batch_{k}" for k in range(1, 6))]:
        with (folder / f"{name}.bin").open("wb") as file:
            file.write(b"\x09" + b"\xff" * 3072)
            file.truncate(10_000 * RECORD)
    return tmp_path


def test_cifar10_has_the_documented_splits_and_constants(root):
    dataset = load("cifar10", root)
    assert [len(split) for split in dataset.splits.values()] == [45_000, 5_000, 10_000]
    assert (dataset.input_shape, dataset.classes) == ((3, 32, 32), 10)
    counts = [int((split.labels == 9).sum()) for split in dataset.splits.values()]
    assert counts[0] + counts[1] == 5
    assert counts[2] == 1
    white, black = dataset.test.images[0, :, 0, 0], dataset.test.images[1, :, 0, 0]
    assert white.tolist() == pytest.approx(
        [(1 - 0.4914) / 0.2470, (1 - 0.4822) / 0.2435, (1 - 0.4465) / 0.2616], rel=1e-6
    )
    assert black.tolist() == dataset.black.flatten().tolist()


def test_cifar10_that_is_cut_short_is_named_with_the_command(root):
    path = root / "cifar-10-batches-bin/data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-5])
    message = r"data_batch_3\.bin: found 30729995 bytes, expected 30730000.*data fetch cifar10"
    with pytest.raises(DataError, match=message):
        load("cifar10", root)
