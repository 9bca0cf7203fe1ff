"""An architecture as plain JSON, and the module built from it again.

A run stores this description instead of code: what it says is all that a `Sequential` of torch's
own modules, and of the blocks of `models.blocks`, needs to be built anew, in any process, without
pickle.
"""

from collections import OrderedDict
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from surfeit.core import Tie, tie_, ties, unwrapped
from surfeit.models.blocks import BLOCKS, CONTAINERS
from surfeit.models.compound import COMPOUND, build, read_options, same_parts
from surfeit.models.kinds import FIRST, OPTIONS, UNPRINTED, is_readable
from surfeit.models.refusal import builder_advice, why_not_rebuildable

_KINDS = {kind.__name__: kind for kind in OPTIONS}
_HOLDING = {kind.__name__: kind for kind in CONTAINERS}
_COMPOUND = {kind.__name__ for kind in COMPOUND}
_HOOKED = "hooks or a forward of your own run with it"
_Foreign = tuple[str, nn.Module, str]


def describe(model: nn.Module) -> dict[str, Any]:
    """The architecture as JSON values, the same for equal architectures.

    One of torch's own modules, or a (nested) `nn.Sequential` of them, is described whole and can be
    built again by `rebuild`, and so are the blocks of `models.blocks`, wherever they stand: a
    module at its second place is named by the first, and parameters that are one are listed.
    Anything else is described by its class and its printed structure, by what is shared within it,
    and by its first part that `rebuild` cannot build; that tells two architectures apart but cannot
    be built from. So is a module with hooks or a forward pass of its own, and one that was changed
    after it was made in a way that no option of its class says.

    Of a compiled or parallel network what is within is described.

    Raises:
        ValueError: if parameters share a part of their memory, see `ties`.
    """
    model = unwrapped(model)
    foreign = _foreign_part(model)
    if foreign is None:
        tied = _tied(model)
        description = _described(model, "", {}) | ({"tied": tied} if tied else {})
        foreign = _entangled(model, description)
        if foreign is None:
            return description
    name, part, why = foreign
    fault = {"name": name, "class": _class_name(part)} | ({"why": why} if why else {})
    return _printed(model) | ({"foreign": fault} if name or why else {})


def key_form(model: nn.Module) -> dict[str, Any]:
    """The description as keys have it: what could not be built at first is in its printed form.

    So the keys of runs stand that were made before `rebuild` learnt to build a module. A network
    with one of `models.blocks` is none of these.

    Raises:
        ValueError: as `describe`.
    """
    model = unwrapped(model)
    description = describe(model)
    kinds = {type(part) for part in model.modules()}
    always = kinds <= FIRST.keys() | {nn.Sequential} or not kinds.isdisjoint(BLOCKS)
    return description if always and is_rebuildable(description) else _printed(model)


def is_rebuildable(architecture: dict[str, Any]) -> bool:
    """Whether `rebuild` can build what `describe` described."""
    return "class" not in architecture


def rebuild(architecture: dict[str, Any]) -> nn.Module:
    """The module that `describe` described, its weights yet to be loaded or drawn.

    Raises:
        ValueError: if a part of it can be built by its own code alone; it is named.
    """
    if not is_rebuildable(architecture):
        raise ValueError(f"{why_not_rebuildable(architecture)}. {builder_advice(architecture)}")
    # torch draws weights at once: from a generator of its own, not from the caller's.
    with torch.random.fork_rng([]):
        model = _built(architecture, "", {})
    tied = architecture.get("tied", {})
    return tie_(model, {name: Tie.recorded(tie) for name, tie in tied.items()})


def is_hooked(module: nn.Module) -> bool:
    """Whether code of the user's own runs with the module's, as weight normalisation's does."""
    hooks = (
        module._forward_pre_hooks,
        module._forward_hooks,
        module._backward_pre_hooks,
        module._backward_hooks,
    )
    return any(hooks) or "forward" in vars(module)


def _foreign_part(module: nn.Module, path: str = "") -> _Foreign | None:
    """The first part that cannot be built from its options: its dotted name, itself, and why."""
    if is_hooked(module):
        return path, module, _HOOKED
    if type(module) is nn.Sequential or type(module) in CONTAINERS:
        if not _holds_its_own(module):
            return path, module, "it is not as its class makes it"
        parts = (_foreign_part(part, _at(path, name)) for name, part in _places(module))
        return next((part for part in parts if part is not None), None)
    if type(module) in COMPOUND:
        for at, part in module.named_modules(prefix=path):
            if is_hooked(part):
                return at, part, _HOOKED
        changed = "it is not as its class makes it, or has options that cannot be written down"
        return None if read_options(module) is not None else (path, module, changed)
    if is_readable(module):
        return None
    if parametrize.is_parametrized(module):
        return path, module, "a parametrisation computes its weights"
    unsaid = "it has options that cannot be written down" if type(module) in OPTIONS else ""
    return path, module, unsaid


