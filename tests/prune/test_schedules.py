"""Schedules: closed forms, and what they refuse."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surfeit.prune import at_step, cubic, iterative, one_shot


def test_one_shot_is_the_dense_network_and_one_level():
    assert one_shot(0.1) == (1.0, 0.1)


@settings(deadline=None)
@given(rate=st.floats(0.01, 0.9), levels=st.integers(1, 40))
def test_iterative_removes_the_rate_of_what_survives(rate, levels):
    densities = iterative(rate, levels)
    assert len(densities) == levels + 1
    assert densities[0] == 1
    assert all(b / a == pytest.approx(1 - rate) for a, b in pairwise(densities))


def test_iterative_has_the_densities_of_the_paper():
    # Frankle and Carbin 2019, figure 4: 51.3, 21.1, 7.0, 3.6, 1.9 % of the weights
    published = {3: 0.512, 7: 0.2097, 12: 0.0687, 15: 0.0352, 18: 0.018}
    densities = iterative(0.2, 18)
    assert {level: densities[level] for level in published} == pytest.approx(published, abs=1e-3)


@settings(deadline=None)
@given(
    density=st.floats(0.01, 0.9),
    begin=st.integers(0, 1000),
    every=st.integers(1, 100),
    times=st.integers(1, 200),
)
def test_cubic_falls_strictly_and_ends_exactly_at_the_density(density, begin, every, times):
    end = begin + every * times
    pairs = cubic(density, begin=begin, end=end, every=every)
    steps, densities = zip(*pairs, strict=True)
    assert steps == tuple(range(begin, end + 1, every))
    assert densities[0] == pytest.approx(1)
    assert densities[-1] == density
    assert all(b < a for a, b in pairwise(densities))
    for step, found in pairs:
        final, initial = 1 - density, 0.0
        sparsity = final + (initial - final) * (1 - (step - begin) / (times * every)) ** 3
        assert 1 - found == pytest.approx(sparsity, abs=1e-12)


def test_cubic_goes_on_from_a_density():
    pairs = cubic(0.2, begin=10, end=30, every=10, initial=0.6)
    assert pairs == ((10, pytest.approx(0.6)), (20, pytest.approx(0.25)), (30, 0.2))


def test_at_step_is_one_pruning():
    assert at_step(500, 0.3) == ((500, 0.3),)


@pytest.mark.parametrize("density", [0, -1, 1.2, float("nan")])
def test_densities_out_of_range_are_refused(density):
    with pytest.raises(ValueError, match=r"density must be in \(0, 1\]"):
        one_shot(density)
    with pytest.raises(ValueError, match=r"density must be in \(0, 1\]"):
        at_step(0, density)
    with pytest.raises(ValueError, match="density must be in"):
        cubic(density, begin=0, end=10, every=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"begin": -1}, "a step must be at least 0, got -1"),
        ({"end": 0}, "end must be behind begin, got 0 to 0"),
        ({"every": 0}, "every must divide the 10 steps from 0 to 10, got 0"),
        ({"every": 3}, "every must divide the 10 steps from 0 to 10, got 3"),
        ({"every": 20}, "every must divide"),
        ({"initial": 0.4}, r"density must be in \(0, 0.4\), below the initial, got 0.5"),
        ({"initial": 1.5}, r"initial must be a density in \(0, 1\], got 1.5"),
    ],
)
def test_impossible_cubic_schedules_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        cubic(0.5, **({"begin": 0, "end": 10, "every": 1} | wrong))


def test_cubic_refuses_prunings_too_close_to_differ():
    with pytest.raises(ValueError, match="too many to tell apart"):
        cubic(0.9, begin=0, end=400_000, every=1)


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan")])
def test_iterative_refuses_rates_out_of_range(rate):
    with pytest.raises(ValueError, match=r"rate must be in \(0, 1\)"):
        iterative(rate, 3)


def test_iterative_refuses_impossible_levels():
    with pytest.raises(ValueError, match="levels must be at least 1, got 0"):
        iterative(0.2, 0)
    with pytest.raises(ValueError, match="no densities are left apart"):
        iterative(0.9, 1000)


def test_a_step_before_the_first_is_refused():
    with pytest.raises(ValueError, match="a step must be at least 0"):
        at_step(-1, 0.5)
