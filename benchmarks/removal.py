"""Removal curves and orders beside what they replace, measured in one run.

    python benchmarks/removal.py [--threads 1] [--data-dir DIR]

A curve stands beside one full float32 forward pass a removal, an order beside a program that
recomputes the whole potential for each candidate at each removal. Predictions are compared with
those of full passes one by one: a curve whose labels are a full pass's predictions is 1 where all
of them agree. Without `--data-dir` the images are synthetic, of MNIST's shape.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from surfeit.core import Split, Streams
from surfeit.data import load
from surfeit.models import conv_2, lenet_300_100
from surfeit.models.structure import layers
from surfeit.prune import frame_potential, magnitude, removal_curve, removal_order

Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data-dir", type=Path, help="holds MNIST/raw; synthetic images if absent")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.threads} thread(s), torch {torch.__version__}\n")

    train, test = images(options.data_dir)
    lenet = fitted(lenet_300_100(), train)
    curve_beside_passes("LeNet-300-100 fc1", lenet, "fc1", test, removals=270)
    small = synthetic((3, 32, 32), 128)
    conv = fitted(conv_2(), small, steps=10)
    order_beside_naive(lenet.get_parameter("fc1.weight").detach())
    for name in ("fc1", "conv2", "conv1"):
        curve_beside_passes(f"Conv-2 {name}", conv, name, small, removals=None, compared=2)


def images(root: Path | None) -> tuple[Split, Split]:
    """Training images and 10,000 test images of MNIST or of its shape."""
    if root is not None:
        dataset = load("mnist", root)
        return dataset.train, dataset.test
    everything = synthetic((1, 28, 28), 20_000)
    return everything[:10_000], everything[10_000:]


def synthetic(shape: tuple[int, int, int], n: int) -> Split:
    """Ten random patterns under noise that makes some of them hard to tell."""
    generator = Streams(0).get("benchmark", n)
    patterns = torch.randn(10, *shape, generator=generator)
    labels = torch.randint(0, 10, (n,), generator=generator)
    noise = torch.randn(n, *shape, generator=generator)
    return Split(0.15 * patterns[labels] + noise, labels)


def fitted(model: nn.Module, split: Split, *, steps: int = 600) -> nn.Module:
    """The model after a brief fit: enough for predictions that mean something."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    generator = Streams(0).get("fit")
    for _ in range(steps):
        batch = split[torch.randint(0, len(split), (60,), generator=generator)]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch.images), batch.labels).backward()
        optimizer.step()
    return model.eval().requires_grad_(False)


def curve_beside_passes(
    title: str,
    model: nn.Module,
    name: str,
    split: Split,
    *,
    removals: int | None,
    compared: int = 10,
) -> None:
    """Times a whole curve against a sample of full passes, whose predictions are compared."""
    order = removal_order(model.get_parameter(f"{name}.weight"), magnitude)[:removals]
    curve, first = timed(lambda: removal_curve(model, name, order, split))
    curves = [first]  # the fastest of those, as of the passes: other programs may be running
    counts = torch.linspace(0, len(order), compared).long().tolist()
    passes: list[float] = []
    differ = {torch.float64: 0, torch.float32: 0}
    for count in counts:
        silenced = Silenced(model, name, order[:count])
        for dtype in differ:
            predictions, seconds = timed(lambda s=silenced, d=dtype: s.predictions(split, d))
            if dtype == torch.float32:
                passes.append(seconds)
            own = Split(split.images, predictions)
            agreeing, seconds = timed(lambda own=own: removal_curve(model, name, order, own))
            curves.append(seconds)
            differ[dtype] += round((1 - float(agreeing[count])) * len(split))
    whole, full = min(curves), min(passes)
    each = whole / len(order)
    print(
        f"{title}: {len(order)} removals, {len(split)} images, "
        f"accuracy {float(curve[0]):.4f} .. {float(curve[-1]):.4f}\n"
        f"  whole curve in float64         {whole:8.2f} s  {1e3 * each:8.2f} ms a removal "
        f"(fastest of {len(curves)})\n"
        f"  full float32 pass a removal    {full * len(order):8.2f} s  {1e3 * full:8.2f} ms "
        f"(fastest of {compared})\n"
        f"  ratio                          {full / each:8.1f}    (LeNet: at least 15)\n"
        f"  of {compared * len(split)} predictions at {compared} points, differ from the full "
        f"pass in float64: {differ[torch.float64]}, in float32: {differ[torch.float32]}"
    )


class Silenced:
    """The network with units removed in front of the next layer, run as a whole."""

    def __init__(self, model: nn.Module, name: str, gone: Tensor) -> None:
        self.model, self.gone = model, gone
        names = list(layers(model))
        self.units = len(model.get_parameter(f"{name}.weight"))
        self.following = model.get_submodule(names[names.index(name) + 1])

    def predictions(self, split: Split, dtype: torch.dtype) -> Tensor:
        """Predicted classes, in chunks of 1,000 images."""
        handle = self.following.register_forward_pre_hook(self._silence)
        self.model.to(dtype)
        with torch.inference_mode():
            chunks = split.images.split(1000)
            classes = [self.model(chunk.to(dtype)).argmax(dim=1) for chunk in chunks]
        self.model.float()
        handle.remove()
        return torch.cat(classes).clone()

    def _silence(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        inputs[0].unflatten(1, (self.units, -1))[:, self.gone] = 0
        return inputs[0]


def order_beside_naive(weight: Tensor, *, measured: int = 2) -> None:
    """Times the order of all units against the first removals of the naive program."""
    removal_order(weight, frame_potential)
    order, fast = timed(lambda: removal_order(weight, frame_potential))
    naive, seconds = timed(lambda: naive_order(weight, measured))
    # A removal among m units is m potentials of m − 1 units: m² m inputs operations, cubic in m.
    units = len(weight)
    cubes = [float(m) ** 3 for m in range(units, 0, -1)]
    slow = seconds * sum(cubes) / sum(cubes[:measured])
    print(
        f"frame-potential order of {units} units\n"
        f"  greedy with O(n) updates       {1e3 * fast:8.2f} ms (at most 50)\n"
        f"  all potentials recomputed      {slow:8.2f} s  (first {measured} removals measured: "
        f"{seconds:.2f} s; the rest by the cube of the units)\n"
        f"  ratio                          {slow / fast:8.0f}    (at least 1000)\n"
        f"  same units first: {naive == order[:measured].tolist()}"
    )


def naive_order(weight: Tensor, removals: int) -> list[int]:
    """Tries each candidate and recomputes the potential of what would be left."""
    left, order = list(range(len(weight))), []
    for _ in range(removals):
        potentials = []
        for unit in left:
            rows = nn.functional.normalize(weight[[other for other in left if other != unit]])
            potentials.append(float((rows @ rows.T).square().sum(dtype=torch.float64)))
        order.append(left.pop(int(torch.tensor(potentials).argmax())))
    return order


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    """The call's result and its wall time in seconds."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


if __name__ == "__main__":
    main()
