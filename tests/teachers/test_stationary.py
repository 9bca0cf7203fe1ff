import math

import pytest
import torch
from tests.teachers.drawn import generators, networks

from surfeit.teachers import (
    ERF,
    LINEAR,
    RELU,
    Activation,
    Networks,
    drawn_networks,
    first_order_error,
    generalisation_error,
    learn_online,
    linear_error,
    overlaps_of,
    shared_error,
)

ABOUT = {"rate": 0.1, "noise": 0.3}
SCALE = 0.1 * 0.3**2


def variances(wanted, surplus):
    return torch.tensor([1.0] * wanted + [0.0] * surplus, dtype=torch.float64)


@pytest.mark.parametrize(("wanted", "surplus"), [(1, 0), (2, 4), (3, 1)])
def test_the_first_order_is_the_published_one(wanted, surplus):
    at = variances(wanted, surplus)
    published = {
        ERF: SCALE / (2 * math.pi) * (surplus + wanted / math.sqrt(3)),
        RELU: SCALE * (wanted + surplus) / 8,
        LINEAR: SCALE * (wanted + surplus) / 4,
    }
    for activation, value in published.items():
        assert float(first_order_error(activation, at, **ABOUT)) == pytest.approx(value)


def test_figures_of_the_reference_are_met():
    for surplus, figure in ((0, 1.838e-4), (2, 5.021e-4), (4, 8.204e-4)):
        found = first_order_error(ERF, variances(2, surplus), rate=0.1, noise=0.1)
        assert float(found) == pytest.approx(figure, abs=1e-7)
    assert linear_error(4, rate=0.2, noise=0.1) == pytest.approx(33.3e-4, abs=5e-6)


def test_an_activation_of_ones_own_needs_its_squared_slope_alone():
    cosine = Activation(
        name="sine",
        odd=True,
        value=torch.sin,
        slope=torch.cos,
        product=lambda one, other, both: (-(one + other) / 2).exp() * both.sinh(),
        squared_slope=lambda variance: (1 + (-2 * variance).exp()) / 2,
    )
    found = first_order_error(cosine, torch.tensor([0.5], dtype=torch.float64), **ABOUT)
    assert float(found) == pytest.approx(SCALE / 4 * (1 + math.exp(-1)) / 2)


@pytest.mark.parametrize("activation", [ERF, LINEAR], ids=lambda one: one.name)
def test_it_is_the_trace_of_the_hessian_at_the_solution(activation):
    teacher = networks(1, 2, 100)

    def error(weights):
        return generalisation_error(
            overlaps_of(Networks(weights, teacher.outputs), teacher), activation
        )[0]

    weights = teacher.weights.clone().requires_grad_()
    (slope,) = torch.autograd.grad(error(weights), weights, create_graph=True)
    trace = sum(
        float(torch.autograd.grad(slope.flatten()[at], weights, retain_graph=True)[0].flatten()[at])
        for at in range(200)
    )
    found = first_order_error(
        activation, overlaps_of(teacher, teacher).variances, teacher.outputs, **ABOUT
    )
    # Inputs along a unit's own weights are one of N.
    assert float(found) == pytest.approx(SCALE / 4 * trace, rel=0.015)


def test_the_second_layer_adds_its_own_noise():
    at, outputs = variances(2, 0), torch.tensor([1.0, -0.5], dtype=torch.float64)
    first = first_order_error(LINEAR, at, outputs, **ABOUT)
    both = first_order_error(LINEAR, at, outputs, both_layers_of=10, **ABOUT)
    assert float(first) == pytest.approx(SCALE / 4 * 1.25)
    assert float(both - first) == pytest.approx(SCALE / 4 * 2 / 10)


@pytest.mark.parametrize("inputs", [None, 5, 100])
def test_the_linear_error_is_where_the_recursion_ends(inputs):
    units, rate, noise = 3, 0.2, 0.3
    n = inputs or 10**7
    share = rate * units / n
    left = 1 - 2 * share + share**2 * (n + 2)
    ended = (rate * units * noise) ** 2 / (1 - left)
    found = linear_error(units, rate=rate, noise=noise, inputs=inputs)
    assert found == pytest.approx(ended / (2 * n), rel=1e-6)


def test_the_linear_error_begins_with_the_first_order_and_ends_where_it_diverges():
    for rate in (1e-3, 1e-4):
        first = float(first_order_error(LINEAR, variances(2, 2), rate=rate, noise=0.1))
        assert linear_error(4, rate=rate, noise=0.1) / first - 1 == pytest.approx(
            2 * rate, rel=0.01
        )
    assert linear_error(4, rate=0.499, noise=0.1) > 1
    with pytest.raises(ValueError, match=r"below 0.5, .* a linear student of 4 units diverges"):
        linear_error(4, rate=0.5, noise=0.1)
    with pytest.raises(ValueError, match=r"below 0.25, .* diverges in mean square, got 0.3"):
        linear_error(4, rate=0.3, noise=0.1, inputs=2)


