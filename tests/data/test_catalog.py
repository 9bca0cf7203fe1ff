"""Names, roots and what `surfeit data list` shows."""

from pathlib import Path

import platformdirs
import pytest

from surfeit.core import DataError
from surfeit.data import SOURCES, data_root, load, status

REQUIRED = {"digits", "mnist", "fashion-mnist", "cifar10"}


def test_catalog_holds_the_promised_names():
    assert {entry.name for entry in SOURCES} == REQUIRED


def test_load_suggests_the_nearest_name():
    with pytest.raises(ValueError, match=r"no data set 'minst': did you mean 'mnist'\?"):
        load("minst")


@pytest.mark.parametrize("entry", [entry for entry in SOURCES if not entry.embedded])
def test_sources_describe_files_that_make_their_first_layout_complete(entry):
    brought = [path for file in entry.files for path in file.members or (file.path[:-3],)]
    assert brought == [f"{entry.layouts[0].folder}/{name}" for name in entry.layouts[0].files]
    assert all(len(file.md5) == 32 for file in entry.files)
    assert entry.addresses
    assert all(address.endswith("/") for address in entry.addresses)


def test_root_is_the_argument_before_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SURFEIT_DATA", str(tmp_path / "environment"))
    assert data_root(tmp_path / "argument") == tmp_path / "argument"
    assert data_root() == tmp_path / "environment"


@pytest.mark.parametrize("value", [None, ""])
def test_root_is_the_users_data_folder_otherwise(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("SURFEIT_DATA", raising=False)
    else:
        monkeypatch.setenv("SURFEIT_DATA", value)
    assert data_root() == Path(platformdirs.user_data_dir("surfeit", appauthor=False)) / "data"


def test_root_knows_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_root("~/data") == tmp_path / "data"


def test_root_of_the_environment_is_where_load_looks(monkeypatch, tmp_path):
    monkeypatch.setenv("SURFEIT_DATA", str(tmp_path))
    with pytest.raises(DataError, match=f"^{tmp_path}/MNIST.*`surfeit data fetch mnist`$"):
        load("mnist")


def by_name(root):
    return {one.name: one for one in status(root)}


def test_status_of_an_empty_root_has_the_embedded_set_only(tmp_path):
    found = by_name(tmp_path / "not-there")
    assert found.keys() == REQUIRED
    assert found["digits"].embedded
    assert found["digits"].state == "complete"
    assert found["mnist"].state == "missing"
    assert found["mnist"].folder == tmp_path / "not-there/MNIST/raw"
    assert len(found["mnist"].missing) == 4
    assert found["cifar10"].bytes == 0


def test_status_tells_which_files_are_missing_and_counts_bytes(tmp_path):
    folder = tmp_path / "MNIST/raw"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte").write_bytes(b"12345")
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"123")
    (folder / "t10k-images-idx3-ubyte.gz.part").write_bytes(b"12")
    found = by_name(tmp_path)["mnist"]
    assert found.state == "incomplete"
    assert found.missing == ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    assert found.bytes == 10


def test_status_knows_a_download_that_has_only_begun(tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz.part").write_bytes(b"1234")
    found = by_name(tmp_path)["cifar10"]
    assert (found.state, found.bytes) == ("incomplete", 4)


def test_status_accepts_the_pickled_layout_of_cifar10(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ["test_batch", *(f"data_batch_{k}" for k in range(1, 6))]:
        (folder / name).write_bytes(b"1")
    found = by_name(tmp_path)["cifar10"]
    assert (found.state, found.folder, found.bytes) == ("complete", folder, 6)


def test_status_does_not_count_what_cannot_be_read(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ["test_batch", *(f"data_batch_{k}" for k in range(1, 6))]:
        (folder / f"{name}.gz").write_bytes(b"1")  # only IDX files may be gzipped
    assert by_name(tmp_path)["cifar10"].state == "missing"
