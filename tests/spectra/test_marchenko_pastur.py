import math

import numpy as np
import pytest
import torch
from scipy import integrate

from surfeit.core import Streams
from surfeit.spectra import eigenvalues, fit_marchenko_pastur

SHAPES = [
    (2, 2),
    (5, 5),
    (10, 84),
    (84, 10),
    (64, 64),
    (300, 100),
    (100, 300),
    (10, 2000),
    *[(64, 32, k, k) for k in (1, 2, 3, 4, 5)],
    *[(16, 3, k, k) for k in (1, 2, 3, 4, 5)],
]


def noise(shape, seed, scale=1.0):
    generator = Streams(seed).get("noise")
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def fit(weight, **options):
    return fit_marchenko_pastur(eigenvalues(weight), weight.shape, **options)


def with_spikes(shape, strengths, seed):
    """Noise of variance 1 plus singular values of the given multiples of what can be seen."""
    weight = noise(shape, seed)
    units, inputs = weight.flatten(1).shape
    left, right = (
        torch.linalg.qr(noise((side, len(strengths)), seed + 1000 + side)).Q
        for side in (units, inputs)
    )
    singular = torch.tensor(strengths, dtype=torch.float64) * (units * inputs) ** 0.25
    return weight + (left * singular @ right.T).reshape(shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_noise_has_no_spikes_whatever_the_shape(shape):
    fits = [fit(noise(shape, seed)) for seed in range(4)]
    assert [found.spike_count for found in fits] == [0] * 4
    assert all(found.fits for found in fits)


@pytest.mark.parametrize(("shape", "draws"), [((10, 10), 400), ((30, 12), 300)])
def test_noise_has_spikes_no_oftener_than_the_level(shape, draws):
    level = 0.05
    rate = np.mean([fit(noise(shape, s), level=level).spike_count > 0 for s in range(draws)])
    assert 0 < rate < level + 3 * math.sqrt(level * (1 - level) / draws)


@pytest.mark.parametrize("shape", [(10, 40), (40, 40), (90, 30), (16, 8, 2, 2)])
def test_variance_lies_in_its_interval_about_as_often_as_stated(shape):
    fits = [fit(noise(shape, seed, scale=0.1)) for seed in range(150)]
    low, high = np.array([found.variance_interval for found in fits]).T
    assert 0.90 <= np.mean((low <= 0.01) & (high >= 0.01)) <= 1
    # Seldom passed, often nearly reached.
    used = np.array([found.distance / found.distance_limit for found in fits])
    assert np.mean(used > 1) < 0.03
    assert np.mean(used > 0.7) > 0.1
    # Wide enough to hold it, and not wider than it has to be.
    spread = np.std([found.variance for found in fits])
    assert np.mean(high - low) < 2 * 1.96 * spread * 1.5


@pytest.mark.parametrize(
    "shape", [(512, 1024), (256, 256), (300, 100), (64, 64, 3, 3), (64, 32, 4, 4)]
)
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_planted_spikes_are_found_all_five(shape, scale):
    weight = with_spikes(shape, (2.0, 2.5, 3.0, 5.0, 40.0), seed=1) * scale
    values = eigenvalues(weight)
    found = fit_marchenko_pastur(values, shape)
    assert found.spikes.tolist() == values[:5].tolist()
    assert found.variance == pytest.approx(scale**2, rel=0.03)
    assert found.fits


def test_signals_too_weak_to_be_seen_are_not_called_spikes():
    assert fit(with_spikes((300, 600), (0.5, 0.6, 0.7), seed=2)).spike_count == 0


@pytest.mark.parametrize("scale", [1e-3, 0.5, 7.0])
@pytest.mark.parametrize("shape", [(60, 60), (40, 90), (90, 40)])
def test_everything_scales_with_the_weights(shape, scale):
    weight = with_spikes(shape, (3.0, 4.0), seed=3)
    first, second = fit(weight), fit(weight * scale)
    for name in ("variance", "lower", "upper", "threshold"):
        assert getattr(second, name) == pytest.approx(getattr(first, name) * scale**2)
    torch.testing.assert_close(second.spikes, first.spikes * scale**2)
    assert second.distance == pytest.approx(first.distance)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("shape", [(50, 50), (50, 120), (120, 50), (20, 2000), (16, 4, 2, 2)])
def test_density_has_mass_one_between_the_edges(shape, scale):
    found = fit(noise(shape, 0, scale))

    # In terms of the root, for at Q = 1 the density itself is infinite at the lower edge.
    def of_root(root):
        x = torch.tensor([root**2], dtype=torch.float64)
        return 2 * root * found.density(x).item()

    edges = math.sqrt(found.lower), math.sqrt(found.upper)
    mass, _ = integrate.quad(of_root, *edges, limit=200)
    assert mass == pytest.approx(1, abs=1e-5)
    half, _ = integrate.quad(of_root, edges[0], sum(edges) / 2, limit=200)
    middle = torch.tensor([(sum(edges) / 2) ** 2], dtype=torch.float64)
    assert found.distribution(middle).item() == pytest.approx(half, abs=1e-5)
    outside = torch.tensor([-1.0, 0.0, found.upper * 1.01])
    assert found.density(outside).tolist() == [0, 0, 0]
    assert found.distribution(outside).tolist() == pytest.approx([0, 0, 1], abs=1e-9)


def test_edges_and_ratio_are_the_closed_form():
    found = fit(noise((30, 120), 0))
    root = math.sqrt(found.variance)
    assert math.sqrt(found.lower) == pytest.approx(root * (math.sqrt(120) - math.sqrt(30)))
    assert math.sqrt(found.upper) == pytest.approx(root * (math.sqrt(120) + math.sqrt(30)))
    assert found.ratio == 4
    assert found.noise_shape == (30, 120)
    assert found.upper < found.threshold < 1.5 * found.upper


def test_distance_is_the_largest_gap_of_the_distribution_functions():
    weight = noise((25, 60), 4)
    found = fit(weight)
    values = eigenvalues(weight).flip(0)
    gaps = []
    for rank, value in enumerate(values):
        expected = found.distribution(value[None]).item()
        gaps += [abs(expected - rank / 25), abs(expected - (rank + 1) / 25)]
    assert found.distance == pytest.approx(max(gaps))


def test_dead_units_do_not_disturb_the_noise_of_the_others():
    weight = noise((100, 300), 5)
    weight[:30] = 0
    found = fit(weight)
    assert (found.zeros, found.noise_shape, found.spike_count) == (30, (70, 300), 0)
    assert found.variance == pytest.approx(1, rel=0.03)
    alone = fit(weight[30:])
    assert found.variance == pytest.approx(alone.variance)


def test_a_poor_fit_shows_in_its_distance():
    lengths = torch.linspace(0, 1, 200, dtype=torch.float64)[:, None] ** 2
    found = fit(noise((200, 400), 6) * lengths)
    assert not found.fits
    assert found.distance > 5 * found.distance_limit


def test_a_quarter_of_heap_near_zero_invents_no_spikes_and_is_reported():
    weight = noise((200, 400), 7)
    weight[:40] *= 0.01
    found = fit(weight)
    assert not found.fits
    assert found.zeros == 0
    assert found.variance == pytest.approx(1, rel=0.25)


@pytest.mark.parametrize("weight", [torch.ones(8, 20), torch.ones(20, 8), torch.ones(2, 2)])
def test_a_constant_layer_is_one_spike_without_noise(weight):
    found = fit(weight)
    assert found.spikes.tolist() == pytest.approx([weight.numel()])
    assert (found.variance, found.upper, found.zeros) == (0, 0, min(weight.shape) - 1)
    assert math.isnan(found.distance)
    assert not found.fits
    assert found.density(torch.ones(3)).isnan().all()
    assert [len(values) for values in found.curve()] == [0, 0]
    assert found.distribution(torch.tensor([-1.0, 0.0, 1.0])).tolist() == [0, 1, 1]


@pytest.mark.parametrize("weight", [torch.eye(6), torch.arange(12.0).reshape(4, 3)])
def test_matrices_that_are_no_noise_do_not_crash(weight):
    assert math.isfinite(fit(weight).variance)


@pytest.mark.parametrize(
    ("values", "shape", "options", "message"),
    [
        ([0.0, 0.0], (2, 3), {}, "all eigenvalues are zero"),
        ([1.0], (1, 5), {}, "at least 2 units and 2 inputs, got 1 and 5"),
        ([1.0, 0.0], (2, 1), {}, "at least 2 units and 2 inputs, got 2 and 1"),
        ([1.0, math.nan], (2, 3), {}, "finite and at least 0"),
        ([1.0, -0.5], (2, 3), {}, "finite and at least 0, got -0.5 to 1.0"),
        ([1.0, 1.0], (3, 3), {}, r"3 units have 3 eigenvalues, got a tensor of \[2\]"),
        ([1.0, 1.0, 1.0], (3, 2), {}, "3 x 2 has at most 2 nonzero eigenvalues"),
        ([1.0, 1.0], (2,), {}, r"shape must be \(units, inputs, ...\), each at least 1"),
        ([1.0, 1.0], (2, 3), {"level": 0.0}, r"level must be in \(0, 0.1\], got 0.0"),
        ([1.0, 1.0], (2, 3), {"level": 0.2}, r"level must be in \(0, 0.1\], got 0.2"),
    ],
)
def test_wrong_arguments_are_named(values, shape, options, message):
    with pytest.raises(ValueError, match=message):
        fit_marchenko_pastur(torch.tensor(values), shape, **options)


def test_curve_is_the_density_on_ascending_eigenvalues_between_the_edges():
    found = fit(noise((100, 300), 3))
    x, density = found.curve(50)
    assert len(x) == 50
    assert found.lower < x[0] < x[-1] < found.upper
    assert (x.diff() > 0).all()
    assert torch.equal(density, found.density(x))
    ratios = x[1:] / x[:-1]
    torch.testing.assert_close(ratios, ratios[:1].expand(49))
