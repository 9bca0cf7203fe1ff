"""How much the gradient of a mini-batch differs from that of all examples."""

import math
from dataclasses import dataclass

import torch

from surfeit.core import check_size, one_thread
from surfeit.curvature.surface import LossSurface


def batch_share(batch: int, examples: int, *, replacement: bool = False) -> float:
    """The variance of a batch's mean, of that of single examples.

    `1/b` if the b examples are drawn with replacement, `(1/b) (n − b)/(n − 1)` without, for the
    variance over all n, divided by n. Exact for any finite sum; the mean itself is unbiased.

    Args:
        batch: b, at least 1, and at most n where nothing is drawn twice.
        examples: n, at least 1.
        replacement: whether an example may be drawn twice.

    Raises:
        ValueError: if the batch or the number of examples is out of range.

    Source: Cochran 1977, theorem 2.2.
    """
    check_size("examples", examples)
    if not replacement and not 1 <= batch <= examples:
        raise ValueError(f"batch must be in [1, {examples}], the examples, got {batch}")
    check_size("batch", batch)
    if replacement:
        return 1 / batch
    # A batch of all examples, even of the only one, leaves nothing to chance.
    return 0.0 if batch == examples else (examples - batch) / (batch * (examples - 1))


@dataclass(frozen=True, kw_only=True)
class GradientNoise:
    """The mean of the examples' gradients, and how far single ones lie from it.

    Args:
        squared: `‖g‖²`, of the mean gradient.
        variance: `σ² = mean_i ‖g_i − g‖²`, the trace of the examples' covariance.
        examples: n.
    """

    squared: float
    variance: float
    examples: int

    @property
    def scale(self) -> float:
        """The simple noise scale `σ²/‖g‖²`: the batch whose noise is as large as its gradient.

        Infinite where the mean gradient is 0. Well below it a batch twice as large is worth twice
        as many steps, well above it is worth no more.

        Source: McCandlish et al. 2018 (1812.06162), equation 2.9.
        """
        return self.variance / self.squared if self.squared > 0 else math.inf

    def of_batch(self, batch: int, *, replacement: bool = False) -> float:
        """`E ‖g_B − g‖²` over batches of b: σ² times `batch_share`.

        Raises:
            ValueError: as `batch_share`.
        """
        return self.variance * batch_share(batch, self.examples, replacement=replacement)


@one_thread()
def gradient_noise(surface: LossSurface) -> GradientNoise:
    """The noise of the examples' gradients at a network's parameters: exact, no estimate.

    With `g_i` the gradient of example i's loss, `g = (1/n) Σ g_i`,
    `σ² = (1/n) Σ ‖g_i‖² − ‖g‖²`, in float64.

    >>> gradient_noise(LossSurface.of(run.model(), data.train)).scale

    Args:
        surface: of a network whose output for an example does not depend on others.

    Raises:
        ValueError: if the network mixes the examples of a chunk (training mode), or as
            `LossSurface.of`.

    Cost: a forward and a backward pass an example, each alone.
    """
    single = surface.one_by_one()
    n, total, squares = len(surface.split), 0.0, 0.0
    for example in single.chunks():
        _, slope = single.chunk_gradient(example)
        total, squares = total + slope, squares + float(slope.square().sum())
    # The chunks add up to the mean: each has 1/n of its example's gradient.
    squared = float(torch.as_tensor(total).square().sum())
    return GradientNoise(squared=squared, variance=max(0.0, n * squares - squared), examples=n)
