"""The six measures against loops over entries, and what scaling and permuting do to them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from surfeit.capacity import (
    MEASURES,
    TwoLayer,
    frobenius,
    max_l1,
    mixed_norm,
    parameter_count,
    spectral_frobenius,
    spectral_l12,
    spectral_norm,
    unit_capacity,
    unit_impact,
    unit_wise,
)
from surfeit.core import Streams

H, D, C = 5, 7, 3


def drawn(seed=0, h=H, d=D, c=C):
    generator = Streams(seed).get("capacity")

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    U0, V0 = normal(h, d), normal(c, h)
    return TwoLayer(U=U0 + 0.3 * normal(h, d), V=V0 + 0.2 * normal(c, h), U0=U0, V0=V0)


def row_norms(matrix, q):
    return [sum(abs(entry) ** q for entry in row) ** (1 / q) for row in matrix.tolist()]


def largest_singular_value(matrix):
    return float(np.linalg.svd(matrix.numpy(), compute_uv=False)[0])


def euclidean(matrix):
    return math.sqrt(sum(entry**2 for row in matrix.tolist() for entry in row))


def by_loops(network):
    """Each measure as the table writes it."""
    U, V = network.U, network.V
    moved, output = U - network.U0, V - network.V0
    spectral = largest_singular_value
    return {
        "parameters": sum(1 for row in U.tolist() for _ in row),
        "max_l1": max(row_norms(U, 1)) * max(row_norms(V, 1)),
        "frobenius": euclidean(U) * euclidean(V),
        "spectral_l12": spectral(U) * sum(row_norms(output, 2))
        + sum(row_norms(moved, 2)) * spectral(V),
        "spectral_frobenius": spectral(U) * euclidean(output)
        + math.sqrt(len(U)) * euclidean(moved) * spectral(V),
        "unit_wise": spectral(network.U0) * euclidean(V)
        + euclidean(moved) * euclidean(V)
        + math.sqrt(len(U)),
    }


@pytest.mark.parametrize(("h", "d", "c"), [(5, 7, 3), (7, 2, 4), (1, 1, 1), (9, 4, 1)])
def test_measures_are_those_of_loops(h, d, c):
    network = drawn(3, h, d, c)
    found = {name: measure(network) for name, measure in MEASURES.items()}
    assert found == pytest.approx(by_loops(network), rel=1e-12)
    assert unit_wise(network, root=False) == pytest.approx(found["unit_wise"] - math.sqrt(h))


def test_measures_are_in_the_order_of_the_table():
    functions = [
        *(parameter_count, max_l1, frobenius, spectral_l12, spectral_frobenius, unit_wise),
    ]
    assert list(MEASURES.values()) == functions


def test_a_network_worked_out_by_hand():
    """One unit moved from (0, 0) to (3, 4), the other stays at (0, 1); the output reads 2 and 1."""
    network = TwoLayer(
        U=torch.tensor([[3.0, 4.0], [0.0, 1.0]]),
        U0=torch.tensor([[0.0, 0.0], [0.0, 1.0]]),
        V=torch.tensor([[2.0, 1.0]]),
        V0=torch.tensor([[2.0, 0.0]]),
    )
    spectral = math.sqrt(13 + math.sqrt(160))  # of UᵀU: eigenvalues 13 ± √160
    assert unit_capacity(network).tolist() == [5, 0]
    assert unit_impact(network).tolist() == [2, 1]
    assert parameter_count(network) == 4
    assert max_l1(network) == 7 * 3
    assert frobenius(network) == pytest.approx(math.sqrt(26 * 5))
    assert spectral_l12(network) == pytest.approx(spectral * 1 + 5 * math.sqrt(5))
    assert spectral_frobenius(network) == pytest.approx(
        spectral * 1 + math.sqrt(2) * 5 * math.sqrt(5)
    )
    assert unit_wise(network) == pytest.approx((1 + 5) * math.sqrt(5) + math.sqrt(2))


def test_the_first_index_of_a_mixed_norm_is_that_over_rows():
    lopsided = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 12.0]], dtype=torch.float64)
    assert float(mixed_norm(lopsided, 1, 2)) == 5 + 12
    assert float(mixed_norm(lopsided, 2, 1)) == pytest.approx(math.sqrt(7**2 + 12**2))
    assert float(mixed_norm(lopsided, math.inf, 1)) == 12
    assert float(mixed_norm(lopsided, 1, math.inf)) == 4 + 12
    assert float(mixed_norm(lopsided.T, 1, 2)) == 3 + 4 + 12  # not that of the transpose
    assert float(mixed_norm(lopsided.T, math.inf, 1)) == 12
    assert float(mixed_norm(lopsided, 2, 2)) == pytest.approx(float(lopsided.norm()))


@pytest.mark.parametrize(("outer", "inner"), [(1, 2), (2, 1), (3, 1.5), (math.inf, 1), (1, 1)])
def test_mixed_norms_are_those_of_loops(outer, inner):
    matrix = drawn(1).U
    rows = row_norms(matrix, inner)
    whole = max(rows) if outer == math.inf else sum(row**outer for row in rows) ** (1 / outer)
    assert float(mixed_norm(matrix, outer, inner)) == pytest.approx(whole, rel=1e-12)
    assert float(mixed_norm(-3 * matrix, outer, inner)) == pytest.approx(3 * whole, rel=1e-12)


@pytest.mark.parametrize("scale", [0.1, 4.0])
def test_scaling_both_layers_with_their_starts_changes_nothing(scale):
    network = drawn(2)
    scaled = TwoLayer(
        U=scale * network.U, U0=scale * network.U0, V=network.V / scale, V0=network.V0 / scale
    )
    inputs = drawn(4, h=6, d=D).U.T
    same = network.V @ (network.U @ inputs).relu()
    assert torch.allclose(scaled.V @ (scaled.U @ inputs).relu(), same)
    for name, measure in MEASURES.items():
        assert measure(scaled) == pytest.approx(measure(network), rel=1e-12), name


@pytest.mark.parametrize("scale", [0.1, 4.0])
def test_scaling_the_trained_weights_alone_changes_each_as_its_formula_says(scale):
    """The function is the same, but the distance to the start is not: these are of trainings."""
    network = drawn(2)
    scaled = replace(network, U=scale * network.U, V=network.V / scale)
    U, V, U0, V0 = network.U, network.V, network.U0, network.V0
    moved, output = scale * U - U0, V / scale - V0
    for measure in (parameter_count, max_l1, frobenius):
        assert measure(scaled) == pytest.approx(measure(network), rel=1e-12)
    spectral = {name: largest_singular_value(one) for name, one in {"U": U, "V": V}.items()}
    assert spectral_l12(scaled) == pytest.approx(
        scale * spectral["U"] * sum(row_norms(output, 2))
        + sum(row_norms(moved, 2)) * spectral["V"] / scale
    )
    assert spectral_frobenius(scaled) == pytest.approx(
        scale * spectral["U"] * euclidean(output)
        + math.sqrt(H) * euclidean(moved) * spectral["V"] / scale
    )
    assert unit_wise(scaled) == pytest.approx(
        (largest_singular_value(U0) + euclidean(moved)) * euclidean(V) / scale + math.sqrt(H)
    )


def test_permuting_units_changes_no_measure_and_permutes_what_is_of_units():
    network, order = drawn(6), torch.tensor([3, 0, 4, 1, 2])
    permuted = TwoLayer(
        U=network.U[order], U0=network.U0[order], V=network.V[:, order], V0=network.V0[:, order]
    )
    for name, measure in MEASURES.items():
        assert measure(permuted) == pytest.approx(measure(network), rel=1e-12), name
    for per_unit in (unit_capacity, unit_impact):
        assert torch.equal(per_unit(permuted), per_unit(network)[order])


def test_units_make_up_the_norms_that_the_sixth_measure_is_made_of():
    network = drawn(7)
    assert float(unit_capacity(network).square().sum()) == pytest.approx(
        float((network.U - network.U0).square().sum())
    )
    assert float(unit_impact(network).square().sum()) == pytest.approx(
        float(network.V.square().sum())
    )


def test_single_precision_is_measured_in_double():
    network = drawn(8)
    single = TwoLayer(**{name: getattr(network, name).float() for name in ("U", "V", "U0", "V0")})
    double = TwoLayer(**{name: getattr(single, name) for name in ("U", "V", "U0", "V0")})
    assert {measure(single) for measure in MEASURES.values()} == {
        measure(double) for measure in MEASURES.values()
    }
    assert unit_capacity(single).dtype == torch.float64
    assert spectral_norm(network.U.half()).dtype == torch.float64


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"V": torch.ones(C, H + 1)}, r"V must read the 5 units of U .* got \[3, 6\]"),
        ({"U0": torch.ones(H, D + 1)}, r"U0 must have the shape of U, \[5, 7\], got \[5, 8\]"),
        ({"V0": torch.ones(C + 1, H)}, r"V0 must have the shape of V, \[3, 5\], got \[4, 5\]"),
        ({"U": torch.full((H, D), torch.nan)}, "must be finite"),
        ({"V0": torch.full((C, H), torch.inf)}, "must be finite"),
        ({"U": torch.ones(H)}, r"must be \[units, inputs, ...\] with entries, got \[5\]"),
    ],
)
def test_what_are_no_two_layers_is_refused(change, words):
    network = drawn()
    given = {name: getattr(network, name) for name in ("U", "V", "U0", "V0")} | change
    with pytest.raises(ValueError, match=words):
        TwoLayer(**given)


@pytest.mark.parametrize(
    ("outer", "inner", "words"),
    [
        (0.5, 2, "the outer norm's index must be at least 1, got 0.5"),
        (1, 0, "the inner norm's index must be at least 1, got 0"),
        (math.nan, 1, "the outer norm's index must be at least 1, got nan"),
    ],
)
def test_indices_of_no_norm_are_refused(outer, inner, words):
    with pytest.raises(ValueError, match=words):
        mixed_norm(torch.ones(2, 2), outer, inner)


@pytest.mark.parametrize("size", [1e-200, 1e-7, 1e4, 1e200])
@pytest.mark.parametrize("index", [1.0, 2.0, 100.0, 1000.0, math.inf])
def test_mixed_norms_neither_overflow_nor_vanish(size, index):
    weight = torch.tensor([[3.0, 4.0], [6.0, -6.0]], dtype=torch.float64)
    found = mixed_norm(size * weight, index, index)
    assert float(found) == pytest.approx(size * float(mixed_norm(weight, index, index)), rel=1e-12)
    assert float(found) >= 6 * size


def test_the_mixed_norm_of_no_weight_is_nothing():
    assert float(mixed_norm(torch.zeros(2, 3), 1, 2)) == 0
