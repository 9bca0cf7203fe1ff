"""The tensors that a network computes with, also where they are made of other parameters."""

from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod

from surfeit.core import unwrapped


def tensor(model: nn.Module, name: str) -> Tensor:
    """The tensor that `model.NAME` is as the network runs, detached; no state is changed.

    A parameter or buffer itself; what a parametrisation, `weight_norm`, `spectral_norm` or
    `torch.nn.utils.prune` computes, as it is computed in evaluation mode.
    """
    path, _, attribute = name.rpartition(".")
    return computed(unwrapped(model).get_submodule(path), attribute).detach()


def is_computed(module: nn.Module, attribute: str) -> bool:
    """Whether a module's tensor is neither a parameter nor a buffer, but made of others."""
    stored = attribute in module._parameters or attribute in module._buffers
    return not stored and has(module, attribute)


def has(module: nn.Module, attribute: str) -> bool:
    """Whether there is such a tensor; a parametrised one is not computed: that may move state."""
    if parametrize.is_parametrized(module, attribute):
        return True
    return getattr(module, attribute, None) is not None


def computed(module: nn.Module, attribute: str) -> Tensor:
    """A module's tensor as it is in evaluation mode; no state is changed."""
    if parametrize.is_parametrized(module, attribute):
        chains = module.parametrizations
        assert isinstance(chains, nn.ModuleDict)
        chain = chains[attribute]
        modes = [(part, part.training) for part in chain.modules()]
        chain.eval()  # spectral normalisation moves its vectors in training mode
        try:
            return getattr(module, attribute)
        finally:
            for part, training in modes:
                part.training = training
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == attribute:
            return hook.apply_mask(module)
        if getattr(hook, "name", None) == attribute and hasattr(hook, "compute_weight"):
            return _hooked(hook, module)
    return getattr(module, attribute)


def _hooked(hook: object, module: nn.Module) -> Tensor:
    """What the older `weight_norm` and `spectral_norm` compute."""
    compute = hook.compute_weight  # pyright: ignore[reportAttributeAccessIssue]
    if hasattr(hook, "n_power_iterations"):
        return compute(module, do_power_iteration=False)
    return compute(module)
