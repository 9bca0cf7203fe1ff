"""Stochastic gradient descent (SGD) on least squares: its exact expectation, and its runs.

The loss is `L(w) = (1/2n) Σ (⟨w, x_i⟩ − y_i)²`. Each step draws a batch B of m examples with
replacement: `w ← w − (η/m) Σ_B x_i (⟨w, x_i⟩ − y_i)`, at one rate η for all steps or at a rate for
each. Below, w* is the least-norm solution, `r_i = y_i − ⟨w*, x_i⟩` what it leaves of the targets,
`H = (1/n) Σ x_i x_iᵀ` with eigenvalues `λ_1 ≥ ... ≥ λ_k > 0`, and β the largest `‖x_i‖²`. Where all
r are 0 the model interpolates. The batch None is gradient descent on all examples, the limit of a
large batch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.optimize import root_scalar
from torch import Generator, Tensor

from surfeit.core import one_thread
from surfeit.least_squares.checks import check_numbers, check_positive, check_size
from surfeit.least_squares.free_memory import check_memory, free_memory

_EPS = torch.finfo(torch.float64).eps
_AT_ONCE = 2**17
"""Errors, and examples that are drawn, of as many steps as are computed together: a megabyte."""


@one_thread()
def expected_losses(
    inputs: Float[Tensor, "examples features"],
    targets: Float[Tensor, " examples"],
    start: Float[Tensor, " features"],
    *,
    rate: float | Sequence[float],
    batch: int | None,
    steps: int,
) -> Float[Tensor, " losses"]:
    """The expectation of `L(w_t) − L(w*)` over batches, at each step t from 0 on: exact.

    With `Δ = w − w*`, `μ = E Δ` and `M = E Δ Δᵀ` it is `½ tr(H M)`, and a step makes of them

        μ' = (I − ηH) μ
        M' = (I − ηH) M (I − ηH)
             + (η²/m) ((1/n) Σ x_i x_iᵀ (x_iᵀ M x_i − 2 r_i x_iᵀ μ + r_i²) − H M H)

    Where nothing is left of the targets, each step multiplies; else the r_i² keep a floor,
    `noise_floor`. Far on the expectation is that of rare runs, and the typical one lies below it.

    >>> expected_losses(inputs, targets, torch.zeros(20), rate=0.5, batch=4, steps=100)

    Args:
        inputs: x, one row an example.
        targets: y.
        start: w_0.
        rate: η, above 0: one for all steps, or one for each, as of Robbins and Monro.
        batch: m, drawn with replacement; None for gradient descent.
        steps: at least 0.

    Returns:
        float64 [steps + 1]; infinite from where it overflows, if SGD diverges.

    Raises:
        ValueError: if shapes do not match, an entry is not real and finite, a rate is not above 0,
            there are not as many as steps, or batch or steps are no whole numbers in their range.

    Cost: O(n k²) a step, with k the rank: 0.1 ms at n = k = 60.
    """
    system = _system(inputs, targets)
    rates = _rates(rate, batch, steps)
    check_numbers("the start", start, (inputs.shape[1],))
    values, examples, left = system.values, system.examples, system.left
    mean = system.basis @ (start.detach().cpu().double() - system.solution)
    moment, share, squared = torch.outer(mean, mean), _per_batch(batch), left**2
    curved, scaled = torch.outer(values, values), examples.T / len(examples)
    variances = values.new_empty(steps + 1, len(values))
    variances[0] = moment.diagonal()
    for step, now in enumerate(rates, 1):
        errors = ((examples @ moment) * examples).sum(1) - 2 * left * (examples @ mean) + squared
        shrinks, noise = 1 - now * values, now**2 * share
        both = torch.outer(shrinks, shrinks) - noise * curved
        moment.mul_(both).addmm_(scaled * errors, examples, alpha=noise)
        mean = shrinks * mean
        variances[step] = moment.diagonal()
    return _overflown(variances @ values / 2)


@one_thread()
def noise_floor(
    inputs: Float[Tensor, "examples features"],
    targets: Float[Tensor, " examples"],
    *,
    rate: float,
    batch: int | None,
    memory: int | None = None,
) -> float:
    """Where `expected_losses` ends: the excess loss at which SGD with a fixed rate stops.

    At the fixed point μ = 0, and in the eigenvectors of H, where example i is z_i,
    `M_ab = D_ab Σ_i z_ia z_ib (s_i + r_i²)` with `s_i = x_iᵀ M x_i` and
    `D_ab = (η/mn) / (λ_a + λ_b − η (1 − 1/m) λ_a λ_b)`. So `s = K (s + r²)`, n equations with
    `K_ij = Σ_ab D_ab z_ia z_ib z_ja z_jb`, and the floor is `Σ s_i / 2n`. SGD converges in mean
    square if all `D_ab > 0` and no eigenvalue of K reaches 1. For small rates the floor is
    `(η/4m) (1/n) Σ ‖x_i‖² r_i²`.

    Args:
        inputs, targets, rate, batch: as of `expected_losses`.
        memory: bytes that may be taken; what is free by default.

    Returns:
        0 where the model interpolates, to rounding.

    Raises:
        ValueError: as `expected_losses`; if at this rate the mean square diverges, with the rate
            from which it does; if memory does not hold it.

    Cost: O(n p min(n, p)) with `p = k (k + 1) / 2`, and 32 n p bytes.
    """
    system = _system(inputs, targets)
    check_positive("rate", rate)
    _check_batch(batch)
    rank = len(system.values)
    check_memory(
        f"pairs of {rank} features",
        lambda count: 16 * count * rank * (rank + 1),
        len(system.examples),
        free_memory() if memory is None else memory,
    )
    if rank == 0:
        return 0.0
    if rate >= _pole(system, batch):
        raise _diverges(system, rate, batch)
    vectors, values, _ = torch.linalg.svd(_pairs(system, rate, batch), full_matrices=False)
    if float(values[0]) >= 1:
        raise _diverges(system, rate, batch)
    shares = values**2 / (1 - values**2)
    return float(vectors.sum(0) * shares @ (vectors.T @ system.left**2)) / (2 * len(vectors))


@one_thread()
def simulated_losses(
    inputs: Float[Tensor, "examples features"],
    targets: Float[Tensor, " examples"],
    start: Float[Tensor, " features"],
    *,
    rate: float | Sequence[float],
    batch: int | None,
    steps: int,
    runs: int,
    generator: Generator,
) -> Float[Tensor, "runs losses"]:
    """`L(w_t) − L(w*)` of many runs of SGD at once, each with batches of its own.

    The excess is `‖X w − X w*‖² / 2n`: no difference of losses, which rounding would leave noise.

    Args:
        inputs, targets, start, rate, batch, steps: as of `expected_losses`.
        runs: how many, at least 1.
        generator: of the batches, such as `Streams(seed).get("batches")`.

    Returns:
        float64 [runs, steps + 1]; infinite from where a run overflows.

    Raises:
        ValueError: as `expected_losses`, or if there is no run.

    Cost: O(runs n N) a step, for the loss of every step is that of all examples: 0.2 ms for 50 runs
    at n = 60, N = 240.
    """
    system = _system(inputs, targets)
    rates = _rates(rate, batch, steps)
    check_size("runs", runs)
    check_numbers("the start", start, (inputs.shape[1],))
    given, wanted, begin = (one.detach().cpu().double() for one in (inputs, targets, start))
    weights, count = begin.repeat(runs, 1), len(given)
    losses = given.new_empty(steps + 1, runs)
    # Many steps at once but for the two products: of small matrices all else is overhead.
    at_once = max(1, _AT_ONCE // (runs * max(count, batch or 0)))
    for some in torch.arange(steps + 1).split(at_once):
        shares = _shares(len(some), runs, count, batch, generator)
        errors = torch.empty_like(shares)
        for step, share, error in zip(some.tolist(), shares, errors, strict=True):
            torch.addmm(-wanted, weights, given.T, out=error)
            if step < steps:
                weights.addmm_(share * error, given, alpha=-rates[step])
        losses[some] = (errors + system.left).square().sum(2) / (2 * count)
    return _overflown(losses.T.contiguous())


@one_thread()
def best_rate(inputs: Float[Tensor, "examples features"], batch: int | None) -> float:
    """The rate `η*(m) = m / (β + (m − 1) λ_1)`, best by the bound; `1/λ_1` of gradient descent.

    Where the model interpolates, `E ‖w_t − w*‖²` falls at this rate at least by
    `1 − m λ_k / (β + (m − 1) λ_1)` a step, for w_0 in the span of the inputs.

    Raises:
        ValueError: if the inputs are no matrix, not real and finite, or all 0, for which no rate is
            better than another; if the batch is no whole number of at least 1.

    Source: Ma, Bassily and Belkin 2018 (1712.06559).

    Cost: O(n N min(n, N)), of singular values.
    """
    _check_batch(batch)
    longest, largest = _scales(inputs)
    return 1 / largest if batch is None else batch / (longest + (batch - 1) * largest)


@one_thread()
def critical_batch(inputs: Float[Tensor, "examples features"]) -> float:
    """The batch `m* = β/λ_1 + 1`, no whole number, from which larger ones are worth little.

    By the bound at `best_rate` a step of m examples is worth at least m/2 steps of one up to it.

    Returns:
        from 2, where all examples are one, to n + 1, where they are orthogonal and equally long.

    Raises, source and cost: as `best_rate`.
    """
    longest, largest = _scales(inputs)
    return longest / largest + 1


@dataclass(frozen=True)
class _System:
    """Least squares in the eigenvectors of H.

    Args:
        values: λ, [k].
        basis: the eigenvectors, [k, N].
        examples: z, the inputs in them, [n, k].
        solution: w*, [N].
        left: r, [n]; exactly 0 where rounding alone is left.
    """

    values: Tensor
    basis: Tensor
    examples: Tensor
    solution: Tensor
    left: Tensor


def _system(inputs: Tensor, targets: Tensor) -> _System:
    check_numbers("the inputs", inputs, (None, None))
    check_numbers("the targets", targets, (len(inputs),))
    given, wanted = inputs.detach().cpu().double(), targets.detach().cpu().double()
    left, sizes, right = torch.linalg.svd(given, full_matrices=False)
    kept = sizes > sizes[0] * max(given.shape) * _EPS
    left, sizes, right = left[:, kept], sizes[kept], right[kept]
    seen = left.T @ wanted
    residual = wanted - left @ seen
    if bool(residual.norm() <= 10 * max(given.shape) * _EPS * wanted.norm()):
        residual = torch.zeros_like(wanted)
    solution = right.T @ (seen / sizes)
    return _System(sizes**2 / len(given), right, left * sizes, solution, residual)


def _pairs(system: _System, rate: float, batch: int | None) -> Tensor:
    """`√D_ab z_ia z_ib` for a ≤ b, [n, k (k + 1) / 2], whose product with itself is K."""
    values, examples = system.values, system.examples
    first, second = torch.triu_indices(len(values), len(values))
    noise, one, other = _per_batch(batch), values[first], values[second]
    weights = rate * noise / len(examples) / (one + other - rate * (1 - noise) * one * other)
    weights = torch.where(first == second, weights, 2 * weights)
    return examples[:, first] * examples[:, second] * weights.sqrt()


def _shares(
    steps: int, runs: int, examples: int, batch: int | None, generator: Generator
) -> Tensor:
    """What each example is of each batch, [steps, runs, examples]."""
    if batch is None:
        return torch.full((steps, runs, examples), 1 / examples, dtype=torch.float64)
    drawn = torch.randint(examples, (steps, runs, batch), generator=generator)
    each = torch.full(drawn.shape, 1 / batch, dtype=torch.float64)
    return torch.zeros(steps, runs, examples, dtype=torch.float64).scatter_add_(2, drawn, each)


def _overflown(losses: Tensor) -> Tensor:
    """What overflowed is infinite: a difference of two such numbers, or 0 times one, is NaN."""
    return losses.nan_to_num(nan=math.inf, posinf=math.inf, neginf=math.inf)


def _pole(system: _System, batch: int | None) -> float:
    """The rate at which D_11 is infinite: gradient descent diverges there, and any SGD before."""
    noise = _per_batch(batch)
    return math.inf if noise == 1 else 2 / (float(system.values[0]) * (1 - noise))


def _diverges(system: _System, rate: float, batch: int | None) -> ValueError:
    """The error, with the rate from which the mean square diverges: where K has the norm 1."""

    def log_norm(at: float) -> float:
        return 2 * math.log(float(torch.linalg.matrix_norm(_pairs(system, at, batch), 2)))

    # K grows with the rate: in proportion with single examples, else to infinity at the pole.
    high = min(rate, _pole(system, batch) * (1 - 1e-9))
    largest = high
    if batch is not None and log_norm(high) > 0:
        largest = float(root_scalar(log_norm, bracket=(high * 1e-9, high)).root)
    size = "all examples" if batch is None else f"batches of {batch:,}"
    return ValueError(
        f"rate must be below {largest:.6g}, from where on SGD with {size} diverges in mean square "
        f"on these inputs and has no floor, got {rate}: `best_rate` is one that converges"
    )


def _scales(inputs: Tensor) -> tuple[float, float]:
    """β and λ_1."""
    check_numbers("the inputs", inputs, (None, None))
    given = inputs.detach().cpu().double()
    largest = float(torch.linalg.matrix_norm(given, 2)) ** 2 / len(given)
    if largest == 0:
        raise ValueError("the inputs must not all be 0: then every rate leaves the loss as it is")
    return float(given.square().sum(1).max()), largest


def _per_batch(batch: int | None) -> float:
    """1/m, the share of a single example's noise that a batch has."""
    return 0.0 if batch is None else 1 / batch


def _rates(rate: float | Sequence[float], batch: int | None, steps: int) -> list[float]:
    """The rate of each step, once all that a run is made of is checked."""
    _check_batch(batch)
    check_size("steps", steps, 0)
    if not isinstance(rate, Sequence):
        check_positive("rate", rate)
        return [rate] * steps
    if len(rate) != steps:
        raise ValueError(f"there must be a rate for each of {steps} steps, got {len(rate)} rates")
    for one in rate:
        check_positive("rate", one)
    return list(rate)


def _check_batch(batch: int | None) -> None:
    if batch is not None:
        check_size("batch", batch)
