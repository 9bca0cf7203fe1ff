"""Margins by definition, the widest one against scikit-learn, descent against its limit."""

import math

import numpy as np
import pytest
import torch
from sklearn.svm import SVC

from surfeit.capacity import hard_margin, logistic_descent, logistic_flow, margins
from surfeit.core import Streams


def separable(examples=20, features=3, seed=0, gap=0.5):
    """Examples on both sides of a plane through the origin, at least so far from it."""
    generator = Streams(seed).get("separable")
    inputs = torch.randn(examples, features, generator=generator, dtype=torch.float64)
    normal = torch.randn(features, generator=generator, dtype=torch.float64)
    normal /= normal.norm()
    signs = (inputs @ normal).sign()
    return inputs + gap * signs[:, None] * normal, signs


def test_a_margin_is_the_lead_of_the_right_class():
    outputs = torch.tensor([[3.0, 1.0, 2.5], [0.0, -1.0, 4.0], [2.0, 2.0, 1.0]])
    found = margins(outputs, torch.tensor([0, 1, 1]))
    torch.testing.assert_close(found, torch.tensor([0.5, -5.0, 0.0]))
    draws = torch.randn(50, 4, generator=Streams(0).get("x"))
    wanted = torch.randint(0, 4, (50,), generator=Streams(0).get("y"))
    by_hand = [
        row[t] - max(v for j, v in enumerate(row) if j != t)
        for row, t in zip(draws.tolist(), wanted.tolist(), strict=True)
    ]
    assert margins(draws, wanted).tolist() == pytest.approx(by_hand)
    assert ((margins(draws, wanted) > 0) == (draws.argmax(1) == wanted)).all()
    assert margins(draws[:0], wanted[:0]).shape == (0,)


@pytest.mark.parametrize("shape", [(6, 2), (20, 3), (8, 12), (60, 5)])
def test_the_widest_margin_is_the_support_vector_machines(shape):
    inputs, signs = separable(*shape)
    found = hard_margin(inputs, signs)
    ahead = signs * (inputs @ found)
    assert float(ahead.min()) == pytest.approx(1, rel=1e-9)
    # scikit-learn's has an intercept: with each example beside its mirror image it is 0.
    both = torch.cat([inputs, -inputs]).numpy(), torch.cat([signs, -signs]).numpy()
    machine = SVC(kernel="linear", C=1e9, tol=1e-10).fit(*both)
    assert abs(machine.intercept_[0]) < 1e-6
    assert found.tolist() == pytest.approx(machine.coef_[0].tolist(), rel=1e-4, abs=1e-6)


def test_one_example_and_scaled_ones_have_margins_of_their_closed_form():
    one = torch.tensor([[3.0, 4.0]])
    assert hard_margin(one, torch.tensor([-1.0])).tolist() == pytest.approx([-0.12, -0.16])
    inputs, signs = separable()
    torch.testing.assert_close(hard_margin(1e6 * inputs, signs), 1e-6 * hard_margin(inputs, signs))
    torch.testing.assert_close(hard_margin(inputs, -signs), -hard_margin(inputs, signs))


def test_what_no_plane_separates_has_no_margin():
    inputs = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="no hyperplane through the origin separates"):
        hard_margin(inputs, torch.ones(3))
    with pytest.raises(ValueError, match="no hyperplane"):
        hard_margin(torch.zeros(2, 2), torch.ones(2))


def test_descent_is_that_of_the_loss_as_torch_derives_it():
    inputs, signs = separable(7, 2)
    found = logistic_descent(inputs, signs, rate=0.7, places=(0, 1, 5))
    weights = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    path = []
    for _ in range(6):
        path.append(weights.detach().clone())
        loss = torch.nn.functional.softplus(-signs * (inputs @ weights)).mean()
        (slope,) = torch.autograd.grad(loss, weights)
        weights = (weights - 0.7 * slope).detach().requires_grad_()
    torch.testing.assert_close(found, torch.stack([path[0], path[1], path[5]]))


def test_of_one_example_the_norm_grows_as_the_logarithm_over_its_margin():
    inputs = torch.tensor([[0.6, 0.8]])
    start, end = logistic_descent(inputs, torch.ones(1), rate=1.0, places=(2_000, 20_000))
    slope = float(end.norm() - start.norm()) / math.log(10)
    assert slope == pytest.approx(1.0, rel=5e-3)  # γ = 1
    assert float(inputs[0].double() @ end / end.norm()) == pytest.approx(1)


