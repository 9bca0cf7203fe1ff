"""Runs made by hand: a small network written at a few steps, with and without a mask."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from surfeit.core import Params, Streams, buffers, parameters
from surfeit.models import describe, mlp
from surfeit.store import Run, RunWriter, Store, key_of
from surfeit.store.container import container

NETWORK = mlp((3,), input_shape=(1, 2, 2), classes=2)
LAYERS = [
    {"name": "fc1", "kind": "Linear", "shape": [3, 4]},
    {"name": "fc2", "kind": "Linear", "shape": [2, 3]},
]


def weights_at(step: int) -> Params:
    """Weights that differ from step to step."""
    generator = Streams(step).get("weights")
    tensors = parameters(NETWORK) | buffers(NETWORK)
    return {name: torch.randn(v.shape, generator=generator) for name, v in tensors.items()}


def flip(path: Path, place: int = -1) -> None:
    """Changes one bit of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))


def earlier_mask(mask: Params) -> bytes:
    """A mask as earlier versions wrote it, its metadata in an order that is not ours."""
    while True:
        packed = {n: torch.from_numpy(np.packbits(m.numpy().reshape(-1))) for n, m in mask.items()}
        shapes = {name: json.dumps(list(kept.shape)) for name, kept in mask.items()}
        data = safetensors.torch.save(packed, metadata=shapes)
        if data != container(packed, shapes):
            return data


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def writer(store: Store) -> Callable[..., RunWriter]:
    """A writer of the run numbered `seed`, as `train` would open it."""

    def make(seed: int = 0, mask: Params | None = None) -> RunWriter:
        identity = {"config": {"architecture": describe(NETWORK), "seed": seed}}
        key = key_of(identity)
        about = {"model": "mlp", "layers": LAYERS, "created": f"2026-01-0{seed + 1}"}
        return RunWriter(store.path_of(key), key=key, identity=identity, about=about, mask=mask)

    return make


@pytest.fixture
def finished(writer: Callable[..., RunWriter]) -> Callable[..., Run]:
    """A finished run of snapshots at 0, 5 and 10."""

    def make(seed: int = 0, mask: Params | None = None) -> Run:
        writing = writer(seed, mask)
        for step in (0, 5, 10):
            writing.snapshot(step, weights_at(step))
            writing.record({"step": step, "loss": 1 / (step + 1), "train_loss": None})
        return writing.finish({"steps": 10})

    return make
