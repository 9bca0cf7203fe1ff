"""Small networks of every kind that units are followed through, each with an input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


@dataclass(frozen=True)
class Case:
    """A network, what it takes, and what the oracle must know of it.

    Args:
        build: makes it; its weights come from torch's global generator.
        example: makes inputs: a tensor, several in a tuple, or by name in a dict.
        hides: whether comparisons hide that a number became NaN.
        functions: whether it multiplies by parameters outside of modules, which hooks do not see.
    """

    build: Callable[[], nn.Module]
    example: Callable[[], Any]
    hides: bool = False
    functions: bool = False

    def made(self, seed: int = 0) -> tuple[nn.Module, Any]:
        """The network in training mode, with its input; the same ones for a seed."""
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            return self.build(), self.example()


def images(channels: int = 1, side: int = 8, count: int = 2) -> Callable[[], Tensor]:
    return lambda: torch.randn(count, channels, side, side)


def vectors(size: int = 8, count: int = 2) -> Callable[[], Tensor]:
    return lambda: torch.randn(count, size)


def tokens(count: int = 2, length: int = 5) -> Callable[[], Tensor]:
    return lambda: torch.randint(11, (count, length))


class Written(nn.Module):
    """A network whose forward pass is a function of its layers and its input."""

    def __init__(self, run: Callable[..., Any], **layers: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self.run(self, *inputs, **named)


def written(run: Callable[..., Any], **make: Callable[[], Any]) -> Callable[[], nn.Module]:
    return lambda: Written(run, **{name: one() for name, one in make.items()})


def linear(inputs: int, units: int) -> Callable[[], nn.Module]:
    return lambda: nn.Linear(inputs, units)


def conv(inputs: int, units: int, **options: Any) -> Callable[[], nn.Module]:
    return lambda: nn.Conv2d(inputs, units, **{"kernel_size": 3, "padding": 1, **options})


def made(kind: Callable[..., nn.Module], *given: Any, **named: Any) -> Callable[[], nn.Module]:
    return lambda: kind(*given, **named)


class Block(nn.Module):
    """A residual block: post- or pre-activation, its shortcut a layer or padded."""

    def __init__(
        self, inputs: int, units: int, stride: int = 1, *, first: bool = False, padded: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, units, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs if first else units)
        self.conv2 = nn.Conv2d(units, units, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(units)
        self.first, self.stride, self.more = first, stride, units - inputs
        changes = stride > 1 or inputs != units
        if changes and not padded:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, units, 1, stride, bias=False), nn.BatchNorm2d(units)
            )
        else:
            self.shortcut = self.pad if changes else nn.Identity()

    def pad(self, x: Tensor) -> Tensor:
        side = self.more // 2
        return functional.pad(
            x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, side, self.more - side)
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.first:
            y = self.conv1(self.bn1(x).relu())
            return self.shortcut(x) + self.conv2(self.bn2(y).relu())
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return torch.relu(self.shortcut(x) + y)


def residual(*, first: bool = False, padded: bool = False) -> Callable[[], nn.Module]:
    def run(net: Any, x: Tensor) -> Tensor:
        y = net.conv(x) if first else net.bn(net.conv(x)).relu()
        y = net.blocks(y)
        return net.fc((net.bn(y).relu() if first else y).mean((2, 3)))

    return written(
        run,
        conv=conv(1, 4, bias=False),
        bn=made(nn.BatchNorm2d, 6 if first else 4),
        blocks=lambda: nn.Sequential(
            Block(4, 4, first=first), Block(4, 6, 2, first=first, padded=padded)
        ),
        fc=linear(6, 3),
    )


def _dense(net: Any, x: Tensor) -> Tensor:
    a = net.a(x).relu()
    both = torch.cat([a, net.b(a).relu()], 1)
    return net.fc(torch.cat([both, net.c(both).relu()], 1).flatten(1))


def _u_shaped(net: Any, x: Tensor) -> Tensor:
    down = net.down(x).relu()
    up = net.up(net.deep(down).relu()).relu()
    return net.out(torch.cat([down, up], 1))


def _squeezed(net: Any, x: Tensor) -> Tensor:
    y = net.conv(x).relu()
    gate = torch.sigmoid(net.f2(net.f1(y.mean((2, 3))).relu()))
    return net.fc((y * gate[:, :, None, None]).mean((2, 3)))


def _mixer(net: Any, x: Tensor) -> Tensor:
    y = net.embed(x[:, 0])
    y = y + net.tokens(y.transpose(1, 2)).transpose(1, 2).relu()
    y = y + net.channels(y).relu()
    return net.head(y.mean(1))


def _shuffled(net: Any, x: Tensor) -> Tensor:
    y = net.a(x).relu()
    n, c, h, w = y.shape
    y = y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
    return net.out(functional.pixel_shuffle(net.c(net.b(y).relu()), 2))


def _transformer(net: Any, x: Tensor) -> Tensor:
    patches = net.patch(x).flatten(2).transpose(1, 2)
    every = torch.cat([net.token.expand(len(x), -1, -1), patches], 1) + net.position
    return net.head(net.norm(net.encoder(every))[:, 0])


def _encoder(**options: Any) -> nn.Module:
    layer = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, **options)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def _attention(net: Any, x: Tensor) -> Tensor:
    parts = [one(x).unflatten(-1, (2, 2)).transpose(1, 2) for one in (net.q, net.k, net.v)]
    met = functional.scaled_dot_product_attention(*parts)
    return net.out(met.transpose(1, 2).flatten(2)).mean(1)


def _packed(net: Any, x: Tensor) -> Tensor:
    lengths = torch.tensor([3, 5])
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return net.out(pad_packed_sequence(net.two(net.one(packed)[0])[0], batch_first=True)[0])


def _lstm_cells(net: Any, x: Tensor) -> Tensor:
    hidden, cell = x.new_zeros(len(x), 4), x.new_zeros(len(x), 4)
    for step in x.unbind(1):
        hidden, cell = net.cell(step, (hidden, cell))
    return net.out(hidden)


def _gru_cells(net: Any, x: Tensor) -> Tensor:
    state = x.new_zeros(len(x), 4)
    for step in x.unbind(1):
        state = net.cell(step, state)
    return net.out(state)


def _last_state(net: Any, x: Tensor) -> Tensor:
    _, last = net.rnn(x)
    return net.out(torch.cat([last[-2], last[-1]], 1)) + net.low(last[0])


def _both_directions(net: Any, x: Tensor) -> Tensor:
    forward, backward = net.rnn(x)[0].chunk(2, dim=-1)
    return net.out(forward + backward)


def _written_slices(net: Any, x: Tensor) -> Tensor:
    both = x.new_zeros(len(x), 7)
    both[:, :3] = net.a(x).relu()
    both[:, 3:] = net.b(x).relu()
    return net.out(both)


def _assigned(net: Any, x: Tensor) -> Tensor:
    h = net.a(x)
    h[h < 0] = 0
    return net.out(h)


def _where(net: Any, x: Tensor) -> Tensor:
    h = net.a(x)
    h = net.b(torch.where(h > 0, h, 0.0))
    return net.out((h.abs() < 0.1).float())


def _largest(net: Any, x: Tensor) -> Tensor:
    a, b = net.a(x).relu().chunk(2, -1)
    return net.out(torch.where(a > b, a, b))


class _Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.sign()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def _numpy(net: Any, x: Tensor) -> Tensor:
    import numpy as np

    return net.out(torch.from_numpy(np.tanh(net.a(x).detach().numpy())))


def _branching(net: Any, x: Tensor) -> Tensor:
    h = net.a(x).relu()
    return net.b(h) if h.sum() > 0 else net.c(h)


def _branching_on_numbers(net: Any, x: Tensor) -> Tensor:
    h = net.a(x).relu()
    return net.b(h) if h.sum().item() > 0 else net.c(h)


def _reused(net: Any, x: Tensor) -> Tensor:
    h = net.act(net.first(x))
    for _ in range(3):
        h = net.act(net.again(h))
    return net.out(h)


def _summed_calls(net: Any, x: Tensor) -> Tensor:
    return net.out(net.a(x).relu() + net.a(x.flip(1)).relu())


def _gated(net: Any, x: Tensor) -> Tensor:
    h = net.a(x)
    h = net.b(h * torch.sigmoid(h))
    return net.out(torch.relu(h) ** 2)


def _paired(net: Any, x: Tensor) -> Tensor:
    return net.out(functional.glu(net.a(x)))


def _spatial_gate(net: Any, x: Tensor) -> Tensor:
    y = net.a(x).relu()
    return net.fc((y * net.gate(y).sigmoid()).flatten(1))


def _named(net: Any, first: Tensor, second: Tensor) -> dict[str, Tensor]:
    return {"sum": net.out(net.a(first).relu() + net.b(second).relu()), "other": net.c(second)}


def _scaled(net: Any, x: Tensor) -> Tensor:
    h = net.a(x).relu()
    return net.out(net.b(x) * h.norm().item())


def _normed(net: Any, x: Tensor) -> Tensor:
    return net.norm2(net.out(net.norm1(net.a(x)).relu())).softmax(-1)


def _attended(net: Any, x: Tensor) -> Tensor:
    query = net.query(x).relu()
    met, _ = net.attention(query, net.key(x).relu(), net.value(x).relu(), need_weights=False)
    return net.out(met + query)


NETWORKS: dict[str, Case] = {
    "chain": Case(
        lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)
        ),
        images(),
    ),
    "single layer": Case(linear(8, 3), vectors()),
    "convolutional": Case(
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1),
            nn.BatchNorm2d(3),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(16, 3),
        ),
        images(),
    ),
    "signals": Case(
        lambda: nn.Sequential(
            nn.Conv1d(2, 3, 3),
            nn.GELU(),
            nn.MaxPool1d(2),
            nn.Conv1d(3, 2, 3),
            nn.Flatten(),
            nn.Linear(4, 3),
        ),
        lambda: torch.randn(2, 2, 10),
    ),
    "volumes": Case(
        lambda: nn.Sequential(
            nn.Conv3d(1, 3, 2), nn.ReLU(), nn.ConvTranspose3d(3, 2, 2), nn.Flatten(2)
        ),
        lambda: torch.randn(1, 1, 3, 3, 3),
    ),
    "residual": Case(residual(), images()),
    "residual, activation first": Case(residual(first=True), images()),
    "residual, padded": Case(residual(padded=True), images()),
    "depthwise-separable": Case(
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU6(),
            nn.Conv2d(4, 4, 3, padding=1, groups=4),
            nn.BatchNorm2d(4),
            nn.ReLU6(),
            nn.Conv2d(4, 5, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(5, 3),
        ),
        images(),
    ),
    "concatenating": Case(
        written(_dense, a=conv(1, 2), b=conv(2, 3), c=conv(5, 2), fc=linear(7 * 16, 3)),
        images(side=4),
    ),
    "U-shaped": Case(
        written(
            _u_shaped,
            down=conv(1, 2),
            deep=conv(2, 4, stride=2),
            up=made(nn.ConvTranspose2d, 4, 4, 2, 2, groups=2),
            out=conv(6, 2, kernel_size=1, padding=0),
        ),
        images(),
    ),
    "squeeze and excitation": Case(
        written(_squeezed, conv=conv(1, 4), f1=linear(4, 2), f2=linear(2, 4), fc=linear(4, 3)),
        images(),
    ),
    "spatial gate": Case(
        written(_spatial_gate, a=conv(1, 3), gate=conv(3, 1), fc=linear(48, 3)), images(side=4)
    ),
    "mixer": Case(
        written(
            _mixer,
            embed=linear(8, 6),
            tokens=linear(8, 8),
            channels=linear(6, 6),
            head=linear(6, 3),
        ),
        images(),
    ),
    "shuffled": Case(
        written(_shuffled, a=conv(1, 4), b=conv(4, 4, groups=2), c=conv(4, 8), out=conv(2, 3)),
        images(side=4),
    ),
    "transformer": Case(
        written(
            _transformer,
            patch=made(nn.Conv2d, 1, 4, 4, 4),
            token=lambda: nn.Parameter(torch.randn(1, 1, 4)),
            position=lambda: nn.Parameter(torch.randn(1, 5, 4)),
            encoder=made(_encoder, norm_first=True),
            norm=made(nn.LayerNorm, 4),
            head=linear(4, 3),
        ),
        images(),
    ),
    "transformer, norm last": Case(
        written(
            lambda net, x: net.head(net.encoder(net.embed(x)).mean(1)),
            embed=made(nn.Embedding, 11, 4),
            encoder=made(_encoder, activation="gelu"),
            head=linear(4, 3),
        ),
        tokens(),
    ),
    "attention by hand": Case(
        written(_attention, q=linear(3, 4), k=linear(3, 4), v=linear(3, 4), out=linear(4, 3)),
        lambda: torch.randn(2, 5, 3),
    ),
    "cross attention": Case(
        written(
            _attended,
            query=linear(3, 4),
            key=linear(3, 5),
            value=linear(3, 6),
            attention=made(nn.MultiheadAttention, 4, 2, kdim=5, vdim=6, batch_first=True),
            out=linear(4, 3),
        ),
        lambda: torch.randn(2, 5, 3),
    ),
    "LSTM": Case(
        written(
            lambda net, x: net.out(net.rnn(net.embed(x))[0]),
            embed=made(nn.Embedding, 11, 3),
            rnn=made(nn.LSTM, 3, 4, batch_first=True),
            out=linear(4, 3),
        ),
        tokens(),
    ),
    "LSTM, two ways": Case(
        written(
            lambda net, x: net.out(net.rnn(net.embed(x))[0]),
            embed=made(nn.Embedding, 11, 3),
            rnn=made(nn.LSTM, 3, 4, 2, batch_first=True, bidirectional=True),
            out=linear(8, 3),
        ),
        tokens(),
    ),
    "LSTM, projected": Case(
        written(
            lambda net, x: net.out(net.rnn(x)[0]),
            rnn=made(nn.LSTM, 3, 4, proj_size=2),
            out=linear(2, 3),
        ),
        lambda: torch.randn(5, 2, 3),
    ),
    "GRU": Case(
        written(
            lambda net, x: net.out(net.rnn(x)[0][:, -1]),
            rnn=made(nn.GRU, 3, 4, 2, batch_first=True),
            out=linear(4, 3),
        ),
        lambda: torch.randn(2, 5, 3),
    ),
    "GRU, directions added": Case(
        written(
            _both_directions,
            rnn=made(nn.GRU, 3, 4, batch_first=True, bidirectional=True),
            out=linear(4, 3),
        ),
        lambda: torch.randn(2, 5, 3),
    ),
    "RNN, last states": Case(
        written(
            _last_state,
            rnn=made(nn.RNN, 3, 4, 2, bidirectional=True),
            out=linear(8, 3),
            low=linear(4, 3),
        ),
        lambda: torch.randn(5, 2, 3),
    ),
    "LSTM cells": Case(
        written(_lstm_cells, cell=made(nn.LSTMCell, 3, 4), out=linear(4, 3)),
        lambda: torch.randn(2, 4, 3),
    ),
    "GRU cells": Case(
        written(_gru_cells, cell=made(nn.GRUCell, 3, 4), out=linear(4, 3)),
        lambda: torch.randn(2, 4, 3),
    ),
    "packed sequences": Case(
        written(
            _packed,
            one=made(nn.LSTM, 3, 4, batch_first=True),
            two=made(nn.GRU, 4, 2, batch_first=True),
            out=linear(2, 3),
        ),
        lambda: torch.randn(2, 5, 3),
    ),
    "bags": Case(
        written(
            lambda net, x: net.out(net.embed(x)),
            embed=made(nn.EmbeddingBag, 11, 3),
            out=linear(3, 2),
        ),
        tokens(),
    ),
    "gates by hand": Case(
        written(_gated, a=linear(8, 4), b=linear(4, 5), out=linear(5, 3)), vectors()
    ),
    "paired units": Case(written(_paired, a=linear(8, 6), out=linear(3, 2)), vectors()),
    "two heads": Case(
        written(
            lambda net, x: (net.one(net.a(x).relu()), net.two(net.a(x).relu())),
            one=linear(4, 3),
            two=linear(4, 2),
            a=linear(8, 4),
        ),
        vectors(),
    ),
    "head first": Case(
        written(
            lambda net, x: net.head(net.b(net.a(x).relu()).relu()),
            head=linear(5, 3),
            a=linear(8, 4),
            b=linear(4, 5),
            spare=linear(5, 3),
        ),
        vectors(),
    ),
    "no head": Case(
        written(lambda net, x: net.a(x) + net.b(net.a(x).relu()), a=linear(8, 4), b=linear(4, 4)),
        vectors(),
    ),
    "normalised": Case(
        written(
            _normed,
            a=linear(8, 4),
            norm1=made(nn.LayerNorm, 4),
            out=linear(4, 3),
            norm2=made(nn.RMSNorm, 3),
        ),
        vectors(),
    ),
    "group normalised": Case(
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.SiLU(), nn.Conv2d(4, 2, 3), nn.Flatten()
        ),
        images(side=5),
    ),
    "used again": Case(
        written(
            _reused,
            first=linear(8, 4),
            again=linear(4, 4),
            act=made(nn.Tanh),
            out=linear(4, 3),
        ),
        vectors(),
    ),
    "calls added": Case(written(_summed_calls, a=linear(8, 4), out=linear(4, 3)), vectors()),
    "bilinear": Case(
        written(
            lambda net, x: net.out(net.meet(net.a(x).relu(), net.b(x).relu())),
            a=linear(8, 3),
            b=linear(8, 4),
            meet=made(nn.Bilinear, 3, 4, 5),
            out=linear(5, 2),
        ),
        vectors(),
    ),
    "outer product": Case(
        written(
            lambda net, x: net.out(torch.einsum("bi,bj->bij", net.a(x), net.b(x)).flatten(1)),
            a=linear(8, 3),
            b=linear(8, 4),
            out=linear(12, 2),
        ),
        vectors(),
    ),
    "slices left out": Case(
        written(lambda net, x: net.out(net.a(x)[:, 1:4]), a=linear(8, 6), out=linear(3, 2)),
        vectors(),
    ),
    "rolled": Case(
        written(
            lambda net, x: net.out(net.a(x).relu() + net.a(x).roll(1, -1)),
            a=linear(8, 4),
            out=linear(4, 3),
        ),
        vectors(),
    ),
    "slices written": Case(
        written(_written_slices, a=linear(8, 3), b=linear(8, 4), out=linear(7, 2)), vectors()
    ),
    "overwritten": Case(
        written(
            lambda net, x: net.out(net.b(net.a(x).relu_()).mul_(2.0).add_(1.0)),
            a=linear(8, 4),
            b=linear(4, 3),
            out=linear(3, 2),
        ),
        vectors(),
    ),
    "through numpy": Case(written(_numpy, a=linear(8, 4), out=linear(4, 3)), vectors(), hides=True),
    "named inputs": Case(
        written(_named, a=linear(3, 4), b=linear(5, 4), c=linear(5, 2), out=linear(4, 3)),
        lambda: {"second": torch.randn(2, 5), "first": torch.randn(2, 3)},
    ),
    "branch on values": Case(
        written(_branching, a=linear(8, 4), b=linear(4, 3), c=linear(4, 3)), vectors()
    ),
    "half precision": Case(
        lambda: nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3)).to(torch.bfloat16),
        lambda: torch.randn(2, 8).to(torch.bfloat16),
    ),
    "where": Case(
        written(_where, a=linear(8, 4), b=linear(4, 4), out=linear(4, 3)),
        vectors(count=1),
        hides=True,
    ),
    "assigned": Case(written(_assigned, a=linear(8, 4), out=linear(4, 3)), vectors(), hides=True),
    "larger of two": Case(
        written(_largest, a=linear(8, 8), out=linear(4, 3)), vectors(), hides=True
    ),
    "signs": Case(
        written(
            lambda net, x: net.out(_Straight.apply(net.a(x))), a=linear(8, 4), out=linear(4, 3)
        ),
        vectors(),
        hides=True,
    ),
    "scaled by a number": Case(
        written(_scaled, a=linear(8, 4), b=linear(8, 3), out=linear(3, 2)), vectors(), hides=True
    ),
    "branch on numbers": Case(
        written(_branching_on_numbers, a=linear(8, 4), b=linear(4, 3), c=linear(4, 3)),
        vectors(),
        hides=True,
    ),
    "tied autoencoder": Case(
        written(
            lambda net, x: functional.linear(net.encoder(x).sigmoid(), net.encoder.weight.t()),
            encoder=linear(8, 4),
        ),
        vectors(),
        functions=True,
    ),
    "own parameters": Case(
        written(
            lambda net, x: net.out((net.a(x).relu() @ net.weight).relu()),
            a=linear(8, 4),
            weight=lambda: nn.Parameter(torch.randn(4, 5)),
            out=linear(5, 3),
        ),
        vectors(),
        functions=True,
    ),
    "codebook": Case(
        written(
            lambda net, x: net.out(net.book(net.a(x).argmax(-1))),
            a=linear(8, 4),
            book=made(nn.Embedding, 4, 5),
            out=linear(5, 3),
        ),
        vectors(),
        hides=True,
    ),
}
