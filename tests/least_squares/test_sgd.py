import math
from itertools import product

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.least_squares import (
    best_rate,
    critical_batch,
    expected_losses,
    minimum_norm,
    noise_floor,
    simulated_losses,
)


def drawn(examples, features, seed=0, noise=0.5):
    """Inputs, noisy targets and a start that is not in their span."""
    generator = Streams(seed).get("sgd")
    inputs = torch.randn(examples, features, generator=generator, dtype=torch.float64)
    inputs = inputs / features**0.5
    made = torch.randn(2, max(examples, features), generator=generator, dtype=torch.float64)
    targets = inputs @ made[0, :features] + noise * made[1, :examples]
    return inputs, targets, torch.randn(features, generator=generator, dtype=torch.float64)


def excess(inputs, targets):
    """The loss above the least one, as a function of the weights."""
    best = inputs @ minimum_norm(inputs, targets[:, None])[:, 0] - targets
    least = float(best.square().mean())
    return lambda weights: (float((inputs @ weights - targets).square().mean()) - least) / 2


def by_all_batches(inputs, targets, start, rate, batch, steps):
    """The expectation over every sequence of batches that can be drawn, each as likely."""
    over = excess(inputs, targets)
    reached, means = [start], [over(start)]
    for _ in range(steps):
        reached = [
            weights
            - rate / batch * sum(inputs[i] * (inputs[i] @ weights - targets[i]) for i in chosen)
            for weights in reached
            for chosen in product(range(len(inputs)), repeat=batch)
        ]
        means.append(np.mean([over(weights) for weights in reached]))
    return means


def descended(inputs, targets, start, rate, steps):
    """Gradient descent as it is written down."""
    over, found = excess(inputs, targets), []
    for _ in range(steps + 1):
        found.append(over(start))
        start = start - rate * inputs.T @ (inputs @ start - targets) / len(inputs)
    return found


@pytest.mark.parametrize(
    ("examples", "features", "batch", "rate"),
    [
        (3, 2, 2, 0.6),
        (4, 3, 1, 0.4),
        (3, 5, 2, 0.6),
        (2, 1, 3, 0.9),
        (1, 3, 1, 0.5),
        (4, 1, 2, 9.0),
    ],
)
def test_expectations_are_those_over_all_batches(examples, features, batch, rate):
    problem = drawn(examples, features)
    found = expected_losses(*problem, rate=rate, batch=batch, steps=3)
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx(by_all_batches(*problem, rate, batch, 3), rel=1e-9)


def test_each_step_may_have_a_rate_of_its_own():
    problem, rates = drawn(3, 2), [0.6, 0.3, 0.2]
    found = expected_losses(*problem, rate=rates, batch=2, steps=3)
    assert found.tolist()[:2] == pytest.approx(by_all_batches(*problem, 0.6, 2, 1), rel=1e-9)
    over, reached = excess(*problem[:2]), [problem[2]]
    for rate in rates:
        reached = [
            weights
            - rate / 2 * sum(problem[0][i] * (problem[0][i] @ weights - problem[1][i]) for i in two)
            for weights in reached
            for two in product(range(3), repeat=2)
        ]
    assert float(found[3]) == pytest.approx(np.mean([over(one) for one in reached]), rel=1e-9)
    about = {"batch": 2, "steps": 3, "runs": 20_000, "generator": Streams(1).get("rates")}
    last = simulated_losses(*problem, rate=rates, **about)[:, -1]
    assert abs(float(last.mean() - found[3])) < 4 * float(last.std()) / 20_000**0.5


def test_rates_must_be_as_many_as_steps_and_each_above_0():
    about = {"batch": 2, "steps": 3}
    with pytest.raises(ValueError, match="a rate for each of 3 steps, got 2 rates"):
        expected_losses(*drawn(3, 2), rate=[0.1, 0.1], **about)
    with pytest.raises(ValueError, match=r"rate must be above 0 and finite, got 0"):
        expected_losses(*drawn(3, 2), rate=[0.1, 0.0, 0.1], **about)


