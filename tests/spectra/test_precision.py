"""Every function of weights, in each floating type, against float64 of the same numbers."""

import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.spectra import (
    eigenpairs,
    eigenvalues,
    elbow,
    fit_marchenko_pastur,
    kept_share,
    project,
    project_update,
    residual_share,
)

TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2]
# Squares and products are in float64: only what is decomposed in float32 is less exact.
EXACT = {
    "eigenvalues": eigenvalues,
    "eigenpairs": lambda w: eigenpairs(w, 3)[0],
    "loadings": lambda w: eigenpairs(w, 3)[1].square(),
    "kept_share": kept_share,
    "residual_share": residual_share,
    "variance": lambda w: torch.tensor(fit_marchenko_pastur(eigenvalues(w), w.shape).variance),
}
PROJECTED = {
    "project": lambda w: project(w, 3),
    "project_update": lambda w: project_update(w, w.flip(0), 3),
    "none": lambda w: project(w, 0),
    "all": lambda w: project(w, min(w.flatten(1).shape)),
    "whole update": lambda w: project_update(w, w.flip(0), min(w.flatten(1).shape)),
}


def weights(dtype, *shape):
    generator = Streams(5).get("weights")
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("shape", [(12, 7), (5, 3, 2, 2)])
def test_spectra_of_each_type_are_those_of_its_numbers(name, dtype, shape):
    weight = weights(dtype, *shape)
    found, expected = EXACT[name](weight), EXACT[name](weight.double())
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", PROJECTED)
@pytest.mark.parametrize("shape", [(12, 7), (5, 3, 2, 2)])
def test_projections_of_each_type_are_rounded_once(name, dtype, shape):
    weight = weights(dtype, *shape)
    found, expected = PROJECTED[name](weight), PROJECTED[name](weight.double())
    assert found.dtype == dtype
    assert found.shape == weight.shape
    rounding = torch.finfo(dtype).eps
    # eps / 2 of each entry by the last rounding, and some 10 roundings of float32 of the largest.
    lifted = 1e-6 * expected.abs().amax() if dtype != torch.float64 else 1e-13
    assert ((found.double() - expected).abs() <= rounding / 2 * expected.abs() + lifted).all()


@pytest.mark.parametrize("dtype", TYPES)
def test_curves_and_laws_take_any_type(dtype):
    curve = torch.tensor([1.0, 0.75, 0.25, 0.125, 0.0]).to(dtype)
    assert elbow(curve) == elbow(curve.double()) == 2
    fit = fit_marchenko_pastur(eigenvalues(weights(torch.float64, 30, 50)), (30, 50))
    x = torch.tensor([16.0, 48.0, 96.0, 128.0]).to(dtype)
    for function in (fit.density, fit.distribution):
        found = function(x)
        assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        torch.testing.assert_close(found.double(), function(x.double()), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", [*EXACT, *PROJECTED])
def test_what_is_no_number_is_counted_and_other_kinds_are_refused(name):
    function = {**EXACT, **PROJECTED}[name]
    weight = weights(torch.float32, 5, 4)
    weight[1, 2], weight[3, 0] = math.nan, math.inf
    with pytest.raises(ValueError, match=r"weights must be finite, got 2 NaN or infinite.* of 20"):
        function(weight)
    for kind in (torch.int64, torch.complex64):
        with pytest.raises(ValueError, match=f"must be floating-point numbers, got {kind}"):
            function(torch.ones(5, 4).to(kind))


def test_eigenvalues_must_be_real_numbers():
    with pytest.raises(ValueError, match=r"eigenvalues must be floating-point.*complex64"):
        fit_marchenko_pastur(torch.ones(3, dtype=torch.complex64), (3, 4))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_squares_of_the_largest_weights_do_not_overflow(dtype):
    largest = torch.full((3, 4), torch.finfo(dtype).max).to(dtype)
    assert eigenvalues(largest)[0].item() == pytest.approx(12 * torch.finfo(dtype).max ** 2)
    assert kept_share(largest).tolist() == pytest.approx([0, 1, 1, 1])


def test_squares_beyond_float64_are_refused():
    huge = torch.full((3, 4), 1e160, dtype=torch.float64)
    for function in (eigenvalues, kept_share, lambda w: eigenpairs(w, 1)):
        with pytest.raises(ValueError, match="squares of the weights leave the range of float64"):
            function(huge)


def test_projections_beyond_the_range_of_their_type_are_refused():
    # The nearest matrix of rank 1 has one entry above the largest of its weights, 65,504.
    weight = torch.tensor([[1.0, 1.0], [1.0, 0.0]]) * 65_504
    assert project(weight, 1)[0, 0] > 65_520
    with pytest.raises(ValueError, match=r"beyond the range of torch.float16: pass weight.float"):
        project(weight.half(), 1)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (1, 1)])
@pytest.mark.parametrize("dtype", TYPES)
def test_one_unit_and_one_input_are_measured(shape, dtype):
    weight = torch.ones(shape).to(dtype)
    assert eigenvalues(weight).tolist() == [weight.numel(), *([0] * (len(weight) - 1))]
    assert eigenpairs(weight, 4)[1].shape == (1, len(weight))
    assert kept_share(weight).tolist() == [0, 1]
    assert not project(weight, 0).float().any()
    with pytest.raises(ValueError, match="a fit needs at least 2 units and 2 inputs"):
        fit_marchenko_pastur(eigenvalues(weight), shape)


@pytest.mark.parametrize("dtype", TYPES)
def test_layers_of_zeros_have_no_shares_and_project_to_zeros(dtype):
    zeros = torch.zeros(3, 4).to(dtype)
    assert eigenvalues(zeros).tolist() == [0, 0, 0]
    assert eigenpairs(zeros, 2)[1].shape == (0, 3)
    assert not project(zeros, 1).float().any()
    with pytest.raises(ValueError, match="all weights are zero"):
        kept_share(zeros)
