"""A random network of twice the depth that holds a given one: a mask by construction, no training.

Every weight `w` of the target becomes paths through an intermediate ReLU layer that reads one
input each, `x -> v relu(u x)`, of random `u` and `v`: it has the slope `u v` where `u x > 0` and is
flat elsewhere. With `x = relu(x) - relu(-x)`, one path with `u > 0` and one with `u < 0`, both of
`u v ≈ w`, are together `≈ w x`. The mask keeps the paths that are wanted; no weight is changed.
"""

import copy
from collections import OrderedDict
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from surfeit.models import blank
from surfeit.procedures.supermasks.paths import Choose, nearest_pair


@dataclass(frozen=True, kw_only=True)
class Construction:
    """A random network, the mask that makes it the target's likeness, and how like it is.

    Args:
        network: random weights, nothing pruned: `nn.Sequential` of `NAME_in`, `NAME_relu` and
            `NAME_out` for each linear layer `NAME` of the target, and the target's own ReLUs.
        mask: bool by parameter name, True = kept; weights of all layers, biases of `NAME_in`.
        errors: by the target's layer, [units, inputs + 1]: the largest difference of a path's slope
            and the weight it stands for; the bias in the last column.
    """

    network: nn.Sequential
    mask: dict[str, Bool[Tensor, "..."]]
    errors: dict[str, Float[Tensor, "units inputs+1"]]

    def pruned(self) -> nn.Sequential:
        """A copy of the network whose removed weights are zero."""
        copied = copy.deepcopy(self.network)
        with torch.no_grad():
            for name, kept in self.mask.items():
                copied.get_parameter(name).mul_(kept)
        return copied


def construct(
    target: nn.Sequential,
    *,
    pairs: int,
    generator: torch.Generator,
    choose: Choose = nearest_pair,
    bound: float | None = None,
) -> Construction:
    """Prunes a random network of twice the target's depth until it approximates the target.

    A layer `W` [units, inputs], `b` is stood for by `pairs · (inputs + 1)` intermediate units:
    `pairs` for every input `i` that keep its weight `u_ik` alone, and `pairs` that keep their bias
    `c_k` alone, then random weights `v_jik`. Of the products `u_ik v_jik` with `u_ik > 0` those are
    kept that `choose` takes for `W_ji`; if the inputs may be negative (those of the first layer),
    as many with `u_ik < 0`; of the products `c_k v_jk` with `c_k > 0` those for `b_j`.

    Args:
        target: `Linear` layers with ReLUs between them, as of `mlp`, perhaps a `Flatten` first.
        pairs: intermediate units for each input and for the bias, at least 1.
        generator: draws all weights, uniform in [−bound, bound].
        choose: which pairs stand for a weight: `nearest_pair` or `best_subset`.
        bound: of the random weights, > 0; by default `√(2 max(|W|, |b|))` of each layer, so that
            products reach all of its weights. (ReLU networks are homogeneous: the paper fixes 1
            and bounds the target instead.)

    Returns:
        the network, its mask and the errors of its paths.

    Raises:
        ValueError: if the target is built otherwise, is not finite, or a number is out of range.

    Source: Malach, Yehudai, Shalev-Shwartz and Shamir 2020, section 2. Their proof takes a pair
    near (±1, w), of which 1/ε² are needed; we take any pair of a product near w, of which 1/ε are.
    Cost: O(weights · pairs) in time and memory.
    """
    if pairs < 1:
        raise ValueError(f"pairs must be at least 1, got {pairs}")
    if bound is not None and not 0 < bound < float("inf"):
        raise ValueError(f"bound must be above 0 and finite, got {bound}")
    linear = target_layers(target)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    mask: dict[str, Tensor] = {}
    errors: dict[str, Tensor] = {}
    for name, module in _parts(target):
        if name not in linear:
            parts[name] = type(module)() if isinstance(module, nn.ReLU) else module
            continue
        wanted, signed = _matrix(linear[name]), name == next(iter(linear))
        reach = bound or float((2 * wanted.abs().max()).sqrt()) or 1.0
        inner, outer = _drawn(wanted, pairs, reach, generator)
        kept, errors[name] = _pruned(inner, outer, wanted, choose, signed=signed)
        parts |= {f"{name}_in": inner, f"{name}_relu": nn.ReLU(), f"{name}_out": outer}
        mask |= {f"{name}_{place}": value for place, value in kept.items()}
    return Construction(network=nn.Sequential(parts), mask=mask, errors=errors)


