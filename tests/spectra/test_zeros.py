"""Zeros that a mask leaves among a layer's weights."""

import pytest
import torch

from surfeit.spectra import scattered_zeros


def test_zeros_are_counted_where_units_and_inputs_live():
    weight = torch.ones(4, 5)
    assert scattered_zeros(weight) == 0
    weight[0] = 0
    weight[:, 1] = 0  # a dead unit and a dead input leave a whole matrix of 3 x 4
    assert scattered_zeros(weight) == 0
    weight[1, 2] = weight[2, 3] = weight[3, 0] = 0
    assert scattered_zeros(weight) == pytest.approx(3 / 12)
    assert scattered_zeros(torch.zeros(3, 3)) == 0
    assert scattered_zeros(weight[:, :, None, None]) == pytest.approx(3 / 12)


def test_zeros_of_what_is_no_weight_are_refused():
    with pytest.raises(ValueError, match="must be finite"):
        scattered_zeros(torch.tensor([[float("nan"), 1.0]]))