def test_expectations_hold_where_examples_are_linearly_dependent():
    inputs, targets, start = drawn(2, 3)
    twice = torch.cat([inputs, inputs[:1]]), torch.cat([targets, targets[:1] + 1]), start
    found = expected_losses(*twice, rate=0.7, batch=2, steps=3)
    assert found.tolist() == pytest.approx(by_all_batches(*twice, 0.7, 2, 3), rel=1e-9)


@pytest.mark.parametrize("shape", [(8, 3), (4, 9)])
def test_large_batches_come_to_gradient_descent(shape):
    problem = drawn(*shape)
    exact = descended(*problem, 0.8, 20)
    descent = expected_losses(*problem, rate=0.8, batch=None, steps=20)
    assert descent.tolist() == pytest.approx(exact, rel=1e-6, abs=1e-12)
    off = [
        float((expected_losses(*problem, rate=0.8, batch=batch, steps=20) - descent).abs().max())
        for batch in (100, 10_000, 1_000_000)
    ]
    assert off[1] == pytest.approx(off[0] / 100, rel=0.1)
    assert off[2] == pytest.approx(off[1] / 100, rel=0.01)
    runs = simulated_losses(
        *problem, rate=0.8, batch=None, steps=20, runs=2, generator=Streams(0).get("x")
    )
    assert runs[1].tolist() == pytest.approx(exact, rel=1e-6, abs=1e-12)


def test_orthonormal_rows_contract_as_kaczmarz_says():
    """A step solves the drawn equation and touches no other: each is left with 1 − 1/n."""
    inputs = torch.eye(6, 8, dtype=torch.float64)
    _, _, start = drawn(6, 8)
    targets = torch.arange(6.0)
    assert best_rate(inputs, 1) == pytest.approx(1)
    found = expected_losses(inputs, targets, start, rate=1.0, batch=1, steps=30)
    assert found.tolist() == pytest.approx(
        [float(found[0]) * (5 / 6) ** step for step in range(31)]
    )


def test_simulated_means_lie_within_their_standard_error():
    for shape, batch in (((12, 4), 3), ((6, 15), 1), ((6, 15), 20)):
        problem = drawn(*shape)
        about = {"rate": best_rate(problem[0], batch), "batch": batch, "steps": 25}
        runs = simulated_losses(*problem, runs=4000, generator=Streams(5).get("batches"), **about)
        assert runs.shape == (4000, 26)
        errors = runs.std(0) / 4000**0.5
        exact = expected_losses(*problem, **about)
        assert runs[:, 0].tolist() == pytest.approx([float(exact[0])] * 4000)
        off = ((runs.mean(0) - exact) / errors)[1:]
        assert off.abs().max() < 4
        assert (runs >= 0).all()


def test_the_same_generator_draws_the_same_runs():
    problem = drawn(5, 3)

    def runs(name):
        generator = Streams(1).get(name)
        return simulated_losses(*problem, rate=0.3, batch=2, steps=9, runs=3, generator=generator)

    assert torch.equal(runs("a"), runs("a"))
    assert not torch.equal(runs("a"), runs("b"))
    assert len({tuple(run.tolist()) for run in runs("a")}) == 3


def test_runs_that_interpolate_fall_to_rounding():
    inputs, targets, _ = drawn(6, 30)
    start = torch.zeros(30)
    rate = best_rate(inputs, 2)
    runs = simulated_losses(
        inputs, targets, start, rate=rate, batch=2, steps=1500, runs=5,
        generator=Streams(0).get("x"),
    )  # fmt: skip
    assert (runs[:, -1] < 1e-28 * runs[:, 0]).all()
    assert expected_losses(inputs, targets, start, rate=rate, batch=2, steps=1500)[-1] < 1e-28
    assert noise_floor(inputs, targets, rate=rate, batch=2) == 0


@pytest.mark.parametrize(
    ("examples", "features", "batch", "rate"),
    [(12, 4, 1, 0.4), (12, 4, 4, 1.5), (12, 4, 4, 0.1), (40, 2, 3, 0.3), (5, 1, 1, 0.2)],
)
def test_the_floor_is_where_expectations_end(examples, features, batch, rate):
    inputs, targets, start = drawn(examples, features)
    ends = expected_losses(inputs, targets, start, rate=rate, batch=batch, steps=4000)[-1]
    assert noise_floor(inputs, targets, rate=rate, batch=batch) == pytest.approx(float(ends))