def target_layers(target: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers of a network that can be constructed, by name, in its order.

    Raises:
        ValueError: if it is not `Linear` layers with ReLUs between them, or not finite.
    """
    children = _parts(target) if type(target) is nn.Sequential else []
    body = children[1:] if children and isinstance(children[0][1], nn.Flatten) else children
    kinds = [nn.ReLU if place % 2 else nn.Linear for place in range(len(body))]
    fits = all(type(part) is kind for (_, part), kind in zip(body, kinds, strict=True))
    if not fits or len(body) % 2 == 0:
        raise ValueError(
            "the target must be a Sequential of Linear layers with ReLUs between them, such as "
            f"mlp((20,)), got {type(target).__name__} of "
            f"{', '.join(type(part).__name__ for _, part in children) or 'no layers'}"
        )
    linear = {name: part for name, part in body if isinstance(part, nn.Linear)}
    for name, layer in linear.items():
        if not all(bool(value.isfinite().all()) for value in layer.parameters()):
            raise ValueError(f"the weights of {name} must be finite")
    return linear


def _parts(target: nn.Module) -> list[tuple[str, nn.Module]]:
    """The parts at all their places: `named_children` leaves out a module's second one."""
    return [(name, part) for name, part in target._modules.items() if part is not None]


def _matrix(layer: nn.Linear) -> Float[Tensor, "units inputs+1"]:
    """Weights and, in the last column, biases."""
    weight = layer.weight.detach().cpu()
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach().cpu()
    return torch.cat([weight, bias[:, None]], dim=1)


def _drawn(
    wanted: Tensor, pairs: int, bound: float, generator: torch.Generator
) -> tuple[nn.Linear, nn.Linear]:
    units, inputs = len(wanted), wanted.shape[1] - 1
    hidden = pairs * (inputs + 1)
    inner = blank(nn.Linear, inputs, hidden, dtype=wanted.dtype)
    outer = blank(nn.Linear, hidden, units, dtype=wanted.dtype)
    outer.register_parameter("bias", None)
    for value in (inner.weight, inner.bias, outer.weight):
        nn.init.uniform_(value, -bound, bound, generator=generator)
    return inner, outer


def _pruned(
    inner: nn.Linear, outer: nn.Linear, wanted: Tensor, choose: Choose, *, signed: bool
) -> tuple[dict[str, Tensor], Tensor]:
    """The masks of one layer's two, and the largest error of its paths for each weight."""
    units, inputs = len(wanted), wanted.shape[1] - 1
    rows = torch.arange(inputs).repeat_interleave(len(inner.weight) // (inputs + 1))
    own = inner.weight.detach()[torch.arange(len(rows)), rows].view(inputs, -1)
    first = torch.cat([own, inner.bias.detach()[len(rows) :][None]])  # [inputs + 1, pairs]
    second = outer.weight.detach().view(units, inputs + 1, -1)
    chosen = torch.zeros(second.shape, dtype=torch.bool)
    errors = torch.zeros_like(wanted)
    # A negative bias gives nothing, whatever the inputs: relu(c) = 0.
    columns = {1: inputs + 1, -1: inputs if signed else 0}
    for sign, until in columns.items():
        products = first * second * (sign * first > 0)
        products, goal = products[:, :until], wanted[:, :until]
        kept = choose(products, goal) & (products != 0)
        chosen[:, :until] |= kept
        missed = ((products * kept).sum(-1) - goal).abs()
        errors[:, :until] = torch.maximum(errors[:, :until], missed)
    used = chosen.any(0)
    weight = torch.zeros(inner.weight.shape, dtype=torch.bool)
    weight[torch.arange(len(rows)), rows] = used[:inputs].flatten()
    bias = torch.zeros(len(inner.weight), dtype=torch.bool)
    bias[len(rows) :] = used[inputs]
    return {"in.weight": weight, "in.bias": bias, "out.weight": chosen.view(units, -1)}, errors
