"""Convolutional networks with branches: sums, concatenations and gates."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network import Keep, Network, maps


class Residual(Network):
    """Two residual blocks with batch normalisation, the second with a projected shortcut.

    The first stream's units are those of `stem` and `conv2` added, the second's those of `conv4`
    and `down`: they are removed together, wherever the stream is read. A sum reads nothing.
    """

    removable: ClassVar = {"stem": ("conv2",), "conv1": (), "conv3": (), "conv4": ("down",)}

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.bn = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv1, self.bn1 = nn.Conv2d(4, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5)
        self.conv2, self.bn2 = nn.Conv2d(5, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv3, self.bn3 = nn.Conv2d(4, 6, 3, padding=1, stride=2), nn.BatchNorm2d(6)
        self.conv4, self.bn4 = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.down, self.bn5 = nn.Conv2d(4, 6, 1, stride=2), nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 3)

    def examples(self) -> Tensor:
        return torch.randn(6, 2, 6, 6, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.stem(x)))
        inner = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(x + self.bn2(self.conv2(inner)))
        inner = F.relu(self.bn3(self.conv3(x)))
        x = F.relu(self.bn4(self.conv4(inner)) + self.bn5(self.down(x)))
        return self.fc(x.mean(dim=(2, 3)))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        first, second = maps(keep["stem"]), maps(keep["conv4"])
        x = F.relu(self.bn(self.stem(x)))
        inner = F.relu(self.bn1(self.conv1(x * first)))
        x = F.relu(x + self.bn2(self.conv2(inner * maps(keep["conv1"]))))
        inner = F.relu(self.bn3(self.conv3(x * first)))
        x = F.relu(
            self.bn4(self.conv4(inner * maps(keep["conv3"]))) + self.bn5(self.down(x * first))
        )
        return self.fc((x * second).mean(dim=(2, 3)))


class PreActivation(Network):
    """Residual blocks with normalisation and activation in front of each convolution.

    The stream is read behind them: a unit is zero there, not in the stream.
    """

    removable: ClassVar = {"stem": ("conv2", "conv4"), "conv1": (), "conv3": ()}

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.bn1, self.conv1 = nn.BatchNorm2d(4), nn.Conv2d(4, 5, 3, padding=1)
        self.bn2, self.conv2 = nn.BatchNorm2d(5), nn.Conv2d(5, 4, 3, padding=1)
        self.bn3, self.conv3 = nn.BatchNorm2d(4), nn.Conv2d(4, 3, 3, padding=1)
        self.bn4, self.conv4 = nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, padding=1)
        self.bn, self.fc = nn.BatchNorm2d(4), nn.Linear(4, 3)

    def examples(self) -> Tensor:
        return torch.randn(6, 2, 5, 5, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        inner = self.conv1(F.relu(self.bn1(x)))
        x = x + self.conv2(F.relu(self.bn2(inner)))
        inner = self.conv3(F.relu(self.bn3(x)))
        x = x + self.conv4(F.relu(self.bn4(inner)))
        return self.fc(F.relu(self.bn(x)).mean(dim=(2, 3)))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        stream = maps(keep["stem"])
        x = self.stem(x)
        inner = self.conv1(F.relu(self.bn1(x)) * stream)
        x = x + self.conv2(F.relu(self.bn2(inner)) * maps(keep["conv1"]))
        inner = self.conv3(F.relu(self.bn3(x)) * stream)
        x = x + self.conv4(F.relu(self.bn4(inner)) * maps(keep["conv3"]))
        return self.fc(F.relu(self.bn(x)).mean(dim=(2, 3)) * keep["stem"])


class Concatenating(Network):
    """As in a DenseNet: every layer reads all before it, normalised anew each time."""

    removable: ClassVar = {"stem": (), "conv1": (), "conv2": ()}

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 3, 3, padding=1)
        self.bn1, self.conv1 = nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, padding=1)
        self.bn2, self.conv2 = nn.BatchNorm2d(7), nn.Conv2d(7, 2, 3, padding=1)
        self.bn, self.fc = nn.BatchNorm2d(9), nn.Linear(9, 3)

    def examples(self) -> Tensor:
        return torch.randn(6, 2, 5, 5, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.cat([x, self.conv1(F.relu(self.bn1(x)))], dim=1)
        x = torch.cat([x, self.conv2(F.relu(self.bn2(x)))], dim=1)
        return self.fc(F.relu(self.bn(x)).mean(dim=(2, 3)))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        one = keep["stem"]
        two = torch.cat([one, keep["conv1"]])
        three = torch.cat([two, keep["conv2"]])
        x = self.stem(x)
        x = torch.cat([x, self.conv1(F.relu(self.bn1(x)) * maps(one))], dim=1)
        x = torch.cat([x, self.conv2(F.relu(self.bn2(x)) * maps(two))], dim=1)
        return self.fc(F.relu(self.bn(x)).mean(dim=(2, 3)) * three)


class UShaped(Network):
    """A U-Net of one level: down by a pool, up by a transposed convolution, joined by a skip."""

    removable: ClassVar = {"left": (), "bottom": (), "up": (), "right": ()}

    def __init__(self) -> None:
        super().__init__()
        self.left, self.bn1 = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.bottom, self.bn2 = nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.up = nn.ConvTranspose2d(6, 3, 2, stride=2)
        self.right, self.bn3 = nn.Conv2d(7, 5, 3, padding=1), nn.BatchNorm2d(5)
        self.out = nn.Conv2d(5, 2, 1)

    def examples(self) -> Tensor:
        return torch.randn(5, 2, 6, 6, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        left = F.relu(self.bn1(self.left(x)))
        bottom = F.relu(self.bn2(self.bottom(F.max_pool2d(left, 2))))
        joined = torch.cat([self.up(bottom), left], dim=1)
        return self.out(F.relu(self.bn3(self.right(joined))))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        left = F.relu(self.bn1(self.left(x)))
        pooled = F.max_pool2d(left, 2) * maps(keep["left"])
        bottom = F.relu(self.bn2(self.bottom(pooled))) * maps(keep["bottom"])
        joined = torch.cat([self.up(bottom) * maps(keep["up"]), left * maps(keep["left"])], dim=1)
        return self.out(F.relu(self.bn3(self.right(joined))) * maps(keep["right"]))


class SqueezeExcitation(Network):
    """Channels that are weighed by gates, which are computed from all channels' means.

    A channel is read where the means are and where it is weighed; a gate only where it weighs.
    """

    removable: ClassVar = {"conv1": (), "squeeze": (), "excite": ()}

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6)
        self.squeeze, self.excite = nn.Linear(6, 3), nn.Linear(3, 6)
        self.conv2, self.fc = nn.Conv2d(6, 4, 3), nn.Linear(4, 3)

    def examples(self) -> Tensor:
        return torch.randn(6, 2, 6, 6, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        hidden = F.silu(self.squeeze(x.mean(dim=(2, 3))))
        x = x * torch.sigmoid(self.excite(hidden))[:, :, None, None]
        return self.fc(F.relu(self.conv2(x)).mean(dim=(2, 3)))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        hidden = F.silu(self.squeeze(x.mean(dim=(2, 3)) * keep["conv1"])) * keep["squeeze"]
        x = x * torch.sigmoid(self.excite(hidden))[:, :, None, None]
        x = self.conv2(x * maps(keep["conv1"]) * maps(keep["excite"]))
        return self.fc(F.relu(x).mean(dim=(2, 3)))
