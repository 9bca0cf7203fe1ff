"""Angles to the nearest of a few directions: all divisions by hand, and the plane's limit."""

import math
from itertools import product

import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import centre_angles, chance_centre_angles


def stream(name="centres"):
    return Streams(0).get("centres", name)


def draw(*shape):
    return torch.randn(*shape, generator=stream("rows"), dtype=torch.float64)


def by_hand(rows, centres):
    """The angles to the nearest centre of the best of all divisions."""
    rows = rows / rows.norm(dim=1, keepdim=True)
    best, angles = -math.inf, None
    for labels in product(range(centres), repeat=len(rows)):
        groups = [rows[[at for at, one in enumerate(labels) if one == g]] for g in set(labels)]
        worth = sum(float(group.sum(0).norm()) for group in groups)
        if worth > best:
            means = torch.stack([group.sum(0) / group.sum(0).norm() for group in groups])
            best, angles = worth, (rows @ means.T).clamp(-1, 1).arccos().amin(1)
    return angles


@pytest.mark.parametrize(("units", "inputs", "centres"), [(7, 2, 3), (8, 5, 2), (6, 3, 1)])
def test_angles_are_those_of_the_best_division(units, inputs, centres):
    rows = draw(units, inputs)
    found = centre_angles(rows, stream(), centres=centres)
    assert found == pytest.approx(by_hand(rows, centres).numpy(), abs=1e-6)


def test_units_of_four_directions_lie_on_their_centres():
    directions = draw(4, 6)
    rows = directions.repeat(5, 1) * torch.rand(20, 1, generator=stream("lengths")).add(0.1)
    assert centre_angles(rows, stream()).max() < 1e-6


def test_as_many_centres_as_units_leave_no_angle():
    assert centre_angles(draw(4, 9), stream()).max() < 1e-6


def test_lengths_and_the_order_of_units_change_nothing():
    rows = 5 * draw(3, 7).repeat(4, 1) + torch.randn(12, 7, generator=stream("off")).double()
    order = torch.randperm(12, generator=stream("order"))
    lengths = torch.rand(12, 1, generator=stream("lengths"), dtype=torch.float64) + 0.1
    found = centre_angles(rows, stream(), centres=3)
    again = centre_angles((rows * lengths)[order], stream(), centres=3)
    assert again == pytest.approx(found[order].numpy(), abs=1e-6)


def test_filters_are_flattened_and_a_zero_one_has_no_angle():
    filters = draw(6, 1, 3, 3)
    filters[2] = 0
    found = centre_angles(filters, stream(), centres=2)
    assert found.isnan().tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("centres", [2, 4])
def test_many_random_directions_in_the_plane_have_the_limit_of_equal_arcs(centres):
    """k-means finds the best turn of the arcs: some percent nearer, with few units more."""
    limit = math.pi / (2 * centres)
    means = chance_centre_angles(1000, 2, stream(), centres=centres, draws=5)
    assert 0.93 * limit < float(means.min()) <= float(means.max()) < 1.01 * limit


def test_a_layer_of_random_directions_lies_among_its_null():
    means = chance_centre_angles(32, 25, stream(), draws=20)
    own = float(centre_angles(torch.randn(32, 25, generator=stream("own")), stream()).mean())
    assert means.shape == (20,)
    assert abs(own - float(means.mean())) < 4 * float(means.std())


@pytest.mark.parametrize("centres", [0, 6, 2.0, True])
def test_more_centres_than_units_are_refused(centres):
    rows = draw(6, 3)
    rows[0] = 0
    with pytest.raises(ValueError, match=r"centres must be in \[1, 5\], no more than units"):
        centre_angles(rows, stream(), centres=centres)


@pytest.mark.parametrize("change", [{"units": 0}, {"inputs": 0}, {"draws": 0}])
def test_a_null_of_nothing_is_refused(change):
    given = {"units": 8, "inputs": 2, "draws": 2} | change
    units, inputs = given.pop("units"), given.pop("inputs")
    with pytest.raises(ValueError, match=f"{next(iter(change))} must be a whole number from 1 on"):
        chance_centre_angles(units, inputs, stream(), **given)


def test_entries_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="must be finite"):
        centre_angles(torch.full((5, 2), math.nan), stream())
