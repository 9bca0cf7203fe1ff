"""Outputs as directions, whose inner products are correlations."""

import numpy as np
import pytest
import torch

from surfeit.similarity import cosine_graph, output_directions


def _outputs(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_inner_products_are_pearsons_correlations():
    outputs = _outputs(5, 40).relu() + 3
    rows = output_directions(outputs)
    assert np.allclose(rows @ rows.T, np.corrcoef(outputs.numpy()), atol=1e-6)


def test_neither_shift_nor_scale_of_a_unit_changes_its_direction():
    outputs = _outputs(3, 20)
    moved = outputs * torch.tensor([[1.0], [7.0], [1e-3]]) + torch.tensor([[5.0], [0.0], [-2.0]])
    assert torch.allclose(output_directions(moved), output_directions(outputs), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_an_output_that_never_changes_has_no_direction_and_no_link(dtype):
    outputs = torch.stack([torch.full((50,), 0.1), torch.zeros(50), _outputs(50).float()]).to(dtype)
    rows = output_directions(outputs)
    assert rows.norm(dim=1).tolist() == pytest.approx([0, 0, 1], abs=1e-6)
    assert cosine_graph(rows, inner_product=-1.0).edges.shape[1] == 0


def test_answers_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="answers are not finite"):
        output_directions(torch.tensor([[1.0, float("nan")], [1.0, 2.0]]))
