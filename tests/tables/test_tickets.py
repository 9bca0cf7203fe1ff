"""Summaries of tickets and controls: against sums written out, planted differences, bad tables."""

import math

import numpy as np
import pyarrow as pa
import pytest

from surfeit.tables import Mean, mean_interval
from surfeit.tables.tables import where
from surfeit.tables.tickets import advantage, against_dense, arms, differences, levels, percent


def planted(values, controls=("reinit",)):
    """One row a training from {(replicate, level, arm): accuracy}; each level keeps half."""
    rows = [
        {"replicate": replicate, "level": level, "arm": arm, "density": 0.5**level, "x": value}
        for (replicate, level, arm), value in values.items()
    ]
    return pa.Table.from_pylist(rows)


@pytest.fixture
def table():
    """Three replicates, four levels; the ticket 2, 1 and 3 above its control at every level."""
    values = {}
    for replicate, gap in enumerate((2.0, 1.0, 3.0)):
        for level in range(5):
            values[replicate, level, "ticket"] = 10.0 * replicate + level
            if level:
                values[replicate, level, "reinit"] = 10.0 * replicate + level - gap
    return planted(values)


def test_levels_are_means_with_student_intervals_over_replicates(table):
    summary = levels(table, "x")
    assert summary["level"].to_pylist() == [0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert summary["arm"].to_pylist() == ["ticket", *["ticket", "reinit"] * 4]
    for row in summary.to_pylist():
        own = where(table, level=row["level"], arm=row["arm"])["x"].to_pylist()
        expected = mean_interval(own)
        assert (row["n"], row["density"]) == (3, 0.5 ** row["level"])
        assert row["mean"] == pytest.approx(np.mean(own))
        assert (row["lower"], row["upper"]) == pytest.approx((expected.lower, expected.upper))


def test_differences_are_paired_so_that_replicates_may_differ(table):
    first = differences(table, "x").to_pylist()[0]
    # Student's t at 0.975 with two degrees of freedom, from the tables: 4.302653.
    half = 4.302653 * 1.0 / math.sqrt(3)
    assert first["mean"] == pytest.approx(2.0)
    assert (first["lower"], first["upper"]) == pytest.approx((2 - half, 2 + half))
    assert differences(table, "x")["level"].to_pylist() == [1, 2, 3, 4]


def test_single_replicate_has_a_mean_and_no_interval(table):
    alone = where(table, replicate=1)
    assert set(levels(alone, "x")["lower"].to_pylist()) == {None}
    assert differences(alone, "x").to_pylist()[0] == {
        "level": 1,
        "arm": "reinit",
        "density": 0.5,
        "n": 1,
        "mean": 1.0,
        "lower": None,
        "upper": None,
    }


def test_failed_trainings_leave_both_sides_of_their_pair():
    values = {(0, 1, "ticket"): 3.0, (0, 1, "reinit"): 1.0, (1, 1, "ticket"): None}
    table = planted(values | {(1, 1, "reinit"): 9.0})
    assert levels(table, "x")["n"].to_pylist() == [1, 2]
    (row,) = differences(table, "x").to_pylist()
    assert (row["n"], row["mean"]) == (1, 2.0)


def test_a_row_without_density_is_left_out():
    rows = planted({(0, 1, "ticket"): 3.0, (0, 1, "reinit"): 1.0}).to_pylist()
    rows[1]["density"] = None
    assert levels(pa.Table.from_pylist(rows), "x")["arm"].to_pylist() == ["ticket"]


def test_advantage_averages_levels_before_replicates(table):
    found = advantage(table, "reinit", "x", densities=(0.1, 0.3))
    assert found is not None
    assert (found.levels, found.densest, found.sparsest) == (2, 0.25, 0.125)
    expected = mean_interval([2.0, 1.0, 3.0])
    assert tuple(found.over) == pytest.approx((3, 2.0, expected.lower, expected.upper))


def test_advantage_counts_levels_equally_and_replicates_as_the_sample():
    values = {}
    for replicate, gaps in enumerate(((1.0, 5.0), (2.0, 8.0))):
        for level, gap in enumerate(gaps, start=1):
            values[replicate, level, "ticket"] = gap
            values[replicate, level, "reinit"] = 0.0
    found = advantage(planted(values), "reinit", "x")
    expected = mean_interval([3.0, 5.0])
    assert found is not None
    assert tuple(found.over) == pytest.approx((2, 4.0, expected.lower, expected.upper))


def test_advantage_compares_every_level_where_none_is_in_range(table):
    found = advantage(table, "reinit", "x", densities=(0.6, 0.9))
    assert found is not None
    assert (found.levels, found.densest, found.sparsest) == (4, 0.5, 0.0625)


def test_advantage_leaves_out_replicates_that_lack_a_level(table):
    rows = table.to_pylist()
    for row in rows:
        if (row["replicate"], row["level"], row["arm"]) == (2, 3, "ticket"):
            row["x"] = None
    found = advantage(pa.Table.from_pylist(rows), "reinit", "x")
    assert found is not None
    assert (found.over.n, found.over.mean) == (2, 1.5)


def test_advantage_is_none_without_a_pair(table):
    assert advantage(table, "random", "x") is None
    one_each = planted({(0, 1, "ticket"): 1.0, (1, 1, "reinit"): 1.0})
    assert advantage(one_each, "reinit", "x") is None


def test_against_dense_pairs_a_level_with_level_zero(table):
    assert against_dense(table, "x", 3) == Mean(3, 3.0, None, None)
    with pytest.raises(ValueError, match="no replicate has x of both"):
        against_dense(table, "x", 9)


def test_summaries_do_not_depend_on_the_order_of_rows(table):
    order = np.random.default_rng(0).permutation(table.num_rows)
    # The ticket comes first whatever the order; with one control so does the rest.
    for summary in (levels, differences):
        assert summary(table.take(order), "x").equals(summary(table, "x"))
    assert arms(table.take(order)) == ["ticket", "reinit"]


def test_bad_tables_are_refused_in_words(table):
    with pytest.raises(ValueError, match=r"needs \['accuracy'\]: it has \['replicate'"):
        levels(table, "accuracy")
    twice = pa.concat_tables([table, table.slice(0, 1)])
    with pytest.raises(ValueError, match="level 0, ticket of replicate 0 twice"):
        differences(twice, "x")
    with pytest.raises(ValueError, match="confidence must be in"):
        levels(table, "x", confidence=1.5)


def test_percent_shows_three_digits_at_most_and_no_exponent():
    assert [percent(one) for one in (1, 0.512, 0.2097, 0.0859, 0.0074, 0.000012)] == [
        "100",
        "51.2",
        "21",
        "8.6",
        "0.74",
        "0.0012",
    ]
