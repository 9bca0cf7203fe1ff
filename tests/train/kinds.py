"""Small data of other kinds than images of one class, and networks for them."""

import torch
from torch import nn

from surfeit.core import Streams
from surfeit.data import Dataset, from_tensors

Pair = tuple[torch.Tensor, torch.Tensor]


def made(name: str, pair) -> Dataset:
    """Splits of 50, 17 and 19 examples, each drawn from a stream of its own."""
    counts = {"train": 50, "validation": 17, "test": 19}
    drawn = {key: pair(count, Streams(0).get(key)) for key, count in counts.items()}
    return from_tensors(name, **drawn)


def curve() -> Dataset:
    """A curve of one variable: y = sin 3x."""

    def pair(n: int, source: torch.Generator) -> Pair:
        x = 2 * torch.rand(n, 1, generator=source) - 1
        return x, (3 * x).sin()

    return made("curve", pair)


def teacher() -> Dataset:
    """Vectors of 5 and what a fixed network of two outputs makes of them."""
    matrix = torch.randn(5, 2, generator=Streams(0).get("teacher"))

    def pair(n: int, source: torch.Generator) -> Pair:
        x = torch.randn(n, 5, generator=source)
        return x, (x @ matrix).tanh()

    return made("teacher", pair)


def halves() -> Dataset:
    """Vectors of 5 in two classes."""

    def pair(n: int, source: torch.Generator) -> Pair:
        x = torch.randn(n, 5, generator=source)
        return x, (x[:, 0] * x[:, 1] > 0).long()

    return made("halves", pair)


def several() -> Dataset:
    """Vectors of 5 with three labels at once, as numbers 0 and 1."""

    def pair(n: int, source: torch.Generator) -> Pair:
        x = torch.randn(n, 5, generator=source)
        return x, (x[:, :3] > 0).float()

    return made("several", pair)


def tags() -> Dataset:
    """Six tokens an example; the class of each is the sum with its neighbour, modulo 3."""

    def pair(n: int, source: torch.Generator) -> Pair:
        tokens = torch.randint(0, 7, (n, 6), generator=source)
        return tokens, (tokens + tokens.roll(1, 1)) % 3

    return made("tags", pair)


def waves() -> Dataset:
    """Signals of two channels and 16 moments in three classes of frequency."""

    def pair(n: int, source: torch.Generator) -> Pair:
        labels = torch.randint(0, 3, (n,), generator=source)
        phase = torch.rand(n, 2, 1, generator=source)
        time = torch.arange(16) / 16 + phase
        return (6.28 * (labels[:, None, None] + 1) * time).sin(), labels

    return made("waves", pair)


class Tagger(nn.Module):
    """A class at each position, by an LSTM in both directions."""

    def __init__(self, generator: torch.Generator | None = None):
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.lstm = nn.LSTM(4, 5, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, 3)
        _draw(self, generator)

    def forward(self, tokens):
        states, _ = self.lstm(self.embedding(tokens))
        return self.head(states)


class Listener(nn.Module):
    """Signals to classes by two convolutions over time."""

    def __init__(self, generator: torch.Generator | None = None):
        super().__init__()
        self.conv1 = nn.Conv1d(2, 4, 5, padding=2)
        self.conv2 = nn.Conv1d(4, 6, 3, stride=2)
        self.head = nn.Linear(6, 3)
        _draw(self, generator)

    def forward(self, signals):
        return self.head(self.conv2(self.conv1(signals).relu()).relu().mean(2))


class Scalar(nn.Module):
    """One logit an example, without an axis for it."""

    def __init__(self, generator: torch.Generator | None = None):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(5, 6), nn.Linear(6, 1)
        _draw(self, generator)

    def forward(self, inputs):
        return self.fc2(self.fc1(inputs).tanh())[:, 0]


def _draw(model: nn.Module, generator: torch.Generator | None) -> None:
    source = generator or Streams(0).get("init")
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(0.4 * torch.randn(value.shape, generator=source))


def by(kind):
    """A builder of one of the networks above, whatever the data ask for."""

    def build(*, input_shape, classes, generator):
        return kind(generator)

    build.__name__ = kind.__name__.lower()
    return build