def _entangled(model: nn.Module, description: dict[str, Any]) -> _Foreign | None:
    """A part that others hold parts of, so that a module built like it does not stand for it."""
    compound = [(name, m) for name, m in model.named_modules() if type(m) in COMPOUND]
    if not compound:
        return None
    with torch.device("meta"):
        twin = _built(description, "", {})
    name, part = compound[0]
    return None if same_parts(model, twin) else (name, part, "others hold parts of it")


def _described(module: nn.Module, path: str, seen: dict[int, str]) -> dict[str, Any]:
    if type(module) in COMPOUND:
        return {"type": type(module).__name__, "options": read_options(module)}
    if type(module) is not nn.Sequential and type(module) not in CONTAINERS:
        options = {name: _option(module, name) for name in OPTIONS[type(module)]}
        return {"type": type(module).__name__, "options": options}
    parts: list[dict[str, Any]] = []
    for name, part in _places(module):
        if id(part) in seen:
            parts.append({"name": name, "same_as": seen[id(part)]})
        else:
            seen[id(part)] = _at(path, name)
            parts.append({"name": name} | _described(part, _at(path, name), seen))
    return {"type": type(module).__name__, "parts": parts}


def _built(architecture: dict[str, Any], path: str, built: dict[str, nn.Module]) -> nn.Module:
    if architecture["type"] in _COMPOUND:
        return build(architecture["type"], architecture["options"])
    holding = _HOLDING.get(architecture["type"])
    if architecture["type"] != "Sequential" and holding is None:
        options = {name: _tupled(value) for name, value in architecture["options"].items()}
        return _KINDS[architecture["type"]](**options)
    parts: dict[str, nn.Module] = {}
    for part in architecture["parts"]:
        place = _at(path, part["name"])
        if "same_as" in part:
            built[place] = built[part["same_as"]]
        else:
            built[place] = _built(part, place, built)
        parts[part["name"]] = built[place]
    return nn.Sequential(OrderedDict(parts)) if holding is None else holding(**parts)


def _printed(model: nn.Module) -> dict[str, Any]:
    """Class and printed form, and what that keeps back: what is shared, options it leaves out."""
    description = {"class": _class_name(model), "structure": repr(model)}
    extra = {"shared": _shared(model) | _tied(model), "options": _unprinted(model)}
    return description | {name: value for name, value in extra.items() if value}


def _shared(model: nn.Module) -> dict[str, Any]:
    """The modules that stand at several places: the first place by each other's name.

    Not those without a state, such as a ReLU: two of them compute what one does twice.
    """
    first: dict[int, str] = {}
    found: dict[str, Any] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if id(module) not in first:
            first[id(module)] = name
        elif not _is_stateless(module) and not any(name.startswith(f"{at}.") for at in found):
            found[name] = first[id(module)]
    return found


def _is_stateless(module: nn.Module) -> bool:
    kinds = {type(part) for part in module.modules()} - {nn.Sequential}
    tensors = [*module.parameters(), *module.buffers()]
    return kinds <= OPTIONS.keys() and not tensors and not any(map(is_hooked, module.modules()))


def _tied(model: nn.Module) -> dict[str, Any]:
    return {name: tie.record() for name, tie in ties(model).items()}


def _unprinted(model: nn.Module) -> dict[str, Any]:
    found: dict[str, Any] = {}
    printed: set[str] = set()
    for path, module in model.named_modules():
        for name, default in UNPRINTED.get(type(module), {}).items():
            value = getattr(module, name)
            if value != default:
                found[_at(path, name)] = value
        if isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
            # The layer prints its own dropout, which has the same rate.
            printed |= {_at(path, f"{name}.dropout") for name, _ in _places(module)}
    return {name: value for name, value in found.items() if name not in printed}


def _class_name(module: nn.Module) -> str:
    kind = type(module)
    return f"{kind.__module__}.{kind.__qualname__}"


def _holds_its_own(module: nn.Module) -> bool:
    """Whether a block holds the networks that its class says, and nothing besides."""
    names = CONTAINERS.get(type(module))
    if names is None:
        return True
    own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    return [name for name, _ in _places(module)] == list(names) and not own


def _places(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The parts at all their places: `named_children` leaves out a module's second one."""
    return [(name, part) for name, part in module._modules.items() if part is not None]


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _option(module: nn.Module, name: str) -> object:
    value = getattr(module, name)
    if name == "bias":
        return value is not None
    return list(value) if isinstance(value, tuple) else value


def _tupled(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
