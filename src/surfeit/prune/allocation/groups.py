"""N:M masks: at most n of every m consecutive inputs, which some hardware multiplies faster."""

from collections.abc import Mapping
from numbers import Integral

import torch
from torch import Tensor, nn
from torch.nn import functional

from surfeit.models.structure import layers
from surfeit.prune.allocation.candidates import candidates
from surfeit.prune.checks import check_alive
from surfeit.prune.prunable import Mask


def n_of_m_mask(
    scores: Mapping[str, Tensor],
    n: int = 2,
    m: int = 4,
    *,
    mask: Mapping[str, Tensor] | None = None,
    model: nn.Module | None = None,
) -> Mask:
    """Keeps the n largest scores of every m consecutive inputs of each unit.

    Inputs are the columns of a linear layer and the channels of a convolution, apart for each place
    of its kernel: along the second dimension or, in a transposed convolution, along the first,
    group by group. A rest of r < m inputs keeps its `min(n, r)`
    largest, so that no group keeps more than n: a first convolution on one channel stays dense.
    With `mask`, a group of which fewer than n survive keeps them all.

    Args:
        scores: [units, inputs, ...] by parameter name.
        n: how many to keep of each group, in [1, m].
        m: inputs in a group.
        mask: the mask to stay within, of the same names and shapes.
        model: whose parameters they are; says which of its convolutions are transposed.

    Raises:
        ValueError: if n or m is out of range, a parameter has only one dimension, one has more than
            two and there is no model to say which are its inputs, a candidate's
            score is NaN, or scores and mask differ in names or shapes.
        CollapseError: if a parameter would keep none, naming its layer.

    Source: Mishra et al. 2021 (2:4). Cost: O(N log m).
    """
    if not (isinstance(n, Integral) and isinstance(m, Integral) and 1 <= n <= m):
        raise ValueError(
            f"n of m needs whole numbers, 1 <= n <= m, got n = {n!r:.100} and m = {m!r:.100}"
        )
    found = candidates(scores, mask)
    for name, value in scores.items():
        if value.dim() < 2:
            raise ValueError(
                f"n of m needs [units, inputs, ...], but {name!r} is {list(value.shape)}"
            )
    transposed = _transposed(model, scores)
    result = {
        name: _along_rows(scores[name], found[name], n, m, transposed[name])
        if name in transposed
        else _grouped(scores[name], found[name], n, m)
        for name in scores
    }
    check_alive(result)
    return result


def _transposed(model: nn.Module | None, scores: Mapping[str, Tensor]) -> dict[str, int]:
    """The weights of transposed convolutions among the scored ones, with their groups."""
    deep = [name for name, value in scores.items() if value.dim() > 2]
    if model is None:
        if deep:
            raise ValueError(
                f"which dimension of {deep[0]!r} holds inputs depends on its layer, a convolution "
                "or a transposed one: pass the model, n_of_m_mask(scores, model=model)"
            )
        return {}
    every = (part for described in layers(model).values() for part in described.weights)
    return {
        part.tensor: part.groups
        for part in every
        if part.form == "transposed" and part.tensor in scores
    }


def _along_rows(score: Tensor, candidate: Tensor, n: int, m: int, groups: int) -> Tensor:
    """As `_grouped`, along the first dimension, each group of the convolution by itself."""
    parts = zip(score.chunk(groups), candidate.chunk(groups), strict=True)
    kept = [_grouped(s.transpose(0, 1), c.transpose(0, 1), n, m).transpose(0, 1) for s, c in parts]
    return torch.cat(kept).contiguous()


def _grouped(score: Tensor, candidate: Tensor, n: int, m: int) -> Tensor:
    values = score.detach().cpu().movedim(1, -1)
    allowed = candidate.movedim(1, -1)
    inputs = values.shape[-1]
    values = functional.pad(values, (0, -inputs % m)).unflatten(-1, (-1, m))
    allowed = functional.pad(allowed, (0, -inputs % m)).unflatten(-1, (-1, m))
    # Two stable sorts: by score, then candidates first, whatever a pruned weight's score is.
    order = values.argsort(dim=-1, descending=True, stable=True)
    candidates_first = allowed.gather(-1, order).to(torch.uint8)
    order = order.gather(-1, candidates_first.argsort(dim=-1, descending=True, stable=True))
    kept = torch.zeros_like(allowed).scatter_(-1, order[..., :n], True) & allowed
    return kept.flatten(-2)[..., :inputs].movedim(-1, 1).contiguous()
