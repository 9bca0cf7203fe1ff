"""Seconds for surfaces of 25 x 25 points: LeNet-300-100 on 5,000 images, ResNet-20 on 1,000.

    python benchmarks/landscape.py [--rows 2] [--whole]

Seconds are the processor's, on one thread, so that other programs beside it change little. Rows of
a surface, of ResNet-20 four points, are measured in this process, LeNet's with its first layer
shared by the points of the plane and without, and a whole surface is computed from them; with
`--whole` LeNet's is measured as `surfeit landscape --on local:2` does it. Images are random
numbers: they change no time.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from surfeit.core import Split, Streams, cross_entropy, tensors_of
from surfeit.core.freed_memory import keep_freed_memory
from surfeit.data import from_tensors
from surfeit.execute import Local
from surfeit.landscape import Plane, heights, random_direction, spaced
from surfeit.models import builder_named, lenet_300_100
from surfeit.procedures.landscape import LandscapeConfig, landscape
from surfeit.store import Store
from surfeit.train import Recipe, train

POINTS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as the engines do
    print(f"torch {torch.__version__}, one thread, {options.rows} rows of {POINTS} points")
    lenet, split = lenet_300_100(), _split(5_000, (1, 28, 28))
    shared = _row("LeNet-300-100, shared", lenet, split, options.rows, share=True)
    apart = _row("LeNet-300-100, each point whole", lenet, split, options.rows, share=False)
    print(f"sharing the first layer: {apart / shared:.1f} times faster")
    residual = builder_named("resnet-20")(input_shape=(3, 32, 32), classes=10)
    _row("ResNet-20, statistics recomputed", residual, _split(1_000, (3, 32, 32)), 1, most=4)
    if options.whole:
        _whole()


def _row(
    name: str,
    model: nn.Module,
    split: Split,
    rows: int,
    *,
    share: bool = True,
    most: int = POINTS**2,
) -> float:
    """Seconds a point, told with those of a whole surface."""
    streams = Streams(0)
    directions = tuple(
        random_direction(model, generator=streams.get(axis)) for axis in ("first", "second")
    )
    plane = Plane(origin=tensors_of(model), directions=directions)
    axis = spaced(-1, 1, POINTS)
    places = [(a, b) for a in axis[:rows] for b in axis][:most]
    seconds = _timed(
        lambda: heights(model, plane, places, split, statistics="recomputed", share=share)
    )
    each = seconds / len(places)
    whole = each * POINTS**2
    print(
        f"{name}: {1000 * each:.1f} ms a point; {POINTS} x {POINTS} in {whole:.0f} s of one core, "
        f"{whole / 2:.0f} s on two"
    )
    return each


def _whole() -> None:
    """LeNet's surface as the command measures it, from a run in a store."""
    small = _split(100, (1, 28, 28))
    data = from_tensors("random", train=_split(5_000, (1, 28, 28)), validation=small, test=small)
    config = LandscapeConfig(points=POINTS, examples=5_000)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        run = train(lenet_300_100, data, Recipe(lr=0.1, steps=1), store=store)
        before, began = _children(), time.perf_counter()
        landscape([run], data, config, objective=cross_entropy, store=store, engine=Local(2))
        print(
            f"LeNet-300-100 as a command, two workers: {_children() - before:.1f} s of processor "
            f"time, {time.perf_counter() - began:.1f} s on the clock"
        )


def _split(count: int, shape: tuple[int, ...]) -> Split:
    generator = Streams(0).get("images")
    inputs: Tensor = torch.randn(count, *shape, generator=generator)
    return Split(inputs, torch.randint(10, (count,), generator=generator))


def _timed(function: Callable[[], object]) -> float:
    began = time.process_time()
    function()
    return time.process_time() - began


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
