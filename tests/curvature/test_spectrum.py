"""Eigenpairs, density and trace of matrices whose spectrum is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.curvature import (
    Krylov,
    LossSurface,
    Operator,
    dense,
    eigenpairs,
    gauss_newton,
    hessian,
    hutch_plus_plus,
    hutchinson,
    spectral_density,
)
from surfeit.curvature.estimate import Estimate

from .conftest import draw, mlp, vectors


def stream(*name):
    return Streams(0).get("spectrum", *name)


def with_spectrum(values, dtype=torch.float64):
    """A symmetric matrix with these eigenvalues, in a random basis."""
    values = torch.as_tensor(values, dtype=torch.float64)
    basis = torch.linalg.qr(draw(len(values), len(values), name="basis")).Q
    matrix = basis @ values.diag() @ basis.T
    return Operator.of_matrix(((matrix + matrix.T) / 2).to(dtype))


def bulk(n=200, outliers=(9.0, 7.0, 6.5, 4.0, -3.0, -2.5)):
    """A few outliers on both sides of many values in [−1, 1]."""
    return [*outliers, *np.linspace(-1, 1, n - len(outliers))]


def counted(operator):
    """The operator, and a list that has an entry for each product."""
    spent = []

    def product(rows):
        spent.extend([1] * len(rows))
        return operator.product(rows)

    return replace(operator, product=product), spent


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_ends_are_found_with_true_residuals(dtype):
    operator, spent = counted(with_spectrum(bulk(), dtype))
    found = eigenpairs(operator, largest=4, smallest=2, generator=stream())
    np.testing.assert_allclose(found.values, [9, 7, 6.5, 4, -2.5, -3], rtol=1e-6)
    assert found.converged.all()
    assert found.products == len(spent) < 60
    product = operator.product(found.vectors).double()
    values = torch.from_numpy(found.values)[:, None]
    true = (product - values * found.vectors.double()).norm(dim=1)
    rounding = 64 * torch.finfo(dtype).eps * 9
    np.testing.assert_allclose(found.residuals, true.numpy(), rtol=0.05, atol=rounding)
    assert (found.residuals <= np.maximum(1e-4 * np.abs(found.values), rounding)).all()
    np.testing.assert_allclose(found.relative, found.residuals / np.abs(found.values))


def test_no_eigenvalue_comes_twice():
    """Without reorthogonalisation the largest comes again and again: ghosts."""
    operator = with_spectrum(bulk(), torch.float32)
    space = Krylov(operator, draw(1, 200, name="start"), stream())
    for _ in range(100):
        space.grow_()
    ritz = space.ritz()
    assert (ritz.values > 1.01).sum() == 4
    assert (ritz.values < -1.01).sum() == 2
    basis = space.vectors(np.eye(100)).double()
    torch.testing.assert_close(basis @ basis.T, torch.eye(100).double(), rtol=0, atol=1e-6)


def test_all_eigenvalues_of_a_small_matrix_are_exact():
    found = eigenpairs(with_spectrum([3.0, 1.0, 1.0, 0.0, -2.0]), largest=5, generator=stream())
    np.testing.assert_allclose(found.values, [3, 1, 1, 0, -2], atol=1e-12)
    assert found.complete
    assert found.converged.all()
    assert found.remarks == ()


@pytest.mark.parametrize(("block", "seen"), [(1, [5, 4, 3]), (2, [5, 5, 4]), (3, [5, 5, 5])])
def test_equal_eigenvalues_are_seen_as_often_as_the_block_says(block, seen):
    operator = with_spectrum([5.0, 5.0, 5.0, 4.0, 3.0, *np.linspace(-1, 1, 95)])
    found = eigenpairs(operator, largest=3, block=block, generator=stream())
    np.testing.assert_allclose(found.values, seen, rtol=1e-6)
    times = "once" if block == 1 else f"at most {block} times"
    assert found.remarks == (
        f"equal eigenvalues are seen {times}: a larger block sees more of them",
    )


def test_an_exhausted_space_goes_on_from_a_random_vector():
    """Three different eigenvalues make a space of three dimensions, whatever the start."""
    operator = with_spectrum([2.0] * 5 + [1.0] * 10 + [-1.0] * 15)
    space = Krylov(operator, draw(1, 30, name="start"), stream())
    for _ in range(30):
        assert space.grow_()
    assert not space.grow_()
    assert space.restarts > 0
    assert space.complete
    np.testing.assert_allclose(space.ritz().values, [-1.0] * 15 + [1.0] * 10 + [2.0] * 5, atol=1e-9)


def test_the_zero_matrix_has_zeros():
    found = eigenpairs(Operator.of_matrix(torch.zeros(6, 6)), largest=2, generator=stream())
    assert found.values.tolist() == [0, 0]
    assert found.converged.all()
    assert found.relative.tolist() == [0, 0]


def test_one_parameter_is_enough():
    operator = Operator.of_matrix(torch.tensor([[-3.0]]))
    found = eigenpairs(operator, largest=1, generator=stream())
    assert found.values.tolist() == [-3]
    density = spectral_density(operator, beside=found, generator=stream())
    assert density.trace == Estimate(-3.0, 0.0, 0)
    assert density.products == 0


def test_too_few_products_are_said():
    found = eigenpairs(with_spectrum(bulk()), largest=4, most=8, generator=stream())
    assert found.products == 8
    assert not found.converged.all()
    assert "have not converged after 8 products" in found.remarks[0]


def test_the_same_generator_gives_the_same_numbers():
    one, two = (
        eigenpairs(with_spectrum(bulk()), largest=2, generator=stream()).values for _ in range(2)
    )
    assert one.tolist() == two.tolist()


@pytest.mark.parametrize("kind", [hessian, gauss_newton])
def test_eigenvalues_of_a_network_are_those_of_its_dense_matrix(kind):
    operator = kind(LossSurface.of(mlp(), vectors(), chunk=5))
    truth = torch.linalg.eigvalsh(dense(operator)).flip(0).numpy()
    # The Gauss-Newton matrix has 0 many times, which a single vector sees once.
    found = eigenpairs(operator, largest=3, smallest=1, tolerance=1e-6, generator=stream())
    expected = np.append(truth[:3], truth[-1])
    np.testing.assert_allclose(found.values, expected, rtol=1e-6, atol=1e-9)


def test_progress_is_told():
    told = []

    def tell(done, most):
        told.append((done, most))

    eigenpairs(with_spectrum(bulk(30)), largest=1, most=9, generator=stream(), progress=tell)
    assert told[0] == (1, 9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"largest": 41}, "between 1 and 40 eigenvalues can be asked for, .* got 41"),
        ({"largest": 0}, "got 0"),
        ({"largest": -1}, "largest must be a whole number of at least 0, got -1"),
        ({"smallest": 1.5}, "smallest must be a whole number of at least 0, got 1.5"),
        ({"block": 0}, "block must be a whole number of at least 1, got 0"),
        ({"block": 41}, "block must be at most 40"),
        ({"most": 3}, "take as many products at least, got most=3"),
        ({"tolerance": 0.0}, "tolerance must be between 0 and 1, got 0"),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        eigenpairs(with_spectrum(bulk(40)), generator=stream(), **options)


def test_quadrature_is_exact_for_polynomials():
    """Of a probe with `steps` points: degree 2 steps − 1; all points of a small matrix: any."""
    values = np.array(bulk(12))
    operator = with_spectrum(values)
    density = spectral_density(operator, probes=2, steps=12, generator=stream())
    for nodes, weights in zip(density.nodes, density.weights, strict=True):
        assert weights.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(np.sort(nodes), np.sort(values), atol=1e-8)


def test_density_is_that_of_the_eigenvalues_within_its_error():
    values, width = np.array(bulk()), 0.2
    operator = with_spectrum(values)
    at = np.linspace(-4, 10, 300)
    bumps = np.exp(-(((at[:, None] - values) / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi))
    truth = bumps.mean(1)
    known = eigenpairs(operator, largest=4, smallest=2, generator=stream())
    for beside in (None, known):
        density = spectral_density(
            operator, beside=beside, probes=20, steps=40, generator=stream("density")
        )
        found, error = density.curve(at, width=width)
        assert np.trapezoid(found, at) == pytest.approx(1, abs=1e-3)
        assert (np.abs(found - truth) <= 4 * error + 1e-4).all()
    assert density.products == 20 * 40
    assert density.known.tolist() == known.values.tolist()


def test_density_of_eigenvalues_that_are_all_known_has_no_error():
    operator, at = with_spectrum([2.0, 1.0]), np.linspace(0, 3, 7)
    found = spectral_density(
        operator, beside=eigenpairs(operator, largest=2, generator=stream()), generator=stream()
    )
    density, error = found.curve(at, width=0.5)
    assert found.products == 0
    bumps = np.exp(-((at[:, None] - [2.0, 1.0]) ** 2) / 0.5) / (0.5 * math.sqrt(2 * math.pi))
    np.testing.assert_allclose(density, bumps.mean(1), rtol=1e-8)
    assert not error.any()


def test_shares_of_eigenvalues_are_counted():
    values = np.array([*np.linspace(-3, -2, 50), *np.linspace(1, 2, 150)])
    density = spectral_density(with_spectrum(values), probes=10, steps=20, generator=stream())
    share = density.share_above(0.0)
    assert abs(share.value - 0.75) <= 4 * share.standard_error + 1e-3
    with_known = eigenpairs(with_spectrum(values), largest=1, generator=stream())
    beside = spectral_density(with_spectrum(values), beside=with_known, generator=stream())
    assert beside.share_above(1.9999).value == pytest.approx(1 / 200, abs=5e-3)


def test_known_outliers_make_the_trace_more_certain():
    operator = with_spectrum(bulk(outliers=(90.0, 70.0, 65.0)))
    known = eigenpairs(operator, largest=3, generator=stream())
    plain, beside = (
        spectral_density(operator, beside=one, probes=8, steps=5, generator=stream("probe"))
        for one in (None, known)
    )
    assert beside.trace.standard_error < plain.trace.standard_error / 10
    assert abs(beside.trace.value - 225) <= 4 * beside.trace.standard_error
    frobenius = math.sqrt(sum(v * v for v in bulk(outliers=(90.0, 70.0, 65.0))))
    assert abs(beside.frobenius.value - frobenius) <= 4 * beside.frobenius.standard_error + 1e-6


def test_sums_are_exact_beside_rough_eigenpairs_where_one_direction_is_left():
    """What a rough eigenvector is sent to beside itself counts, too."""
    operator = with_spectrum([5.0, 4.0, 1.0])
    rough = eigenpairs(operator, largest=2, most=2, tolerance=0.99, generator=stream())
    assert rough.converged.all()
    assert (rough.residuals > 0.01).any()
    found = spectral_density(operator, beside=rough, probes=2, steps=2, generator=stream("one"))
    assert found.trace.value == pytest.approx(10, rel=1e-12)
    assert found.frobenius.value == pytest.approx(math.sqrt(42), rel=1e-12)


def estimates(operator, times):
    """Each way to a trace, many times, from different streams; the last beside what is known."""
    known = eigenpairs(operator, largest=3, generator=stream())
    for place in range(times):
        generator = stream("repeat", place)
        yield {
            "hutchinson": hutchinson(operator, probes=10, generator=generator),
            "hutch++": hutch_plus_plus(operator, products=30, generator=generator),
            "density": spectral_density(
                operator, beside=known, probes=10, steps=2, generator=generator
            ),
        }


def test_standard_errors_cover_at_the_nominal_rate():
    """Student's 95 % interval of 10 probes; of 200 repeats 95 ± 1.5 % (one standard error)."""
    values = np.linspace(-1, 1, 60)
    truth = {"trace": values.sum(), "frobenius": math.sqrt((values**2).sum())}
    inside = {}
    for found in estimates(with_spectrum(values), 200):
        for name, one in found.items():
            for what, true in truth.items():
                estimate = getattr(one, what)
                assert estimate.probes == 10
                hit = abs(estimate.value - true) <= 2.262 * estimate.standard_error
                inside.setdefault((name, what), []).append(hit)
    for key, hits in inside.items():
        assert 0.90 <= np.mean(hits) <= 0.99, key


