import math

import numpy as np
import pytest
import torch
from tests.teachers.drawn import networks
from tests.teachers.test_activations import around, normal_mean

from surfeit.core import Streams
from surfeit.teachers import (
    ACTIVATIONS,
    RELU,
    Networks,
    Overlaps,
    error_of_zero,
    generalisation_error,
    overlaps_of,
)

each = pytest.mark.parametrize("activation", list(ACTIVATIONS.values()), ids=lambda one: one.name)


def answers(network, place, inputs, activation):
    """`φ(x)` of one replicate for each column of inputs [N, examples]."""
    fields = network.weights[place] @ inputs / network.inputs**0.5
    return network.outputs[place] @ activation.value(fields)


@each
def test_the_error_is_that_over_all_inputs_of_two_numbers(activation):
    student, teacher = networks(3, 3, 2), networks(3, 2, 2, seed=1)
    found = generalisation_error(overlaps_of(student, teacher), activation)
    for place in range(3):

        def half_square(normal, place=place):
            inputs = torch.from_numpy(normal)
            off = answers(student, place, inputs, activation) - answers(
                teacher, place, inputs, activation
            )
            return 0.5 * off.square().numpy()

        mean = around(half_square) if activation is RELU else normal_mean(half_square)
        assert float(found[place]) == pytest.approx(mean, rel=1e-7)


@each
def test_the_error_is_that_on_drawn_inputs(activation):
    student, teacher = networks(2, 5, 30), networks(2, 3, 30, seed=1)
    found = generalisation_error(overlaps_of(student, teacher), activation)
    inputs = torch.randn(30, 100_000, generator=Streams(2).get("x"), dtype=torch.float64)
    for place in range(2):
        off = answers(student, place, inputs, activation) - answers(
            teacher, place, inputs, activation
        )
        squares = 0.5 * off.square()
        assert abs(squares.mean() - found[place]) < 4 * squares.std() / math.sqrt(len(squares))


@each
def test_the_error_of_zero_is_that_of_a_student_without_outer_weights(activation):
    student, teacher = networks(4, 3, 6), networks(4, 2, 6, seed=1)
    silent = overlaps_of(Networks(student.weights, 0 * student.outputs), teacher)
    assert torch.allclose(
        error_of_zero(silent, activation), generalisation_error(silent, activation)
    )


@each
def test_it_is_zero_at_the_teacher_and_nowhere_below(activation):
    teacher = networks(6, 4, 9)
    found = generalisation_error(overlaps_of(teacher, teacher), activation)
    assert found.min() >= 0
    assert found.max() < 1e-14


@each
def test_units_can_change_places(activation):
    student, teacher = networks(2, 4, 7), networks(2, 3, 7, seed=1)
    order = torch.tensor([2, 0, 3, 1])
    other = Networks(student.weights[:, order], student.outputs[:, order])
    found = [
        generalisation_error(overlaps_of(one, teacher), activation) for one in (student, other)
    ]
    assert torch.allclose(*found)


@each
def test_inputs_that_nobody_reads_change_nothing(activation):
    pair = networks(2, 4, 7), networks(2, 3, 7, seed=1)
    wider = [
        Networks(torch.nn.functional.pad(2**0.5 * one.weights, (0, 7)), one.outputs) for one in pair
    ]
    found = [generalisation_error(overlaps_of(*these), activation) for these in (pair, wider)]
    assert torch.allclose(*found)


def test_opposite_units_are_the_same_function_where_it_is_odd():
    teacher = networks(3, 2, 5)
    opposite = Networks(-teacher.weights, -teacher.outputs)
    for activation in ACTIVATIONS.values():
        found = generalisation_error(overlaps_of(opposite, teacher), activation)
        assert bool((found < 1e-13).all()) == activation.odd


def test_overlaps_are_products_over_the_number_of_inputs():
    student, teacher = networks(2, 3, 5), networks(2, 2, 5, seed=1)
    found = overlaps_of(student, teacher)
    assert float(found.cross[1, 2, 0]) == pytest.approx(
        float(student.weights[1, 2] @ teacher.weights[1, 0]) / 5
    )
    one, other = student.weights[1, 2].numpy(), teacher.weights[1, 0].numpy()
    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
    assert float(found.cosines[1, 2, 0]) == pytest.approx(cosine)
    assert torch.allclose(found.variances, student.weights.square().mean(-1))
    assert torch.equal(found.at(1).teacher, found.teacher[1])


def test_overlaps_of_float32_are_float64():
    student = networks(2, 3, 5, dtype=torch.float32)
    exact = Networks(student.weights.double(), student.outputs.double())
    found, wanted = overlaps_of(student, student), overlaps_of(exact, exact)
    assert found.student.dtype == found.outputs.dtype == torch.float64
    assert torch.equal(found.student, wanted.student)


def test_what_is_not_finite_has_an_infinite_error():
    student, teacher = networks(3, 2, 4), networks(3, 2, 4, seed=1)
    student.weights[1] = torch.inf
    for activation in ACTIVATIONS.values():
        found = generalisation_error(overlaps_of(student, teacher), activation)
        assert found.isinf().tolist() == [False, True, False]


def test_shapes_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="as many replicates and inputs, got 2 and 2, 5 and 6"):
        overlaps_of(networks(2, 3, 5), networks(2, 3, 6))
    ones = torch.ones
    with pytest.raises(ValueError, match=r"teacher must be of shape \[2, 2\], got \[3, 3\]"):
        Overlaps(ones(4, 4), ones(4, 2), ones(3, 3), ones(4), ones(2))
    with pytest.raises(ValueError, match=r"outputs must be of shape \[4\], got \[3\]"):
        Overlaps(ones(4, 4), ones(4, 2), ones(2, 2), ones(3), ones(2))
