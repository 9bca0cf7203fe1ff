"""Pairs of rows within each replicate, and what is made of a missing value."""

import math

import pyarrow as pa
import pytest

from surfeit.lab import exceeds
from surfeit.tables.pairs import by_seed, paired


def rows(values, **columns):
    """One row a value: two levels for each seed."""
    return pa.Table.from_pylist(
        [
            {"seed": number // 2, "level": number % 2, "accuracy": value, **columns}
            for number, value in enumerate(values)
        ]
    )


FIRST, SECOND = rows([0.9, 0.8, 0.7, 0.9, 0.8, 0.8]), rows([0.5, 0.6, 0.6, 0.6, 0.5, 0.6])


def test_differences_are_means_of_pairs_in_the_order_of_the_seeds():
    shuffled = FIRST.take([5, 0, 3, 2, 1, 4])
    assert paired(shuffled, SECOND, "accuracy", on=["level"], scale=100) == pytest.approx(
        [30, 20, 25]
    )
    assert by_seed(shuffled, "accuracy") == pytest.approx([0.85, 0.8, 0.8])
    assert by_seed(FIRST, lambda row: row["level"]) == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("hole", [None, math.nan])
def test_a_missing_value_is_passed_on_and_leaves_the_verdict_in_doubt(hole):
    broken = rows([0.9, 0.8, hole, 0.9, 0.8, 0.8])
    for first, second in ((broken, SECOND), (SECOND, broken)):
        found = paired(first, second, "accuracy", on=["level"])
        assert [math.isnan(one) for one in found] == [False, True, False]
        verdict = exceeds("X", found, unit="points")
        assert (verdict.ruling, verdict.n) == ("inconclusive", 2)
        assert verdict.doubt == "1 of 3 values missing or not finite"
    assert [math.isnan(one) for one in by_seed(broken, "accuracy")] == [False, True, False]
    twice = by_seed(broken, lambda row: row["accuracy"] and 2 * row["accuracy"])
    assert math.isnan(twice[1])


def test_rows_that_do_not_pair_are_errors():
    with pytest.raises(ValueError, match="no row to compare with has seed 2, level 0"):
        paired(FIRST, SECOND.slice(0, 4), "accuracy", on=["level"])
    with pytest.raises(ValueError, match="two rows have seed 0: pairs need one"):
        paired(FIRST, SECOND, "accuracy")
    with pytest.raises(ValueError, match="no row whose accuracy could be compared"):
        paired(FIRST.slice(0, 0), SECOND, "accuracy", on=["level"])
    with pytest.raises(ValueError, match="no row to take a mean of"):
        by_seed(FIRST.slice(0, 0), "accuracy")
