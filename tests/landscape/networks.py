"""Networks whose units can change places, each with inputs that it takes."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from surfeit.core import Streams
from surfeit.models import conv_2, initialise_, mlp

from ..any.networks import KINDS


class Twice(nn.Module):
    """One layer run twice: its units are its own inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.last = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.first(x).relu()).relu()
        return self.last(self.again(x).relu())


class Tied(nn.Module):
    """Two layers of one weight, the first of which reads the inputs: nothing can move."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.second(self.first(x).relu()).relu())


class Slopes(nn.Module):
    """A parameter for each unit that stands in no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 6), nn.Linear(6, 4)
        self.last, self.slopes = nn.Linear(4, 3), nn.PReLU(6)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.second(self.slopes(self.first(x))).relu())


def own(make: Callable[[], nn.Module], *shape: int, n: int = 24) -> tuple[nn.Module, Tensor]:
    """A network with weights drawn from seed 0, and inputs."""
    with torch.random.fork_rng([]):
        torch.manual_seed(3)
        model = make()
    return initialise_(model, Streams(0).get("init")).eval(), draw(n, *shape)


def draw(*shape: int, name: str = "inputs") -> Tensor:
    return torch.randn(shape, generator=Streams(0).get(name))


def known(title: str) -> tuple[nn.Module, Tensor]:
    """One of `tests/any`."""
    kind = next(kind for kind in KINDS if kind.title == title)
    return kind.network().eval(), kind.data().train.inputs


def fully_connected(*widths: int, classes: int = 3) -> tuple[nn.Module, Tensor]:
    generator = Streams(0).get("init")
    return mlp(widths, input_shape=(5,), classes=classes, generator=generator), draw(24, 5)


NETWORKS = {
    "fully connected": lambda: fully_connected(7, 6),
    "convolutions, pool and flatten": lambda: own(
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 3, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(12, 5),
            nn.ReLU(),
            nn.Linear(5, 3),
        ),
        *(1, 8, 8),
    ),
    "conv-2": lambda: (conv_2(input_shape=(1, 8, 8)), draw(6, 1, 8, 8)),
    "one layer twice": lambda: own(Twice, 5),
    "a slope for each unit": lambda: own(Slopes, 5),
    **{
        title: (lambda title=title: known(title))
        for title in (
            "residual with batch normalisation",
            "residual with pre-activation",
            "depthwise-separable",
            "concatenating",
            "U-shaped, regression",
            "two heads",
            "frozen backbone",
            "1-D signals",
            "transformer encoder",
        )
    },
}
"""Networks by name: each has a group of units that can change places."""
