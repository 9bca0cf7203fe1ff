"""Principal angles against closed forms and invariants."""

import math

import pytest
import torch

from surfeit.spectra import leading_directions, principal_angles, project


def _rows(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, math.pi / 4, 1.2, math.pi / 2 - 1e-9])
def test_two_lines_have_the_angle_between_them(angle):
    turned = torch.tensor([[-3 * math.cos(angle), -3 * math.sin(angle)]], dtype=torch.float64)
    found = principal_angles(torch.tensor([[2.0, 0.0]]), turned)
    assert found.tolist() == pytest.approx([angle], rel=1e-7, abs=1e-15)


def test_planes_that_share_a_line_have_its_angle_and_that_between_the_others():
    first = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    second = torch.tensor([[1.0, 0, 0], [0, math.cos(0.7), math.sin(0.7)]], dtype=torch.float64)
    assert principal_angles(first, second).tolist() == pytest.approx([0, 0.7])


def test_planted_angles_come_back_in_any_basis():
    planted = torch.tensor([0.0, 1e-6, 0.2, 0.9, 1.5], dtype=torch.float64)
    frame = torch.linalg.qr(_rows(30, 30)).Q
    first, across = frame[:5], frame[5:10]
    second = planted.cos()[:, None] * first + planted.sin()[:, None] * across
    found = principal_angles(_rows(5, 5, seed=1) @ first, _rows(5, 5, seed=2) @ second)
    assert torch.allclose(found, planted, atol=1e-9)


def test_a_subspace_within_another_has_angles_of_zero_only():
    rows = _rows(6, 20)
    found = principal_angles(rows, rows[:2] + 3 * rows[3:5])
    assert len(found) == 2
    assert found.max() < 1e-12


def test_angles_are_the_same_both_ways_and_after_turning_the_space():
    first, second = _rows(3, 12), _rows(5, 12, seed=1)
    turn = torch.linalg.qr(_rows(12, 12, seed=2)).Q
    found = principal_angles(first, second)
    assert len(found) == 3
    assert torch.allclose(found, principal_angles(second, first))
    assert torch.allclose(found, principal_angles(1e-8 * first @ turn, second @ turn))


def test_random_subspaces_overlap_by_k_of_n():
    overlaps = [
        principal_angles(_rows(4, 40, seed=2 * n), _rows(4, 40, seed=2 * n + 1)).cos().square()
        for n in range(200)
    ]
    values = torch.stack(overlaps).mean(dim=1)
    assert abs(values.mean() - 4 / 40) < 4 * values.std() / math.sqrt(200)


def test_leading_directions_span_the_rows_of_the_projection():
    weight = _rows(6, 2, 3, 3)
    basis = leading_directions(weight, 3)
    assert torch.allclose(basis @ basis.T, torch.eye(3, dtype=torch.float64))
    near = project(weight, 3).flatten(1)
    assert torch.allclose(near @ basis.T @ basis, near)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_is_taken(dtype):
    assert principal_angles(_rows(2, 5).to(dtype), _rows(2, 5).to(dtype)).max() < 1e-12
    assert leading_directions(_rows(2, 5).to(dtype), 2).dtype is torch.float64


def test_what_spans_no_subspace_is_refused():
    rows = _rows(2, 5)
    with pytest.raises(ValueError, match=r"2 rows .* linearly independent"):
        principal_angles(torch.stack([rows[0], 2 * rows[0]]), rows)
    with pytest.raises(ValueError, match=r"6 rows .* their 5 entries"):
        principal_angles(_rows(6, 5), rows)
    with pytest.raises(ValueError, match="linearly independent"):
        principal_angles(torch.zeros(1, 5), rows)
    with pytest.raises(ValueError, match="in one space, got rows of 5 and 4"):
        principal_angles(rows, _rows(2, 4))
    with pytest.raises(ValueError, match="finite"):
        principal_angles(rows * math.nan, rows)


def test_directions_that_are_not_there_are_refused():
    weight = torch.stack([_rows(4), 2 * _rows(4), _rows(4, seed=1)])
    with pytest.raises(ValueError, match="of rank 2 has from 1 to 2 leading directions, got 3"):
        leading_directions(weight, 3)
    with pytest.raises(ValueError, match="got 0"):
        leading_directions(weight, 0)
    with pytest.raises(ValueError, match="rank 0"):
        leading_directions(torch.zeros(2, 3), 1)
