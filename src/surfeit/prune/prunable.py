"""Which parameters a mask may hold."""

from collections.abc import Iterable

from torch import Tensor, nn

from surfeit.core import own_parameters, ties, unknown
from surfeit.models.structure import layer, layers
from surfeit.models.structure import prunable as weights

Mask = dict[str, Tensor]  # bool by parameter name, True = kept, on the CPU


def prunable(model: nn.Module, also: Iterable[str] = ()) -> list[str]:
    """The names of the parameters that may be masked: the weights of all layers, in model order.

    Those of recurrent layers (`lstm.weight_ih_l0`, `lstm.weight_hh_l0`) and of attention
    (`attention.in_proj_weight`) among them. Biases and the parameters of normalisations never are
    unless named, nor are embeddings, tables that inputs are looked up in, centres of radial basis
    units, and parameters that a module holds itself: `surfeit.prune.coverage` says which, and how
    much of the network that is.

    >>> prunable(lenet_300_100())
    ['fc1.weight', 'fc2.weight', 'fc3.weight']

    Args:
        model: any module; a weight that two layers share goes by its one name.
        also: further parameters to prune, e.g. `("fc1.bias",)`.

    Raises:
        ValueError: if a name in `also` is no parameter (the nearest are suggested), or a layer
            computes its weight from other parameters, as weight normalisation does.
    """
    own = own_parameters(model)
    extra = {also} if isinstance(also, str) else set(also)
    for name in sorted(extra - own.keys()):
        raise unknown("parameter", name, own)
    own_weights = set(weights(model))
    return [name for name in own if name in own_weights or name in extra]


def weights_of(model: nn.Module, names: Iterable[str]) -> list[str]:
    """The parameters that hold the weights of some layers, each once, by the names of the layers.

    Raises:
        ValueError: if there is no such layer.
    """
    tied, every = ties(model), layers(model)
    found = (
        tied[part.tensor].to if part.tensor in tied else part.tensor
        for name in names
        for part in (every[name] if name in every else layer(model, name)).weights
    )
    return list(dict.fromkeys(found))


def layer_of(name: str) -> str:
    """The module that a parameter belongs to: `"block.fc1"` of `"block.fc1.weight"`.

    Of one that belongs to none, its own name.
    """
    return name.rpartition(".")[0] or name
