import math

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.least_squares import (
    condition_number,
    descent_steps,
    limiting_condition_number,
    limiting_descent_steps,
)


def system(equations, unknowns, seed=0):
    generator = Streams(seed).get("system")
    matrix = torch.randn(equations, unknowns, generator=generator, dtype=torch.float64)
    return matrix, torch.randn(equations, generator=generator, dtype=torch.float64)


def descended(matrix, targets, tolerance, most=20_000):
    """Gradient descent as it is written down, at the rate 1/λ₁."""
    rate = 1 / torch.linalg.matrix_norm(matrix, 2).square()
    weights = matrix.new_zeros(matrix.shape[1])
    for step in range(most):
        residual = matrix @ weights - targets
        if residual.norm() <= tolerance * targets.norm():
            return step
        weights = weights - rate * matrix.T @ residual
    return None


@pytest.mark.parametrize("shape", [(5, 8), (5, 30), (6, 9), (1, 4), (1, 1)])
@pytest.mark.parametrize("tolerance", [0.5, 1e-3, 1e-6])
def test_steps_are_those_of_gradient_descent(shape, tolerance):
    matrix, targets = system(*shape)
    assert descent_steps(matrix, targets, tolerance=tolerance) == descended(
        matrix, targets, tolerance
    )


def test_what_has_no_solution_is_never_solved():
    matrix, targets = system(8, 5)
    assert descent_steps(matrix, targets) is None
    repeated = torch.cat([matrix[:2], matrix[:1]])  # a fourth equation that contradicts the first
    assert descent_steps(repeated, torch.tensor([1.0, 1.0, 2.0])) is None
    assert descent_steps(repeated, torch.tensor([1.0, 1.0, 1.0])) is not None
    assert descent_steps(torch.zeros(2, 3), torch.ones(2)) is None
    assert descent_steps(torch.zeros(2, 3), torch.zeros(2)) == 0
    assert descent_steps(matrix, torch.zeros(8)) == 0


def test_scaling_changes_no_step():
    matrix, targets = system(10, 25)
    assert descent_steps(1e3 * matrix, 1e-4 * targets) == descent_steps(matrix, targets)


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (6, 6), (1, 3)])
def test_the_condition_is_that_of_numpy(shape):
    matrix, _ = system(*shape)
    assert condition_number(matrix) == pytest.approx(np.linalg.cond(matrix.numpy()))


def test_a_rank_that_is_not_full_has_no_condition():
    assert math.isinf(condition_number(torch.ones(3, 3)))
    assert math.isinf(condition_number(torch.zeros(2, 2)))


@pytest.mark.parametrize("ratio", [1.5, 2.0, 4.0, 8.0, 0.5])
def test_large_systems_have_the_limiting_condition(ratio):
    found = [condition_number(system(300, round(300 * ratio), seed)[0]) for seed in range(2)]
    assert np.mean(found) == pytest.approx(limiting_condition_number(ratio), rel=0.07)


def test_square_systems_have_edelmans_median():
    size = 60
    found = [condition_number(system(size, size, seed)[0]) / size for seed in range(400)]
    # Of a median's share of 400 draws the standard error is 0.025.
    assert abs(np.mean(np.array(found) < 3.67) - 0.5) < 0.1


@pytest.mark.parametrize("ratio", [1.5, 2.0, 4.0, 8.0])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_large_systems_take_the_limiting_steps(ratio, tolerance):
    pairs = [system(300, round(300 * ratio), seed) for seed in range(4)]
    found = [descent_steps(*pair, tolerance=tolerance) for pair in pairs]
    limit = limiting_descent_steps(ratio, tolerance=tolerance)
    # Steps are whole numbers: the first that is enough is half a step late.
    assert abs(np.mean(found) - limit) < 0.08 * limit + 1


def test_limits_fall_with_the_surplus_and_are_infinite_without_any():
    ratios = (1.01, 1.1, 1.5, 2, 5, 50, 1e4)
    for limit in (limiting_condition_number, limiting_descent_steps):
        assert (np.diff([limit(one) for one in ratios]) < 0).all()
        assert math.isinf(limit(1.0))
    assert math.isinf(limiting_descent_steps(0.5))
    assert limiting_condition_number(0.25) == pytest.approx(limiting_condition_number(4))


def test_what_is_no_system_is_refused():
    matrix, targets = system(4, 6)
    with pytest.raises(ValueError, match=r"one for each of 4 equations, got shape \[3\]"):
        descent_steps(matrix, targets[:3])
    with pytest.raises(ValueError, match="targets must be finite"):
        descent_steps(matrix, torch.full((4,), torch.nan))
    with pytest.raises(ValueError, match="finite"):
        condition_number(torch.full((2, 2), torch.inf))
    for tolerance in (0, 1, -1, math.nan):
        for steps in (descent_steps, lambda *_, **at: limiting_descent_steps(2, **at)):
            with pytest.raises(ValueError, match=r"tolerance must be in \(0, 1\), got"):
                steps(matrix, targets, tolerance=tolerance)
    for limit in (limiting_condition_number, limiting_descent_steps):
        with pytest.raises(ValueError, match="ratio must be above 0 and finite, got 0"):
            limit(0)
