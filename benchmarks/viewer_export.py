"""The exported file of 512 units over 100 epochs with 20,000 links: its seconds and its bytes.

    python benchmarks/viewer_export.py [--data digits] [--data-dir PATH] [--rounds 3] [--lr 0.1]
        [--momentum 0] [--weight-decay 0] [--batch-size 128]

Trains a network with 512 hidden units for 100 epochs, then writes its first layer's file again and
again; the least time counts. What it must reach: one second, one million bytes.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

import torch

from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer.assets import viewer_script
from surfeit.viewer.export import export

UNITS, EPOCHS, LINKS = 512, 100, 20_000


def main() -> None:
    """Trains, exports and prints."""
    options = argparse.ArgumentParser(description="Times the export of one file.")
    options.add_argument("--data", default="digits")
    options.add_argument("--data-dir", type=Path)
    options.add_argument("--lr", type=float, default=0.1)
    options.add_argument("--momentum", type=float, default=0.0)
    options.add_argument("--weight-decay", type=float, default=0.0)
    options.add_argument("--batch-size", type=int, default=128)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=1)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(
        epochs=EPOCHS,
        lr=given.lr,
        momentum=given.momentum,
        weight_decay=given.weight_decay,
        batch_size=given.batch_size,
    )
    with tempfile.TemporaryDirectory() as folder:
        dataset = load(given.data, given.data_dir)
        store = Store(Path(folder) / "store")
        run = train(partial(mlp, (UNITS,)), dataset, recipe, store=store)
        out = Path(folder) / "graph.html"
        seconds = []
        for _ in range(given.rounds):
            begin = perf_counter()
            export(run, "fc1", out, links=LINKS)
            seconds.append(perf_counter() - begin)
        snapshots = len(run.steps())
        size, own = out.stat().st_size, len(viewer_script().encode())
    print(f"{snapshots} snapshots of {UNITS} units on {given.data}, {LINKS:,} links each")
    print(f"export: {min(seconds):.2f} s, {size:,} bytes, {own:,} of them the viewer")


if __name__ == "__main__":
    main()
