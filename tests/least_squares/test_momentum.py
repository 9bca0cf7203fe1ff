"""The closed form of momentum on least squares, against the steps themselves."""

import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.least_squares import contraction


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
