"""How sharp a minimum is: the loss in a box around it, and curvature that scaling leaves alone."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize

from surfeit.core import check_positive, check_size, one_thread
from surfeit.curvature.operator import Operator
from surfeit.curvature.surface import LossSurface


@dataclass(frozen=True, kw_only=True)
class BoxSharpness:
    """The largest loss that was found in a box around a network's weights.

    Args:
        value: `φ`, in percent.
        maximum: the largest loss found; a lower bound of that in the box.
        loss: that of the network itself.
        iterations: of the optimiser, over all starts.
        evaluations: of the loss and its gradient.
        stopped: how many of the starts ended at the bound on iterations, not at a maximum.
    """

    value: float
    maximum: float
    loss: float
    iterations: int
    evaluations: int
    stopped: int


def adaptive(surface: LossSurface, operator: Operator) -> Operator:
    """`D A D` with `D = diag |θ|`: curvature by relative changes of the parameters.

    A rescaling `θ -> T θ` (T diagonal) that leaves the function alone, as of a layer of ReLUs and
    the next one by inverse factors, makes `A` of the loss `T⁻¹ A T⁻¹` and `D` `|T| D`: eigenvalues
    of D A D stay as they are, where those of A change at will (Dinh et al. 2017).

    >>> eigenpairs(adaptive(surface, hessian(surface)), largest=1, generator=generator)

    Args:
        surface: whose parameters θ are.
        operator: `hessian(surface)` or `gauss_newton(surface)`.

    Raises:
        ValueError: if the operator is of another size.

    Source: Kwon et al. 2021 (adaptive sharpness by elements); its second-order form. Cost: a
    product of the operator.
    """
    if operator.size != surface.size:
        raise ValueError(
            f"the operator must be of the surface's {surface.size:,} parameters, got "
            f"{operator.size:,}"
        )
    scale = surface.coordinates.flat(surface.coordinates.point).abs()
    return Operator(
        size=operator.size,
        product=lambda rows: operator.times(rows * scale) * scale,
        dtype=operator.dtype,
        device=operator.device,
    )


@one_thread()
def box_sharpness(
    surface: LossSurface,
    *,
    box: float = 1e-3,
    iterations: int = 10,
    starts: int = 2,
    generator: torch.Generator,
) -> BoxSharpness:
    """Keskar's sharpness: how much larger the loss can be in a small box around the weights.

    `φ = 100 (max_{|d_i| ≤ box (|θ_i| + 1)} L(θ + d) − L(θ)) / (1 + L(θ))`, the maximum by L-BFGS-B
    in the full space, from θ itself and from random points of the box: at a minimum the gradient
    says nothing of the way. It is a lower bound that depends on the optimiser: the paper stops
    after 10 iterations, too. Not invariant under a rescaling of layers: report it beside
    `eigenpairs` of `adaptive`.

    Args:
        surface: the loss.
        box: the relative half side, above 0.
        iterations: of each start, at most.
        starts: at least 1; the first is θ.
        generator: a CPU generator, for the other starts.

    Raises:
        ValueError: if an argument is out of range, or the loss is not finite in the box.

    Source: Keskar et al. 2017, metric 2.1 with A = I. Cost: some 1.3 gradients an iteration and
    start; 20 vectors of memory in float64.
    """
    check_positive("box", box)
    check_size("iterations", iterations)
    check_size("starts", starts)
    own = surface.coordinates.flat(surface.coordinates.point).double().cpu().numpy()
    reach = box * (np.abs(own) + 1)
    loss, best = surface.loss, surface.loss
    spent = evaluations = stopped = 0
    for place in range(starts):
        begin = own if place == 0 else own + reach * _within(len(own), generator)
        ended = _climb(surface, begin, (own - reach, own + reach), iterations)
        best = max(best, -float(ended.fun))
        spent, evaluations = spent + int(ended.nit), evaluations + int(ended.nfev)
        stopped += int(ended.nit) >= iterations
    return BoxSharpness(
        value=100 * (best - loss) / (1 + loss),
        maximum=best,
        loss=loss,
        iterations=spent,
        evaluations=evaluations,
        stopped=stopped,
    )


def _within(size: int, generator: torch.Generator) -> np.ndarray:
    """Uniform in [−1, 1]."""
    return (2 * torch.rand(size, generator=generator, dtype=torch.float64) - 1).numpy()


def _climb(
    surface: LossSurface,
    begin: np.ndarray,
    box: tuple[np.ndarray, np.ndarray],
    iterations: int,
) -> Any:
    like = surface.coordinates.like

    def descend(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = surface.loss_and_gradient(torch.from_numpy(point.copy()).to(like))
        if not (math.isfinite(value) and bool(torch.isfinite(slope).all())):
            raise ValueError(
                f"the loss must be finite in the box, got {value} in it: take a smaller box"
            )
        return -value, -slope.cpu().numpy()

    solve: Any = minimize  # its type takes no array of bounds
    bounds, most = np.stack(box, axis=1), {"maxiter": iterations}
    return solve(descend, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=most)