def solution(teacher, units, activation):
    """Weights and outer weights that share a teacher out as students from small starts do."""
    weights = teacher.weights[0]
    if activation is ERF:
        copies = units // len(weights)
        return weights.repeat(copies, 1), torch.full((units,), 1 / copies, dtype=torch.float64)
    if activation is LINEAR:
        weights = weights.sum(0, keepdim=True)
    lengths = weights.square().mean(1).sqrt()
    owners = torch.arange(units) % len(weights)
    shares = torch.arange(1.0, units + 1, dtype=torch.float64)
    for owner in range(len(weights)):
        shares[owners == owner] /= shares[owners == owner].sum()
    outputs = (shares * lengths[owners]).sqrt()
    return weights[owners] / lengths[owners, None] * outputs[:, None], outputs


@pytest.mark.parametrize("units", [2, 4, 8])
@pytest.mark.parametrize("activation", [ERF, RELU, LINEAR], ids=lambda one: one.name)
def test_the_shared_error_is_that_at_a_solution_that_shares(activation, units):
    teacher = Networks(networks(1, 2, 40).weights, torch.ones(1, 2, dtype=torch.float64))
    weights, outputs = solution(teacher, units, activation)
    overlaps = overlaps_of(Networks(weights[None], outputs[None]), teacher)
    assert generalisation_error(overlaps, activation)[0] < 1e-13
    own = first_order_error(
        activation, overlaps.variances, overlaps.outputs, both_layers_of=40, **ABOUT
    )
    found = shared_error(activation, overlaps.teacher, units, inputs=40, **ABOUT)
    assert float(found[0]) == pytest.approx(float(own[0]))


@pytest.mark.parametrize("activation", [RELU, LINEAR], ids=lambda one: one.name)
def test_outer_weights_shrink_as_the_noise_lengthens_inner_ones(activation):
    teacher = networks(1, 1, 40)
    overlaps = overlaps_of(teacher, teacher)
    length, slope = float(overlaps.teacher[0]) ** 0.5, 0.5 if activation is RELU else 1.0
    lead, steps, time = 0.0, 20_000, 300.0  # of Q over v²
    for _ in range(steps):
        outer = (math.sqrt(lead**2 + 4 * length**2) - lead) / 2
        lead += SCALE * slope * outer * time / steps
    outer = (math.sqrt(lead**2 + 4 * length**2) - lead) / 2
    assert outer < 0.8 * length
    found = shared_error(activation, overlaps.teacher, 3, inputs=40, time=time, **ABOUT)
    wanted = SCALE / 4 * slope * (outer + (outer + lead) / 40)
    assert float(found[0]) == pytest.approx(wanted, rel=1e-4)


def test_linear_students_drift_as_far_as_the_formula_says():
    streams = generators(32, "teacher")
    teacher = drawn_networks(2, 20, streams)
    student = drawn_networks(3, 20, generators(32, "start"), deviation=0.05, output=0.05)
    about = {"rate": 0.1, "noise": 0.3}
    lessons = learn_online(
        student,
        teacher,
        activation=LINEAR,
        steps=[12_000],
        generators=generators(32),
        both_layers=True,
        **about,
    )
    end = lessons.overlaps.at(0)
    own = first_order_error(LINEAR, end.variances, end.outputs, both_layers_of=20, **about)
    shared = [
        shared_error(LINEAR, end.teacher, 3, inputs=20, time=time, **about).mean()
        for time in (0.0, 60.0)
    ]
    assert float(own.mean() / shared[1]) == pytest.approx(1, abs=0.06)
    assert float(own.mean() / shared[0]) < 0.9


def test_only_students_as_wide_as_their_teachers_share():
    teacher = torch.eye(3)
    words = "a student must have at least its teacher's 3 units to be equal to it, got 2"
    with pytest.raises(ValueError, match=words):
        shared_error(ERF, teacher, 2, inputs=9, **ABOUT)
    other = Activation(
        name="sine",
        odd=True,
        value=torch.sin,
        slope=torch.cos,
        product=lambda one, other, both: both,
        squared_slope=torch.ones_like,
    )
    with pytest.raises(ValueError, match=r"time must be at least 0 and finite, got -1\.0"):
        shared_error(RELU, teacher, 3, inputs=9, time=-1.0, **ABOUT)
    with pytest.raises(ValueError, match="known of erf, relu and linear, got sine"):
        shared_error(other, teacher, 3, inputs=9, **ABOUT)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": 0.0}, "rate must be above 0 and finite, got 0.0"),
        ({"noise": -1.0}, "noise must be a standard deviation, at least 0 and finite, got -1.0"),
        ({"noise": math.inf}, "noise must be a standard deviation"),
    ],
)
def test_what_cannot_be_is_refused(change, words):
    about = ABOUT | change
    with pytest.raises(ValueError, match=words):
        first_order_error(ERF, variances(1, 0), **about)
    with pytest.raises(ValueError, match=words):
        linear_error(2, **about)
    with pytest.raises(ValueError, match=words):
        shared_error(ERF, torch.eye(1), 1, inputs=3, **about)
    for wrong in (-1.0, math.nan):
        with pytest.raises(ValueError, match="variances must be at least 0 and finite, got"):
            first_order_error(ERF, torch.tensor([1.0, wrong]), **ABOUT)
    with pytest.raises(ValueError, match="units must be a whole number of at least 1, got 0"):
        linear_error(0, **ABOUT)
    with pytest.raises(ValueError, match="inputs must be a whole number of at least 1, got 0"):
        linear_error(1, inputs=0, **ABOUT)
    with pytest.raises(ValueError, match="both_layers_of must be a whole number of at least 1"):
        first_order_error(ERF, variances(1, 0), both_layers_of=0, **ABOUT)
