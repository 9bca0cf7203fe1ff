"""The curvature of a loss: products, eigenvalues, trace and density of its Hessian."""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.curvature.ascent import Ascent, ascent, measured_ascent, predicted_change
    from surfeit.curvature.coordinates import Coordinates
    from surfeit.curvature.dense import dense
    from surfeit.curvature.density import Density, spectral_density
    from surfeit.curvature.eigenpairs import Eigenpairs, eigenpairs
    from surfeit.curvature.estimate import Estimate
    from surfeit.curvature.examples import loss_examples
    from surfeit.curvature.krylov import Krylov, Ritz
    from surfeit.curvature.measure import Curvature, curvature
    from surfeit.curvature.noise import GradientNoise, batch_share, gradient_noise
    from surfeit.curvature.nonuniformity import deviation
    from surfeit.curvature.operator import Operator
    from surfeit.curvature.products import gauss_newton, hessian
    from surfeit.curvature.sharpness import BoxSharpness, adaptive, box_sharpness
    from surfeit.curvature.stability import expected_growth, largest_nonuniformity
    from surfeit.curvature.surface import LossSurface, Mode
    from surfeit.curvature.trace import Traces, hutch_plus_plus, hutchinson

__all__ = [
    "Ascent",
    "BoxSharpness",
    "Coordinates",
    "Curvature",
    "Density",
    "Eigenpairs",
    "Estimate",
    "GradientNoise",
    "Krylov",
    "LossSurface",
    "Mode",
    "Operator",
    "Ritz",
    "Traces",
    "adaptive",
    "ascent",
    "batch_share",
    "box_sharpness",
    "curvature",
    "dense",
    "deviation",
    "eigenpairs",
    "expected_growth",
    "gauss_newton",
    "gradient_noise",
    "hessian",
    "hutch_plus_plus",
    "hutchinson",
    "largest_nonuniformity",
    "loss_examples",
    "measured_ascent",
    "predicted_change",
    "spectral_density",
]

lazy_front(__name__)
