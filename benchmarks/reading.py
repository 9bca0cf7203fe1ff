"""One layer over many snapshots of a 20M-weight network, cold: byte ranges beside `safe_open`.

    python benchmarks/reading.py [--snapshots 50] [--folder DIR]

Writes snapshots of VGG19-BN (80 MB each) into a temporary folder, then reads one convolution over
all of them in turns, telling the kernel to forget the files before each. The aim is 4 times faster.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open

from surfeit.core import buffers, parameters
from surfeit.models import vgg19_bn
from surfeit.store.snapshots import read_layer, write_snapshot

NAME = "conv4.weight"


def forget(paths: list[Path]) -> None:
    """Asks the kernel to drop the files from its cache."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def by_safe_open(paths: list[Path]) -> torch.Tensor:
    """What one would write with safetensors' own reader."""
    layers = []
    for path in paths:
        with safe_open(path, framework="pt") as file:
            layers.append(file.get_tensor(NAME))
    return torch.stack(layers)


def timed(read: Callable[[list[Path]], torch.Tensor], paths: list[Path]) -> float:
    """Seconds of one cold read."""
    forget(paths)
    begin = time.perf_counter()
    read(paths)
    return time.perf_counter() - begin


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Times reading a layer over snapshots.")
    parser.add_argument("--snapshots", type=int, default=50)
    parser.add_argument("--folder", help="where to write, on the disk to be measured")
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    model = vgg19_bn()
    tensors = parameters(model) | buffers(model)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        paths = [Path(folder) / f"{step}.safetensors" for step in range(given.snapshots)]
        for path in paths:
            write_snapshot(path, tensors)
        assert torch.equal(by_safe_open(paths[:2]), read_layer(paths[:2], NAME))
        pairs = [
            (timed(lambda some: read_layer(some, NAME), paths), timed(by_safe_open, paths))
            for _ in range(given.turns)
        ]
    ours, theirs = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    ratio = statistics.median(other / mine for mine, other in pairs)
    print(f"{NAME} of VGG19-BN over {given.snapshots} snapshots, cold, median of {given.turns}")
    print(f"  byte ranges   {1000 * ours:8.1f} ms")
    print(f"  safe_open     {1000 * theirs:8.1f} ms: {ratio:.1f} times ours")


if __name__ == "__main__":
    main()
