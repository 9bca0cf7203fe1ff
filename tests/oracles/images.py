"""Convolutional networks without branches."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network import Keep, Network, maps


class Normalised(Network):
    """Convolution, batch normalisation, ReLU, convolution."""

    removable: ClassVar = {"conv1": (), "conv2": ()}

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 5, 3, padding=1), nn.BatchNorm2d(5)
        self.conv2, self.bn2 = nn.Conv2d(5, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 3)

    def examples(self) -> Tensor:
        return torch.randn(6, 2, 6, 6, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.fc(x.mean(dim=(2, 3)))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x * maps(keep["conv1"]))))
        return self.fc(x.mean(dim=(2, 3)) * keep["conv2"])


class ActivatedFirst(Network):
    """Convolution, ReLU, batch normalisation, convolution: what is removed is behind both."""

    removable: ClassVar = {"conv1": ()}

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5)
        self.conv2, self.fc = nn.Conv2d(5, 4, 3), nn.Linear(4, 3)

    def examples(self) -> Tensor:
        return torch.randn(6, 2, 6, 6, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn1(F.relu(self.conv1(x)))
        return self.fc(self.conv2(x).amax(dim=(2, 3)))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = self.bn1(F.relu(self.conv1(x)))
        return self.fc(self.conv2(x * maps(keep["conv1"])).amax(dim=(2, 3)))


class Flattened(Network):
    """A convolution that a linear layer reads flattened: a unit is a block of its inputs."""

    removable: ClassVar = {"conv": (), "fc1": ()}

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool = nn.Conv2d(2, 4, 3), nn.MaxPool2d(2)
        self.fc1, self.fc2 = nn.Linear(4 * 2 * 2, 6), nn.Linear(6, 3)

    def examples(self) -> Tensor:
        return torch.randn(6, 2, 6, 6, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.conv(x)).sigmoid()
        return self.fc2(self.fc1(x.flatten(1)).tanh())

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = self.pool(self.conv(x)).sigmoid()
        x = x.flatten(1) * keep["conv"].repeat_interleave(4)
        return self.fc2(self.fc1(x).tanh() * keep["fc1"])


class Signal(Network):
    """Convolutions and pools over a signal, and a linear layer over all positions."""

    removable: ClassVar = {"conv1": (), "conv2": ()}

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.pool = nn.Conv1d(2, 5, 3, stride=2), nn.MaxPool1d(2)
        self.conv2, self.fc = nn.Conv1d(5, 4, 2), nn.Linear(4, 3)

    def examples(self) -> Tensor:
        return torch.randn(6, 2, 17, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = F.elu(self.pool(self.conv1(x)))
        x = F.softplus(self.conv2(x)).transpose(1, 2)
        return self.fc(x).mean(dim=1)

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = F.elu(self.pool(self.conv1(x)))
        x = F.softplus(self.conv2(x * keep["conv1"][:, None])).transpose(1, 2)
        return self.fc(x * keep["conv2"]).mean(dim=1)


class DepthwiseSeparable(Network):
    """Depthwise convolutions: each filter reads one unit, and is one itself."""

    removable: ClassVar = {"point1": (), "depth": (), "point2": ()}

    def __init__(self) -> None:
        super().__init__()
        self.point1, self.bn1 = nn.Conv2d(2, 5, 1), nn.BatchNorm2d(5)
        self.depth, self.bn2 = nn.Conv2d(5, 5, 3, padding=1, groups=5), nn.BatchNorm2d(5)
        self.point2, self.bn3 = nn.Conv2d(5, 6, 1), nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 3)

    def examples(self) -> Tensor:
        return torch.randn(6, 2, 5, 5, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.bn1(self.point1(x)))
        x = F.relu6(self.bn2(self.depth(x)))
        x = F.relu6(self.bn3(self.point2(x)))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = F.relu6(self.bn1(self.point1(x))) * maps(keep["point1"])
        x = F.relu6(self.bn2(self.depth(x))) * maps(keep["depth"])
        x = F.relu6(self.bn3(self.point2(x)))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1) * keep["point2"])


class Grouped(Network):
    """Grouped and transposed convolutions, whose units are the second axis of the weight."""

    removable: ClassVar = {"conv": (), "up": (), "out": ()}

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 6, 3, groups=2)
        self.up = nn.ConvTranspose2d(6, 8, 2, stride=2, groups=2)
        self.out, self.fc = nn.Conv2d(8, 4, 3, groups=4), nn.Linear(4, 3)

    def examples(self) -> Tensor:
        return torch.randn(6, 4, 5, 5, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sigmoid(self.conv(x))
        x = torch.sigmoid(self.up(x))
        return self.fc(torch.sigmoid(self.out(x)).mean(dim=(2, 3)))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = torch.sigmoid(self.conv(x)) * maps(keep["conv"])
        x = torch.sigmoid(self.up(x)) * maps(keep["up"])
        return self.fc(torch.sigmoid(self.out(x)).mean(dim=(2, 3)) * keep["out"])
