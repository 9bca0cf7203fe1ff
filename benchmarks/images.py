"""Images of MNIST's number and shape, for benchmarks on a machine without the real ones."""

import torch

from surfeit.core import Split, Streams
from surfeit.data import Dataset, from_tensors

SIZES = {"train": 55_000, "validation": 5_000, "test": 10_000}


def made_up() -> Dataset:
    """Images of MNIST's number and shape around ten random centres."""
    generator = Streams(0).get("benchmark")
    centres = torch.randn(10, 784, generator=generator)
    splits = {}
    for name, count in SIZES.items():
        labels = torch.randint(0, 10, (count,), generator=generator)
        noise = torch.randn(count, 784, generator=generator)
        splits[name] = Split((centres[labels] + 3 * noise).view(count, 1, 28, 28), labels)
    return from_tensors("made-up", **splits)
