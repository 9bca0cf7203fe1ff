"""Networks within what PyTorch wraps around them, and the names that they have there."""

from collections.abc import Collection, Mapping

from torch import Tensor, nn

_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)
_PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and DistributedDataParallel; of compile


def unwrapped(model: nn.Module) -> nn.Module:
    """The network within `torch.compile`'s, `DataParallel`'s and `DistributedDataParallel`'s.

    Its parameters are the wrapper's own, under their plain names: `fc1.weight` in place of
    `module.fc1.weight` or `_orig_mod.fc1.weight`.

    Raises:
        ValueError: if it is no module, or a class in place of its object.
    """
    while True:
        if type(model).__name__ == "OptimizedModule":
            inner = model._orig_mod
        elif isinstance(model, _PARALLEL):
            inner = model.module
        else:
            check_module(model)
            return model
        assert isinstance(inner, nn.Module)
        model = inner


def check_module(model: object) -> None:
    """Says what to do where something else is given for a network.

    Raises:
        ValueError: if it is no module, or a class in place of its object.
    """
    if isinstance(model, nn.Module):
        return
    if isinstance(model, type) and issubclass(model, nn.Module):
        name = model.__name__
        raise ValueError(f"model must be a network, got the class {name}: pass {name}(...)")
    if isinstance(model, Mapping):
        raise ValueError(
            f"model must be a network, an nn.Module, got a {type(model).__name__}: build the "
            "network and load the weights into it, model.load_state_dict(...)"
        )
    raise ValueError(f"model must be a network, an nn.Module, got {model!r}")


def without_prefixes(tensors: Mapping[str, Tensor], names: Collection[str]) -> Mapping[str, Tensor]:
    """Tensors by the names of a network, where wrappers put a prefix before each of them.

    Args:
        tensors: by name, as `state_dict` of a wrapped network has them.
        names: the network's own.

    Returns:
        the tensors by the network's names; as they were given where these are no such names, also
        without prefixes.
    """
    plain = tensors
    while plain and not plain.keys() <= set(names):
        prefix = next((p for p in _PREFIXES if all(name.startswith(p) for name in plain)), None)
        if prefix is None:
            return tensors
        plain = {name.removeprefix(prefix): value for name, value in plain.items()}
    return plain
