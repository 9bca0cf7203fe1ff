"""Times what the viewer sends: one picture of a large layer, and a training's bundle.

    python benchmarks/viewer_packs.py

The first is one moment of 4,096 units x 784 inputs with 100,000 links, at most 2 s and 1.5 GiB; the
second 512 units x 100 epochs x 20,000 links of a real training on digits, at most 1 s and, as
base64 of gzip, 1 MB. Both are taken in one run, each the best of three; the processor's seconds
beside the clock's tell how busy the machine is otherwise.
"""

import base64
import gzip
import resource
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch

from surfeit.core import Streams
from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer.bundles.bundle import bundle
from surfeit.viewer.frames.graph import graph_frame
from surfeit.viewer.frames.units import units_of
from surfeit.viewer.timelines.run import RunTimeline


def best_of(function: Callable[[], Any], repeats: int = 3) -> tuple[str, Any]:
    """The shortest time of a few calls in words, and the last result."""
    times, found = [], None
    for _ in range(repeats):
        start, busy = time.perf_counter(), time.process_time()
        found = function()
        times.append((time.perf_counter() - start, time.process_time() - busy))
    clock, processor = min(times)
    return f"{clock:.2f} s ({processor:.2f} s of a core)", found


def large_layer() -> bytes:
    """One moment's picture of 4,096 units."""
    weight = torch.randn(4096, 784, generator=Streams(0).get("weights"))
    return graph_frame(units_of(weight)).packed()


def main() -> None:
    """Prints both."""
    seconds, pack = best_of(large_layer)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"4,096 x 784, 100,000 links: {seconds}, {len(pack):,} bytes, {peak:.2f} GiB peak")
    with tempfile.TemporaryDirectory() as folder:
        model = mlp((512,), input_shape=(1, 8, 8), classes=10)
        recipe = Recipe(epochs=100, lr=0.1)
        run = train(model, load("digits"), recipe, store=Store(folder))
        timeline = RunTimeline(run)
        seconds, data = best_of(lambda: bundle(timeline, ["fc1"], links=20_000))
        moments = len(timeline.steps())
        packing, packed = best_of(lambda: base64.b64encode(gzip.compress(data, 6)))
    print(f"512 x {moments} moments x 20,000 links: {seconds}, and {packing} for gzip")
    print(f"as base64 of gzip: {len(packed):,} bytes; {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
