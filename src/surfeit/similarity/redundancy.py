"""How redundant units' outputs are: directions, correlated others, combinations, selectivity.

Outputs are [units, examples], as `output_directions` takes them. A unit whose output never changes
is dead: it has no correlation, and NaN stands in its place, so that it is counted apart and not
taken for one that is like no other.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Generator, Tensor

from surfeit.core import check_finite, full_precision, one_thread, weight_matrix
from surfeit.similarity.outputs import output_directions

_ROWS = 1024  # units whose products with all are held at once
_ROUNDING = 1e-6  # of inner products of float32 directions


def live_units(outputs: Float[Tensor, "units examples"]) -> Bool[Tensor, " units"]:
    """Which units' outputs change, by more than rounding.

    Raises:
        ValueError: as `output_directions`.

    Cost: O(entries).
    """
    return output_directions(outputs).norm(dim=1) > 0


def shuffled(
    outputs: Float[Tensor, "units examples"], generator: Generator
) -> Float[Tensor, "units examples"]:
    """The outputs with the examples of each unit in an order of its own: the null of all here.

    Every unit keeps its values, and knows nothing of the others nor of the labels.

    Cost: that of sorting the entries.
    """
    rows = weight_matrix(outputs)
    drawn = torch.rand(rows.shape, generator=generator, dtype=torch.float64)
    return rows.gather(1, drawn.argsort(dim=1).to(rows.device))


@one_thread()
def correlated_others(
    outputs: Float[Tensor, "units examples"], *, least: float = 0.5
) -> Float[Tensor, " units"]:
    """For each unit, how many others have outputs with `|r| >= least`, r Pearson's correlation.

    Args:
        outputs: one row a unit.
        least: in (0, 1]. Of n examples and u units chance alone passes
            `chance_inner_product(u, n - 1)`: ask for no less.

    Returns:
        float64 [units]; NaN for dead units, which are no other unit's either.

    Raises:
        ValueError: if `least` is out of range, and as `output_directions`.

    Source: Casper et al. 2021 (1912.04783), by its authors' program, in which a dead unit makes
    NaN of its correlations. Cost: O(units² · examples).
    """
    if not 0 < least <= 1:
        raise ValueError(f"least, a size of a correlation, must be in (0, 1], got {least}")
    directions = output_directions(outputs)
    live = directions.norm(dim=1) > 0
    counts = []
    for begin in range(0, len(directions), _ROWS):
        alike = (directions[begin : begin + _ROWS] @ directions.T).abs() >= least - _ROUNDING
        alike.diagonal(begin).fill_(False)  # rounding alone decides whether it is one with itself
        counts.append(alike.sum(dim=1))
    return torch.cat(counts).double().masked_fill(~live, torch.nan)


@one_thread()
def explained_by_others(outputs: Float[Tensor, "units examples"]) -> Float[Tensor, " units"]:
    """For each unit, which share of its variance a linear combination of the others explains.

    `R²_j = 1 − 1 / (C⁻¹)_jj` with C the correlations of the live units, adjusted for its rank u,
    `1 − (1 − R²) (n − 1) / (n − u)`: of independent normal outputs its mean is 0 whatever u and n
    are, also beside copies, where R² itself would be `(u − 1)/(n − 1)`. Units that depend on others
    exactly have 1. Where two units are alike both are explained, though one of them alone can go.

    Args:
        outputs: one row a unit, with more examples n than units that are not dead.

    Returns:
        float64 [units], at most 1, negative where the others explain less than chance would; NaN
        for dead units.

    Raises:
        ValueError: if there are not more examples than live units, and as `output_directions`.

    Source: the adjusted coefficient of determination of least squares.
    Cost: O(units² · examples + units³).
    """
    live = live_units(outputs)
    rows = _centred(outputs)[live]
    units, examples = rows.shape
    if examples <= units:
        raise ValueError(
            f"{units} units that are not dead need more than {units} examples, so that the others "
            f"do not explain each by their number alone, got {examples}"
        )
    found = torch.full((len(live),), torch.nan, dtype=torch.float64, device=rows.device)
    if units:
        left, rank = _unexplained(rows / rows.norm(dim=1, keepdim=True))
        found[live] = 1 - left * (examples - 1) / (examples - rank)
    return found


def _unexplained(directions: Tensor) -> tuple[Tensor, int]:
    """`1 / (C⁻¹)_jj`, 0 for units that take part in what C maps to 0; and the rank of C."""
    values, vectors = torch.linalg.eigh(directions @ directions.T)
    tolerance = len(values) * torch.finfo(values.dtype).eps * values[-1]
    null = values <= tolerance
    weights = vectors.square()
    left = 1 / (weights[:, ~null] / values[~null]).sum(dim=1)
    dependent = weights[:, null].sum(dim=1) > torch.finfo(values.dtype).eps ** 0.5
    return left.masked_fill(dependent, 0.0).clamp(max=1), int((~null).sum())


@one_thread()
def principal_components(outputs: Float[Tensor, "units examples"], *, share: float) -> int:
    """How many principal components of the outputs hold so much of their variance.

    The least k with `Σ_{i<=k} λ_i >= share · Σ λ_i`, λ the eigenvalues of the units' covariance,
    the largest first. Outputs are centred and not scaled: a unit counts by its variance.

    Args:
        outputs: one row a unit.
        share: in (0, 1], such as 0.95.

    Returns:
        a number in [1, units]; 0 where no output changes.

    Raises:
        ValueError: if the share is out of range, and as `output_directions`.

    Source: Casper et al. 2021 (1912.04783), by its authors' program.
    Cost: O(units² · examples + units³).
    """
    if not 0 < share <= 1:
        raise ValueError(f"share, of the variance, must be in (0, 1], got {share}")
    rows = _centred(outputs)[live_units(outputs)]
    if not len(rows):
        return 0
    values = torch.linalg.eigvalsh(rows @ rows.T).flip(0).clamp(min=0)
    held = values.cumsum(0)
    return int((held / held[-1] < share).sum()) + 1


def class_selectivity(
    outputs: Float[Tensor, "units examples"], labels: Int64[Tensor, " examples"]
) -> Float[Tensor, " units"]:
    """How much more each unit answers to its best class than to all others: `(a − b)/(a + b)`.

    a is the mean output over the class where that is largest, b that over all other examples. The
    best of several classes is above the others by chance, too: `shuffled` outputs say how much.

    Args:
        outputs: one row a unit, none below 0, such as those behind a ReLU.
        labels: of the examples, of at least two classes.

    Returns:
        float64 [units] in [0, 1]; NaN where both means are 0: such a unit is dead. It is 0 where
        an output is always the same and not 0.

    Raises:
        ValueError: if an output is negative or not finite, labels are not one an example, or they
            are all of one class.

    Source: Morcos et al. 2018; Casper et al. 2021 (1912.04783), by its authors' program.
    Cost: O(entries).
    """
    rows = full_precision(weight_matrix(outputs).detach(), "outputs").double()
    check_finite(rows, "outputs")
    if bool((rows < 0).any()):
        raise ValueError(
            f"outputs must be at least 0, as those behind a ReLU are, got {float(rows.min()):.4g}: "
            "of negative ones the ratio says nothing"
        )
    if labels.shape != rows.shape[1:] or labels.is_floating_point():
        raise ValueError(
            f"labels must be integers, one for each of the {rows.shape[1]} examples, got "
            f"{labels.dtype} {list(labels.shape)}"
        )
    classes, members = labels.unique(return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"labels must be of two classes at least, got {classes.tolist()} alone")
    sums = rows.new_zeros(len(rows), len(classes)).index_add_(1, members, rows)
    counts = members.bincount()
    means, others = sums / counts, (rows.sum(1, keepdim=True) - sums) / (len(labels) - counts)
    best = means.argmax(dim=1, keepdim=True)
    a, b = means.gather(1, best)[:, 0], others.gather(1, best)[:, 0].clamp(min=0)
    return (a - b) / (a + b)


def _centred(outputs: Tensor) -> Tensor:
    """float64 outputs less their means."""
    rows = weight_matrix(outputs).detach().double()
    return rows - rows.mean(dim=1, keepdim=True)
