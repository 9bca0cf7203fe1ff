import numpy as np
import pytest
from scipy import integrate, optimize

from surfeit.spectra import law


def density(x, c):
    lower, upper = (1 - np.sqrt(c)) ** 2, (1 + np.sqrt(c)) ** 2
    return np.sqrt((upper - x) * (x - lower)) / (2 * np.pi * c * x)


@pytest.mark.parametrize("c", [1e-3, 0.1, 0.5, 0.9, 1.0])
def test_distribution_is_the_integral_of_the_density(c):
    lower, upper = (1 - np.sqrt(c)) ** 2, (1 + np.sqrt(c)) ** 2
    for share in (0.01, 0.3, 0.7, 0.99):
        x = lower + share * (upper - lower)
        mass, _ = integrate.quad(density, x, upper, args=(c,), limit=200)
        assert law.distribution(np.array(x), c) == pytest.approx(1 - mass, abs=1e-7)
    ends = law.distribution(np.array([lower - 0.1, lower, upper, upper + 1]), c)
    np.testing.assert_allclose(ends, [0, 0, 1, 1], atol=1e-9)


@pytest.mark.parametrize("c", [1e-3, 0.5, 1.0])
def test_quantiles_invert_the_distribution(c):
    probability = np.linspace(0.001, 0.999, 101)
    found = law.quantiles(probability, c)
    np.testing.assert_allclose(law.distribution(found, c), probability, atol=1e-6)
    median = optimize.brentq(lambda x: float(law.distribution(np.array(x), c)) - 0.5, 1e-9, 4)
    assert law.quantiles(np.array(0.5), c) == pytest.approx(median, abs=1e-6)


def test_edge_fluctuation_has_the_tabulated_quantiles_of_tracy_and_widom():
    def edge(smaller, larger, s):
        n, m = np.sqrt(larger - 0.5), np.sqrt(smaller - 0.5)
        value = (n + m) ** 2 + (n + m) * (1 / n + 1 / m) ** (1 / 3) * s
        return value / (np.sqrt(larger) + np.sqrt(smaller)) ** 2 - 1

    # Quantiles for β = 1: Johnstone 2001, table 1.
    for level, s in [(0.1, 0.45), (0.05, 0.98), (0.01, 2.02)]:
        assert law.edge_fluctuation(300, 784, level) == pytest.approx(edge(300, 784, s), rel=0.01)


@pytest.mark.parametrize(("smaller", "larger"), [(4, 4), (10, 40)])
def test_edge_fluctuation_is_passed_as_often_as_stated(smaller, larger):
    noise = np.random.default_rng(0).standard_normal((4000, smaller, larger))
    largest = np.linalg.norm(noise, ord=2, axis=(1, 2)) ** 2
    limit = (np.sqrt(smaller) + np.sqrt(larger)) ** 2
    passed = (largest > limit * (1 + law.edge_fluctuation(smaller, larger, 0.05))).mean()
    assert 0.035 < passed < 0.065
