"""Small data sets of every kind."""

from collections.abc import Callable

import torch
from torch import Tensor

from surfeit.core import Streams
from surfeit.data import Dataset, from_tensors

Draw = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]


def _labels(count: int, generator: torch.Generator) -> Tensor:
    return torch.randint(3, (count,), generator=generator)


def _tags(count: int, generator: torch.Generator) -> Tensor:
    return torch.randint(3, (count, 7), generator=generator)


KINDS: dict[str, Draw] = {
    "images": lambda n, g: (torch.rand(n, 2, 3, 3, generator=g), _labels(n, g)),
    "half images": lambda n, g: (torch.rand(n, 2, 3, 3, generator=g).half(), _labels(n, g)),
    "image regression": lambda n, g: (
        torch.rand(n, 2, 3, 3, generator=g),
        torch.rand(n, 1, generator=g),
    ),
    "bytes": lambda n, g: (
        torch.randint(256, (n, 2, 3, 3), generator=g, dtype=torch.uint8),
        _labels(n, g),
    ),
    "vectors": lambda n, g: (torch.rand(n, 5, generator=g, dtype=torch.float64), _labels(n, g)),
    "curve": lambda n, g: (torch.rand(n, 1, generator=g), torch.rand(n, 1, generator=g)),
    "teacher": lambda n, g: (torch.rand(n, 5, generator=g), torch.rand(n, 4, generator=g)),
    "signals": lambda n, g: (torch.rand(n, 2, 9, generator=g), _labels(n, g)),
    "tokens": lambda n, g: (torch.randint(50, (n, 7), generator=g), _labels(n, g)),
    "tags": lambda n, g: (torch.randint(50, (n, 7), generator=g), _tags(n, g)),
    "tagged vectors": lambda n, g: (
        torch.rand(n, 7, 4, generator=g).bfloat16(),
        _tags(n, g),
    ),
}
CLASSES = ["images", "half images", "bytes", "vectors", "signals", "tokens"]
OTHERS = [kind for kind in KINDS if kind not in CLASSES]


def make(kind: str, name: str | None = None) -> Dataset:
    """20 training, 9 validation and 8 test examples."""
    generator = Streams(2).get(kind)
    pairs = [KINDS[kind](count, generator) for count in (20, 9, 8)]
    splits = dict(zip(("train", "validation", "test"), pairs, strict=True))
    return from_tensors(name or kind.replace(" ", "-"), **splits)
