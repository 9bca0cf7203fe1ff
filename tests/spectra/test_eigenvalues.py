import math

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.spectra import eigenpairs, eigenvalues


def draw(*shape):
    return torch.randn(*shape, generator=Streams(0).get("weights"), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5), (1, 6), (6, 1), (8, 3, 2, 2)])
def test_eigenvalues_equal_those_of_the_full_product(shape):
    weight = draw(*shape)
    matrix = weight.flatten(1).numpy()
    expected = np.linalg.eigvalsh(matrix @ matrix.T)[::-1]
    found = eigenvalues(weight)
    assert found.shape == (shape[0],)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, expected, atol=1e-12 * expected[0])
    assert (found.diff() <= 0).all()
    assert found.min() >= 0


def test_more_units_than_inputs_leave_exact_zeros():
    assert eigenvalues(draw(9, 4))[4:].tolist() == [0.0] * 5


def test_eigenvalues_of_known_matrices():
    diagonal = torch.diag(torch.tensor([1.0, -3.0, 2.0]))
    torch.testing.assert_close(
        eigenvalues(diagonal), torch.tensor([9.0, 4.0, 1.0], dtype=torch.float64)
    )
    ones = eigenvalues(torch.ones(3, 5))
    assert ones[0].item() == pytest.approx(15)
    assert ones[1:].abs().max() < 1e-13


def test_eigenvalues_sum_to_the_squared_norm_and_ignore_the_order_of_units():
    weight = draw(7, 5).float()
    found = eigenvalues(weight)
    assert found.sum().item() == pytest.approx(weight.double().square().sum().item())
    torch.testing.assert_close(eigenvalues(weight.flip(0)), found)
    torch.testing.assert_close(eigenvalues(2 * weight), 4 * found)


def test_non_finite_weights_are_refused():
    with pytest.raises(ValueError, match="weights must be finite"):
        eigenvalues(draw(3, 3) * math.nan)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5), (1, 6), (6, 1), (8, 3, 2, 2)])
def test_eigenpairs_are_those_of_the_full_product(shape):
    weight = draw(*shape)
    matrix = weight.flatten(1)
    gram, values = matrix @ matrix.T, eigenvalues(weight)
    same, found = eigenpairs(weight, 3)
    torch.testing.assert_close(same, values)
    assert len(found) == min(3, *matrix.shape)
    torch.testing.assert_close(found @ gram, values[: len(found), None] * found)
    torch.testing.assert_close(found @ found.T, torch.eye(len(found), dtype=torch.float64))


def test_eigenpairs_leave_out_what_is_rounding():
    _, ones = eigenpairs(torch.ones(5, 3), 4)
    torch.testing.assert_close(ones.abs(), torch.full((1, 5), 5**-0.5, dtype=torch.float64))
    assert eigenpairs(torch.zeros(3, 4), 2)[1].shape == (0, 3)


def test_eigenpairs_say_what_is_wrong():
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        eigenpairs(draw(3, 3), 0)
    with pytest.raises(ValueError, match="weights must be finite"):
        eigenpairs(draw(3, 3) * math.nan, 1)
