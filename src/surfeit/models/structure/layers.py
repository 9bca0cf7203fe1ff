"""Which modules of a network are layers, and what their units are: all that needs no input."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.rnn import RNNBase, RNNCellBase
from torch.nn.parameter import is_lazy

from surfeit.core import unknown, unwrapped
from surfeit.models.blocks import RadialBasis
from surfeit.models.structure.call import UnfollowableError
from surfeit.models.structure.effective import computed, has, is_computed
from surfeit.models.structure.effective import tensor as tensor
from surfeit.models.structure.parts import Part


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What is known of a layer without running the network.

    Args:
        name: its dotted name; "" for a network that is a single layer. Layers within one module
            have the module's name and their own: `attention.q`, `lstm.l1_reverse`.
        module: the dotted name of the module that computes it.
        kind: `linear`, `convolution`, `transposed convolution`, `bilinear`, `recurrent`,
            `attention` (one of its projections), `embedding` or `radial`.
        units: how many there are.
        inputs: columns of the weight matrix: what a unit could read, groups included.
        groups: of a grouped convolution, else 1.
        weights: where the weights are: of most layers a single part.
        biases: where the biases are.
        computed: the tensors among them that other parameters are computed into.
        heads: of a projection of `MultiheadAttention`, else 1.
    """

    name: str
    module: str
    kind: str
    units: int
    inputs: int
    groups: int
    weights: tuple[Part, ...]
    biases: tuple[Part, ...]
    computed: tuple[str, ...] = ()
    heads: int = 1

    @property
    def multiplies(self) -> bool:
        """Whether inputs are multiplied with its weights: not those of a table, nor centres."""
        return self.kind not in ("embedding", "radial")

    @property
    def label(self) -> str:
        """The name as messages show it."""
        return repr(self.name) if self.name else "the network's only layer"

    def matrix(self, model: nn.Module) -> Float[Tensor, "units inputs"]:
        """The effective weight matrix `W` of the layer, detached: one weight vector a row.

        Behind parametrisations and pruning hooks, the weight that the layer multiplies with.
        Cost: what computes the weight; a copy where the layer has groups or several parts.
        """
        parts = [part.matrix(tensor(model, part.tensor)) for part in self.weights]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def head_matrix(self, model: nn.Module) -> Float[Tensor, "heads weights"]:
        """One row a head of attention: all weights of the units that belong to it, detached.

        Of queries, keys and values a head's units are rows of `W` that stand together; what a head
        gives is read by columns of the output projection that stand together.

        Raises:
            ValueError: if the layer is no projection of `MultiheadAttention`.
        """
        matrix = self.matrix(model)
        if self.kind == "attention":
            return matrix.reshape(self.heads, -1)
        if not self.module.rpartition(".")[2] == "out_proj" or not _attends(model, self.module):
            raise ValueError(
                f"layer {self.label} has no heads: only the projections of nn.MultiheadAttention "
                "('q', 'k', 'v', 'out_proj') have"
            )
        return matrix.T.reshape(self.heads, -1)


def layers(model: nn.Module) -> dict[str, Layer]:
    """The layers of a network by name, in the order in which its modules were registered.

    `Linear`, `Bilinear`, convolutions and transposed convolutions of 1 to 3 dimensions, recurrent
    layers and cells (of several levels or directions, each by itself), the projections of
    `MultiheadAttention`, embeddings, and `RadialBasis`. A module at several places is one layer, by
    its first.

    >>> list(layers(lenet_300_100()))
    ['fc1', 'fc2', 'fc3']

    Of a compiled or parallel network the names are those within it, see `unwrapped`.

    Raises:
        ValueError: if parameters have no shape yet, or it is no module.
    """
    model = unwrapped(model)
    check_sized(model)
    found: dict[str, Layer] = {}
    heads: dict[str, int] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            heads[_dotted(name, "out_proj")] = module.num_heads
        for described in _within(name, module):
            found[described.name] = replace(
                described, heads=heads.get(described.name, described.heads)
            )
    return found


def layer(model: nn.Module, name: str) -> Layer:
    """The layer called `name`.

    Raises:
        ValueError: if there is none; the nearest names are suggested.
    """
    found = layers(model)
    if name not in found:
        raise unknown("layer", name, found)
    return found[name]


def weight_matrix_of(model: nn.Module, name: str) -> Float[Tensor, "units inputs"]:
    """The effective weight matrix of the layer called `name`: see `Layer.matrix`."""
    return layer(model, name).matrix(model)


def prunable(model: nn.Module) -> list[str]:
    """The names of the parameters that hold layers' weights, in the order of the parameters.

    Embeddings are tables that inputs are looked up in, and radial basis units have centres: no
    weights that inputs are multiplied with. They are left out. A weight that two layers share has
    the first one's name.

    Raises:
        ValueError: if a layer computes its weight from other parameters.
    """
    model = unwrapped(model)
    held = {id(value): name for name, value in model.named_parameters()}
    weights: set[str] = set()
    for described in layers(model).values():
        if not described.multiplies:
            continue
        check_uncomputed(described)
        for part in described.weights:
            path, _, attribute = part.tensor.rpartition(".")
            name = held.get(id(getattr(model.get_submodule(path), attribute)))
            if name is not None:  # a weight that is a buffer is never trained
                weights.add(name)
    return [name for name in held.values() if name in weights]


