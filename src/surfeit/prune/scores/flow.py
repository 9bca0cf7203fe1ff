"""SynFlow: how much of the flow through a network passes each weight, without data."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules import activation
from torch.nn.modules.batchnorm import _BatchNorm

from surfeit.core import Params, call, converted_, copied
from surfeit.prune.allocation import Allocation, global_mask
from surfeit.prune.evidence import Evidence

# Elementwise and, on the non-negative numbers that flow here, the identity or replaced by it.
_ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, activation.SELU),
    *(nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Softplus, nn.Softsign),
    *(nn.Threshold, nn.Tanhshrink, nn.Hardshrink, nn.Softshrink, nn.Hardtanh, nn.Hardswish),
    nn.Hardsigmoid,
)


def synflow(evidence: Evidence) -> Params:
    """`|∂R/∂w w|`, with `R = 1ᵀ(∏_l |W_l|) 1` the flow through the linearised network.

    Linearised: every parameter's absolute value, elementwise activation modules replaced by the
    identity, biases and running means at zero, running variances as they are, an input of ones;
    all in float64. In a chain of layers the scores of each layer add up to R: what is removed from
    a small layer costs as much as what is removed from a large one. One pass; its masks may empty a
    layer at low densities, which `synflow_mask` avoids.

    Returns:
        float64 scores shaped like the weights, >= 0; 0 for removed weights.

    Raises:
        ValueError: if the evidence has no split (only an example's shape is read), R is not finite,
            or the network stays nonlinear (normalisation other than BatchNorm with
            running statistics, or saturating activations that are no modules).

    Source: Tanaka, Kunin, Yamins and Ganguli 2020, sections 4 and 5; biases and running means are
    at zero here, as for new networks, so that the layers' sums are equal for trained ones too.
    Cost: one gradient for one example.
    """
    return _flow_of(evidence)(evidence.kept)


def synflow_mask(
    evidence: Evidence, density: float, *, allocate: Allocation = global_mask, rounds: int = 100
) -> dict[str, Tensor]:
    """SynFlow's mask, scored anew after each of many small removals.

    Round k keeps the fraction `d_0 (density / d_0)^(k / rounds)` of the weights, with d_0 the
    density of the evidence's mask (1 without), and scores the weights that are left. A layer's last
    weights carry all of the flow, so that they score higher than any others and no layer is
    emptied while another has weights to give.

    >>> synflow_mask(Evidence(model, split=dataset.train), 0.01)

    Args:
        evidence: with a split, of which only an example's shape is read.
        density: fraction of all prunable weights to keep, in (0, d_0].
        allocate: makes a round's mask, nested in the last one.
        rounds: at least 1; 1 is one-shot.

    Returns:
        bool tensors by parameter name, True = kept, as `allocate` returns them.

    Raises:
        ValueError: if density or rounds are out of range, or as `synflow` does.
        CollapseError: if a layer would be left without weights all the same.

    Source: Tanaka et al. 2020, algorithm 1. Cost: `rounds` gradients for one example.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}")
    mask = {name: kept.cpu() for name, kept in evidence.kept.items()}
    start = sum(int(kept.sum()) for kept in mask.values()) / sum(m.numel() for m in mask.values())
    if not 0 < density <= start:
        raise ValueError(
            f"density must be in (0, {start:.6g}], the density of what is left, got {density}"
        )
    flow = _flow_of(evidence)
    for round_ in range(1, rounds + 1):
        share = round_ / rounds
        # The last is given exactly: powers round.
        now = density if round_ == rounds else start * (density / start) ** share
        mask = allocate(flow(mask), now, mask=mask)
    return mask


def _flow_of(evidence: Evidence) -> Callable[[Params], Params]:
    """The scores as a function of the mask, with the network linearised once."""
    example = evidence.examples.inputs[:1]
    if not example.is_floating_point():
        raise ValueError(
            "synflow sends ones through the network, which needs real inputs, not tokens of "
            f"{example.dtype}: choose another score, such as snip"
        )
    network = _linearised(evidence.network)
    own = dict(network.named_parameters())
    ones = torch.ones_like(example, dtype=torch.float64, device=next(iter(own.values())).device)
    _check_linear(network, ones)

    def flow(mask: Params) -> Params:
        weights = {name: own[name] * mask[name].to(own[name].device) for name in evidence.names}
        leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
        with torch.enable_grad():
            total = call(network, leaves, ones).sum()
            grads = torch.autograd.grad(total, list(leaves.values()), materialize_grads=True)
        return {name: g * weights[name] for name, g in zip(leaves, grads, strict=True)}

    return flow


def _linearised(network: nn.Module) -> nn.Module:
    own = converted_(copied(network), torch.float64)
    for module in list(own.modules()):
        for name, child in module._modules.items():  # named_children leaves repeated modules out
            if isinstance(child, _ACTIVATIONS):
                module._modules[name] = nn.Identity()
    with torch.no_grad():
        for module in own.modules():
            if isinstance(module, _BatchNorm) and module.running_mean is not None:
                module.running_mean.zero_()
        for name, value in own.named_parameters():
            is_bias = "bias" in name.rpartition(".")[2]
            value.copy_(torch.zeros_like(value) if is_bias else value.abs())
    return own


@torch.no_grad()
def _check_linear(network: nn.Module, ones: Tensor) -> None:
    # Not an even input: normalisation would turn it into zeros, which are linear.
    ramp = torch.linspace(1, 2, ones.numel()).to(ones).view_as(ones)
    flow, once, twice = network(ones).sum(), network(ramp), network(2 * ramp)
    if not all(bool(value.isfinite().all()) for value in (flow, once, twice)):
        raise ValueError(
            f"synflow's flow through the network is {float(flow)}: its absolute weights multiply "
            "to more than float64 holds"
        )
    if bool((twice - 2 * once).abs().amax() > 1e-9 * twice.abs().amax()):
        raise ValueError(
            "synflow needs a network that is linear once its weights are positive, but twice the "
            "input did not give twice the output. BatchNorm, pools and activation modules are "
            "supported; other normalisation and functional activations but relu are not"
        )
