import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.spectra import (
    kept_share,
    project,
    project_randomly,
    project_update,
    residual_share,
)

SHAPES = [(5, 8), (8, 5), (6, 6), (6, 3, 2, 2), (1, 4), (4, 1)]


def draw(*shape, name="weights"):
    return torch.randn(*shape, generator=Streams(0).get(name), dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
def test_project_equals_the_sum_of_singular_triples(shape):
    weight = draw(*shape)
    u, s, vt = np.linalg.svd(weight.flatten(1).numpy(), full_matrices=False)
    for rank in range(len(s) + 1):
        expected = sum((s[i] * np.outer(u[:, i], vt[i]) for i in range(rank)), np.zeros((1, 1)))
        found = project(weight, rank)
        assert found.shape == weight.shape
        np.testing.assert_allclose(
            found.flatten(1), np.broadcast_to(expected, found.flatten(1).shape), atol=1e-12
        )


def test_project_at_full_rank_is_the_weight_to_the_last_bit_and_a_copy():
    weight = draw(4, 6).float()
    found = project(weight, 4)
    assert torch.equal(found, weight)
    found.zero_()
    assert weight.abs().sum() > 0
    assert project(weight, 2).dtype == torch.float32


def test_project_is_the_nearest_of_its_rank():
    weight = draw(6, 7)
    best = (weight - project(weight, 2)).norm()
    for seed in range(20):
        generator = Streams(seed).get("other")
        left = torch.randn(6, 2, generator=generator, dtype=torch.float64)
        right = torch.linalg.lstsq(left, weight).solution
        assert (weight - left @ right).norm() > best


def test_project_twice_changes_nothing_and_keeps_what_has_the_rank():
    weight = draw(6, 2) @ draw(2, 9, name="right")
    torch.testing.assert_close(project(weight, 2), weight)
    once = project(draw(6, 9), 3)
    torch.testing.assert_close(project(once, 3), once)


@pytest.mark.parametrize("shape", SHAPES)
def test_shares_equal_the_norms_of_the_projections(shape):
    weight = draw(*shape)
    kept, lost = kept_share(weight), residual_share(weight)
    full = min(weight.flatten(1).shape)
    assert kept.shape == lost.shape == (full + 1,)
    for rank in range(full + 1):
        near = project(weight, rank)
        assert kept[rank].item() == pytest.approx((near.norm() / weight.norm()).item())
        share = ((weight - near).norm() / weight.norm()).item()
        assert lost[rank].item() == pytest.approx(share, abs=1e-12)
    torch.testing.assert_close(kept**2 + lost**2, torch.ones_like(kept))
    assert (kept[0], kept[-1], lost[0], lost[-1]) == (0, 1, 1, 0)
    torch.testing.assert_close(kept_share(weight * -1e-4), kept)


def test_shares_of_known_singular_values():
    weight = torch.diag(torch.tensor([3.0, 4.0, 0.0]))
    assert kept_share(weight).tolist() == pytest.approx([0, 0.8, 1, 1])
    assert residual_share(weight).tolist() == pytest.approx([1, 0.6, 0, 0])
    assert kept_share(weight, [2, 1, 1]).tolist() == pytest.approx([1, 0.8, 0.8])


def test_small_residuals_are_not_lost_in_rounding():
    weight = torch.diag(torch.tensor([1.0, 1e-9, 1e-9]))
    assert residual_share(weight, [1, 2]).tolist() == pytest.approx([2**0.5 * 1e-9, 1e-9])


def test_project_update_keeps_the_initial_weight_and_projects_the_move():
    weight, initial = draw(5, 2, 2, 1), draw(5, 2, 2, 1, name="initial")
    assert torch.equal(project_update(weight, initial, 0), initial)
    assert torch.equal(project_update(weight, initial, 4), weight)
    found = project_update(weight, initial, 2)
    torch.testing.assert_close(found, initial + project(weight - initial, 2))
    assert torch.linalg.matrix_rank((found - initial).flatten(1)) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: project(w, 4), r"ranks of \[3, 5\] are from 0 to 3, got 4"),
        (lambda w: project(w, -1), "from 0 to 3, got -1"),
        (lambda w: project(w * torch.inf, 1), "weights must be finite"),
        (lambda w: project_update(w, w[:2], 1), r"one shape, got \[3, 5\] and \[2, 5\]"),
        (lambda w: project_update(w, w, 4), "from 0 to 3, got 4"),
        (lambda w: kept_share(w, [1, 9]), "from 0 to 3, got 9"),
        (lambda w: kept_share(w * 0), "all weights are zero"),
        (lambda w: residual_share(w * 0), "all weights are zero"),
        (lambda w: project(w[0], 1), r"must be \[units, inputs"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(draw(3, 5))


def test_a_random_projection_is_one_of_its_rank_and_keeps_what_it_projects_on():
    weight = draw(6, 2, 3, 1)
    found = project_randomly(weight, 2, Streams(0).get("random"))
    matrix = found.flatten(1)
    assert torch.linalg.matrix_rank(matrix) == 2
    # A projection of W has W − P orthogonal to P, column by column.
    assert torch.allclose(matrix.T @ (weight.flatten(1) - matrix), torch.zeros(6, 6).double())
    assert torch.allclose(project_randomly(weight, 6, Streams(0).get("random")), weight)
    assert not project_randomly(weight, 0, Streams(0).get("random")).any()


def test_random_projections_keep_rank_over_units_of_the_squared_norm():
    weight, generator = draw(8, 5), Streams(0).get("random")
    kept = (
        torch.stack([project_randomly(weight, 2, generator).square().sum() for _ in range(400)])
        / weight.square().sum()
    )
    assert abs(kept.mean() - 2 / 8) < 4 * kept.std() / 20


def test_a_random_projection_of_half_precision_stays_so():
    assert project_randomly(draw(4, 3).half(), 2, Streams(0).get("random")).dtype == torch.float16


def test_more_random_directions_than_units_are_refused():
    with pytest.raises(ValueError, match="4 units have from 0 to 4 directions, got 5"):
        project_randomly(draw(4, 9), 5, Streams(0).get("random"))
