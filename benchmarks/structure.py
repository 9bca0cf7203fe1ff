"""How long it takes to find what a network is, on one core.

    python benchmarks/structure.py [--repeats 3]

The least of the repeats, each on a new network: a ResNet-110 on 32 x 32 images, at most 5 s, and
LeNet-300-100, at most 20 ms.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from surfeit.models import Structure, lenet_300_100


class Block(nn.Module):
    """Two convolutions and a shortcut, as in He et al. 2016, with projections (option B)."""

    def __init__(self, inputs: int, units: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, units, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(units)
        self.conv2 = nn.Conv2d(units, units, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(units)
        self.shortcut = nn.Identity()
        if stride > 1 or inputs != units:
            projection = nn.Conv2d(inputs, units, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(units))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (self.shortcut(x) + y).relu()


def resnet_110() -> nn.Sequential:
    blocks: list[nn.Module] = []
    inputs = 16
    for units in (16, 32, 64):
        for place in range(18):
            blocks.append(Block(inputs, units, 2 if place == 0 and units > 16 else 1))
            inputs = units
    first = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*first, *blocks, *last)


def seconds(build: Callable[[], nn.Module], example: Tensor, repeats: int) -> float:
    """The least time of finding a new network's readers, outputs and groups."""
    least = float("inf")
    for _ in range(repeats):
        model = build()
        before = time.perf_counter()
        assert Structure.of(model, example).outputs
        least = min(least, time.perf_counter() - before)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    lenet = seconds(lenet_300_100, torch.randn(1, 1, 28, 28), max(repeats, 5))
    print(f"LeNet-300-100  {1000 * lenet:6.1f} ms  (at most 20)")
    resnet = seconds(resnet_110, torch.randn(1, 3, 32, 32), repeats)
    print(f"ResNet-110     {resnet:6.2f} s   (at most 5)")


if __name__ == "__main__":
    main()
