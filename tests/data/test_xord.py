"""XORD: every input by brute force, the shares of diverse examples, and what is refused."""

from collections import Counter
from itertools import product

import pytest
import torch

from surfeit.core import Streams
from surfeit.data import xord_data
from surfeit.data.xord import (
    PATTERNS,
    inputs_with,
    is_diverse,
    is_positive,
    pattern_sets,
)


def stream(seed=0):
    return Streams(seed).get("xord")


def set_of(signs):
    """The patterns of an input, by their places."""
    return frozenset(PATTERNS.index(tuple(map(int, pair))) for pair in signs.view(-1, 2).tolist())


@pytest.mark.parametrize("pairs", [2, 3, 5])
def test_sets_of_patterns_are_those_of_all_inputs_and_count_them(pairs):
    counts = Counter(frozenset(one) for one in product(range(4), repeat=pairs))
    assert {one: inputs_with(one, pairs) for one in pattern_sets(pairs)} == counts


def test_four_pairs_have_fifteen_sets_three_of_them_negative():
    sets = pattern_sets(12)
    assert len(sets) == 15
    assert [is_positive(one) for one in sets].count(False) == 3
    assert sum(inputs_with(one, 12) for one in sets) == 4**12


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_label_says_whether_a_pair_is_equal(split):
    data = xord_data(5, 60, stream(), diverse=0.5)
    for signs, label in zip(data.splits[split].inputs, data.splits[split].labels, strict=True):
        assert set(signs.tolist()) <= {-1.0, 1.0}
        assert int(label) == any(a == b for a, b in signs.view(-1, 2).tolist())


@pytest.mark.parametrize(("diverse", "count"), [(1.0, 40), (0.75, 30), (0.5, 20)])
def test_so_many_examples_of_each_class_are_diverse(diverse, count):
    data = xord_data(6, 40, stream(), diverse=diverse)
    for split in (data.train, data.validation):
        labels = split.labels.tolist()
        assert (len(labels), sum(labels)) == (40, 20)
        kinds = [is_diverse(set_of(signs)) for signs in split.inputs]
        assert sum(kinds) == count
        positive = [kind for kind, label in zip(kinds, labels, strict=True) if label]
        assert sum(positive) == count // 2


def test_diverse_inputs_have_both_patterns_of_their_kind():
    names = {"++": 0, "--": 1, "+-": 2, "-+": 3}
    diverse = [("++", "--"), ("++", "--", "+-"), ("+-", "-+")]
    others = [("++",), ("++", "+-", "-+"), ("+-",)]
    for sets, wanted in ((diverse, True), (others, False)):
        for one in sets:
            assert is_diverse(frozenset(names[name] for name in one)) == wanted


def test_examples_are_drawn_uniformly_from_all_inputs_of_their_kind():
    """Of three pairs there are few inputs: each comes up as often as the others."""
    data = xord_data(3, 3_600, stream())
    seen = Counter(tuple(signs.tolist()) for signs in data.train.inputs[data.train.labels == 1])
    every = [one for one in product(range(4), repeat=3) if is_positive(frozenset(one))]
    there = [one for one in every if is_diverse(frozenset(one))]
    assert len(seen) == len(there)
    expected = 1_800 / len(there)
    # Chi-squared with 17 degrees of freedom lies below 40.8 in 999 cases of 1,000.
    assert sum((count - expected) ** 2 / expected for count in seen.values()) < 40.8


@pytest.mark.parametrize("pairs", [2, 3, 12])
def test_the_test_split_has_one_input_of_each_set(pairs):
    data = xord_data(pairs, 10, stream())
    assert [set_of(signs) for signs in data.test.inputs] == list(pattern_sets(pairs))


def test_a_seed_draws_its_own_examples():
    one, again, other = (xord_data(12, 40, stream(seed)) for seed in (0, 0, 1))
    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert not torch.equal(one.train.inputs, one.validation.inputs)


def test_an_odd_number_has_one_more_positive_example():
    assert xord_data(4, 7, stream()).train.labels.tolist() == [1, 1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1, 40), r"pairs must be a whole number of at least 2, got 1"),
        ((True, 40), r"pairs must be a whole number of at least 2, got True"),
        ((12, 1), r"examples must be a whole number of at least 2, got 1"),
        ((12, 4.0), r"examples must be a whole number of at least 2, got 4.0"),
    ],
)
def test_sizes_that_are_too_small_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        xord_data(*arguments, stream())


@pytest.mark.parametrize("diverse", [0, -0.5, 1.1, float("nan")])
def test_a_share_out_of_range_is_refused(diverse):
    with pytest.raises(ValueError, match=r"share of diverse examples must be in \(0, 1\]"):
        xord_data(12, 40, stream(), diverse=diverse)


def test_a_share_that_is_no_example_is_refused():
    with pytest.raises(
        ValueError, match=r"a share of 0\.1 of 2 positive examples is no diverse one"
    ):
        xord_data(12, 4, stream(), diverse=0.1)
