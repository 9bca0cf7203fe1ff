"""Networks on sequences: recurrent layers, embeddings, attention."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network import Keep, Network


class Lstm(Network):
    """Two LSTM layers and a linear one at every step; a unit is four rows of a layer's weights.

    A removed unit is zero at every step, also where the next step reads it. Its cell is its own and
    is read by no other.
    """

    removable: ClassVar = {"lstm1": (), "lstm2": ()}

    def __init__(self) -> None:
        super().__init__()
        self.lstm1 = nn.LSTM(3, 6, batch_first=True)
        self.lstm2 = nn.LSTM(6, 5, batch_first=True)
        self.fc = nn.Linear(5, 4)

    def examples(self) -> Tensor:
        return torch.randn(6, 7, 3, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.lstm1(x)
        x, _ = self.lstm2(x)
        return self.fc(x)

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = lstm(self.lstm1, x, keep["lstm1"])
        x = lstm(self.lstm2, x, keep["lstm2"])
        return self.fc(x)


class Gru(Network):
    """A GRU, its last step read by a linear layer; a unit is three rows of the weights."""

    removable: ClassVar = {"gru": ()}

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.fc = nn.GRU(3, 6, batch_first=True), nn.Linear(6, 3)

    def examples(self) -> Tensor:
        return torch.randn(6, 7, 3, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.gru(x)
        return self.fc(x[:, -1])

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        return self.fc(gru(self.gru, x, keep["gru"])[:, -1])


class Tokens(Network):
    """An embedding whose units are its columns, and linear layers over the last of three axes."""

    removable: ClassVar = {"embedding": (), "fc1": ()}

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.fc1, self.fc2 = nn.Embedding(9, 6), nn.Linear(6, 7), nn.Linear(7, 3)

    def examples(self) -> Tensor:
        return torch.randint(0, 9, (6, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(torch.sigmoid(self.fc1(self.embedding(x)))).mean(dim=1)

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = torch.sigmoid(self.fc1(self.embedding(x) * keep["embedding"]))
        return self.fc2(x * keep["fc1"]).mean(dim=1)


class Encoder(Network):
    """A transformer's encoder block, the hidden units of its two linear layers removed."""

    removable: ClassVar = {"linear1": ()}

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.linear1, self.linear2 = nn.Linear(8, 10), nn.Linear(10, 8)
        self.head = nn.Linear(8, 3)

    def examples(self) -> Tensor:
        return torch.randn(5, 6, 8, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        x = self.norm2(x + self.linear2(F.gelu(self.linear1(x))))
        return self.head(x.mean(dim=1))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        x = self.norm2(x + self.linear2(F.gelu(self.linear1(x)) * keep["linear1"]))
        return self.head(x.mean(dim=1))


class EncoderLayer(Network):
    """PyTorch's own block, normalised in front, which runs as one operation where it can."""

    removable: ClassVar = {"block.linear1": ()}

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.TransformerEncoderLayer(
            8, 2, dim_feedforward=10, batch_first=True, norm_first=True
        )
        self.head = nn.Linear(8, 3)

    def examples(self) -> Tensor:
        return torch.randn(5, 6, 8, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(x))

    def without(self, x: Tensor, keep: Keep) -> Tensor:
        block = self.block
        inner = block.norm1(x)
        x = x + block.self_attn(inner, inner, inner, need_weights=False)[0]
        hidden = F.relu(block.linear1(block.norm2(x)))
        return self.head(x + block.linear2(hidden * keep["block.linear1"]))


def lstm(layer: nn.LSTM, x: Tensor, keep: Tensor) -> Tensor:
    """Every step's outputs, the removed units' at zero wherever they are read."""
    hidden = cell = x.new_zeros(len(x), layer.hidden_size)
    steps = []
    for step in x.unbind(1):
        rows = step @ layer.weight_ih_l0.T + layer.bias_ih_l0
        rows = rows + (hidden * keep) @ layer.weight_hh_l0.T + layer.bias_hh_l0
        enter, forget, new, leave = rows.chunk(4, dim=1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        steps.append(hidden * keep)
    return torch.stack(steps, dim=1)


def gru(layer: nn.GRU, x: Tensor, keep: Tensor) -> Tensor:
    """As `lstm`."""
    hidden = x.new_zeros(len(x), layer.hidden_size)
    steps = []
    for step in x.unbind(1):
        own = step @ layer.weight_ih_l0.T + layer.bias_ih_l0
        past = (hidden * keep) @ layer.weight_hh_l0.T + layer.bias_hh_l0
        (reset, update, new), (reset_, update_, new_) = own.chunk(3, 1), past.chunk(3, 1)
        share = (update + update_).sigmoid()
        fresh = (new + (reset + reset_).sigmoid() * new_).tanh()
        hidden = (1 - share) * fresh + share * hidden
        steps.append(hidden * keep)
    return torch.stack(steps, dim=1)
