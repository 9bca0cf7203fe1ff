import math

import pytest
import torch

from surfeit.core import Streams
from surfeit.spectra import elbow, residual_energy, residual_share


def farthest_from_chord(values):
    """By the distance of points to a line in the unit square."""
    last = len(values) - 1
    best, index = 0.0, None
    for k, value in enumerate(values):
        x, y = k / last, (value - values[-1]) / (values[0] - values[-1])
        distance = (1 - x - y) / math.sqrt(2)
        if distance > best + 1e-9:
            best, index = distance, k
    return index


def test_elbow_of_two_straight_pieces_is_where_they_meet():
    curve = torch.cat([torch.linspace(1, 0.1, 11), torch.linspace(0.1, 0, 51)[1:]])
    assert elbow(curve) == 10


@pytest.mark.parametrize("rate", [0.5, 3.0, 20.0])
def test_elbow_of_an_exponential_is_known(rate):
    points = 1001
    curve = torch.exp(-rate * torch.linspace(0, 1, points, dtype=torch.float64))
    at = math.log(rate / (1 - math.exp(-rate))) / rate
    assert elbow(curve) == pytest.approx(at * (points - 1), abs=1)
    assert elbow(curve) == farthest_from_chord(curve.tolist())


@pytest.mark.parametrize("seed", range(5))
def test_elbow_changes_neither_with_scale_nor_offset_nor_sign(seed):
    steps = torch.rand(30, generator=Streams(seed).get("steps"), dtype=torch.float64)
    curve = steps.sort().values.cumsum(0).flip(0)
    index = elbow(curve)
    assert index == farthest_from_chord(curve.tolist())
    for changed in (curve * 1e-6, curve * 1e6 + 3, -curve, 5 - 2 * curve):
        assert elbow(changed) == index


def test_of_equal_distances_the_first_counts():
    assert elbow(torch.tensor([4.0, 1.0, 0.5, 0.0])) == 1
    # Both middle points lie 1/3 below the chord.
    assert elbow(torch.tensor([3.0, 1.0, 0.0, 0.0])) == 1
    # Both lie 0.2 below it, the second by a rounding more.
    height = torch.tensor([1, 0.55, 0.3, 0.25, 0], dtype=torch.float64)
    below = torch.linspace(1, 0, 5, dtype=torch.float64) - (height * 0.7) / 0.7
    assert below[2] > below[1]
    assert elbow(height * 0.7) == 1


@pytest.mark.parametrize("curve", [[3.0, 2.0, 1.0, 0.0], [3.0, 2.9, 2.0, 0.0], [0.1, 0.2, 0.3]])
def test_a_line_or_a_concave_curve_has_no_elbow(curve):
    assert elbow(torch.tensor(curve)) is None


def test_elbow_of_the_residual_finds_a_planted_rank():
    generator = Streams(0).get("planted")
    signal = torch.randn(60, 10, generator=generator) @ torch.randn(10, 90, generator=generator)
    weight = signal + 0.05 * torch.randn(60, 90, generator=generator)
    assert elbow(residual_share(weight)) == 10
    assert elbow(residual_energy(weight)) == 10


@pytest.mark.parametrize("decay", [0.02, 0.05, 0.3])
def test_the_reports_rank_counts_directions_of_more_than_their_equal_part(decay):
    values = torch.exp(-decay * torch.arange(80, dtype=torch.float64))
    squares = values.square()
    assert elbow(residual_energy(torch.diag(values))) == int((squares > squares.mean()).sum())


def test_the_elbows_of_the_norm_and_of_its_square_are_two_numbers():
    # Of σ_k² = e^(−2 a k): the square turns where σ_k² is the mean, the norm itself elsewhere.
    weight = torch.diag(torch.exp(-0.02 * torch.arange(80, dtype=torch.float64)))
    share, energy = residual_share(weight), residual_energy(weight)
    torch.testing.assert_close(share.square(), energy)
    assert elbow(share) == farthest_from_chord(share.tolist())
    assert elbow(energy) == farthest_from_chord(energy.tolist())
    assert elbow(share) != elbow(energy)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 0.0], "at least 3 values"),
        ([[1.0, 0.5, 0.0]], "at least 3 values in a row"),
        ([1.0, 0.5, 1.0], "end elsewhere than they begin, got 1.0 to 1.0"),
        ([1.0, math.nan, 0.0], "values must be finite"),
    ],
)
def test_wrong_values_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        elbow(torch.tensor(values))
