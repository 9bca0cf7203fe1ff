"""How far kept weights travel by the mere choice of large final weights."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from surfeit.prune.anatomy.travel import distances, travel


def further_by_selection(
    before: Float[Tensor, "*shape"],
    after: Float[Tensor, "*shape"],
    mask: Bool[Tensor, "*shape"],
    *,
    generator: torch.Generator,
    draws: int = 20,
) -> float:
    """The null of `travel(...).further` for masks that keep large final weights.

    The moves `after − before` are dealt out anew over the weights, so that how far a weight goes
    has nothing to do with where it began; then as many weights as the mask keeps are kept, those
    of the largest magnitude at the end. They have travelled further than the others all the same:
    large weights have in part become so by moving. What is above this is no effect of the choice.

    Args:
        before, after: a layer's weights at two snapshots.
        mask: bool, True = kept; only the number of its places is used.
        generator: of the draws, on the CPU.
        draws: how many are averaged, at least 1.

    Returns:
        the mean over draws; NaN where all weights are kept or none is.

    Raises:
        ValueError: as `travel`, or if draws is below 1.

    Source: a permutation null of ours. Cost: O(draws N log N).
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    distances(before, after)  # checks both
    start, moves = before.detach().double().cpu(), (after - before).detach().double().cpu()
    count, total = int(mask.sum()), 0.0
    for _ in range(draws):
        dealt = moves.flatten()[torch.randperm(moves.numel(), generator=generator)]
        end = start + dealt.view(start.shape)
        chosen = torch.zeros(start.numel(), dtype=torch.bool)
        chosen[end.abs().flatten().topk(count).indices] = True
        total += travel(start, end, chosen.view(start.shape)).further
    return total / draws
