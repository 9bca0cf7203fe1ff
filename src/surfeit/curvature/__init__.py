"""The curvature of a loss: products, eigenvalues, trace and density of its Hessian."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.curvature.coordinates import Coordinates
    from surfeit.curvature.dense import dense
    from surfeit.curvature.operator import Operator
    from surfeit.curvature.products import gauss_newton, hessian
    from surfeit.curvature.surface import LossSurface, Mode

__all__ = ["Coordinates", "LossSurface", "Mode", "Operator", "dense", "gauss_newton", "hessian"]

lazy_front(__name__)
