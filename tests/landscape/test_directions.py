"""Random directions and planes against brute force, closed forms and the faults of public tools."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from surfeit.core import Streams, own_parameters, parameters, tensors_of
from surfeit.landscape import (
    Plane,
    difference,
    dot,
    random_direction,
    spaced,
    through,
    trained_and_frozen,
    trajectory,
)
from surfeit.models import initialise_, mlp


def stream(name="direction"):
    return Streams(0).get(name)


def network():
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, groups=2),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 6, 2, groups=2),
        nn.Flatten(),
        nn.Linear(54, 3),
    )
    return initialise_(model, stream("network")).double()


def test_each_filter_is_as_long_as_the_weights_and_biases_are_zero():
    model = network()
    found = random_direction(model, generator=stream())
    own = parameters(model)
    for name in ("0.weight", "5.weight"):
        lengths = found[name].flatten(1).norm(dim=1)
        torch.testing.assert_close(lengths, own[name].flatten(1).norm(dim=1))
    for group in range(2):  # a transposed convolution's filter lies along its second axis
        for unit in range(3):
            rows = slice(2 * group, 2 * group + 2)
            ours, theirs = found["3.weight"][rows, unit], own["3.weight"][rows, unit]
            assert ours.norm() == pytest.approx(theirs.norm().item())
    for name in ("0.bias", "1.weight", "1.bias", "3.bias", "5.bias"):
        assert not found[name].any()


def test_a_layer_is_rescaled_as_a_whole():
    model = network()
    found, own = random_direction(model, kind="layer", generator=stream()), parameters(model)
    for name in ("0.weight", "3.weight", "5.weight"):
        assert found[name].norm() == pytest.approx(own[name].norm().item())
    rows = found["5.weight"].norm(dim=1) / own["5.weight"].norm(dim=1)
    assert rows.max() > 1.01 * rows.min()


def test_a_gaussian_direction_has_length_one_and_moves_biases():
    found = random_direction(network(), kind="gaussian", generator=stream())
    assert dot(found, found) == pytest.approx(1)
    assert found["5.bias"].any()


def test_directions_have_no_mean():
    # One public tool draws from [0, 1]: the cosine with all-ones is 0.87 then.
    model = mlp((300,), input_shape=(1, 10, 10))
    for kind in ("filter", "layer", "gaussian"):
        found = random_direction(model, kind=kind, generator=stream())
        ones = {name: torch.ones_like(value) for name, value in found.items()}
        cosine = dot(found, ones) / math.sqrt(dot(found, found) * dot(ones, ones))
        assert abs(cosine) < 0.02


def test_a_seed_gives_its_direction_again():
    first, again = (random_direction(network(), generator=stream()) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_masked_weights_do_not_move_and_others_keep_the_filters_length():
    model = network()
    kept = torch.rand(3, 54, generator=stream("mask")) < 0.3
    with torch.no_grad():
        own_parameters(model)["5.weight"].mul_(kept)
    found = random_direction(model, mask={"5.weight": kept}, generator=stream())["5.weight"]
    assert not found[~kept].any()
    torch.testing.assert_close(found.norm(dim=1), model[5].weight.detach().norm(dim=1))


def test_frozen_parameters_are_left_out_and_named():
    model = network()
    model[0].weight.requires_grad_(False)
    trained, frozen = trained_and_frozen(model)
    assert frozen == ("0.weight",)
    assert "0.weight" not in trained
    assert "0.weight" not in random_direction(model, generator=stream())
    with pytest.raises(ValueError, match=r"must have a parameter that is trained, but all are fro"):
        trained_and_frozen(model.requires_grad_(False))


def test_projections_packed_into_one_tensor_have_rows_of_their_own():
    model = initialise_(nn.MultiheadAttention(8, 2), stream("network"))
    found = random_direction(model, generator=stream())["in_proj_weight"]
    torch.testing.assert_close(found.norm(dim=1), model.in_proj_weight.detach().norm(dim=1))


def test_a_unit_of_zeros_does_not_move():
    model = mlp((4,), input_shape=(1, 2, 2))
    with torch.no_grad():
        model.fc1.weight[1] = 0
    assert not random_direction(model, generator=stream())["fc1.weight"][1].any()


def test_unknown_kinds_and_foreign_masks_are_refused():
    with pytest.raises(ValueError, match="no kind of direction 'filtre'"):
        random_direction(network(), kind="filtre", generator=stream())  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="the mask is of another architecture"):
        random_direction(network(), mask={"fc9": torch.ones(2).bool()}, generator=stream())


def test_a_plane_is_its_origin_at_zero_and_moves_nothing_else():
    model = network()
    origin = tensors_of(model)
    plane = Plane(origin=origin, directions=(random_direction(model, generator=stream()),))
    assert all(torch.equal(value, origin[name]) for name, value in plane.at((0.0,)).items())
    moved = plane.at((2.0,))
    torch.testing.assert_close(
        moved["5.weight"], origin["5.weight"] + 2 * plane.directions[0]["5.weight"]
    )
    assert torch.equal(moved["1.running_mean"], origin["1.running_mean"])


def test_three_networks_lie_in_the_plane_through_them():
    names = ("fc1.weight", "fc1.bias")
    ends = [
        {name: torch.randn(5, generator=stream(f"{name} {end}")).double() for name in names}
        for end in range(3)
    ]
    (first, second), places = through(*ends)
    assert (dot(first, first), dot(second, second)) == pytest.approx((1, 1))
    assert dot(first, second) == pytest.approx(0, abs=1e-12)
    for end, (a, b) in zip(ends, places, strict=True):
        for name in names:
            at = ends[0][name] + a * first[name] + b * second[name]
            torch.testing.assert_close(at, end[name])
    middle = {name: (ends[0][name] + ends[1][name]) / 2 for name in names}
    with pytest.raises(ValueError, match="lie on one line"):
        through(ends[0], ends[1], middle)


def test_a_difference_leads_from_one_network_to_the_other():
    first, second = parameters(mlp((3,))), parameters(mlp((3,), generator=stream()))
    found = difference(first, second, ("fc1.weight",))
    torch.testing.assert_close(first["fc1.weight"] + found["fc1.weight"], second["fc1.weight"])
    with pytest.raises(ValueError, match=r"fc1.weight is \[3, 784\] in one .* \[4, 784\] in the"):
        difference(first, parameters(mlp((4,))), ("fc1.weight",))


def test_the_plane_of_a_trajectory_against_a_singular_value_decomposition():
    rows = torch.randn(7, 40, generator=stream(), dtype=torch.float64)
    rows *= torch.linspace(3, 0.1, 40)
    rows[-1] = 0.5
    found = trajectory([{"w": row.view(5, 8)} for row in rows])
    steps = rows - rows[-1]
    _, singular, right = torch.linalg.svd(steps[:-1])
    for place, direction in enumerate(found.directions):
        assert abs(direction["w"].flatten() @ right[place]) == pytest.approx(1)
    inside = (steps @ right[:2].T).square().sum(1) / steps.square().sum(1)
    torch.testing.assert_close(found.off_plane[:-1], 1 - inside[:-1])
    assert found.off_plane[-1].isnan()
    assert found.places[-1].tolist() == [0, 0]
    shares = singular.square()[:2] / singular.square().sum()
    assert found.explained == pytest.approx(tuple(shares.tolist()))
    for row, (a, b) in zip(steps, found.places, strict=True):
        at = a * found.directions[0]["w"] + b * found.directions[1]["w"]
        left = (row - at.flatten()).square().sum()
        assert left == pytest.approx((row.square().sum() * (1 - _share(row, right))).item())


def _share(row, right):
    return (row @ right[:2].T).square().sum() / row.square().sum().clamp_min(1e-300)


def test_a_trajectory_without_a_plane_is_refused():
    line = [{"w": torch.full((3,), float(step))} for step in (3, 1, 0)]
    with pytest.raises(ValueError, match="lie on one line"):
        trajectory(line)
    with pytest.raises(ValueError, match="at least three snapshots, got 2"):
        trajectory(line[:2])


def test_grids_are_even_and_pass_exactly_through_zero():
    assert spaced(-1, 1, 5) == (-1, -0.5, 0, 0.5, 1)
    for points in (3, 11, 25, 51):
        found = spaced(-0.7, 0.7, points)
        assert found[points // 2] == 0
        steps = [after - before for before, after in pairwise(found)]
        assert steps == pytest.approx([1.4 / (points - 1)] * (points - 1))
    with pytest.raises(ValueError, match="at least 2 a side, got 1"):
        spaced(-1, 1, 1)
    with pytest.raises(ValueError, match="from a number to a larger one, got 1 to 1"):
        spaced(1, 1, 5)


def test_planes_that_do_not_fit_are_refused():
    origin = {"w": torch.zeros(2), "v": torch.zeros(2)}
    one = {"w": torch.ones(2)}
    with pytest.raises(ValueError, match="one direction and a plane two, got 0"):
        Plane(origin=origin, directions=())
    with pytest.raises(ValueError, match="must move the same parameters"):
        Plane(origin=origin, directions=(one, {"v": torch.ones(2)}))
    with pytest.raises(ValueError, match="does not fit the weights at w"):
        Plane(origin=origin, directions=({"w": torch.ones(3)},))
