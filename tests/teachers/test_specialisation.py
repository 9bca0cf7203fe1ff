import pytest
import torch
from tests.teachers.drawn import networks

from surfeit.core import Streams
from surfeit.teachers import (
    ERF,
    RELU,
    Networks,
    drawn_networks,
    found_units,
    lucky_shares,
    lucky_units,
    matches,
    overlaps_of,
    specialists,
)


def planted(lengths, owners, outputs=None, inputs=6):
    """Student units that are teacher units of a length, the teacher's being the axes."""
    count = max(owners) + 1
    teacher = Networks(torch.eye(inputs)[None, :count].double(), torch.ones(1, count).double())
    weights = torch.stack(
        [length * torch.eye(inputs)[owner] for length, owner in zip(lengths, owners, strict=True)]
    )
    outer = torch.ones(len(owners)) if outputs is None else torch.tensor(outputs)
    return overlaps_of(Networks(weights[None].double(), outer[None].double()), teacher).at(0)


def test_a_match_is_one_where_a_unit_is_its_teachers():
    overlaps = planted([2.0, 0.1, 1.0], [1, 0, 1])
    assert matches(overlaps, RELU).tolist() == [[0, 1], [1, 0], [0, 1]]


def test_an_opposite_unit_matches_where_the_activation_is_odd():
    overlaps = planted([-2.0, 1.0, 1.0], [0, 1, 0], outputs=[-1.0, -1.0, 0.0])
    assert matches(overlaps, ERF)[:2].tolist() == [[1, 0], [0, -1]]
    assert matches(overlaps, RELU)[:2].tolist() == [[0, 0], [0, 0]]
    assert matches(overlaps, ERF)[2].tolist() == [0, 0]  # it says nothing


def test_the_specialist_is_the_unit_that_carries_most():
    # Units 0 and 2 match the first alike, but 0 has shrunk; of the second 3 counts most.
    overlaps = planted([1e-3, 1.0, 0.5, 1.0], [0, 1, 0, 1], outputs=[1.0, 0.5, 1.0, 2.0])
    assert specialists(overlaps, RELU).tolist() == [2, 3]
    assert lucky_units(overlaps, RELU).tolist() == [0, 1]
    assert found_units(overlaps, RELU).tolist() == [True, True]


def test_a_teacher_unit_that_nobody_matches_is_not_found():
    student, teacher = networks(1, 3, 40), networks(1, 2, 40, seed=1)
    student.weights[0, 1] = 2 * teacher.weights[0, 1]
    student.outputs[0, 1] = teacher.outputs[0, 1]
    overlaps = overlaps_of(student, teacher)
    assert found_units(overlaps, RELU).tolist() == [[False, True]]
    assert found_units(overlaps, RELU, least=1e-9)[0, 1]
    for least in (0.0, 1.1):
        with pytest.raises(ValueError, match=rf"least must be a cosine in \(0, 1\], got {least}"):
            found_units(overlaps, RELU, least=least)


def test_the_lucky_share_counts_units_that_were_best_from_the_start():
    start = planted([1.0, 1.0, 1.0], [0, 1, 2])
    end = planted([1.0, 1.0, 1.0], [0, 2, 1])
    assert float(lucky_shares(start, start, RELU)) == 1
    assert float(lucky_shares(start, end, RELU)) == pytest.approx(1 / 3)


def test_starts_that_tell_nothing_are_lucky_once_in_as_many_as_there_are_units():
    generators = [Streams(seed).get("x") for seed in range(4000)]
    start, end, teacher = (drawn_networks(units, 8, generators) for units in (5, 5, 2))
    shares = lucky_shares(overlaps_of(start, teacher), overlaps_of(end, teacher), ERF)
    assert abs(float(shares.mean()) - 0.2) < 4 * float(shares.std()) / 4000**0.5


def test_nobody_is_lucky_where_nobody_carries():
    start = planted([1.0, 1.0], [0, 1])
    end = planted([1.0, -1.0], [0, 1])
    assert float(lucky_shares(start, end, RELU)) == 0.5
    silent = planted([1.0, 1.0], [0, 1], outputs=[0.0, 0.0])
    assert float(lucky_shares(silent, silent, RELU)) == 0


def test_students_units_can_change_places():
    teacher, *both = (networks(3, units, 9, seed=seed) for units, seed in ((2, 1), (4, 0), (4, 2)))
    start, end = (Networks(one.weights, one.outputs.abs()) for one in both)
    teacher = Networks(teacher.weights, teacher.outputs.abs())
    order = torch.tensor([3, 1, 0, 2])

    def shuffled(one):
        return overlaps_of(Networks(one.weights[:, order], one.outputs[:, order]), teacher)

    plain = lucky_shares(overlaps_of(start, teacher), overlaps_of(end, teacher), RELU)
    assert torch.equal(lucky_shares(shuffled(start), shuffled(end), RELU), plain)
    back = order[specialists(shuffled(end), RELU)]
    assert torch.equal(back, specialists(overlaps_of(end, teacher), RELU))
