"""Losses on lines and planes against closed forms, brute force and twins."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, evaluate, squared_error, tensors_of
from surfeit.landscape import (
    Plane,
    basin_share,
    batch_statistics,
    convexity_lost,
    heights,
    nonconvex_share,
    plane_curvatures,
    random_direction,
    spaced,
)
from surfeit.models import initialise_, mlp


def stream(name="heights"):
    return Streams(0).get(name)


def images(count=30, shape=(1, 3, 3), classes=4):
    inputs = torch.randn(count, *shape, generator=stream("images"))
    return Split(inputs, torch.randint(classes, (count,), generator=stream("labels")))


def plane_of(model, kind="filter", names=("first", "second")):
    directions = tuple(random_direction(model, kind=kind, generator=stream(one)) for one in names)
    return Plane(origin=tensors_of(model), directions=directions)


GRID = [(a, b) for a in spaced(-1, 1, 5) for b in spaced(-0.5, 0.5, 3)]


def test_a_quadratic_is_an_exact_bowl():
    # Of a linear network under the squared error the loss is Σ (x·w − y)² / n.
    model = nn.Sequential(nn.Linear(3, 2, bias=False)).double()
    inputs = torch.randn(20, 3, generator=stream(), dtype=torch.float64)
    targets = torch.randn(20, 2, generator=stream("targets"), dtype=torch.float64)
    plane = plane_of(model, "gaussian")
    for share in (True, False):
        found = heights(
            model, plane, GRID, Split(inputs, targets), objective=squared_error, share=share
        )
        w0, d1, d2 = (one["0.weight"] for one in (plane.origin, *plane.directions))
        for (a, b), height in zip(GRID, found, strict=True):
            residual = inputs @ (w0 + a * d1 + b * d2).T - targets
            assert height.loss == pytest.approx(residual.square().sum(1).mean().item(), rel=1e-12)
            assert height.accuracy is None


def test_columns_are_not_shifted():
    # One public tool shifts the odd columns of its grid by one: then this surface is no function
    # of the second coordinate alone.
    model = nn.Sequential(nn.Linear(2, 1, bias=False)).double()
    nn.init.zeros_(model[0].weight)
    axes = [{"0.weight": torch.eye(2, dtype=torch.float64)[[row]]} for row in range(2)]
    plane = Plane(origin=tensors_of(model), directions=(axes[0], axes[1]))
    split = Split(torch.tensor([[0.0, 1.0]]).double(), torch.tensor([[0.25]]).double())
    found = heights(model, plane, GRID, split, objective=squared_error)
    assert [one.loss for one in found] == pytest.approx([(b - 0.25) ** 2 for _, b in GRID])


def test_the_first_layer_shared_gives_what_the_whole_network_gives():
    model = mlp((12, 8), input_shape=(1, 3, 3), classes=4, generator=stream("network"))
    split, plane = images(), plane_of(model, "gaussian")
    shared = heights(model, plane, GRID, split)
    apart = heights(model, plane, GRID, split, share=False)
    for one, other in zip(shared, apart, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5)
    by_hand = evaluate(model, plane.at(GRID[3]), split)
    assert apart[3].loss == pytest.approx(by_hand.loss, rel=1e-6)
    assert apart[3].accuracy == by_hand.accuracy


class _Odd(nn.Module):
    """A first layer that cannot be shared, for one reason or another."""

    def __init__(self, why):
        super().__init__()
        self.why = why
        self.scale = nn.Parameter(torch.ones(9))
        self.first, self.last = nn.Linear(9, 9), nn.Linear(9, 4)
        if why == "alias":
            self.alias = self.first
        if why == "tied":
            self.other = nn.Linear(9, 9)
            self.other.weight = self.first.weight

    def forward(self, x):
        x = x.flatten(1)
        if self.why == "scaled":
            x = x * self.scale
        x = torch.relu(self.alias(x) if self.why == "alias" else self.first(x))
        if self.why == "twice":
            x = torch.relu(self.first(x))
        if self.why == "tied":
            x = torch.relu(self.other(x))
        return self.last(x)


@pytest.mark.parametrize("why", ["scaled", "twice", "alias", "tied"])
def test_what_cannot_be_shared_is_not(why):
    model = initialise_(_Odd(why), stream("network"))
    nn.init.uniform_(model.scale, 0.5, 2, generator=stream("scale"))
    split, plane = images(), plane_of(model, "gaussian")
    found = heights(model, plane, [(a, b) for a, b in GRID], split)
    for place, height in zip(GRID, found, strict=True):
        assert height.loss == pytest.approx(evaluate(model, plane.at(place), split).loss, rel=1e-5)


@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_a_frozen_first_layer_stays(frozen):
    model = mlp((12,), input_shape=(1, 3, 3), classes=4, generator=stream("network"))
    getattr(model.fc1, frozen).requires_grad_(False)
    split, plane = images(), plane_of(model, "gaussian")
    found = heights(model, plane, GRID, split)
    for place, height in zip(GRID, found, strict=True):
        assert height.loss == pytest.approx(evaluate(model, plane.at(place), split).loss, rel=1e-5)


def _rescaled(model, factor):
    """The same function: one unit of ReLUs up, its reader's column down."""
    with torch.no_grad():
        model.fc1.weight[2] *= factor
        model.fc1.bias[2] *= factor
        model.fc2.weight[:, 2] /= factor
    return model


