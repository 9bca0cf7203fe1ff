"""The closed form of momentum on least squares, against the steps themselves."""

import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.least_squares import contraction, expected_losses, momentum_losses


def inputs_with(values):
    """Inputs whose mean square has these eigenvalues, turned at random."""
    generator = Streams(0).get("inputs")
    size, count = len(values), 3 * len(values)
    left = torch.linalg.qr(torch.randn(count, size, generator=generator, dtype=torch.float64))[0]
    right = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))[0]
    scales = torch.tensor(values, dtype=torch.float64).sqrt() * count**0.5
    return left * scales @ right.T


SPECTRUM = (1.0, 0.6, 0.2, 0.05)


@pytest.mark.parametrize(
    ("rate", "momentum", "nesterov"),
    [(1.5, 0.0, False), (1.99, 0.0, False), (0.4, 0.9, False), (1.2, 0.3, False),
     (0.4, 0.9, True), (1.0, 0.5, True), (2.2, 0.0, False), (1.5, 0.9, True)],
)  # fmt: skip
def test_torchs_steps_shrink_by_it_in_the_long_run(rate, momentum, nesterov):
    inputs = inputs_with(SPECTRUM)
    weights = torch.ones(4, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([weights], lr=rate, momentum=momentum, nesterov=nesterov)
    logs = []
    for _ in range(600):
        weights.grad = (inputs.T @ (inputs @ weights.detach())) / len(inputs)
        optimiser.step()
        # What is known of the limit is its exponent: rescaling keeps it from rounding away.
        size = float(weights.detach().norm())
        logs.append(math.log(size) + (logs[-1] if logs else 0.0))
        with torch.no_grad():
            weights /= size
            for state in optimiser.state.values():
                if state.get("momentum_buffer") is not None:
                    state["momentum_buffer"] /= size
    found = contraction(inputs, rate=rate, momentum=momentum, nesterov=nesterov)
    slope = (logs[-1] - logs[299]) / 300
    assert slope == pytest.approx(math.log(found), abs=0.01)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.8, False), (0.8, True)])
def test_losses_are_those_of_torchs_steps(momentum, nesterov):
    inputs = inputs_with(SPECTRUM)
    generator = Streams(1).get("targets")
    targets = torch.randn(12, generator=generator, dtype=torch.float64)
    start = torch.randn(4, generator=generator, dtype=torch.float64)
    weights = start.clone().requires_grad_()
    optimiser = torch.optim.SGD([weights], lr=0.7, momentum=momentum, nesterov=nesterov)
    solution = torch.linalg.lstsq(inputs, targets[:, None]).solution[:, 0]
    truth = []
    for _ in range(31):
        off = inputs @ (weights.detach() - solution)
        truth.append(float(off.square().mean()) / 2)
        weights.grad = inputs.T @ (inputs @ weights.detach() - targets) / len(inputs)
        optimiser.step()
    about = {"rate": 0.7, "steps": 30}
    found = momentum_losses(inputs, targets, start, momentum=momentum, nesterov=nesterov, **about)
    assert found.tolist() == pytest.approx(truth, rel=1e-8, abs=1e-20)
    if not momentum:
        descent = expected_losses(inputs, targets, start, batch=None, **about)
        assert found.tolist() == pytest.approx(descent.tolist(), rel=1e-8)


def test_features_that_depend_and_inputs_of_nothing_leave_losses_finite():
    inputs = inputs_with(SPECTRUM)
    twice = torch.cat([inputs, inputs[:, :1]], 1)
    found = momentum_losses(twice, inputs[:, 1], torch.ones(5), rate=0.3, momentum=0.5, steps=200)
    assert bool(found.isfinite().all())
    assert found[-1] < 1e-3 * found[0]
    none = momentum_losses(torch.zeros(3, 2), torch.ones(3), torch.ones(2), rate=0.3, steps=2)
    assert none.tolist() == [0.0] * 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"targets": torch.ones(3)}, r"the targets must be of shape \[12\]"),
        ({"start": torch.ones(3)}, r"the start must be of shape \[4\]"),
        ({"steps": -1}, "steps must be a whole number of at least 0"),
        ({"momentum": -0.1}, r"momentum must be in \[0, 1\)"),
    ],
)
def test_losses_of_what_cannot_be_are_refused(change, words):
    about = {"targets": torch.ones(12), "start": torch.ones(4), "rate": 0.5, "steps": 2} | change
    with pytest.raises(ValueError, match=words):
        momentum_losses(inputs_with(SPECTRUM), about.pop("targets"), about.pop("start"), **about)


def test_the_best_rates_are_those_of_the_condition_number():
    inputs, kappa = inputs_with(SPECTRUM), 20.0
    assert contraction(inputs, rate=2 / 1.05) == pytest.approx((kappa - 1) / (kappa + 1))
    root = math.sqrt(kappa)
    best = (root - 1) / (root + 1)
    rate = 4 / (1 + math.sqrt(0.05)) ** 2
    assert contraction(inputs, rate=rate, momentum=best**2) == pytest.approx(best, rel=1e-6)
    # Nesterov's constant momentum for strongly convex losses at the rate 1/λ_1.
    mu = (root - 1) / (root + 1)
    found = contraction(inputs, rate=1.0, momentum=mu, nesterov=True)
    assert found == pytest.approx(1 - 1 / root, rel=1e-6)


def test_what_is_in_no_example_is_left_out():
    inputs = torch.cat([inputs_with(SPECTRUM), torch.zeros(12, 2, dtype=torch.float64)], 1)
    assert contraction(inputs, rate=1.0) == pytest.approx(0.95)
    assert contraction(inputs.float(), rate=1.0) == pytest.approx(0.95, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": 0.0}, "rate must be above 0"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1"),
        ({"momentum": math.nan}, r"momentum must be in \[0, 1\), got nan"),
        ({"nesterov": True}, "Nesterov's step needs a momentum above 0"),
        ({"inputs": torch.zeros(3, 2)}, "the inputs must not all be 0"),
        ({"inputs": torch.ones(3)}, r"the inputs must be of shape \[any, any\]"),
        ({"inputs": torch.full((2, 2), torch.nan)}, "the inputs must be real and finite"),
    ],
)
def test_what_cannot_be_is_refused(change, words):
    about = {"inputs": inputs_with(SPECTRUM), "rate": 0.5} | change
    with pytest.raises(ValueError, match=words):
        contraction(about.pop("inputs"), **about)
