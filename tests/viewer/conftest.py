"""Runs made by hand for the viewer: small networks written at a few steps."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from surfeit.core import Params, Streams, buffers, parameters
from surfeit.models import describe, mlp
from surfeit.store import Run, RunWriter, Store, key_of

NETWORK = mlp((6,), input_shape=(1, 2, 2), classes=3)
LAYERS = [
    {"name": "fc1", "kind": "Linear", "shape": [6, 4]},
    {"name": "fc2", "kind": "Linear", "shape": [3, 6]},
]


def handmade_weights(step: int, seed: int = 0) -> Params:
    """Weights that move a little from step to step, the same everywhere to the last bit or so."""
    tensors = parameters(NETWORK) | buffers(NETWORK)
    result = {}
    for name, value in tensors.items():
        start = torch.randn(value.shape, generator=Streams(seed).get("start", name))
        change = torch.randn(value.shape, generator=Streams(seed).get("change", name))
        result[name] = start + 0.02 * step * change
    return result


@pytest.fixture
def handmade() -> Callable[..., Params]:
    """The weights of a step."""
    return handmade_weights


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def writing(store: Store) -> Callable[..., RunWriter]:
    """A writer of the run of a seed, with snapshots at the steps given."""

    def make(
        seed: int = 0,
        steps: Sequence[int] = (0, 5, 10),
        *,
        mask: Params | None = None,
        data: str | None = None,
        parents: Sequence[str] = (),
    ) -> RunWriter:
        identity = {
            "config": {"architecture": describe(NETWORK), "seed": seed},
            "data": data,
            "parents": list(parents),
        }
        about = {"model": "mlp", "layers": LAYERS, "created": f"2026-01-0{seed + 1}"}
        about |= {"data": data} if data else {}
        key = key_of(identity)
        writer = RunWriter(store.path_of(key), key=key, identity=identity, about=about, mask=mask)
        for step in steps:
            weights = handmade_weights(step, seed)
            for name, kept in (mask or {}).items():
                weights[name] = weights[name] * kept
            writer.snapshot(step, weights)
            writer.record({"step": step, "epoch": step / 5, "train_loss": 1 / (step + 1)})
        return writer

    return make


@pytest.fixture
def written(writing: Callable[..., RunWriter]) -> Callable[..., Run]:
    """A finished run, as `writing`."""

    def make(*arguments, **options) -> Run:
        return writing(*arguments, **options).finish({"steps": 10})

    return make