def test_a_filter_normalised_picture_does_not_see_the_scale_of_a_layer():
    # All units alike: the readers' rows are scaled as wholes then.
    def both(kind):
        pictures = []
        for factor in (1.0, 10.0):
            model = mlp((12,), input_shape=(1, 3, 3), classes=4, generator=stream("network"))
            with torch.no_grad():
                model.fc1.weight.mul_(factor)
                model.fc2.weight.div_(factor)
            found = heights(model, plane_of(model, kind), GRID, images())
            pictures.append(np.array([one.loss for one in found]))
        return pictures

    first, second = both("filter")
    np.testing.assert_allclose(first, second, rtol=1e-4)
    first, second = both("gaussian")
    assert np.abs(first - second).max() > 0.05


def normalised():
    model = nn.Sequential(
        nn.Conv2d(1, 5, 3, padding=1),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(45, 4),
    )
    return initialise_(model, stream("network")).double()


def test_batch_statistics_are_computed_anew_at_each_place():
    model, split = normalised(), images(400)
    split = Split(split.inputs.double(), split.targets)
    plane = plane_of(model)
    places = [(0.0, 0.0), (1.0, -1.0)]
    once = heights(model, plane, places, split, statistics="recomputed")
    apart = heights(
        model, plane, places, split, statistics="recomputed", statistics_from=split.inputs.clone()
    )
    for place, one, other in zip(places, once, apart, strict=True):
        tensors = plane.at(place)
        fresh = {**tensors, **batch_statistics(model, tensors, split.inputs)}
        assert other.loss == pytest.approx(evaluate(model, fresh, split).loss)
        # In one pass the variance is that of the 400 x 9 numbers, not of the population.
        assert one.loss == pytest.approx(other.loss, rel=1e-3)
    running = heights(model, plane, places, split, statistics="running")
    assert running[1].loss == pytest.approx(evaluate(model, plane.at(places[1]), split).loss)
    assert abs(running[1].loss - once[1].loss) > 1e-3
    assert model[1].num_batches_tracked == 0
    assert not model.training or model[1].training


def test_a_batch_normalised_network_needs_a_mode():
    model = normalised()
    with pytest.raises(ValueError, match=r"a batch-normalised network \(1\) whose mode was not c"):
        heights(model, plane_of(model), GRID, images())
    with pytest.raises(ValueError, match="no kind of batch statistics 'moving'"):
        heights(model, plane_of(model), GRID, images(), statistics="moving")  # pyright: ignore[reportArgumentType]


