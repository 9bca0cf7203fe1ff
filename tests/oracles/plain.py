"""Networks of linear layers on vectors."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network import Keep, Network


class Chain(Network):
    """Linear layers and sigmoids: a unit with weight and bias at zero still gives 0.5."""

    removable: ClassVar = {"fc1": (), "fc2": ()}

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(5, 7), nn.Linear(7, 6), nn.Linear(6, 3)

    def examples(self) -> Tensor:
        return torch.randn(24, 5, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sigmoid(self.fc1(x))
        x = torch.sigmoid(self.fc2(x))
        return self.fc3(x)

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = torch.sigmoid(self.fc1(x))
        x = torch.sigmoid(self.fc2(x * keep["fc1"]))
        return self.fc3(x * keep["fc2"])


class HeadFirst(Network):
    """As a chain, its output layer registered before the others."""

    removable: ClassVar = {"first": (), "second": ()}

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 3)
        self.second, self.first = nn.Linear(7, 6), nn.Linear(5, 7)

    def examples(self) -> Tensor:
        return torch.randn(24, 5, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x).tanh()).relu())

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = self.first(x).tanh() * keep["first"]
        x = self.second(x).relu() * keep["second"]
        return self.head(x)


class Gate(Network):
    """An activation written by hand, `x · sigmoid(x)`, and a square of a ReLU."""

    removable: ClassVar = {"fc1": (), "fc2": ()}

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(5, 7), nn.Linear(7, 6), nn.Linear(6, 3)

    def examples(self) -> Tensor:
        return torch.randn(24, 5, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        x = x * torch.sigmoid(x)
        x = torch.relu(self.fc2(x)) ** 2
        return self.fc3(x)

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = self.fc1(x)
        x = x * torch.sigmoid(x) * keep["fc1"]
        x = torch.relu(self.fc2(x)) ** 2 * keep["fc2"]
        return self.fc3(x)


class GatedUnits(Network):
    """Two layers multiplied unit by unit, one of them as a gate: a product is zero if either is."""

    removable: ClassVar = {"value": (), "gate": ()}

    def __init__(self) -> None:
        super().__init__()
        self.value, self.gate, self.out = nn.Linear(5, 6), nn.Linear(5, 6), nn.Linear(6, 3)

    def examples(self) -> Tensor:
        return torch.randn(24, 5, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.value(x) * torch.sigmoid(self.gate(x)))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        gate = torch.sigmoid(self.gate(x)) * keep["gate"]
        return self.out(self.value(x) * keep["value"] * gate)


class TwoHeads(Network):
    """A trunk that two heads read, one of them from its middle."""

    removable: ClassVar = {"trunk1": (), "trunk2": ()}

    def __init__(self) -> None:
        super().__init__()
        self.side, self.main = nn.Linear(7, 2), nn.Linear(6, 3)
        self.trunk1, self.trunk2 = nn.Linear(5, 7), nn.Linear(7, 6)

    def examples(self) -> Tensor:
        return torch.randn(24, 5, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        first = self.trunk1(x).sigmoid()
        second = self.trunk2(first).sigmoid()
        return torch.cat([self.main(second), self.side(first)], dim=1)

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        first = self.trunk1(x).sigmoid()
        second = self.trunk2(first * keep["trunk1"]).sigmoid()
        main, side = self.main(second * keep["trunk2"]), self.side(first * keep["trunk1"])
        return torch.cat([main, side], dim=1)


class LayerNormalised(Network):
    """A LayerNorm mixes units: it reads them, and they are zero at its input."""

    removable: ClassVar = {"fc1": (), "fc2": ()}

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.norm, self.fc2 = nn.Linear(5, 7), nn.LayerNorm(7), nn.Linear(7, 6)
        self.fc3 = nn.Linear(6, 3)

    def examples(self) -> Tensor:
        return torch.randn(24, 5, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.norm(self.fc1(x)))
        return self.fc3(F.gelu(self.fc2(x)))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = F.gelu(self.norm(self.fc1(x) * keep["fc1"]))
        return self.fc3(F.gelu(self.fc2(x)) * keep["fc2"])


class UsedTwice(Network):
    """A layer and its activation that run twice: a unit is removed at both places."""

    removable: ClassVar = {"shared": ()}

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.out = nn.Linear(6, 6), nn.Linear(6, 3)

    def examples(self) -> Tensor:
        return torch.randn(24, 6, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.shared(self.shared(x).sigmoid()).sigmoid())

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = self.shared(x).sigmoid() * keep["shared"]
        x = self.shared(x).sigmoid() * keep["shared"]
        return self.out(x)
