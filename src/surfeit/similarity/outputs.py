"""Units compared by what they answer instead of by what they read."""

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import full_precision, weight_matrix
from surfeit.similarity.frame_potential import normalised

_ROUNDING = 8  # roundings that outputs may differ by and still be the same


def output_directions(outputs: Float[Tensor, "units examples"]) -> Float[Tensor, "units examples"]:
    """Units' outputs less their means, scaled to length 1: inner products are correlations.

    `⟨r_a, r_b⟩ = Σ (a − ā)(b − b̄) / √(Σ (a − ā)² Σ (b − b̄)²)`, Pearson's. Without taking the means
    off, units that know nothing of each other would be alike, since outputs are seldom negative:
    0.61 for `relu(z + 1)`. A unit whose output never changes has no direction: a zero row, which
    `cosine_graph` joins with none.

    >>> cosine_graph(output_directions(outputs), inner_product=0.5)

    Args:
        outputs: one row a unit, over examples and positions.

    Returns:
        float32 [units, examples], rows of length 1 or 0.

    Raises:
        ValueError: if an output is not finite, or they are no rows of floating-point numbers.

    Source: Heitmann 2020, section 3.2. Cost: O(entries).
    """
    rows = full_precision(weight_matrix(outputs).detach(), "outputs")
    if not bool(torch.isfinite(rows).all()):
        raise ValueError("the network's answers are not finite: units cannot be compared by them")
    full = rows.double()
    centred = full - full.mean(dim=1, keepdim=True)
    largest, strays = full.abs().amax(dim=1), centred.abs().amax(dim=1)
    rounding = _ROUNDING * torch.finfo(outputs.dtype).eps * largest
    return normalised(centred.masked_fill((strays <= rounding)[:, None], 0)).float()
