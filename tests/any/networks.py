"""One network of every kind that people bring, with data that it takes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surfeit.core import Objective, cross_entropy, squared_error
from surfeit.data import Dataset, from_tensors
from surfeit.models import builder_named, mlp

from ..oracles import branches, images, plain, sequences


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of network.

    Args:
        title: what it is, as the table says it.
        build: makes the network, in float32.
        shape: of one input; None for tokens.
        objective: what it is trained by; squared error means regression.
        outputs: classes, or numbers to give.
        positions: of a class at each position, else None.
    """

    title: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    objective: Objective = cross_entropy
    outputs: int = 3
    positions: int | None = None

    def network(self) -> nn.Module:
        """The network, the same each time."""
        with torch.random.fork_rng([]):
            torch.manual_seed(3)
            return self.build().float()

    def data(self) -> Dataset:
        """Few examples of it, drawn at random."""
        generator = torch.Generator().manual_seed(7)
        parts = {}
        for name, count in (("train", 24), ("validation", 12), ("test", 12)):
            inputs = torch.randn(count, *self.shape, generator=generator)
            parts[name] = inputs, self._targets(count, generator)
        return from_tensors(self.title.replace(" ", "-"), **parts)

    def _targets(self, count: int, generator: torch.Generator) -> Tensor:
        if self.objective is squared_error:
            return torch.randn(count, self.outputs, generator=generator)
        shape = (count,) if self.positions is None else (count, self.positions)
        labels = torch.randint(0, self.outputs, shape, generator=generator)
        labels.view(-1)[0] = self.outputs - 1  # so that every split knows all classes
        return labels


class TiedAutoencoder(nn.Module):
    """An encoder whose transposed weight decodes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(8, 4)
        self.bias = nn.Parameter(torch.zeros(8))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(torch.sigmoid(self.encoder(x)), self.encoder.weight.t(), self.bias)


def _frozen() -> nn.Module:
    network = plain.Chain()
    network.fc1.requires_grad_(False)
    return network


def _named(name: str, shape: tuple[int, ...]) -> Kind:
    """A small network of the library."""
    return Kind(f"`{name}`", lambda: builder_named(name)(input_shape=shape, classes=3), shape)


def _u_shaped() -> nn.Module:
    return nn.Sequential(branches.UShaped(), nn.Flatten())


KINDS = (
    Kind("chain", plain.Chain, (5,)),
    Kind("residual with batch normalisation", branches.Residual, (2, 6, 6)),
    Kind("residual with pre-activation", branches.PreActivation, (2, 5, 5)),
    Kind("depthwise-separable", images.DepthwiseSeparable, (2, 5, 5)),
    Kind("concatenating", branches.Concatenating, (2, 5, 5)),
    Kind("transformer encoder", sequences.Encoder, (6, 8)),
    Kind("LSTM, a class at each position", sequences.Lstm, (7, 3), outputs=4, positions=7),
    Kind("GRU", sequences.Gru, (7, 3)),
    Kind("U-shaped, regression", _u_shaped, (2, 6, 6), squared_error, 72),
    Kind("tied autoencoder", TiedAutoencoder, (8,), squared_error, 8),
    Kind("gate written by hand", plain.Gate, (5,)),
    Kind("a single layer", lambda: nn.Linear(5, 3), (5,)),
    Kind("two heads", plain.TwoHeads, (5,), outputs=5),
    Kind("frozen backbone", _frozen, (5,)),
    Kind("1-D signals", images.Signal, (2, 17)),
    Kind(
        "a curve of one variable",
        lambda: mlp((8, 6), input_shape=(1,), classes=1),
        (1,),
        squared_error,
        1,
    ),
    _named("resnet-8", (1, 4, 4)),
    _named("densenet-7-2", (1, 4, 4)),
    *(_named(f"mlp-6-5-{one}-batch", (5,)) for one in ("prelu", "absolute", "maxout")),
    _named("mlp-6-5-radial", (5,)),
)
