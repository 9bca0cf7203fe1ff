"""All that is said of a matrix at once: tables, products, streams."""

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.curvature import LossSurface, Operator, curvature, dense, hessian

from .conftest import mlp, vectors


@pytest.fixture(scope="module")
def operator():
    return hessian(LossSurface.of(mlp(), vectors()))


@pytest.fixture(scope="module")
def found(operator):
    return curvature(operator, largest=2, smallest=1, probes=3, steps=5, streams=Streams(0))


def test_rows_are_named_by_end_and_rank(operator, found):
    rows = found.eigenvalues().to_pylist()
    assert [(row["end"], row["rank"]) for row in rows] == [
        ("largest", 1),
        ("largest", 2),
        ("smallest", 1),
    ]
    truth = torch.linalg.eigvalsh(dense(operator)).numpy()
    values = [row["eigenvalue"] for row in rows]
    np.testing.assert_allclose(values, truth[[-1, -2, 0]], rtol=1e-4)


def test_products_are_counted(found):
    assert found.density.products == 15
    assert found.products == found.pairs.products + 15


def test_density_has_the_whole_spectrum_and_integrates_to_one(operator, found):
    table = found.density_table()
    at, density = (table[name].to_numpy() for name in ("eigenvalue", "density"))
    assert np.trapezoid(density, at) == pytest.approx(1, abs=1e-3)
    truth = torch.linalg.eigvalsh(dense(operator)).numpy()
    assert at[0] < truth[0] < truth[-1] < at[-1]
    assert (table["standard_error"].to_numpy() >= 0).all()


@pytest.mark.parametrize("value", [3.0, -3.0, 1e-8, 0.0])
def test_density_of_a_spectrum_of_one_value_integrates_to_one(value):
    # All values are one but for rounding, as they come out of a computation.
    axes = torch.linalg.qr(torch.randn(40, 40, generator=Streams(0).get("axes")).double())[0]
    turned = axes @ (value * axes.T)
    one = Operator.of_matrix((turned + turned.T) / 2)
    table = curvature(one, largest=1, smallest=1, probes=3, steps=5, streams=Streams(0))
    at, density = (table.density_table()[name].to_numpy() for name in ("eigenvalue", "density"))
    assert np.trapezoid(density, at) == pytest.approx(1, abs=1e-3)
    assert at[0] < value < at[-1]


def test_stages_are_told(operator):
    told = []
    curvature(
        operator,
        largest=1,
        smallest=0,
        probes=2,
        steps=2,
        streams=Streams(0),
        progress=lambda *stage: told.append(stage),
    )
    assert told[-1] == ("all other eigenvalues", 4, 4)
    assert told[0][0] == "eigenvalues"
