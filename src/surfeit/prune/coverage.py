"""How much of a network masks reach, and what they leave out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from surfeit.core import own_parameters
from surfeit.models.structure import layers
from surfeit.models.structure.call import mixes_units
from surfeit.prune.prunable import prunable

BIASES, NORMALISATION, EMBEDDINGS = "biases", "normalisation", "embeddings"
CENTRES, OTHERS = "centres", "no layer's"
_WHO = {EMBEDDINGS: "embeddings", CENTRES: "centres and widths of radial basis units"}


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Which of a network's parameters a mask may hold.

    Args:
        prunable: entries of the parameters that may be masked, by parameter name.
        left_out: entries of those that may not, by kind and parameter name. Kinds are `biases`,
            `normalisation`, `embeddings`, `centres` (of radial basis units, with their widths) and
            `no layer's`: parameters that a module holds itself, as a class token, or weights that
            no layer is known to multiply with.
    """

    prunable: Mapping[str, int]
    left_out: Mapping[str, Mapping[str, int]]

    @property
    def reached(self) -> int:
        """Entries that may be masked."""
        return sum(self.prunable.values())

    @property
    def total(self) -> int:
        """Entries of all parameters."""
        return self.reached + sum(sum(kind.values()) for kind in self.left_out.values())

    @property
    def share(self) -> float:
        """Their share, in [0, 1]; 1 where there are no parameters."""
        return self.reached / self.total if self.total else 1.0

    def __str__(self) -> str:
        reached = f"{self.reached:,} of {self.total:,} parameters may be pruned"
        parts = [_words(kind, found) for kind, found in self.left_out.items()]
        return f"{reached}; left out: {', '.join(parts)}" if parts else reached


def coverage(model: nn.Module, also: Iterable[str] = ()) -> Coverage:
    """Which of a network's parameters may be masked, and which are left out and why.

    >>> print(coverage(lenet_300_100()))
    266,200 of 266,610 parameters may be pruned; left out: biases (410)

    Args:
        model: any module; a parameter that several layers share counts once.
        also: further parameters to prune, as in `prunable`.

    Raises:
        ValueError: as `prunable`.
    """
    own, masked = own_parameters(model), set(prunable(model, also))
    kinds = _kinds(model)
    left_out: dict[str, dict[str, int]] = {}
    for kind in (BIASES, NORMALISATION, EMBEDDINGS, CENTRES, OTHERS):
        for name, value in own.items():
            if name not in masked and kinds.get(id(value), OTHERS) == kind:
                left_out.setdefault(kind, {})[name] = value.numel()
    sizes = {name: value.numel() for name, value in own.items() if name in masked}
    return Coverage(prunable=sizes, left_out=left_out)


def _kinds(model: nn.Module) -> dict[int, str]:
    """The kinds of what is no layer's weight, by the parameters' identities."""
    own = dict(model.named_parameters(remove_duplicate=False))
    found: dict[int, str] = {}
    for described in layers(model).values():
        for part in described.biases:
            found[id(own.get(part.tensor))] = BIASES
        if described.kind == "embedding":
            found |= {id(own.get(part.tensor)): EMBEDDINGS for part in described.weights}
        if described.kind == "radial":
            module = model.get_submodule(described.module)
            found |= {id(value): CENTRES for value in module.parameters(recurse=False)}
    for module in model.modules():
        if isinstance(module, _NormBase) or mixes_units(module):
            found |= {id(value): NORMALISATION for value in module.parameters(recurse=False)}
    return found


def _words(kind: str, found: Mapping[str, int]) -> str:
    count = f"{sum(found.values()):,}"
    if kind in (BIASES, NORMALISATION):
        return f"{kind} ({count})"
    who = _WHO.get(kind, "parameters of no layer")
    return f"{who} {', '.join(map(repr, found))} ({count})"
