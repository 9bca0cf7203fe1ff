"""Snapshots: round trips, byte ranges, masks, damage."""

import json
import os
import struct

import pytest
import safetensors
import safetensors.torch
import torch

from surfeit.core import StoreError, digest
from surfeit.store.files import FileSum
from surfeit.store.snapshots import (
    places,
    read_layer,
    read_mask,
    read_snapshot,
    write_mask,
    write_snapshot,
)

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32]
DTYPES += [torch.int16, torch.int8, torch.uint8, torch.uint16, torch.bool, torch.float8_e4m3fn]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_snapshot_gives_back_every_dtype_and_no_dimensions(tmp_path, dtype):
    tensors = {
        "w": torch.arange(6).reshape(2, 3).to(dtype),
        "count": torch.tensor(1).to(dtype),
        "lying": torch.arange(6).reshape(2, 3).to(dtype).T,
    }
    path = tmp_path / "0.safetensors"
    found = write_snapshot(path, tensors)
    assert digest(read_snapshot(path)) == digest(tensors)
    assert found == FileSum.read(path)
    assert places(path)["w"].dtype == dtype
    assert read_layer([path], "w")[0].equal(tensors["w"])
    assert read_layer([path], "count").shape == (1,)


def test_read_layer_equals_safe_open_over_many_files(tmp_path):
    generator = torch.Generator().manual_seed(0)
    paths = [tmp_path / f"{step}.safetensors" for step in range(12)]
    for path in paths:
        tensors = {n: torch.randn(4, 3, 2, generator=generator) for n in ("a", "b", "c")}
        write_snapshot(path, tensors | {"n": torch.tensor(3)})
    for name in ("a", "b", "c"):
        expected = []
        for path in paths:
            with safetensors.safe_open(path, framework="pt") as file:
                expected.append(file.get_tensor(name))
        assert torch.equal(read_layer(paths, name), torch.stack(expected))


def test_masked_snapshot_holds_the_surviving_weights_alone(tmp_path):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(50, 40, generator=generator)
    kept = torch.rand(50, 40, generator=generator) > 0.9
    path, masked = tmp_path / "0.safetensors", tmp_path / "mask.safetensors"
    write_snapshot(path, {"w": weight, "b": torch.ones(3)}, {"w": kept})
    write_mask(masked, {"w": kept})
    assert places(path)["w"].shape == (int(kept.sum()),)
    assert masked.stat().st_size < 50 * 40 / 8 + 300
    mask = read_mask(masked)
    assert mask["w"].dtype == torch.bool
    assert torch.equal(mask["w"], kept)
    assert torch.equal(read_snapshot(path, mask)["w"], weight * kept)
    assert torch.equal(read_layer([path, path], "w", kept)[1], weight * kept)
    assert torch.equal(read_snapshot(path, mask)["b"], torch.ones(3))


@pytest.mark.parametrize("shape", [(), (1,), (3, 3), (2, 3, 5)])
def test_mask_of_any_shape_and_of_all_or_nothing(tmp_path, shape):
    for kept in (torch.ones(shape).bool(), torch.zeros(shape).bool()):
        write_mask(tmp_path / "m", {"w": kept})
        assert torch.equal(read_mask(tmp_path / "m")["w"], kept)
        write_snapshot(tmp_path / "s", {"w": torch.full(shape, 2.0)}, {"w": kept})
        assert torch.equal(read_snapshot(tmp_path / "s", {"w": kept})["w"], 2.0 * kept)


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_files_have_the_rights_that_the_umask_gives(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_snapshot(tmp_path / "s", {"w": torch.ones(1)})
    finally:
        os.umask(before)
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o666 & ~umask


def test_errors_name_the_file_and_what_is_wrong(tmp_path):
    good, short = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    write_snapshot(good, {"w": torch.ones(4, 4)})
    short.write_bytes(good.read_bytes()[:-3])
    with pytest.raises(StoreError, match=r"missing\.safetensors is missing"):
        read_snapshot(tmp_path / "missing.safetensors")
    with pytest.raises(StoreError, match=r"3.safetensors is missing"):
        read_layer([good, tmp_path / "3.safetensors"], "w")
    with pytest.raises(StoreError, match=r"3.safetensors is missing"):
        read_layer([tmp_path / "3.safetensors"], "w")
    with pytest.raises(StoreError, match=r"2.safetensors is damaged"):
        read_snapshot(short)
    size = good.stat().st_size
    with pytest.raises(StoreError, match=rf"2.safetensors is damaged: it should have {size} bytes"):
        read_layer([good, short], "w")
    with pytest.raises(StoreError, match=r"2.safetensors is damaged: .*not what its header says"):
        read_layer([short, good], "w")
    with pytest.raises(StoreError, match=r"1.safetensors has no tensor 'v'; it has w"):
        read_layer([good], "v")
    with pytest.raises(StoreError, match="holds 16 weights where its mask keeps 3"):
        read_snapshot(good, {"w": torch.tensor([True, True, True])})
    with pytest.raises(StoreError, match="has no tensor 'v', which the run's mask names"):
        read_snapshot(good, {"v": torch.tensor([True])})
    with pytest.raises(StoreError, match="missing or damaged"):
        read_mask(tmp_path / "none")
    with pytest.raises(StoreError, match="missing or damaged"):
        read_mask(short)


def headed(header: object) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01\x00",
        struct.pack("<Q", 10**9),
        struct.pack("<Q", 4) + b"{{{{",
        headed([1]),
        headed({"w": {"dtype": "F31", "shape": [], "data_offsets": [0, 0]}}),
        headed({"w": {"dtype": "F32"}}),
        headed({"w": 3}),
    ],
)
def test_a_damaged_header_is_a_store_error(tmp_path, content):
    path = tmp_path / "s"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="its header cannot be read"):
        places(path)
    with pytest.raises(StoreError, match="is damaged"):
        read_snapshot(path)
