"""Order statistics against a sort."""

import numpy as np
import pytest

from surfeit.similarity import order_statistic

GENERATOR = np.random.default_rng(0)
DRAWN = {
    "few": GENERATOR.normal(size=100),
    "normal": GENERATOR.normal(size=60_000).astype(np.float32),
    "many equal": np.repeat(GENERATOR.normal(size=5), 12_000),
    "all equal": np.zeros(50_000),
    "ascending": np.arange(40_000.0),
    # Every number that the sample takes is 0, and all others are 1: it misleads.
    "against the sample": np.where(np.arange(40_960) % 10 == 0, 0.0, 1.0),
}


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("share", [0, 1e-4, 0.1, 0.5, 0.87, 1])
def test_order_statistics_are_those_of_a_sort(name, share):
    values = DRAWN[name]
    rank = round(share * (len(values) - 1))
    assert order_statistic(values, rank) == np.sort(values)[rank]
