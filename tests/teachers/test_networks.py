import pytest
import torch
from tests.teachers.drawn import generators, networks

from surfeit.teachers import (
    LINEAR,
    RELU,
    Networks,
    drawn_networks,
    generalisation_error,
    overlaps_of,
)


def test_each_network_is_drawn_from_its_own_generator():
    about = {"deviation": 0.5, "output": 2.0, "output_deviation": 0.1}
    together = drawn_networks(3, 50, generators(4), **about)
    alone = drawn_networks(3, 50, generators(4)[2:3], **about)
    assert torch.equal(together.weights[2], alone.weights[0])
    assert torch.equal(together.outputs[2], alone.outputs[0])
    assert float(together.weights.std()) == pytest.approx(0.5, rel=0.1)
    assert float(together.outputs.mean()) == pytest.approx(2, abs=0.1)
    assert (together.replicates, together.units, together.inputs) == (4, 3, 50)


def test_outer_weights_are_equal_unless_they_are_to_vary():
    assert drawn_networks(3, 4, generators(2), output=0.7).outputs.unique().tolist() == [
        pytest.approx(0.7)
    ]


def test_a_wider_student_starts_at_its_teacher_and_can_move():
    teacher = drawn_networks(2, 30, generators(3), dtype=torch.float64)
    student = teacher.extended(5, generators(3, "surplus"))
    assert torch.equal(student.weights[:, :2], teacher.weights)
    assert student.outputs.unique().tolist() == [1]
    assert generalisation_error(overlaps_of(student, teacher), LINEAR).max() < 1e-5
    assert student.weights[:, 2:].abs().min() > 0
    assert RELU.slope(student.weights).any()
    assert teacher.extended(2, generators(3)) is teacher


def test_what_is_no_network_is_refused():
    weights, outputs = torch.ones(2, 3, 4), torch.ones(2, 3)
    for given, words in (
        ((weights[0], outputs), r"weights must be of shape \[replicates, units, inputs\]"),
        ((torch.ones(2, 0, 4), torch.ones(2, 0)), "each at least 1"),
        ((weights, outputs[:, :2]), r"outputs must be of shape \[2, 3\], got \[2, 2\]"),
        ((weights, outputs.double()), "both float32 or both float64"),
        ((weights.half(), outputs.half()), "both float32 or both float64"),
    ):
        with pytest.raises(ValueError, match=words):
            Networks(*given)
    for sizes, words in (
        ((0, 4), "units must be a whole number of at least 1, got 0"),
        ((3, 0), "inputs must be a whole number of at least 1, got 0"),
        ((2.5, 4), "units must be a whole number of at least 1, got 2.5"),
    ):
        with pytest.raises(ValueError, match=words):
            drawn_networks(*sizes, generators(1))
    with pytest.raises(ValueError, match="replicates must be a whole number of at least 1, got 0"):
        drawn_networks(2, 3, [])


def test_a_student_narrower_than_its_teacher_cannot_start_there():
    words = "a student must have at least its teacher's 4 units to be equal to it, got 3"
    with pytest.raises(ValueError, match=words):
        networks(2, 4, 5).extended(3, generators(2))
    with pytest.raises(ValueError, match=r"each of the 2 replicates needs a generator .* got 1"):
        networks(2, 4, 5).extended(6, generators(1))
