"""Least-norm fits on the first N of many random features, for many N at the cost of one or two."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import SurfeitError, one_thread
from surfeit.least_squares.checks import check_size
from surfeit.least_squares.features import RandomFeatures
from surfeit.least_squares.free_memory import check_memory, free_memory
from surfeit.least_squares.solution import minimum_norm

_BLOCK = 1024
_MOST_CONDITION = 1e6
"""Of features whose Gram matrix is decomposed: float64 then leaves three digits of the solution."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The least-norm fit on the first `width` features, each of them divided by √width.

    Args:
        width: N.
        norm: of the coefficients of all outputs together; so scaled, it does not grow with N by
            itself, and is that of a function in the kernel's space as N grows.
        condition: of the features, an estimate from below by power iteration; infinite where they
            are linearly dependent.
        train: predictions of the training examples, float64 [examples, outputs].
        other: of the other inputs, float64 [others, outputs].
    """

    width: int
    norm: float
    condition: float
    train: Float[Tensor, "examples outputs"]
    other: Float[Tensor, "others outputs"]


def fits_by_width(
    features: RandomFeatures,
    inputs: Float[Tensor, "examples inputs"],
    targets: Float[Tensor, "examples outputs"],
    others: Float[Tensor, "others inputs"],
    widths: Sequence[int],
    *,
    memory: int | None = None,
) -> Iterator[Fit]:
    """The least-norm fit on the first N features for each of the widths N, from the narrowest on.

    All is float64. Up to N = n one QR decomposition serves all widths, since that of the first
    columns is a part of that of all: no condition number is squared, so that N = n itself and its
    neighbours below are sound. Where the first N are linearly dependent `minimum_norm` solves, each
    width anew. Above n the Gram matrix `Φ Φᵀ` [n, n] grows by blocks of features,
    and each width takes a Cholesky decomposition of it. That squares the condition number: where
    the features' own is above 1e6 the fit is refused.

    Args:
        features: at least as many as the largest width.
        inputs: of the training examples.
        targets: a column an output.
        others: inputs to predict beside them.
        widths: any order.
        memory: bytes that may be taken; what is free by default.

    Raises:
        ValueError: before anything is computed, if a width is below 1, there twice or above the
            number of features, shapes do not match, or memory does not hold it: what would fit.
        SurfeitError: if for a width above n the examples are linearly dependent, or nearly so.

    Cost: n M² for the largest width M up to n, n² N for the largest N above, n³/3 for each width
    above n, and 2 (n + others) · inputs · N for the features; bytes as of `bytes_needed`.
    """
    _check(features, inputs, targets, others, widths)
    check_fits(
        len(inputs),
        widths,
        others=len(others),
        inputs=inputs.shape[1],
        outputs=targets.shape[1],
        memory=memory,
    )
    return _fits(features, inputs.double(), targets.double(), others.double(), sorted(widths))


def check_fits(
    examples: int,
    widths: Sequence[int],
    *,
    others: int,
    inputs: int,
    outputs: int,
    memory: int | None = None,
) -> None:
    """Says so if memory does not hold what `fits_by_width` takes, and how many examples it holds.

    Args:
        examples, widths, memory: as of `fits_by_width`.
        others: how many other inputs there are.
        inputs, outputs: numbers an example.

    Raises:
        ValueError: if it does not.
    """
    check_memory(
        f"random features at widths up to {max(widths):,}",
        lambda count: bytes_needed(count, widths, others=others, inputs=inputs, outputs=outputs),
        examples,
        free_memory() if memory is None else memory,
    )


def bytes_needed(
    examples: int, widths: Sequence[int], *, others: int, inputs: int, outputs: int
) -> int:
    """What `fits_by_width` takes at its peak, in bytes, at most.

    Two matrices [n, n] above n, or [n, M] up to it, and room for a third; a block of features and
    the inputs of all examples; features' weights and coefficients.
    """
    narrow = max((width for width in widths if width <= examples), default=0)
    square = examples * (examples if max(widths) > examples else narrow)
    rows = (examples + others) * (inputs + 2 * _BLOCK)
    return 8 * (3 * square + rows + max(widths) * (inputs + 2 * outputs))


def check_widths(widths: Sequence[int], examples: int, classes: int) -> None:
    """Checks what a sweep over widths is made of, before anything is computed.

    Raises:
        ValueError: if a width is below 1 or there twice, or there are fewer examples than classes.
    """
    if len(widths) == 0:
        raise ValueError("widths must hold at least one number of features, got none")
    for width in widths:
        check_size("a width", width)
    twice = sorted({width for width in widths if list(widths).count(width) > 1})
    if twice:
        raise ValueError(f"widths holds {twice[0]} twice: give each once")
    if examples < classes:
        raise ValueError(
            f"there must be at least one training example a class, got {examples} examples of "
            f"{classes} classes"
        )


def _check(
    features: RandomFeatures,
    inputs: Tensor,
    targets: Tensor,
    others: Tensor,
    widths: Sequence[int],
) -> None:
    if min(inputs.dim(), targets.dim(), others.dim()) != 2 or len(inputs) != len(targets):
        raise ValueError(
            "inputs and targets must be matrices with one row an example, got "
            f"{list(inputs.shape)}, {list(targets.shape)} and {list(others.shape)}"
        )
    check_widths(widths, len(inputs), 1)
    if max(widths) > len(features):
        raise ValueError(
            f"widths must be at most {len(features):,}, as many features as were drawn, got "
            f"{max(widths):,}"
        )
    if {inputs.shape[1], others.shape[1]} != {features.weights.shape[1]}:
        raise ValueError(
            f"the features are of {features.weights.shape[1]} inputs, got examples of "
            f"{inputs.shape[1]} and {others.shape[1]}"
        )


def _fits(
    features: RandomFeatures, inputs: Tensor, targets: Tensor, others: Tensor, widths: list[int]
) -> Iterator[Fit]:
    narrow = [width for width in widths if width <= len(inputs)]
    if narrow:
        yield from _narrow(features, inputs, targets, others, narrow)
    if wide := widths[len(narrow) :]:
        duals = _duals(features, inputs, targets, wide)
        yield from _wide(features, inputs, others, duals)


@one_thread()
def _narrow(
    features: RandomFeatures, inputs: Tensor, targets: Tensor, others: Tensor, widths: list[int]
) -> list[Fit]:
    reflected, scales = torch.geqrf(_matrix(features, inputs, widths[-1]))
    seen = torch.ormqr(reflected, scales, targets, transpose=True)
    trains = []
    for width in widths:
        kept = torch.zeros_like(seen)
        kept[:width] = seen[:width]
        trains.append(torch.ormqr(reflected, scales, kept))
    triangle = reflected[: widths[-1]].triu_()  # the reflectors are not needed any more
    solved: dict[int, Tensor] = {}
    conditions = []
    for at, width in enumerate(widths):
        part = triangle[:width, :width]
        if _independent(part.diagonal(), len(inputs)):
            solved[width] = torch.linalg.solve_triangular(part, seen[:width], upper=True)
            conditions.append(_condition(part, upper=True))
        else:  # no part of one decomposition says which solution is of least norm
            solved[width] = minimum_norm(_matrix(features, inputs, width), targets)
            trains[at] = _predicted(features, inputs, {width: solved[width]})[width]
            conditions.append(math.inf)
    predicted = _predicted(features, others, solved)
    return [
        Fit(
            width=width,
            norm=float(solved[width].norm()) * width**0.5,
            condition=condition,
            train=train,
            other=predicted[width],
        )
        for width, condition, train in zip(widths, conditions, trains, strict=True)
    ]


def _predicted(
    features: RandomFeatures, inputs: Tensor, solved: dict[int, Tensor]
) -> dict[int, Tensor]:
    """What the coefficients of each width predict; each feature is made once for all of them."""
    outputs = next(iter(solved.values())).shape[1]
    predicted = {width: inputs.new_zeros(len(inputs), outputs) for width in solved}
    for start, stop in _blocks_to(solved):
        block = features.of(inputs, start, stop)
        for width in (one for one in solved if one >= stop):
            predicted[width].addmm_(block, solved[width][start:stop])
    return predicted


@one_thread()
def _duals(
    features: RandomFeatures, inputs: Tensor, targets: Tensor, widths: list[int]
) -> dict[int, tuple[Tensor, float]]:
    """For each width the solution of `Φ Φᵀ c = y`, and the condition of Φ."""
    gram, done = inputs.new_zeros(len(inputs), len(inputs)), 0
    duals = {}
    for width in widths:
        _add_(gram, features, inputs, done, width)
        done = width
        root, failed = torch.linalg.cholesky_ex(gram)
        condition = math.inf if int(failed) else _condition(root, upper=False)
        if condition > _MOST_CONDITION:
            known = (
                "are linearly dependent" if int(failed) else f"have a condition of {condition:.2g}"
            )
            raise SurfeitError(
                f"the {len(inputs):,} examples {known} on {width:,} random features, and their "
                f"Gram matrix is solved in float64 up to a condition of {_MOST_CONDITION:.0e}: "
                "leave out duplicates among the examples, or take widths farther above their number"
            )
        # Not by torch.cholesky_solve, which copies the root.
        half = torch.linalg.solve_triangular(root, targets, upper=False)
        duals[width] = torch.linalg.solve_triangular(root.T, half, upper=True), condition
        del root
    return duals


@one_thread()
def _wide(
    features: RandomFeatures,
    inputs: Tensor,
    others: Tensor,
    duals: dict[int, tuple[Tensor, float]],
) -> list[Fit]:
    """The fits with coefficients `Φᵀ c`: each feature is made once for all widths."""
    outputs = next(iter(duals.values()))[0].shape[1]
    trains = {width: inputs.new_zeros(len(inputs), outputs) for width in duals}
    predicted = {width: inputs.new_zeros(len(others), outputs) for width in duals}
    squares = dict.fromkeys(duals, 0.0)
    for start, stop in _blocks_to(duals):
        block, other = features.of(inputs, start, stop), features.of(others, start, stop)
        for width in (one for one in duals if one >= stop):
            found = block.T @ duals[width][0]
            squares[width] += float(found.square().sum())
            trains[width].addmm_(block, found)
            predicted[width].addmm_(other, found)
    return [
        Fit(
            width=width,
            norm=(squares[width] * width) ** 0.5,
            condition=condition,
            train=trains[width],
            other=predicted[width],
        )
        for width, (_, condition) in duals.items()
    ]


def _add_(gram: Tensor, features: RandomFeatures, inputs: Tensor, start: int, stop: int) -> None:
    """Adds `Φ Φᵀ` of some features to the lower triangle, strip by strip: the other half is it."""
    for first, last in _blocks(start, stop):
        block = features.of(inputs, first, last)
        for row, end in _blocks(0, len(block)):
            gram[row:, row:end].addmm_(block[row:], block[row:end].T)


def _matrix(features: RandomFeatures, inputs: Tensor, width: int) -> Tensor:
    """The first features of all examples, laid out by columns, as LAPACK wants them."""
    columns = inputs.new_empty(width, len(inputs))
    for start, stop in _blocks(0, width):
        columns[start:stop] = features.of(inputs, start, stop).T
    return columns.T


def _blocks(start: int, stop: int) -> Iterator[tuple[int, int]]:
    for first in range(start, stop, _BLOCK):
        yield first, min(first + _BLOCK, stop)


def _blocks_to(widths: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Blocks up to the largest width, none of which lies across another."""
    done = 0
    for width in sorted(widths):
        yield from _blocks(done, width)
        done = width


def _condition(triangle: Tensor, *, upper: bool, rounds: int = 30) -> float:
    """The largest singular value over the smallest, by power iteration on it and on its inverse."""
    start = torch.ones(len(triangle), 1, dtype=triangle.dtype)
    start[1::2] = -0.5  # not in the span of the features' mean alone
    large = small = start / start.norm()
    most = least = triangle.new_ones(())
    for _ in range(rounds):
        large = triangle.T @ (triangle @ large)
        most, large = large.norm(), large / large.norm()
        half = torch.linalg.solve_triangular(triangle.T, small, upper=not upper)
        small = torch.linalg.solve_triangular(triangle, half, upper=upper)
        least, small = small.norm(), small / small.norm()
    return float((most * least).sqrt())


def _independent(diagonal: Tensor, examples: int) -> bool:
    sizes = diagonal.abs()
    return bool(sizes.min() > sizes.max() * examples * torch.finfo(sizes.dtype).eps)
