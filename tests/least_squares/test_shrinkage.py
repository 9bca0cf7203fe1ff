"""Shrinkage by steps, L2 and L1: against descent by hand, solved systems and scikit-learn."""

import math

import pytest
import torch
from sklearn.linear_model import Lasso

from surfeit.core import Streams
from surfeit.least_squares import (
    penalised_share,
    penalty_of_steps,
    soft_threshold,
    sparse_solution,
    stopped_share,
)


@pytest.fixture
def problem():
    generator = Streams(0).get("shrinkage")
    inputs = torch.randn(30, 6, generator=generator, dtype=torch.float64)
    targets = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(inputs.T @ inputs / 30)
    solution = vectors.T @ torch.linalg.lstsq(inputs, targets).solution
    return inputs, targets, values, vectors, solution


def test_stopping_leaves_what_descent_by_hand_has(problem):
    inputs, targets, values, vectors, solution = problem
    weights, rate = torch.zeros(6, 2, dtype=torch.float64), 0.1
    for _ in range(7):
        weights -= rate * inputs.T @ (inputs @ weights - targets) / 30
    share = stopped_share(values, rate=rate, steps=7)
    assert torch.allclose(vectors.T @ weights, share[:, None] * solution)


def test_l2_leaves_what_the_solved_system_has(problem):
    inputs, targets, values, vectors, solution = problem
    system = inputs.T @ inputs / 30 + 0.3 * torch.eye(6, dtype=torch.float64)
    weights = torch.linalg.solve(system, inputs.T @ targets / 30)
    share = penalised_share(values, penalty=0.3)
    assert torch.allclose(vectors.T @ weights, share[:, None] * solution)


def test_the_penalty_of_steps_shrinks_as_much_as_they_do(problem):
    values = problem[2]
    penalties = penalty_of_steps(values, rate=0.1, steps=7)
    shares = [
        float(penalised_share(values[k : k + 1], penalty=float(penalties[k]))) for k in range(6)
    ]
    assert shares == pytest.approx(stopped_share(values, rate=0.1, steps=7).tolist())


def test_the_penalty_is_one_over_steps_and_rate_where_little_was_learned():
    """And `s / (e^s − 1)` times that elsewhere, as long as a single step does little."""
    s = torch.tensor([0.0, 1e-12, 1e-4, 0.1, 1.0, 5.0], dtype=torch.float64)
    found = penalty_of_steps(s / 1e4, rate=1e-2, steps=10**6) * 1e4
    expected = [1.0, 1.0, *(float(one) / math.expm1(float(one)) for one in s[2:])]
    assert found.tolist() == pytest.approx(expected, rel=1e-4)


def test_stopping_and_l2_of_that_strength_never_differ_by_more_than_a_fifth():
    """`1/(1 + s) − e^{−s}` is at most 0.2036, at s = 2.51; the ratio's square at most 1.686."""
    s = torch.linspace(0.001, 50, 50_000, dtype=torch.float64)
    stopped = stopped_share(s / 1e4, rate=1e-2, steps=10**6)
    ridge = penalised_share(s / 1e4, penalty=1e-4)
    apart = stopped - ridge
    assert float(apart.min()) > -1e-3
    assert float(apart.max()) == pytest.approx(0.2036, abs=1e-3)
    assert float((stopped / ridge).max() ** 2) == pytest.approx(1.686, abs=2e-3)


def test_soft_threshold_is_the_least_of_its_quadratic():
    values = torch.tensor([-3.0, -0.5, 0.0, 0.2, 0.5, 2.0], dtype=torch.float64)
    grid = torch.linspace(-4, 4, 80_001, dtype=torch.float64)
    losses = 0.5 * (grid[:, None] - values).square() + 0.5 * grid[:, None].abs()
    assert torch.allclose(soft_threshold(values, 0.5), grid[losses.argmin(0)], atol=1e-4)
    assert soft_threshold(values, 0.5).tolist() == [-2.5, 0, 0, 0, 0, 1.5]
    assert torch.equal(soft_threshold(values, 0.0), values)


def test_l1_with_axes_for_eigenvectors_is_the_soft_threshold():
    scales = torch.tensor([3.0, 1.0, 0.5], dtype=torch.float64)
    inputs = torch.diag(scales) * 3**0.5  # XᵀX / n = diag(scales²)
    targets = inputs @ torch.tensor([[1.0], [-0.2], [0.7]], dtype=torch.float64)
    found = sparse_solution(inputs, targets, penalty=0.1, tolerance=1e-10)
    expected = [
        float(soft_threshold(torch.tensor(w), 0.1 / float(scale) ** 2))
        for w, scale in zip((1.0, -0.2, 0.7), scales, strict=True)
    ]
    assert found[:, 0].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("penalty", [0.3, 0.05, 0.005])
def test_l1_equals_scikit_learn_to_its_zeros(problem, penalty):
    inputs, targets, *_ = problem
    found = sparse_solution(inputs, targets, penalty=penalty, tolerance=1e-9)
    for output in range(2):
        other = Lasso(alpha=penalty, fit_intercept=False, tol=1e-12, max_iter=100_000)
        other.fit(inputs.numpy(), targets[:, output].numpy())
        assert found[:, output].tolist() == pytest.approx(other.coef_.tolist(), abs=1e-6)
        assert ((found[:, output] == 0).numpy() == (other.coef_ == 0)).all()


def test_l1_beyond_the_largest_pull_leaves_nothing(problem):
    inputs, targets, *_ = problem
    largest = float((inputs.T @ targets / 30).abs().max())
    assert (sparse_solution(inputs, targets, penalty=1.001 * largest) == 0).all()
    assert (sparse_solution(inputs, targets, penalty=0.9 * largest) != 0).any()
    assert (sparse_solution(torch.zeros(3, 2), torch.ones(3, 1), penalty=1.0) == 0).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stopped_share(torch.tensor([-1.0]), rate=1, steps=1), "eigenvalues must be at le"),
        (lambda: stopped_share(torch.tensor([math.nan]), rate=1, steps=1), "real and finite"),
        (lambda: stopped_share(torch.ones(2), rate=0, steps=1), "rate must be"),
        (lambda: stopped_share(torch.ones(2), rate=1, steps=0), "steps must be"),
        (lambda: penalised_share(torch.ones(2), penalty=0), "penalty must be"),
        (lambda: penalised_share(torch.ones(0), penalty=1), "must be of shape"),
        (lambda: penalty_of_steps(torch.ones(2), rate=1.5, steps=2), "rate must be at most 1 / λ"),
        (lambda: soft_threshold(torch.ones(2), -1), "amount must be at least 0"),
        (
            lambda: sparse_solution(torch.ones(2, 2), torch.ones(3, 1), penalty=1),
            r"targets must be of shape \[2, any\]",
        ),
        (
            lambda: sparse_solution(
                torch.tensor([[1.0, 0.9]]), torch.ones(1, 1), penalty=0.1, most_steps=1
            ),
            "has not converged to 1e-06 of it in 1 steps",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
