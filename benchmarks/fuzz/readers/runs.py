"""A run's folder with one of its files replaced: by all that is asked of a run.

The others are as a writer made them, so that a reader gets as far as it can.
"""

import functools
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from fuzz.judging import attempt
from fuzz.readers.framed import framed, raw, unframed
from fuzz.readers.reader import Reader
from surfeit.core import buffers, parameters
from surfeit.execute.reporting import last_row
from surfeit.models import describe, mlp
from surfeit.store import Run, RunWriter, Store, key_of

_NETWORK = mlp((3,), input_shape=(1, 2, 2), classes=2)
_LAYERS = [
    {"name": "fc1", "kind": "Linear", "shape": [3, 4]},
    {"name": "fc2", "kind": "Linear", "shape": [2, 3]},
]
_STEPS = (0, 5)
# The file that is replaced, and whether it is of a run that is done.
_FILES = {
    "run-record": ("run.json", True),
    "run-done": ("DONE.json", True),
    "run-metrics": ("metrics.jsonl", True),
    "run-mask": ("mask.safetensors", True),
    "run-snapshot": ("snapshots/5.safetensors", True),
    "run-open-metrics": ("metrics.jsonl", False),
    "run-open-mask": ("mask.safetensors", False),
    "run-open-snapshot": ("snapshots/5.safetensors", False),
    "run-checkpoint": ("checkpoint.safetensors", False),
}


def _tensors(step: int) -> dict[str, Tensor]:
    return {
        name: torch.full_like(value, float(step + 1))
        for name, value in (parameters(_NETWORK) | buffers(_NETWORK)).items()
    }


def _identity() -> dict[str, object]:
    config = {"architecture": describe(_NETWORK), "seed": 0, "objective": "cross_entropy"}
    return {"kind": "train", "config": config, "data": "0" * 64, "parents": []}


def _writer(folder: Path) -> RunWriter:
    mask = {"fc1.weight": torch.tensor([[True, False, True, True]] * 3)}
    about = {"model": "mlp", "layers": _LAYERS, "created": "2026-01-01", "data": "digits"}
    identity = _identity()
    key = key_of(identity)
    return RunWriter(Store(folder).path_of(key), key=key, identity=identity, about=about, mask=mask)


@functools.cache
def _made(folder: Path, done: bool) -> Path:
    """The folder of a run, finished or stopped at a checkpoint."""
    root = folder / ("done" if done else "open")
    shutil.rmtree(root, ignore_errors=True)
    writer = _writer(root)
    for step in _STEPS:
        writer.snapshot(step, _tensors(step))
        writer.record({"step": step, "loss": 1 / (step + 1), "train_loss": None})
    if done:
        return writer.finish({"steps": _STEPS[-1], "seconds": 1.0, "machine": {"threads": 1}}).path
    writer.checkpoint(_tensors(5), {"step": 5, "rng": [1, 2]})
    return writer.folder


def _look(path: Path) -> None:
    """Asks a run for everything it knows."""
    run = attempt(lambda: Run(path))
    if run is None:
        return
    for ask in (
        lambda: repr(run),
        lambda: run.config,
        lambda: run.objective,
        lambda: run.architecture,
        lambda: run.status,
        lambda: run.done,
        lambda: run.layers,
        run.metrics,
        lambda: run.mask,
        run.mask_at,
        run.tensors,
        run.model,
        run.verify,
        run.lacks,
        lambda: [run.weights(layer) for layer in run.layers],
    ):
        attempt(ask)
    for step in (attempt(run.steps) or [])[:3]:
        attempt(lambda at=step: run.tensors(at))


def _resume(folder: Path) -> None:
    """Goes on from the checkpoint, as a training would."""
    attempt(lambda: _writer(folder / "open").resume(list(_STEPS)))
    _made.cache_clear()  # what was resumed has been cut back


def _reader(name: str, file: str, done: bool) -> Reader:
    tensors = file.endswith(".safetensors")

    def read(content: bytes, folder: Path) -> None:
        path = _made(folder, done)
        good = (path / file).read_bytes()
        (path / file).write_bytes(framed(content) if tensors else content)
        try:
            _look(path)
            attempt(Store(folder / ("done" if done else "open")).runs)
            if file == "metrics.jsonl":
                attempt(lambda: last_row(path / file))
            if name == "run-checkpoint":
                _resume(folder)
        finally:
            (path / file).write_bytes(good)

    return Reader(name, functools.partial(_seeds, file, done), read)


def _seeds(file: str, done: bool) -> Mapping[str, bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        content = (_made(Path(folder), done) / file).read_bytes()
    _made.cache_clear()
    if file.endswith(".safetensors"):
        return {"framed": unframed(content), "raw": raw(content)}
    if file.endswith(".json"):
        return {"indented": content, "compact": json.dumps(json.loads(content)).encode()}
    return {"whole": content, "cut": content[:-5]}


READERS = tuple(_reader(name, file, done) for name, (file, done) in _FILES.items())