class _Viewing(nn.Module):
    """A network that needs its activations as they lie in memory."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 3, 2), nn.Linear(12, 4)

    def forward(self, x):
        x = self.first(x)
        return self.last(x.view(len(x), 12))


def test_images_may_lie_in_memory_as_the_network_needs():
    model = initialise_(_Viewing(), stream("network"))
    split, plane = images(shape=(2, 3, 3)), plane_of(model)
    found = heights(model, plane, GRID, split)
    for place, height in zip(GRID, found, strict=True):
        assert height.loss == pytest.approx(evaluate(model, plane.at(place), split).loss, rel=1e-5)


def test_values_that_are_not_finite_are_kept():
    model = mlp((12,), input_shape=(1, 3, 3), classes=4, generator=stream("network"))
    plane = plane_of(model)
    found = heights(model, plane, [(0.0, 0.0), (1e30, 0.0)], images())
    assert math.isfinite(found[0].loss)
    assert math.isnan(found[1].loss)
    assert found[1].accuracy is None


def test_halves_are_computed_in_float32_and_progress_is_told():
    model = mlp((12,), input_shape=(1, 3, 3), classes=4, generator=stream("network"))
    seen = []
    wide = heights(model, plane_of(model), GRID, images(), share=False)
    half = model.to(torch.bfloat16)
    found = heights(
        half, plane_of(half), GRID, images(), progress=lambda done, of: seen.append((done, of))
    )
    assert [one.loss for one in found] == pytest.approx([one.loss for one in wide], rel=0.05)
    assert seen[-1] == (15, 15)


def test_second_differences_are_exact_on_quadratics():
    a, b = np.meshgrid(spaced(-1, 1, 7), spaced(-2, 2, 9), indexing="ij")
    heights = 1.5 * a**2 - 0.5 * b**2 + 0.7 * a * b + a - 3
    small, large = plane_curvatures(heights, (2 / 6, 4 / 8))
    expected = np.linalg.eigvalsh(np.array([[3, 0.7], [0.7, -1]]))
    np.testing.assert_allclose(small, expected[0])
    np.testing.assert_allclose(large, expected[1])
    assert small.shape == (5, 7)
    assert nonconvex_share(heights, (2 / 6, 4 / 8)) == 1
    assert nonconvex_share(a**2 + b**2, (2 / 6, 4 / 8)) == 0
    with pytest.raises(ValueError, match="3 points a side"):
        plane_curvatures(heights[:2], (1, 1))


def test_only_points_below_a_level_count():
    axis = spaced(-2, 2, 9)
    a, b = np.meshgrid(axis, axis, indexing="ij")
    hill = np.exp(-(a**2 + b**2))
    heights, step = 1 - hill, (0.5, 0.5)  # a bowl in a plain that bends downwards
    inner = heights[1:-1, 1:-1]
    small, large = plane_curvatures(heights, step)
    bad = np.maximum(0, -small) > 0.1 * np.maximum(0, large)
    assert bad[inner <= 0.3].sum() == 0
    assert nonconvex_share(heights, step, level=0.3) == 0
    assert nonconvex_share(heights, step) == bad.mean() > 0.5
    assert nonconvex_share(heights, step, level=0.9) == bad[inner <= 0.9].mean() > 0
    assert np.isnan(nonconvex_share(heights, step, level=-1.0))
    heights[4, 4] = np.nan
    assert nonconvex_share(heights, step, level=0.9) > bad[inner <= 0.9].mean()


def test_a_hole_is_no_valley():
    a, b = np.meshgrid(spaced(-1, 1, 5), spaced(-1, 1, 5), indexing="ij")
    bowl = a**2 + b**2
    assert basin_share(bowl, 0.5) == pytest.approx(9 / 25)
    bowl[2, 2] = np.nan
    assert basin_share(bowl, 0.5) == pytest.approx(8 / 25)
    assert nonconvex_share(bowl, (0.5, 0.5)) == 1  # every inner point is beside the hole


@pytest.mark.parametrize(
    ("ends", "lost"),
    [
        ((2, -1), 0.5),
        ((2, 1), 0),
        ((-1, -3), math.inf),
        ((0, 0), math.nan),
        ((math.nan, 1), math.nan),
    ],
)
def test_convexity_lost(ends, lost):
    assert convexity_lost(*ends) == pytest.approx(lost, nan_ok=True)
