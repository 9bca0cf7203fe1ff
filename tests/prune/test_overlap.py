"""The overlap of masks: by hand, against chance simulated, and by enumeration."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import hypergeom

from surfeit.core import Streams
from surfeit.prune import overlap


def mask_of(places, total):
    mask = torch.zeros(total, dtype=torch.bool)
    mask[list(places)] = True
    return mask


def random_mask(kept, total, generator):
    return mask_of(torch.randperm(total, generator=generator)[:kept].tolist(), total)


def test_overlap_counts_by_hand():
    found = overlap({"x": mask_of([0, 1, 2, 3], 10)}, {"x": mask_of([2, 3, 4], 10)})
    x = found.parameters["x"]
    assert (x.both, x.first, x.second, x.total) == (2, 4, 3, 10)
    assert x.share == 0.5
    assert x.expected == pytest.approx(1.2)
    assert x.expected_share == pytest.approx(0.3)
    assert x.deviation == pytest.approx(math.sqrt(4 * 0.3 * 0.7 * 6 / 9))
    assert x.z == pytest.approx(0.8 / x.deviation)
    assert found.overall == x


@pytest.mark.parametrize(("first", "second", "total"), [(4, 3, 8), (2, 5, 7), (1, 1, 5)])
def test_p_value_is_that_of_all_placements(first, second, total):
    a = mask_of(range(first), total)
    places = list(itertools.combinations(range(total), second))
    counts = np.array([sum(place < first for place in chosen) for chosen in places])
    for chosen, both in zip(places, counts, strict=True):
        tail = min((counts <= both).mean(), (counts >= both).mean())
        found = overlap({"x": a}, {"x": mask_of(chosen, total)}).overall
        assert found.both == both
        assert found.p_value == pytest.approx(min(1, 2 * tail))
    assert found.expected == pytest.approx(counts.mean())
    assert found.deviation == pytest.approx(counts.std())


def test_overlap_of_independent_masks_is_as_chance_has_it():
    generator = Streams(0).get("overlap")
    sizes = {"a": (120, 40, 30), "b": (200, 20, 150), "c": (60, 6, 6)}
    found = []
    for _ in range(400):
        first = {name: random_mask(k, n, generator) for name, (n, k, _) in sizes.items()}
        second = {name: random_mask(m, n, generator) for name, (n, _, m) in sizes.items()}
        found.append(overlap(first, second).overall)
    z = np.array([one.z for one in found])
    # The mean of 400 standard values has the error 0.05, their deviation 0.035.
    assert abs(z.mean()) < 0.2
    assert abs(z.std() - 1) < 0.14
    small = np.mean([one.p_value < 0.1 for one in found])
    assert 0.04 < small < 0.16


def test_equal_densities_of_layers_are_no_overlap():
    # Both keep nearly all of the one and little of the other: chance already shares most.
    generator = Streams(1).get("overlap")
    sizes = {"dense": (1000, 950), "sparse": (1000, 50)}
    first, second = (
        {name: random_mask(k, n, generator) for name, (n, k) in sizes.items()} for _ in range(2)
    )
    found = overlap(first, second).overall
    assert found.share > 0.85
    assert found.expected_share == pytest.approx(0.905)
    assert found.p_value > 0.01


def test_equal_and_opposite_masks_are_beyond_chance():
    mask = {
        "a": random_mask(50, 100, Streams(0).get("a")),
        "b": random_mask(9, 30, Streams(0).get("b")),
    }
    same, other = (
        overlap(mask, mask).overall,
        overlap(mask, {n: ~v for n, v in mask.items()}).overall,
    )
    assert same.share == 1
    assert same.z > 5
    assert same.p_value < 1e-6
    assert other.share == 0
    assert other.z < -5
    assert other.p_value < 1e-6


def test_full_and_empty_masks_leave_nothing_to_chance():
    full, none = torch.ones(8).bool(), torch.zeros(8).bool()
    found = overlap({"x": full}, {"x": mask_of([1, 5], 8)}).overall
    assert (found.share, found.expected_share, found.z, found.p_value) == (0.25, 0.25, 0, 1)
    assert math.isnan(overlap({"x": none}, {"x": full}).overall.share)


def test_overlap_refuses_masks_that_are_not_alike():
    a, b = {"x": torch.ones(3).bool()}, {"y": torch.ones(3).bool()}
    with pytest.raises(ValueError, match=r"of different parameters.*\['x'\].*\['y'\]"):
        overlap(a, b)
    with pytest.raises(ValueError, match=r"'x' is \[3\] and \[4\]"):
        overlap(a, {"x": torch.ones(4).bool()})
    with pytest.raises(ValueError, match="without parameters"):
        overlap({}, {})


@pytest.mark.parametrize("both", [(10, 6), (11, 7), (12, 8), (8, 5), (13, 8)])
def test_the_overall_p_value_is_near_that_of_the_sum_of_two_layers(both):
    sizes = {"x": (40, 20, 20), "y": (30, 12, 15)}  # all, kept by a, kept by b
    laws = [hypergeom(*size).pmf(np.arange(21)) for size in sizes.values()]
    chances = np.convolve(*laws)
    distance = np.abs(np.arange(len(chances)) - 16)
    exact = chances[distance >= abs(sum(both) - 16)].sum()
    a = {name: mask_of(range(kept), total) for name, (total, kept, _) in sizes.items()}
    b = {
        name: mask_of([*range(shared), *range(kept, kept + other - shared)], total)
        for (name, (total, kept, other)), shared in zip(sizes.items(), both, strict=True)
    }
    found = overlap(a, b).overall
    assert (found.both, found.expected) == (sum(both), pytest.approx(16))
    assert found.p_value == pytest.approx(exact, abs=0.01)
