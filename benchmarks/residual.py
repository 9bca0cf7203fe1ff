"""Removal curves within a residual network beside a full forward pass a removal, in one run.

    python benchmarks/residual.py [--threads 1] [--images 256] [--blocks 3]

The network is He et al.'s for 32 x 32 images (6 n + 2 layers, n = 3: ResNet-20). Inner layers are
the first convolutions of the blocks; a stream's units go as a group. What a removal saves depends
on how much of the network lies behind the layer, which the last column shows: the share of a pass's
multiplications that depends on the removed units. Outputs are compared with a full pass.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from surfeit.core import Split, Streams
from surfeit.models import Structure
from surfeit.prune import removal_curve
from surfeit.prune.removal import Removal


class Block(nn.Module):
    """Two convolutions with batch normalisation, and a shortcut."""

    def __init__(self, inputs: int, units: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, units, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(units)
        self.conv2 = nn.Conv2d(units, units, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(units)
        self.shortcut = nn.Sequential()
        if stride > 1:
            shortcut = nn.Conv2d(inputs, units, 1, stride, bias=False)
            self.shortcut = nn.Sequential(shortcut, nn.BatchNorm2d(units))

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class Residual(nn.Module):
    """A residual network for 32 x 32 images: three stages of n blocks."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        parts, inputs = [], 16
        for units, stride in ((16, 1), (32, 2), (64, 2)):
            for number in range(blocks):
                parts.append(Block(inputs, units, stride if number == 0 else 1))
                inputs = units
        self.blocks = nn.Sequential(*parts)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(torch.relu(self.bn(self.conv(x))))
        return self.fc(x.mean((2, 3)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--blocks", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.threads} thread(s), torch {torch.__version__}, {options.images} images")
    generator = Streams(0).get("residual")
    model = Residual(options.blocks).eval().requires_grad_(False)
    inputs = torch.randn(options.images, 3, 32, 32, generator=generator)
    split = Split(inputs, model(inputs).argmax(1))
    structure, seconds = timed(lambda: Structure.of(model, inputs[:1]))
    _, more = timed(lambda: structure.outputs)
    print(f"structure found in {seconds + more:.2f} s")
    single = min(timed(lambda: model(inputs))[1] for _ in range(5))
    double = model.double()
    full = min(timed(lambda: double(inputs.double()))[1] for _ in range(3))
    model.float()
    print(f"a full pass: {1e3 * single:.0f} ms in float32, {1e3 * full:.0f} ms in float64\n")
    print("layer                 units  ms a removal    of a float32 pass  of float64   behind")
    names = [f"blocks.{number}.conv1" for number in range(3 * options.blocks)]
    for name in [*names, *(f"blocks.{(n + 1) * options.blocks - 1}.conv2" for n in range(3))]:
        row(model, name, split, structure, single, full)


def row(
    model: nn.Module, name: str, split: Split, structure: Structure, single: float, full: float
) -> None:
    """Times a layer's curve in float32, whose predictions hold where float64's do here."""
    removal = Removal.of(structure, name)
    order = torch.randperm(removal.units, generator=Streams(0).get(name))
    curve, first = timed(
        lambda: removal_curve(model, name, order, split, structure=structure, dtype=torch.float32)
    )
    again = timed(
        lambda: removal_curve(model, name, order, split, structure=structure, dtype=torch.float32)
    )[1]
    exact, wide = timed(lambda: removal_curve(model, name, order, split, structure=structure))
    each, each_wide = min(first, again) / len(order), wide / len(order)
    off = float((curve - exact).abs().max()) * len(split)
    print(
        f"{name:20} {removal.units:6} {1e3 * each:8.1f} {1e3 * each_wide:8.1f} "
        f"{single / each:12.1f} x {full / each_wide:11.1f} x {share(structure, removal):8.0%}"
        f"   {off:.0f} images differ"
    )


def share(structure: Structure, removal: Removal) -> float:
    """The share of a pass's multiplications that depends on the units, their readers left out."""
    model = structure.module("")
    costs: dict[str, int] = {}

    def count(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            weight = module.get_parameter("weight")
            costs[name] = output.numel() * weight[0].numel()

        return hook

    handles = [
        structure.module(layer.module).register_forward_hook(count(name))
        for name, layer in structure.layers.items()
    ]
    model(structure.example)
    for handle in handles:
        handle.remove()
    behind = sum(cost for name, cost in costs.items() if (name, 0) in removal.behind)
    return behind / sum(costs.values())


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """The call's result and its wall time in seconds."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


if __name__ == "__main__":
    main()