def test_of_separable_examples_the_direction_nears_the_widest_margins():
    inputs, signs = separable(10, 2)
    widest = hard_margin(inputs, signs)
    path = logistic_descent(inputs, signs, rate=0.5, places=(10, 100, 1_000, 10_000))
    apart = [1 - float(one @ widest / one.norm() / widest.norm()) for one in path]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 1e-2


def test_the_flow_is_the_limit_of_small_rates():
    inputs, signs = separable(10, 2)
    flow = logistic_flow(inputs, signs, times=(0.0, 1.0, 20.0))
    assert not flow[0].any()
    off = []
    for rate in (0.04, 0.02):
        steps = (0, round(1 / rate), round(20 / rate))
        path = logistic_descent(inputs, signs, rate=rate, places=steps)
        off.append((path[1:] - flow[1:]).norm(dim=1))
    assert off[1].tolist() == pytest.approx((off[0] / 2).tolist(), rel=0.05)
    assert not logistic_flow(inputs, signs, times=(0.0,)).any()


def test_the_flow_of_one_example_is_its_closed_form():
    """With m = w, dm/dt = 1 / (1 + eᵐ), so that m + eᵐ = t + 1."""
    found = logistic_flow(torch.ones(1, 1), torch.ones(1), times=(1.0, 1e4, 1e12))[:, 0]
    assert (found + found.exp() - 1).tolist() == pytest.approx([1.0, 1e4, 1e12], rel=1e-5)


def test_far_on_the_norm_grows_by_one_over_the_margin_a_unit_of_the_logarithm():
    inputs, signs = separable(20, 3, gap=1.0)
    start, end = logistic_flow(inputs, signs, times=(1e12, 1e15))
    slope = float(end.norm() - start.norm()) / math.log(1e3)
    assert slope == pytest.approx(float(hard_margin(inputs, signs).norm()), rel=0.02)


@pytest.mark.parametrize("times", [(), (2.0, 1.0), (-1.0,), (1.0, math.inf), (math.nan,)])
def test_times_that_do_not_ascend_are_refused(times):
    with pytest.raises(ValueError, match="times must be ascending numbers from 0 on"):
        logistic_flow(torch.ones(1, 1), torch.ones(1), times=times)


def test_examples_that_are_not_separable_have_a_minimum():
    inputs = torch.tensor([[1.0], [1.0], [-1.0]])
    path = logistic_descent(inputs, torch.ones(3), rate=2.0, places=(500, 1_000))
    assert path[:, 0].tolist() == pytest.approx([math.log(2)] * 2)


def test_far_margins_do_not_overflow():
    found = logistic_descent(torch.tensor([[1e6], [-1.0]]), torch.ones(2), rate=10.0, places=(3,))
    assert np.isfinite(found.numpy()).all()


GOOD = torch.ones(3, 2), torch.ones(3)


@pytest.mark.parametrize(
    ("inputs", "signs", "words"),
    [
        (torch.ones(3), GOOD[1], r"inputs must be \[examples, features\]"),
        (torch.ones(0, 2), torch.ones(0), "none of them 0"),
        (GOOD[0], torch.ones(2), r"with a sign each, got \[3, 2\] and \[2\]"),
        (torch.full((3, 2), torch.nan), GOOD[1], "inputs must be finite"),
        (GOOD[0], torch.tensor([1.0, 0.0, -1.0]), "signs must be 1 or −1"),
    ],
)
def test_what_is_no_problem_of_two_classes_is_refused(inputs, signs, words):
    with pytest.raises(ValueError, match=words):
        hard_margin(inputs, signs)
    with pytest.raises(ValueError, match=words):
        logistic_descent(inputs, signs, rate=0.1, places=(1,))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": 0.0}, "rate must be above 0 and finite, got 0"),
        ({"places": ()}, "places must be ascending whole numbers"),
        ({"places": (3, 2)}, "places must be ascending whole numbers"),
        ({"places": (-1,)}, "places must be ascending whole numbers"),
    ],
)
def test_descents_that_cannot_be_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        logistic_descent(*GOOD, **({"rate": 0.1, "places": (1,)} | change))


@pytest.mark.parametrize(
    ("outputs", "targets", "words"),
    [
        (torch.ones(3, 1), torch.zeros(3, dtype=torch.long), "2 or more classes"),
        (torch.ones(3), torch.zeros(3, dtype=torch.long), "2 or more classes"),
        (torch.ones(3, 2), torch.zeros(2, dtype=torch.long), "a target each"),
        (torch.ones(3, 2), torch.full((3,), 2), r"targets must be in \[0, 2\)"),
    ],
)
def test_outputs_without_classes_have_no_margins(outputs, targets, words):
    with pytest.raises(ValueError, match=words):
        margins(outputs, targets)
