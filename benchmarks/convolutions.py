"""Convolutions of many small networks: as one grouped convolution, by vmap, or one after another.

    python benchmarks/convolutions.py [--networks 16] [--turns 5]

Forward and backward pass of one layer of each network on a batch of its own, one thread. The three
take turns; medians count. Gradients of the three are compared before anything is timed.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import vmap
from torch.nn.functional import conv1d, conv2d

Gradient = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Size:
    """A layer: axes of an image, channels in and out, batch."""

    image: tuple[int, ...]
    inputs: int
    units: int
    kernel: int
    stride: int
    batch: int


SIZES = {
    "XORD, 12 pairs, 2 x 60 filters": Size(
        image=(24,), inputs=1, units=120, kernel=2, stride=2, batch=40
    ),
    "first layer of Conv-2": Size(image=(32, 32), inputs=3, units=64, kernel=3, stride=1, batch=60),
    "8 to 16 channels, digits": Size(
        image=(8, 8), inputs=8, units=16, kernel=3, stride=1, batch=64
    ),
}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=int, default=16)
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name, size in SIZES.items():
        inputs, weights, slope = drawn(size, given.networks)
        ways: dict[str, Gradient] = {
            "one after another": looped(size),
            "grouped": grouped(size),
            "vmap": mapped(size),
        }
        first = ways["one after another"](inputs, weights, slope)
        for way in ways.values():
            torch.testing.assert_close(way(inputs, weights, slope), first, atol=1e-2, rtol=1e-2)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(given.turns):
            for way, gradient in ways.items():
                seconds[way].append(timed(gradient, inputs, weights, slope))
        told = ", ".join(f"{way} {1e3 * statistics.median(s):.2f} ms" for way, s in seconds.items())
        print(f"{name}, {given.networks} networks: {told}", flush=True)


def drawn(size: Size, networks: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, weights, and the slope in the outputs, each with the networks first."""
    generator = torch.Generator().manual_seed(0)
    kernel = (size.kernel,) * len(size.image)
    inputs = torch.randn(networks, size.batch, size.inputs, *size.image, generator=generator)
    weights = torch.randn(networks, size.units, size.inputs, *kernel, generator=generator)
    slope = torch.randn(looped_outputs(size, inputs, weights).shape, generator=generator)
    return inputs, weights, slope


def looped_outputs(size: Size, inputs: Tensor, weights: Tensor) -> Tensor:
    """One convolution a network."""
    convolve = convolution(size)
    return torch.stack(
        [convolve(x, w, stride=size.stride) for x, w in zip(inputs, weights, strict=True)]
    )


def convolution(size: Size) -> Callable[..., Tensor]:
    """Along one axis or two."""
    return conv1d if len(size.image) == 1 else conv2d


def looped(size: Size) -> Gradient:
    """The gradient in the weights, one network after another."""

    def gradient(inputs: Tensor, weights: Tensor, slope: Tensor) -> Tensor:
        convolve, parts = convolution(size), []
        for x, w, s in zip(inputs, weights, slope, strict=True):
            leaf = w.detach().requires_grad_()
            parts.append(torch.autograd.grad(convolve(x, leaf, stride=size.stride), leaf, s)[0])
        return torch.stack(parts)

    return gradient


def grouped(size: Size) -> Gradient:
    """The same with all networks' channels in a row, each a group."""

    def gradient(inputs: Tensor, weights: Tensor, slope: Tensor) -> Tensor:
        networks = len(inputs)
        rows = inputs.transpose(0, 1).flatten(1, 2)
        leaf = weights.detach().flatten(0, 1).requires_grad_()
        outputs = convolution(size)(rows, leaf, stride=size.stride, groups=networks)
        found = torch.autograd.grad(outputs, leaf, slope.transpose(0, 1).flatten(1, 2))[0]
        return found.view_as(weights)

    return gradient


def mapped(size: Size) -> Gradient:
    """The same by `torch.func.vmap`."""

    def gradient(inputs: Tensor, weights: Tensor, slope: Tensor) -> Tensor:
        leaf = weights.detach().requires_grad_()
        convolve = convolution(size)
        outputs = vmap(lambda x, w: convolve(x, w, stride=size.stride))(inputs, leaf)
        return torch.autograd.grad(outputs, leaf, slope)[0]

    return gradient


def timed(gradient: Gradient, inputs: Tensor, weights: Tensor, slope: Tensor) -> float:
    """Seconds of one call, the mean of as many as take a tenth of a second."""
    begin, calls = time.perf_counter(), 0
    while time.perf_counter() - begin < 0.1:
        gradient(inputs, weights, slope)
        calls += 1
    return (time.perf_counter() - begin) / calls


if __name__ == "__main__":
    main()
