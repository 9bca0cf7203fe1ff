"""Which student unit specialises on which teacher unit, and whether its start told."""

from jaxtyping import Bool, Float, Int
from torch import Tensor

from surfeit.teachers.activations import Activation
from surfeit.teachers.overlaps import Overlaps


def matches(overlaps: Overlaps, activation: Activation) -> Float[Tensor, "*of K M"]:
    """How far each student unit is each teacher unit: their cosine, 1 where it is.

    A unit whose outer weight has the other sign counts by minus its cosine where g is odd, since
    `−g(−λ) = g(λ)`, and as 0 where it is not. So does one without any outer weight.
    """
    signs = (overlaps.outputs[..., :, None] * overlaps.teacher_outputs[..., None, :]).sign()
    return overlaps.cosines * (signs if activation.odd else signs.clamp(min=0))


def found_units(
    overlaps: Overlaps, activation: Activation, *, least: float = 0.9
) -> Bool[Tensor, "*of M"]:
    """Whether a student unit matches each teacher unit at least so far.

    Raises:
        ValueError: if `least` is not in (0, 1].
    """
    if not 0 < least <= 1:
        raise ValueError(f"least must be a cosine in (0, 1], got {least}")
    return matches(overlaps, activation).amax(-2) >= least


def specialists(overlaps: Overlaps, activation: Activation) -> Int[Tensor, "*of M"]:
    """For each teacher unit the student unit that carries most of it.

    That of the largest `|v_i| ‖w_i‖` times its match, see `matches`.

    Of several that match a unit alike it is the one that counts most in the output, so that units
    which shrank to nothing are none, however well they match.
    """
    return _carried(overlaps, activation).argmax(-2)


def lucky_units(start: Overlaps, activation: Activation) -> Int[Tensor, "*of M"]:
    """For each teacher unit the student unit that matches it best at the start.

    Source: Tian et al. 2019 (1905.13405), who call these lucky.
    """
    return matches(start, activation).argmax(-2)


def lucky_shares(start: Overlaps, end: Overlaps, activation: Activation) -> Float[Tensor, "*of"]:
    """The share of teacher units whose specialist at the end is the unit that was lucky.

    A teacher unit that nobody carries counts as one without luck. Where starts tell nothing units
    can be exchanged, and the expected share is 1/K at most. Outer weights of both signs tell
    something by themselves: start with equal ones to see what the inner weights tell.
    """
    same = lucky_units(start, activation) == specialists(end, activation)
    return (same & (_carried(end, activation).amax(-2) > 0)).double().mean(-1)


def _carried(overlaps: Overlaps, activation: Activation) -> Tensor:
    lengths = overlaps.outputs.abs() * overlaps.variances.sqrt()
    return matches(overlaps, activation) * lengths[..., None]
