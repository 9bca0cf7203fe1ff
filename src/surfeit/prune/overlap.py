"""How much two masks share, against what two independent masks would."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from surfeit.prune.checks import check_alike


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What masks a and b share in one parameter, or in all together.

    Args:
        both: how many weights both keep.
        first: how many a keeps.
        second: how many b keeps.
        total: how many there are.
        expected: how many both would keep by chance: `first second / total`, summed over the
            parameters.
        deviation: the standard deviation of that number by chance, in weights.
        p_value: two-sided, in [0, 1]: the chance of an overlap as far from `expected`, or farther.
    """

    both: int
    first: int
    second: int
    total: int
    expected: float
    deviation: float
    p_value: float

    @property
    def share(self) -> float:
        """The share of a's weights that b keeps too, in [0, 1]; NaN if a keeps none."""
        return self.both / self.first if self.first else math.nan

    @property
    def expected_share(self) -> float:
        """That share by chance, in [0, 1]; NaN if a keeps none."""
        return self.expected / self.first if self.first else math.nan

    @property
    def z(self) -> float:
        """`(both − expected) / deviation`: above 0, more than by chance; 0 where nothing varies."""
        return (self.both - self.expected) / self.deviation if self.deviation > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class Overlaps:
    """The overlap of two masks by parameter, and overall."""

    parameters: Mapping[str, Overlap]
    overall: Overlap


def overlap(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Overlaps:
    """How much masks `a` and `b` share against chance.

    The null: within each parameter b's kept weights lie anywhere with equal chance, independently
    of a's, at b's own density there. Then the number in both is hypergeometric, with mean
    `K n / N` and variance `n K/N (1 − K/N) (N − n)/(N − 1)` for K and n kept of N. So an agreement
    in how dense the layers are does not count as overlap. The p-value of one parameter is twice
    the smaller tail of that law, exactly; overall it is the normal law's, with the summed means and
    variances and a continuity correction.

    Args:
        a: bool by parameter name, True = kept.
        b: the same names and shapes.

    Returns:
        the overlaps; all that is asymmetric in them (`share`) is of a's weights.

    Raises:
        ValueError: if names or shapes differ, or there is no parameter.

    Cost: a pass over the masks.
    """
    check_alike(a, b)
    if not a:
        raise ValueError("two masks without parameters have no overlap: pass masks of a model")
    parameters = {name: _of_parameter(a[name].cpu(), b[name].cpu()) for name in a}
    parts = list(parameters.values())
    if len(parts) == 1:
        return Overlaps(parameters=parameters, overall=parts[0])
    both, expected = sum(part.both for part in parts), sum(part.expected for part in parts)
    deviation = math.sqrt(sum(part.deviation**2 for part in parts))
    overall = Overlap(
        both=both,
        first=sum(part.first for part in parts),
        second=sum(part.second for part in parts),
        total=sum(part.total for part in parts),
        expected=expected,
        deviation=deviation,
        p_value=_normal(both - expected, deviation),
    )
    return Overlaps(parameters=parameters, overall=overall)


def _of_parameter(a: Tensor, b: Tensor) -> Overlap:
    from scipy.stats import hypergeom  # half a second of every start that asks for no overlap

    both, first, second, total = int((a & b).sum()), int(a.sum()), int(b.sum()), a.numel()
    expected = first * second / total if total else 0.0
    chance = second / total if total else 0.0
    variance = first * chance * (1 - chance) * (total - first) / max(total - 1, 1)
    deviation = math.sqrt(max(variance, 0.0))
    p_value = 1.0
    if deviation > 0:
        law = hypergeom(total, second, first)
        p_value = min(1.0, 2 * min(float(law.cdf(both)), float(law.sf(both - 1))))
    return Overlap(
        both=both,
        first=first,
        second=second,
        total=total,
        expected=expected,
        deviation=deviation,
        p_value=p_value,
    )


def _normal(difference: float, deviation: float) -> float:
    """Two-sided, corrected by half a weight since counts are whole."""
    if deviation == 0:
        return 1.0
    return math.erfc(max(abs(difference) - 0.5, 0.0) / deviation / math.sqrt(2))