def test_the_floor_is_proportional_to_small_rates_and_none_of_gradient_descent():
    inputs, targets, _ = drawn(20, 5)
    left = targets - inputs @ minimum_norm(inputs, targets[:, None])[:, 0]
    slope = float((inputs.square().sum(1) * left**2).mean()) / 4
    for batch in (1, 8):
        floor = noise_floor(inputs, targets, rate=1e-6, batch=batch)
        assert floor == pytest.approx(1e-6 * slope / batch, rel=1e-5)
    assert noise_floor(inputs, targets, rate=0.5, batch=None) == 0


def test_one_feature_diverges_where_its_closed_form_says():
    """The square is multiplied by `1 − 2ηλ + η²λ² + (η²/m)(mean x⁴ − λ²)` a step."""
    inputs, targets, start = drawn(7, 1)
    level, fourth = float(inputs.square().mean()), float((inputs**4).mean())
    for batch in (1, 5):
        largest = 2 * level / (level**2 + (fourth - level**2) / batch)
        words = f"rate must be below {largest:.6g}, .*batches of {batch} diverges in mean square"
        for rate in (1.001 * largest, 50 * largest):
            with pytest.raises(ValueError, match=words):
                noise_floor(inputs, targets, rate=rate, batch=batch)
        rate = 0.999 * largest
        assert noise_floor(inputs, targets, rate=rate, batch=batch) > 0
        up = expected_losses(inputs, targets, start, rate=1.1 * largest, batch=batch, steps=9000)
        assert math.isinf(up[-1])
        assert not up.isnan().any()


@pytest.mark.parametrize("batch", [1, 3, 10**15, None])
def test_a_rate_is_refused_where_expectations_begin_to_grow(batch):
    inputs, targets, start = drawn(9, 4)
    with pytest.raises(ValueError, match="diverges in mean square") as refused:
        noise_floor(inputs, targets, rate=50.0, batch=batch)
    largest = float(str(refused.value).split("below ")[1].split(",")[0])
    for share, grows in ((0.99, False), (1.01, True)):
        found = expected_losses(
            inputs, targets, start, rate=share * largest, batch=batch, steps=2000
        )
        assert (found[-1] > found[1000]) == grows


def test_runs_that_overflow_are_infinite_and_no_nan():
    inputs, targets, start = drawn(9, 4)
    runs = simulated_losses(
        inputs, targets, start, rate=50.0, batch=2, steps=400, runs=3, generator=Streams(0).get("x")
    )
    assert runs[:, -1].isinf().all()
    assert not runs.isnan().any()


def test_inputs_of_zero_leave_the_loss_as_it_is():
    inputs, targets, start = torch.zeros(3, 2), torch.ones(3), torch.ones(2)
    assert expected_losses(inputs, targets, start, rate=1.0, batch=1, steps=2).tolist() == [0] * 3
    assert noise_floor(inputs, targets, rate=1e9, batch=1) == 0
    for scale in (lambda: best_rate(inputs, 3), lambda: critical_batch(inputs)):
        with pytest.raises(ValueError, match="the inputs must not all be 0"):
            scale()


def test_half_precision_is_computed_in_float64():
    inputs, targets, start = (value.half() for value in drawn(4, 2))
    exact = tuple(value.double() for value in (inputs, targets, start))
    about = {"rate": 0.3, "batch": 2, "steps": 5}
    assert torch.equal(
        expected_losses(inputs, targets, start, **about), expected_losses(*exact, **about)
    )


@pytest.mark.parametrize("batch", [1, 2, 7, 100, None])
def test_the_best_rate_contracts_at_least_as_the_bound_says(batch):
    inputs, targets, _ = drawn(6, 20)
    values = np.linalg.eigvalsh((inputs @ inputs.T).numpy() / 6)
    longest = float(inputs.square().sum(1).max())
    rate = best_rate(inputs, batch)
    if batch is None:
        assert rate == pytest.approx(1 / values[-1])
    else:
        assert rate == pytest.approx(batch / (longest + (batch - 1) * values[-1]))
    assert noise_floor(inputs, targets, rate=rate, batch=batch) == 0  # and is not refused
    found = expected_losses(inputs, targets, torch.zeros(20), rate=rate, batch=batch, steps=900)
    # The bound is one of the squared distance, which by then falls as the loss does.
    assert (found[800] / found[700]) ** 0.01 < 1 - rate * values[0] + 1e-12


