"""Many comparisons: Holm's example by hand, intervals that cover together, error of the family."""

import numpy as np
import pytest

from surfeit.tables import holm, mean_test, over_replicates, shared_confidence
from surfeit.tables import simultaneous_intervals as together


def test_holm_multiplies_the_smallest_by_all_and_the_next_by_fewer():
    # By hand: 4 x 0.005, 3 x 0.01, max(0.03, 2 x 0.03), max(0.06, 1 x 0.04); order kept.
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([0.04]).tolist() == [0.04]


def test_holm_lies_between_the_p_values_and_bonferronis():
    p = np.random.default_rng(0).random(20) ** 2
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(20 * p, 1)).all()
    order = np.random.default_rng(1).permutation(20)
    assert (holm(p[order]) == adjusted[order]).all()


def test_holm_finds_something_in_nothing_once_in_twenty():
    draws = 1000
    samples = np.random.default_rng(0).normal(size=(draws, 5, 4))
    found = [holm([mean_test(one) for one in family]).min() < 0.05 for family in samples]
    assert np.mean(found) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
    assert np.mean(found) > 0.03


def test_intervals_cover_together_as_often_as_they_say():
    draws, covered = 1000, 0
    for family in np.random.default_rng(0).normal(size=(draws, 4, 3)):
        found = together({str(i): sample for i, sample in enumerate(family)})
        covered += all(one.lower <= 0 <= one.upper for one in found.values())
    assert covered / draws > 0.95 - 3 * np.sqrt(0.95 * 0.05 / draws)
    single = together({"one": [1.0, 2.0, 4.0]})["one"]
    assert single == over_replicates([1.0, 2.0, 4.0])


def test_a_sample_without_interval_still_counts_as_a_comparison():
    found = together({"some": [1.0, 2.0, 4.0], "single": [1.0]})
    assert found["single"].lower is None
    assert found["some"] == over_replicates([1.0, 2.0, 4.0], confidence=0.975)


def test_bad_families_are_refused():
    with pytest.raises(ValueError, match=r"p-values must be \[m\] numbers in \[0, 1\]"):
        holm([0.5, float("nan")])
    with pytest.raises(ValueError, match="p-values must be"):
        holm([])
    with pytest.raises(ValueError, match="whole number of at least 1, got 0"):
        together({})
    with pytest.raises(ValueError, match=r"got 1\.5"):
        shared_confidence(1.5)
    assert shared_confidence(10) == pytest.approx(0.995)
