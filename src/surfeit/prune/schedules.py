"""Schedules: which density when, as plain tuples; by level, or by step of one training.

By level (`one_shot`, `iterative`) a schedule is the densities of level 0, 1, ...; level 0 is the
dense network. By step (`cubic`, `at_step`) it is pairs (step, density): prune to that density at
that step of the training.
"""

from itertools import pairwise

from surfeit.prune.checks import check_density

Levels = tuple[float, ...]
Steps = tuple[tuple[int, float], ...]


def one_shot(density: float) -> Levels:
    """Everything at once: `(1, density)`, the dense network and one level.

    Args:
        density: of level 1, in (0, 1].

    Raises:
        ValueError: if the density is outside.
    """
    check_density(density)
    return (1.0, density)


def iterative(rate: float, levels: int) -> Levels:
    """The same fraction of what survives each level: `(1 − rate)^l` for l = 0, ..., levels.

    Args:
        rate: fraction of the survivors removed a level, in (0, 1).
        levels: how many levels beside level 0, at least 1.

    Returns:
        levels + 1 densities, strictly falling from 1; the place is the level.

    Raises:
        ValueError: if the rate or the number of levels is out of range.

    Source: Frankle and Carbin 2019, section 1.
    """
    if not 0 < rate < 1:
        raise ValueError(f"rate must be in (0, 1), the fraction removed a level, got {rate}")
    if levels < 1:
        raise ValueError(f"levels must be at least 1, got {levels}")
    densities = tuple((1 - rate) ** level for level in range(levels + 1))
    if densities[-1] == 0 or densities[1] == 1:
        raise ValueError(f"no densities are left apart at rate {rate} over {levels} levels")
    return densities


def cubic(density: float, *, begin: int, end: int, every: int, initial: float = 1.0) -> Steps:
    """Gradually while training, fast at first: the sparsity `s = 1 − density` follows

    `s_t = s_f + (s_i − s_f) (1 − (t − begin)/(end − begin))³`, `t = begin, begin + every, ..., end`

    with `s_i = 1 − initial` and `s_f = 1 − density`.

    Args:
        density: reached at `end`, exactly; in (0, initial).
        begin: the first step; there the density is `initial`, so nothing goes yet.
        end: the last step.
        every: steps between two prunings; a divisor of `end − begin`.
        initial: the density before, in (0, 1].

    Returns:
        pairs (step, density), steps rising, densities strictly falling.

    Raises:
        ValueError: if a density is out of range, `begin` is not before `end`, `every` does not
            divide the steps between, or steps lie so close that no density changes.

    Source: Zhu and Gupta 2017, equation 1.
    """
    _check_step(begin)
    if not 0 < initial <= 1:
        raise ValueError(f"initial must be a density in (0, 1], got {initial}")
    if not 0 < density < initial:
        raise ValueError(f"density must be in (0, {initial:g}), below the initial, got {density}")
    if end <= begin:
        raise ValueError(f"end must be behind begin, got {begin} to {end}")
    if every < 1 or (end - begin) % every:
        raise ValueError(
            f"every must divide the {end - begin:,} steps from {begin} to {end}, got {every}"
        )
    left = [(step, 1 - (step - begin) / (end - begin)) for step in range(begin, end, every)]
    pairs = (
        *((step, density + (initial - density) * part**3) for step, part in left),
        (end, density),
    )
    if any(later >= earlier for (_, earlier), (_, later) in pairwise(pairs)):
        raise ValueError(f"{len(pairs):,} prunings are too many to tell apart: raise every")
    return pairs


def at_step(step: int, density: float) -> Steps:
    """Once, at a given step of the training: `((step, density),)`.

    Args:
        step: number of optimiser updates before, at least 0 (before the first).
        density: from then on, in (0, 1].

    Raises:
        ValueError: if the step or the density is out of range.
    """
    _check_step(step)
    check_density(density)
    return ((step, density),)


def _check_step(step: int) -> None:
    if step < 0:
        raise ValueError(f"a step must be at least 0, got {step}")
