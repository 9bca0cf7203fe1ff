"""A store of many runs: how long lists of them take, from the folders and from the index.

`python benchmarks/store.py [RUNS] [FOLDER]`. The runs are copies of a few real ones under other
keys, their snapshots hard links, a third of them masked. Seconds are the best of three.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from starlette.testclient import TestClient

from surfeit.core import parameters
from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Index, Run, Store, key_of
from surfeit.store.files import FileSum
from surfeit.store.index import FILE
from surfeit.train import Recipe, Snapshots, train
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.serving.server import application
from surfeit.viewer.timelines.library import Library

TOKEN = "the-token"


def real_runs(store: Store) -> list[Run]:
    """Two networks and a masked one, trained on digits for three epochs, a snapshot each."""
    recipe, data = Recipe(epochs=3), load("digits")
    network = mlp((32,), input_shape=data.input_shape, classes=10)
    generator = torch.Generator().manual_seed(0)
    mask = {
        name: torch.rand(value.shape, generator=generator) < 0.3
        for name, value in parameters(network).items()
        if value.dim() > 1
    }
    keep = Snapshots(every_epochs=1)
    return [
        train(network, data, recipe, seed=seed, mask=kept, store=store, snapshots=keep)
        for seed, kept in ((0, None), (1, None), (2, mask))
    ]


def copy(run: Run, store: Store, seed: int) -> None:
    """The run once more under another seed and key; all but its records are hard links."""
    identity = run.identity | {"config": run.config | {"seed": seed}}
    key = key_of(identity)
    folder = store.path_of(key)
    for path in run.path.rglob("*"):
        if path.is_file() and path.name not in ("run.json", "DONE.json", "lease"):
            target = folder / path.relative_to(run.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
    record = json.loads((run.path / "run.json").read_text())
    text = json.dumps(record | {"key": key, "identity": identity}, indent=2, sort_keys=True)
    (folder / "run.json").write_text(text + "\n")
    size = FileSum.read(folder / "run.json")
    files = run.done["files"] | {"run.json": {"size": size.size, "sha256": size.sha256}}
    (folder / "DONE.json").write_text(json.dumps(run.done | {"files": files}))


def filled(root: Path, runs: int) -> Store:
    """A store of so many runs."""
    store = Store(root)
    originals = real_runs(store)
    for number in range(runs - len(originals)):
        copy(originals[number % len(originals)], store, 10 + number)
    return store


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The least time of some calls."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def measure(store: Store) -> None:
    """Prints what lists of the store take."""
    index = Index(store)
    (store.root / FILE).unlink(missing_ok=True)
    print(f"first list, no index    {seconds(index.summaries, 1):7.3f} s")
    print(f"index                   {(store.root / FILE).stat().st_size / 1e6:7.2f} MB")
    print(f"list, another process   {seconds(lambda: Index(store).summaries()):7.3f} s")
    print(f"list again              {seconds(index.summaries):7.3f} s")
    begun = time.perf_counter()
    library = Library(store)
    print(f"library opened          {time.perf_counter() - begun:7.3f} s")
    client = TestClient(
        application(Pictures(library, Cache(None)), TOKEN),
        base_url="http://127.0.0.1:8000",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    print(f"catalogue request       {seconds(lambda: client.get('/api/catalog')):7.3f} s")
    answer = client.get("/api/catalog")
    sent = int(answer.headers["content-length"])
    print(f"catalogue               {sent / 1024:7.0f} KiB, {len(answer.content) / 1024:.0f} plain")
    unknown = f"/api/timelines/{'0' * 64}"
    print(f"unknown name            {seconds(lambda: client.get(unknown)):7.3f} s")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    place = sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="surfeit-store-")
    there = Store(place)
    measure(there if (there.root / "runs").is_dir() else filled(Path(place), count))
