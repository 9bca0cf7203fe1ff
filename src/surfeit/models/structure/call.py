"""One call of a layer, which modules count as layers, and the tensors in nested values."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.rnn import RNNBase, RNNCellBase
from torch.nn.utils.prune import BasePruningMethod
from torch.utils import _pytree

from surfeit.models.blocks import RadialBasis

Kind = Literal["layer", "normalisation", "function", "watched"]

_LAYERS = (
    *(nn.Linear, nn.Bilinear, _ConvNd, RNNBase, RNNCellBase, nn.MultiheadAttention),
    *(nn.Embedding, nn.EmbeddingBag, RadialBasis),
)
_MIXING = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
# What a subclass may have of its own and compute the same.
_HARMLESS = frozenset(
    {"__init__", "__repr__", "__str__", "extra_repr", "reset_parameters", "train"}
)


class UnfollowableError(ValueError):
    """A network whose units cannot be followed, with the operation that forbids it."""


@dataclass
class Call:
    """One call of a layer.

    Args:
        name: the module's dotted name; of a function its name with those of its weights.
        kind: `layer`, `normalisation` (one that mixes units), `function`, or `watched`: a module
            that is looked at but runs as always.
        inputs: the tensors that entered, in their order.
        outputs: the tensors that left, in their order.
        answer: what left, as it was nested.
        chosen: which of a function's tensors are no weights.
        between: the functions that the inputs have passed since they left other layers, by input.
        overwritten: whether a later function works in place on what left.
        parameters: places of the inputs that are parameters, or made of nothing else.
        plain: whether a layer computes what its type says: see `is_plain`.
    """

    name: str
    kind: Kind
    inputs: list[Tensor]
    outputs: list[Tensor] = field(default_factory=list)
    answer: Any = None
    chosen: list[int] = field(default_factory=list)
    between: list[tuple[str, ...]] = field(default_factory=list)
    overwritten: bool = False
    parameters: list[int] = field(default_factory=list)
    plain: bool = True


def is_layer(module: nn.Module) -> bool:
    """Whether a module is one or more layers by itself."""
    return isinstance(module, _LAYERS)


def mixes_units(module: nn.Module) -> bool:
    """Whether a module normalises over units: LayerNorm, GroupNorm, RMSNorm and their like."""
    name = type(module).__name__
    like = name.endswith(("LayerNorm", "RMSNorm", "GroupNorm")) and not any(module.children())
    return isinstance(module, _MIXING) or like


def kind_of(module: nn.Module) -> Kind | None:
    """What a module counts as; None for all that only passes units on."""
    if is_layer(module):
        return "layer"
    if isinstance(module, _BatchNorm):
        return "watched"
    return "normalisation" if mixes_units(module) else None


def is_plain(module: nn.Module) -> bool:
    """Whether a module computes what its type and its weight say, and its answer is left alone.

    Not so for a subclass with a `forward` of its own (a masked layer, a low-rank adapter), and
    where hooks may change what enters or leaves; hooks that compute the weight are none of those.
    """
    for kind in type(module).__mro__:
        if kind.__module__.startswith("torch.nn.utils."):
            continue  # the class that a parametrisation makes, around one that may be foreign
        if kind.__module__.startswith("torch."):
            break
        changed = {name for name, value in vars(kind).items() if callable(value)} - _HARMLESS
        if any(name in vars(base) for name in changed for base in kind.__mro__[1:-1]):
            return False
    computing = map(_computes_weight, module._forward_pre_hooks.values())
    return "forward" not in module.__dict__ and not module._forward_hooks and all(computing)


def _computes_weight(hook: Any) -> bool:
    return isinstance(hook, BasePruningMethod) or hasattr(hook, "compute_weight")


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors within nested tuples, lists, dicts and data classes, in their order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, str | int | float | slice | None):
        return []
    if isinstance(value, tuple | list):  # also named tuples, and packed sequences
        return [leaf for item in value for leaf in tensors_in(item)]
    if type(value) is dict:
        return [leaf for item in value.values() for leaf in tensors_in(item)]
    leaves = _pytree.tree_leaves(value)
    if len(leaves) == 1 and leaves[0] is value:
        if is_dataclass(value) and not isinstance(value, type):
            return [leaf for one in fields(value) for leaf in tensors_in(getattr(value, one.name))]
        return []
    return [leaf for item in leaves for leaf in tensors_in(item)]


def with_tensors(value: Any, tensors: Iterable[Tensor]) -> Any:
    """A nested value with other tensors in place of those that `tensors_in` finds in it."""
    return _replaced(value, iter(tensors))


def _replaced(value: Any, rest: Iterator[Tensor]) -> Any:
    if isinstance(value, Tensor):
        return next(rest)
    if isinstance(value, tuple | list):
        items = [_replaced(item, rest) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if type(value) is dict:
        return {key: _replaced(item, rest) for key, item in value.items()}
    if not tensors_in(value):
        return value
    return _pytree.tree_map_only(Tensor, lambda _: next(rest), value)