def check_uncomputed(described: Layer) -> None:
    """Says so if a layer's weight is no parameter, which a mask cannot be held on.

    Raises:
        ValueError: if a parametrisation or a hook computes it.
    """
    if described.computed:
        raise ValueError(
            f"layer {described.label} computes {described.computed[0].rpartition('.')[2]!r} from "
            "other parameters (a parametrisation or a hook): make it a parameter of its own first, "
            "by torch.nn.utils.parametrize.remove_parametrizations or torch.nn.utils.prune.remove"
        )


def check_sized(model: nn.Module) -> None:
    """Says so if a network has lazy parameters that no pass has given a shape.

    Raises:
        UnfollowableError: naming the first module that has.
    """
    for name, module in model.named_modules():
        if any(is_lazy(value) for value in module.parameters(recurse=False)):
            raise UnfollowableError(
                f"{name or 'the network'!r} has parameters without a shape yet: run the network "
                "once on its data first"
            )


def _within(name: str, module: nn.Module) -> Iterator[Layer]:
    """The layers that a module computes itself, not those of its children."""
    if isinstance(module, nn.Linear | nn.Bilinear):
        kind = "linear" if isinstance(module, nn.Linear) else "bilinear"
        yield _layer(name, name, module, kind, module.out_features, ["weight"], ["bias"])
    elif isinstance(module, _ConvTransposeNd):
        options = {"form": "transposed", "groups": module.groups}
        kind, units = "transposed convolution", module.out_channels
        yield _layer(name, name, module, kind, units, ["weight"], ["bias"], **options)
    elif isinstance(module, _ConvNd):
        options = {"groups": module.groups}
        yield _layer(
            name, name, module, "convolution", module.out_channels, ["weight"], ["bias"], **options
        )
    elif isinstance(module, RNNBase):
        yield from _recurrent(name, module)
    elif isinstance(module, RNNCellBase):
        weights, biases = ["weight_ih", "weight_hh"], ["bias_ih", "bias_hh"]
        gates = 4 if isinstance(module, nn.LSTMCell) else 3 if isinstance(module, nn.GRUCell) else 1
        options = {"blocks": gates}
        yield _layer(
            name, name, module, "recurrent", module.hidden_size, weights, biases, **options
        )
    elif isinstance(module, nn.MultiheadAttention):
        yield from _attention(name, module)
    elif isinstance(module, RadialBasis):
        yield _layer(name, name, module, "radial", module.units, ["weight"], [])
    elif isinstance(module, nn.Embedding | nn.EmbeddingBag):
        options = {"form": "columns"}
        yield _layer(
            name, name, module, "embedding", module.embedding_dim, ["weight"], [], **options
        )


def _recurrent(name: str, module: RNNBase) -> Iterator[Layer]:
    directions = ("", "_reverse") if module.bidirectional else ("",)
    alone = module.num_layers == 1 and len(directions) == 1
    gates = {"LSTM": 4, "GRU": 3}.get(module.mode, 1)
    for level in range(module.num_layers):
        for direction in directions:
            suffix = f"l{level}{direction}"
            own = name if alone else f"{name}.{suffix}" if name else suffix
            weights = [f"weight_ih_{suffix}", f"weight_hh_{suffix}"]
            biases = [f"bias_ih_{suffix}", f"bias_hh_{suffix}"]
            yield _layer(
                own, name, module, "recurrent", module.hidden_size, weights, biases, blocks=gates
            )


def _attention(name: str, module: nn.MultiheadAttention) -> Iterator[Layer]:
    size = module.embed_dim
    for place, letter in enumerate("qkv"):
        own = f"{name}.{letter}" if name else letter
        if module.in_proj_weight is not None:
            packed = {"first": place * size}
            weight = "in_proj_weight"
        else:
            packed, weight = {}, f"{letter}_proj_weight"
        made = _layer(own, name, module, "attention", size, [weight], [], **packed)
        biases = _parts(name, module, ["in_proj_bias"], size, first=place * size)
        yield replace(made, biases=tuple(biases), heads=module.num_heads)


def _layer(
    name: str,
    module_name: str,
    module: nn.Module,
    kind: str,
    units: int,
    weights: list[str],
    biases: list[str],
    **options: object,
) -> Layer:
    own = tuple(_parts(module_name, module, weights, units, **options))
    values = [computed(module, part.tensor.rpartition(".")[2]) for part in own]
    grouped = {name: value for name, value in options.items() if name in ("blocks", "first")}
    every = [*weights, *biases]
    return Layer(
        name=name,
        module=module_name,
        kind=kind,
        units=units,
        inputs=sum(part.inputs(value.shape) for part, value in zip(own, values, strict=True)),
        groups=own[0].groups,
        weights=own,
        biases=tuple(_parts(module_name, module, biases, units, **grouped)),
        computed=tuple(_dotted(module_name, one) for one in every if is_computed(module, one)),
    )


def _parts(
    module_name: str, module: nn.Module, names: list[str], units: int, **options: object
) -> Iterator[Part]:
    for name in names:
        if has(module, name):
            yield Part(tensor=_dotted(module_name, name), units=units, **options)  # pyright: ignore[reportArgumentType]


def _attends(model: nn.Module, out_projection: str) -> bool:
    parent = model.get_submodule(out_projection.rpartition(".")[0])
    return isinstance(parent, nn.MultiheadAttention)


def _dotted(module: str, attribute: str) -> str:
    return f"{module}.{attribute}" if module else attribute
