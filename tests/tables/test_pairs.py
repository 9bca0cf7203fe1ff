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


def _table(*cells):
    return pa.Table.from_pylist([
        {"seed": seed, "level": level, "value": value} for seed, level, value in cells
    ])  # fmt: skip


def test_pairs_are_found_by_place_and_others_left_alone():
    first = _table((1, 1, 5.0), (1, 2, 8.0), (0, 1, 1.0), (0, 2, 2.0))
    second = _table((0, 2, 1.0), (0, 1, 1.0), (1, 1, 1.0), (1, 2, 2.0), (1, 3, 9.0))
    assert paired(first, second, "value", on=["level"], scale=100) == [50, 500]


def test_a_second_side_of_one_row_a_replicate_needs_no_columns():
    assert paired(_table((0, 1, 3.0), (0, 2, 5.0)), _table((0, 0, 1.0)), "value") == [3]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([(0, 1, 1.0)], [(0, 2, 1.0)], "no row to compare with has seed 0, level 1"),
        ([(0, 1, 1.0)], [(0, 1, 1.0)] * 2, "two rows have seed 0, level 1"),
        ([], [], "no row whose value"),
        (
            [(0, 1, 1.0), (0, 2, 1.0), (1, 1, 1.0)],
            [(0, 1, 1.0), (0, 2, 1.0), (1, 1, 1.0)],
            r"replicates differ in how many rows are compared, \{0: 2, 1: 1\}",
        ),
        ([(0, 1, 1.0)], [(0, 1, 1.0), (1, 1, 1.0)], r"replicates \[1\] have rows on the second"),
    ],
)
def test_what_does_not_belong_together_is_an_error(first, second, message):
    schema = pa.schema([("seed", pa.int64()), ("level", pa.int64()), ("value", pa.float64())])
    with pytest.raises(ValueError, match=message):
        paired(*(_table(*side).cast(schema) if side else schema.empty_table()
                 for side in (first, second)), "value", on=["level"])  # fmt: skip


def test_a_table_without_rows_has_no_mean():
    with pytest.raises(ValueError, match="no row to take a mean of"):
        by_seed(FIRST.slice(0, 0), "accuracy")