def test_hutchinson_has_the_variance_of_its_closed_form():
    operator = with_spectrum(bulk(60))
    matrix = dense(operator)
    variance = 2 * float(matrix.square().sum() - matrix.diagonal().square().sum())
    found = hutchinson(operator, probes=2000, generator=stream("variance"))
    assert found.trace.standard_error == pytest.approx(math.sqrt(variance / 2000), rel=0.06)
    assert found.products == found.trace.probes == 2000


def test_hutch_plus_plus_is_exact_for_few_eigenvalues_and_wasteful_for_a_flat_spectrum():
    low = with_spectrum([50.0, -20.0, 10.0] + [0.0] * 57)
    operator, spent = counted(low)
    found = hutch_plus_plus(operator, products=30, generator=stream())
    assert found.products == len(spent) <= 30
    assert found.trace.value == pytest.approx(40, abs=1e-9)
    assert found.frobenius.value == pytest.approx(math.sqrt(3000), rel=1e-9)
    flat = with_spectrum([1.0] * 30 + [-1.0] * 30)
    wasted = hutch_plus_plus(flat, products=30, generator=stream()).trace.standard_error
    assert wasted > hutchinson(flat, probes=30, generator=stream()).trace.standard_error


def test_hutch_plus_plus_of_a_small_matrix_is_exact():
    found = hutch_plus_plus(with_spectrum([3.0, -1.0]), products=9, generator=stream())
    assert found.trace.value == pytest.approx(2)
    assert found.trace.standard_error == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda o, g: hutchinson(o, probes=1, generator=g), "probes .* at least 2, got 1"),
        (lambda o, g: hutch_plus_plus(o, products=5, generator=g), "at least 6, got 5"),
        (lambda o, g: spectral_density(o, probes=1, generator=g), "probes .* at least 2, got 1"),
        (lambda o, g: spectral_density(o, steps=1, generator=g), "steps .* at least 2, got 1"),
        (
            lambda o, g: spectral_density(o, generator=g).curve(np.zeros(1), width=0.0),
            "width must be above 0, got 0.0",
        ),
    ],
)
def test_estimates_refuse_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(with_spectrum(bulk(20)), stream())


def test_roots_have_first_order_errors():
    assert Estimate(4.0, 0.4, 5).root == Estimate(2.0, 0.1, 5)
    assert Estimate(-1.0, 0.25, 5).root == Estimate(0.0, 0.5, 5)
