"""What small networks give without some units, by the definition of a removal and nothing else.

A removed unit is exactly zero in the input of everything that reads it: behind activation and
normalisation, bias included. What mixes units (LayerNorm, GroupNorm, an attention) reads them.

Each network is written twice: `forward` as anyone would write it, and `without`, which multiplies
the right tensor by a vector of kept units (1) and removed ones (0) right before each reader. The
second is the oracle. No code of Surfeit is used. Networks are in float64, in evaluation mode, their
weights the same each time, and batch normalisation shifts and scales every channel.

>>> for case in cases():
...     expected = case.outputs_without([0, 2])
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import branches, images, plain, sequences
from .network import Network

_SEED = 33  # of a draw that leaves every unit something to say
NETWORKS: dict[str, type[Network]] = {
    kind.__name__: kind
    for kind in (
        *(plain.Chain, plain.HeadFirst, plain.Gate, plain.GatedUnits, plain.TwoHeads),
        *(plain.LayerNormalised, plain.UsedTwice),
        *(images.Normalised, images.ActivatedFirst, images.Flattened, images.Signal),
        *(images.DepthwiseSeparable, images.Grouped),
        *(branches.Residual, branches.PreActivation, branches.Concatenating, branches.UShaped),
        branches.SqueezeExcitation,
        *(sequences.Lstm, sequences.Gru, sequences.Tokens, sequences.Encoder),
        sequences.EncoderLayer,
    )
}


@dataclass(frozen=True, eq=False)
class Case:
    """One layer of one network, and what the network gives without some of the layer's units.

    Args:
        network: the network's name.
        model: in float64 and evaluation mode.
        layer: dotted name of the module whose units go.
        group: the layers whose units are added to its own and go together with them, itself
            included; more than one only for layers of a residual stream.
        count: units of the layer.
        inputs: example inputs, [n, ...].
    """

    network: str
    model: nn.Module
    layer: str
    group: tuple[str, ...]
    count: int
    inputs: Tensor

    def __str__(self) -> str:
        return f"{self.network}:{self.layer}"

    @property
    def units(self) -> list[list[int]]:
        """Some choices of units: none, one, every other, all but the first, all."""
        every = list(range(self.count))
        return [[], [self.count - 1], every[::2], every[1:], every]

    @torch.no_grad()
    def outputs(self) -> Tensor:
        """What the whole network gives."""
        return self.model(self.inputs)

    @torch.no_grad()
    def outputs_without(self, units: Sequence[int], inputs: Tensor | None = None) -> Tensor:
        """What the network gives for the example inputs, or others, without these units."""
        assert isinstance(self.model, Network)
        keep = _all_kept(self.model)
        keep[self.layer][list(units)] = 0
        return self.model.without(self.inputs if inputs is None else inputs, keep)


def cases() -> Iterator[Case]:
    """Every layer of every network whose units can be removed, each with a network of its own."""
    for name, kind in NETWORKS.items():
        for layer, group in kind.removable.items():
            model, inputs = built(kind)
            yield Case(name, model, layer, (layer, *group), units_of(model, layer), inputs)


def built(kind: type[Network]) -> tuple[Network, Tensor]:
    """A network and example inputs, the same each time; the global generator is left alone."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(_SEED)
        model = kind().double().eval()
        for value in model.parameters():
            # Large enough that biases, gates and normalisation matter.
            scale = 0.5 if value.dim() == 1 else 2 / value[0].numel() ** 0.5
            value.copy_(scale * torch.randn_like(value))
        for module in model.modules():
            if isinstance(module, nn.LayerNorm | nn.modules.batchnorm._BatchNorm):
                for value in (*module.parameters(), *module.buffers()):
                    if value.is_floating_point():  # counts stay
                        value.copy_(0.5 + torch.rand_like(value))
        return model, model.examples()


def units_of(model: nn.Module, layer: str) -> int:
    """How many units the layer of that name has."""
    module = model.get_submodule(layer)
    kinds = ("out_channels", "out_features", "hidden_size", "embedding_dim")
    return next(int(getattr(module, kind)) for kind in kinds if hasattr(module, kind))


def _all_kept(model: Network) -> Mapping[str, Tensor]:
    return {
        layer: torch.ones(units_of(model, layer), dtype=torch.float64) for layer in model.removable
    }
