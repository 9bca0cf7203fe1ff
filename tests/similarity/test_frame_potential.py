import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import contributions, normalised, total_frame_potential


def draw(*shape, dtype=torch.float64, name="weights"):
    return torch.randn(*shape, generator=Streams(7).get(name), dtype=torch.float64).to(dtype)


def brute_force(weight):
    rows = [[float(x) for x in row] for row in weight.flatten(1)]
    unit = [[x / (math.hypot(*row) or 1.0) for x in row] for row in rows]
    products = [[sum(a * b for a, b in zip(u, v, strict=True)) ** 2 for v in unit] for u in unit]
    return [sum(row) for row in products]


@pytest.mark.parametrize("shape", [(5, 3), (3, 7), (4, 4), (6, 2, 2, 2), (1, 9), (9, 1)])
def test_contributions_equal_the_double_loop(shape):
    weight = draw(*shape)
    expected = brute_force(weight)
    torch.testing.assert_close(contributions(weight), torch.tensor(expected, dtype=torch.float64))
    assert total_frame_potential(weight).item() == pytest.approx(sum(expected))


def test_total_of_orthonormal_and_parallel_units_is_known():
    assert total_frame_potential(torch.eye(6)).item() == pytest.approx(6)
    parallel = torch.ones(5, 4) * torch.tensor([1.0, -2, 3, 0.1, 9])[:, None]
    assert total_frame_potential(parallel).item() == pytest.approx(25)


def test_total_reaches_the_bound_of_tight_frames():
    angles = torch.arange(7, dtype=torch.float64) * math.pi / 7
    tight = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert total_frame_potential(tight).item() == pytest.approx(49 / 2)
    assert total_frame_potential(draw(7, 2)).item() > 49 / 2


def test_contributions_ignore_lengths_and_follow_a_permutation():
    weight, order = draw(8, 5), torch.randperm(8, generator=Streams(1).get("order"))
    scale = torch.linspace(0.01, 100, 8, dtype=torch.float64)[:, None]
    torch.testing.assert_close(contributions(weight * scale), contributions(weight))
    torch.testing.assert_close(contributions(weight[order]), contributions(weight)[order])


@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
def test_zero_rows_contribute_nothing(shape):
    weight = draw(*shape)
    weight[2] = 0
    parts = contributions(weight)
    assert parts[2] == 0
    assert normalised(weight)[2].tolist() == [0.0] * shape[1]
    others = weight[torch.arange(len(weight)) != 2]
    assert total_frame_potential(weight).item() == pytest.approx(
        total_frame_potential(others).item()
    )


def test_normalised_rows_survive_lengths_whose_squares_underflow():
    tiny = draw(3, 4, dtype=torch.float32) * 1e-30
    torch.testing.assert_close(normalised(tiny).norm(dim=1), torch.ones(3))
    assert normalised(tiny).dtype == torch.float32


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_weights_are_refused(bad):
    weight = draw(3, 3)
    weight[1, 1] = bad
    with pytest.raises(ValueError, match="weights must be finite"):
        total_frame_potential(weight)


def test_a_vector_is_no_layer():
    with pytest.raises(ValueError, match=r"must be \[units, inputs"):
        contributions(torch.ones(4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_directions_are_the_same_to_the_last_bit_when_normalised_again(dtype):
    rows = normalised(torch.randn(300, 784, generator=Streams(0).get("again"), dtype=dtype))
    assert torch.equal(normalised(rows), rows)
    assert (normalised(2 * rows) - rows).abs().max() < 1e-6
