"""Headers that lie: each is a sentence, and nothing is made of the sizes that they claim."""

import json
import struct
import tracemalloc

import pytest
import safetensors.torch
import torch

from surfeit.core import StoreError
from surfeit.store.parsing import is_shape
from surfeit.store.snapshots import places, read_layer, read_mask, read_snapshot, write_mask

DATA = bytes(range(24))


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def written(path, header, data=DATA):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def refused(path, words):
    """Every reader says so, and takes no memory beyond the file's."""
    tracemalloc.start()
    for read in (places, read_snapshot, read_mask, lambda one: read_layer([one], "w")):
        with pytest.raises(StoreError, match=words):
            read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_header_that_tells_the_truth_is_read_as_the_library_reads_it(tmp_path):
    header = {
        "__metadata__": {"a": "b"},
        "v": entry([], 16, 24, "F64"),
        "w": entry([2, 2], 0, 16),
        "none": entry([0, 5], 24, 24, "I8"),
    }
    path = written(tmp_path / "s", header)
    found, expected = read_snapshot(path), safetensors.torch.load_file(path)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert value.dtype == found[name].dtype
        assert torch.equal(value, found[name])
    assert list(places(path)) == ["w", "v", "none"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"w": entry([10**10], 0, 24)}, r"should take 40,000,000,000 bytes and has 24"),
        ({"w": entry([10**10], 0, 4 * 10**10)}, "not what its header says"),
        ({"w": entry([2**62, 2**62], 0, 24)}, "has no shape"),
        ({"w": entry([0, 2**64], 0, 0)}, "has no shape"),
        ({"w": entry([1] * 65, 0, 4)}, "has no shape"),
        ({"w": entry([-2, -3], 0, 24)}, "has no shape"),
        ({"w": entry([6.0], 0, 24)}, "has no shape"),
        ({"w": entry([True], 0, 4)}, "has no shape"),
        ({"w": entry("6", 0, 24)}, "has no shape"),
        ({"w": entry([6], 0, 2**70)}, "has no two offsets"),
        ({"w": entry([6], 24, 0)}, "do not follow"),
        ({"w": entry([6], -24, 0)}, "has no two offsets"),
        ({"w": {"dtype": "F32", "shape": [6], "data_offsets": [0]}}, "has no two offsets"),
        ({"w": entry([6], 0, 24), "v": entry([6], 0, 24)}, "do not follow"),
        ({"w": entry([2], 0, 8), "v": entry([2], 16, 24)}, "do not follow"),
        ({"w": entry([2], 0, 8)}, "not what its header says"),
        ({"w": entry([6], 0, 24, "F31")}, "dtype that is not known"),
        ({"w": entry([6], 0, 24, ["F32"])}, "dtype that is not known"),
        ({"w": None}, "no dtype, shape and offsets"),
        ({"w": entry([6], 0, 24), "__metadata__": {"a": 1}}, "metadata are not texts"),
        ({"w": entry([6], 0, 24), "__metadata__": [1]}, "metadata are not texts"),
        ([], "does not name tensors"),
        (b'{"w":' + b"[" * 5000 + b"]" * 5000 + b"}", "deep"),
        (b"\xff{}", "codec can't decode"),
    ],
)
def test_a_header_that_lies_is_a_sentence(tmp_path, header, words):
    refused(written(tmp_path / "s", header), words)


def test_a_header_longer_than_any_is_not_read(tmp_path):
    path = tmp_path / "s"
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", 1 << 30))
        file.truncate(1 << 31)  # a hole: it takes no space
    refused(path, "its header has 1,073,741,824 bytes, more than 33,554,432")


def test_bytes_that_are_neither_true_nor_false_are_damage(tmp_path):
    path = written(tmp_path / "s", {"w": entry([2], 0, 2, "BOOL")}, b"\x01\x02")
    for read in (read_snapshot, lambda one: read_layer([one], "w")):
        with pytest.raises(StoreError, match="should be true or false is neither"):
            read(path)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("[50000, 50000]", "should have 2,500,000,000 entries and has 3 bytes"),
        ("[25]", "should have 25 entries and has 3 bytes"),
        ("[16]", "should have 16 entries and has 3 bytes"),
        ("[-4, -6]", "not a list of bytes with a shape"),
        ("24", "not a list of bytes with a shape"),
        ("[[24]]", "not a list of bytes with a shape"),
        ("[" * 9000, "deep"),
        ("", "Expecting value"),
    ],
)
def test_a_mask_takes_eight_times_its_file_whatever_its_shape_says(tmp_path, shape, words):
    packed = {"w": torch.zeros(3, dtype=torch.uint8)}
    (tmp_path / "m").write_bytes(safetensors.torch.save(packed, metadata={"w": shape}))
    with pytest.raises(StoreError, match=rf"m is damaged: it is no mask \(.*{words}"):
        read_mask(tmp_path / "m")


@pytest.mark.parametrize(
    ("packed", "metadata"),
    [
        ({"w": torch.zeros(3, dtype=torch.uint8)}, None),
        ({"w": torch.zeros(3, dtype=torch.uint8)}, {"v": "[24]"}),
        ({"w": torch.zeros(3)}, {"w": "[24]"}),
        ({"w": torch.zeros(1, 3, dtype=torch.uint8)}, {"w": "[24]"}),
    ],
)
def test_a_mask_of_another_kind_is_told(tmp_path, packed, metadata):
    (tmp_path / "m").write_bytes(safetensors.torch.save(packed, metadata=metadata))
    with pytest.raises(StoreError, match=r"'w' (is not a list of bytes with a shape|has no shape)"):
        read_mask(tmp_path / "m")


def test_masked_weights_with_axes_of_their_own_are_damage(tmp_path):
    path = written(tmp_path / "s", {"w": entry([2, 3], 0, 24)})
    kept = torch.ones(2, 3, dtype=torch.bool)
    with pytest.raises(StoreError, match="holds masked weights as 2 axes"):
        read_snapshot(path, {"w": kept})
    with pytest.raises(StoreError, match="holds masked weights as 2 axes"):
        read_layer([path], "w", kept)


def test_every_flipped_bit_and_every_cut_is_read_or_told(tmp_path):
    path = tmp_path / "m"
    write_mask(path, {"w": torch.ones(3, 3, dtype=torch.bool), "v": torch.zeros(()).bool()})
    whole = path.read_bytes()
    for place in range(len(whole)):
        for changed in (whole[:place], _flipped(whole, place, 0), _flipped(whole, place, 7)):
            path.write_bytes(changed)
            for read in (places, read_snapshot, read_mask):
                try:
                    read(path)
                except StoreError:
                    continue


def _flipped(data, place, bit):
    return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


@pytest.mark.parametrize("value", [None, 3, "12", (1, 2), {"a": 1}, [None], [2**63], [1.0]])
def test_what_is_no_shape(value):
    assert not is_shape(value)
    assert is_shape([])
    assert is_shape([0, 3])