def test_the_critical_batch_is_where_a_step_is_worth_half_of_its_examples():
    inputs, _, _ = drawn(6, 20)
    critical = critical_batch(inputs)
    longest = float(inputs.square().sum(1).max())
    assert critical == pytest.approx(1 + longest * best_rate(inputs, None))
    assert 1 + longest * best_rate(inputs, None) < 7
    assert critical_batch(torch.eye(5)) == pytest.approx(6)
    assert critical_batch(torch.ones(5, 3)) == pytest.approx(2)
    assert critical_batch(10 * inputs) == pytest.approx(critical)


def test_what_memory_does_not_hold_is_refused():
    with pytest.raises(ValueError, match=r"pairs of 2 features of 40 examples need .* would fit"):
        noise_floor(*drawn(40, 2)[:2], rate=0.1, batch=1, memory=1000)


SOUND = {"rate": 0.3, "batch": 2, "steps": 5}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": 0.0}, "rate must be above 0 and finite, got 0"),
        ({"rate": math.nan}, "rate must be above 0 and finite, got nan"),
        ({"batch": 0}, "batch must be a whole number of at least 1, got 0"),
        ({"batch": 1.5}, "batch must be a whole number of at least 1, got 1.5"),
        ({"steps": -1}, "steps must be a whole number of at least 0, got -1"),
        ({"runs": 0}, "runs must be a whole number of at least 1, got 0"),
    ],
)
def test_runs_that_cannot_be_are_refused(change, words):
    problem = drawn(4, 2)
    about = SOUND | {"runs": 2} | change
    with pytest.raises(ValueError, match=words):
        simulated_losses(*problem, generator=Streams(0).get("x"), **about)
    if "runs" not in change:
        del about["runs"]
        with pytest.raises(ValueError, match=words):
            expected_losses(*problem, **about)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (0, torch.full((4, 2), torch.nan), "the inputs must be real and finite"),
        (0, torch.ones(4, 2, dtype=torch.complex64), "the inputs must be real and finite"),
        (0, torch.ones(4), r"the inputs must be of shape \[any, any\], got \[4\]"),
        (0, torch.ones(4, 0), r"the inputs must be of shape \[any, any\], got \[4, 0\]"),
        (1, torch.ones(3), r"the targets must be of shape \[4\], got \[3\]"),
        (1, torch.ones(4, 1), r"the targets must be of shape \[4\], got \[4, 1\]"),
        (1, torch.full((4,), torch.inf), "the targets must be real and finite"),
        (2, torch.ones(3), r"the start must be of shape \[2\], got \[3\]"),
        (2, torch.full((2,), torch.nan), "the start must be real and finite"),
    ],
)
def test_what_is_no_problem_is_refused(at, value, words):
    problem = [*drawn(4, 2)]
    problem[at] = value
    with pytest.raises(ValueError, match=words):
        expected_losses(*problem, **SOUND)
    with pytest.raises(ValueError, match=words):
        simulated_losses(*problem, runs=1, generator=Streams(0).get("x"), **SOUND)
    if at < 2:
        with pytest.raises(ValueError, match=words):
            noise_floor(*problem[:2], rate=0.3, batch=2)
    if at == 0:
        with pytest.raises(ValueError, match=words):
            best_rate(value, 1)
        with pytest.raises(ValueError, match=words):
            critical_batch(value)


def test_one_example_is_solved_by_one_step_at_the_best_rate():
    inputs, targets, start = drawn(1, 3)
    rate = best_rate(inputs, 4)
    found = expected_losses(inputs, targets, start, rate=rate, batch=4, steps=2)
    assert found[0] > 1e-3
    assert found[1:].max() < 1e-30
