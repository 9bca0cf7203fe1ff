"""The planted columns are what they say, so that the studies' tests can rest on them."""

import numpy as np
import pytest

from surfeit.lab import exceeds


@pytest.mark.parametrize("n", [3, 5, 20])
def test_planted_values_have_exactly_the_mean_and_deviation(planted, n):
    values = np.array(planted(0.4, 0.03, n))
    assert values.mean() == pytest.approx(0.4)
    assert values.std(ddof=1) == pytest.approx(0.03)
    assert planted(0.4, 0.03, n, seed=1) != planted(0.4, 0.03, n)


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize(("margin", "step"), [(0.0, 1.0), (0.5, 0.01)])
def test_three_columns_lead_to_three_rulings(planted_three, margin, step, n):
    for ruling, values in planted_three(margin, step, n).items():
        assert exceeds("X1", values, margin=margin, unit="points").ruling == ruling
