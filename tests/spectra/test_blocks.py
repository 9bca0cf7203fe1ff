"""Weight matrices of grouped layers: zero outside each group's block."""

import pytest
import torch

from surfeit.core import Streams
from surfeit.spectra import eigenpairs, eigenvalues, kept_share, project, residual_share
from surfeit.spectra.blocks import blocks, singular_triples

SIZES = {"depthwise": [(1, 9)] * 8, "two": [(3, 4), (3, 4)], "uneven": [(2, 5), (4, 1), (3, 3)]}


def parts_of(kind, name="parts"):
    generator = Streams(2).get(name)
    return [torch.randn(*s, generator=generator, dtype=torch.float64) for s in SIZES[kind]]


def equal_filters(groups=8, inputs=9):
    return torch.block_diag(*[torch.arange(1.0, inputs + 1)[None]] * groups)


@pytest.mark.parametrize("kind", SIZES)
def test_blocks_are_found_wherever_their_rows_and_columns_are(kind):
    parts = parts_of(kind)
    dense = torch.block_diag(*parts)
    rows = torch.randperm(len(dense), generator=Streams(0).get("rows"))
    columns = torch.randperm(dense.shape[1], generator=Streams(0).get("columns"))
    shuffled = torch.zeros(len(dense) + 1, dense.shape[1] + 2, dtype=torch.float64)
    shuffled[:-1, :-2] = dense[rows][:, columns]  # and a row and two columns of zeros
    found = blocks(shuffled)
    assert [int(own[0]) for own, _ in found] == sorted(int(own[0]) for own, _ in found)
    sizes = sorted((len(own), len(read)) for own, read in found)
    assert sizes == sorted(SIZES[kind])
    again = torch.zeros_like(shuffled)
    for own, read in found:
        again[own[:, None], read] = shuffled[own][:, read]
    assert torch.equal(again, shuffled)


def test_a_matrix_in_one_piece_is_one_block_and_zeros_are_none():
    chain = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    assert [(own.tolist(), read.tolist()) for own, read in blocks(chain)] == [([0, 1], [0, 1, 2])]
    full = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 2.0]])
    assert [(own.tolist(), read.tolist()) for own, read in blocks(full)] == [([0, 2], [0, 1])]
    assert blocks(torch.zeros(2, 3)) == []


@pytest.mark.parametrize("kind", SIZES)
def test_triples_of_blocks_are_those_of_the_whole(kind):
    dense = torch.block_diag(*parts_of(kind))
    u, s, vt = singular_triples(dense)
    torch.testing.assert_close(s, torch.linalg.svdvals(dense))
    torch.testing.assert_close(u @ s.diag() @ vt, dense)
    real = s > 0
    eye = torch.eye(int(real.sum()), dtype=torch.float64)
    torch.testing.assert_close(u[:, real].T @ u[:, real], eye)
    torch.testing.assert_close(vt[real] @ vt[real].T, eye)


@pytest.mark.parametrize("kind", SIZES)
def test_projections_are_nearest_and_exactly_zero_outside_the_blocks(kind):
    parts = parts_of(kind)
    dense = torch.block_diag(*parts)
    outside = torch.block_diag(*[torch.ones_like(part) for part in parts]) == 0
    values = torch.linalg.svdvals(dense)
    for rank in range(min(dense.shape) + 1):
        found = project(dense, rank)
        assert not found[outside].any()
        assert torch.linalg.matrix_rank(found) <= rank
        # Eckart and Young: no matrix of that rank is nearer.
        assert float((dense - found).norm()) == pytest.approx(float(values[rank:].norm()), abs=1e-9)


def test_equal_depthwise_filters_span_a_dimension_each():
    dense = equal_filters()
    square = float(dense[0].square().sum())
    assert eigenvalues(dense).tolist() == pytest.approx([square] * 8)
    values, vectors = eigenpairs(dense, 8)
    assert vectors.shape == (8, 8)
    torch.testing.assert_close(vectors @ vectors.T, torch.eye(8, dtype=torch.float64))
    assert values.tolist() == pytest.approx([square] * 8)
    for rank in range(9):
        assert float(kept_share(dense, [rank])) == pytest.approx((rank / 8) ** 0.5)
        assert float(residual_share(dense, [rank])) == pytest.approx((1 - rank / 8) ** 0.5)
    # Filters that are equal may be dropped in any order, but each is kept or dropped whole.
    kept = (project(dense, 3) - dense).abs().amax(dim=1) < 1e-5
    dropped = project(dense, 3).abs().amax(dim=1) == 0
    assert int(kept.sum()) == 3
    assert int(dropped.sum()) == 5


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_spectra_of_groups_are_those_of_their_blocks_together(dtype):
    parts = [part.to(dtype) for part in parts_of("two")]
    together = torch.cat([eigenvalues(part) for part in parts]).sort(descending=True).values
    torch.testing.assert_close(eigenvalues(torch.block_diag(*parts)), together)
