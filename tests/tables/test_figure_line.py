"""The figure of a line draws the error along it, marks the barrier, and leaves out what failed."""

import numpy as np
import pyarrow as pa
import pytest

from surfeit.tables.figures import line, save
from surfeit.tables.tables import column, where

POINTS = 30
HEIGHTS = {0: 0.3, 100: 0.1, 2000: 0.0}


def planted(heights=HEIGHTS, replicates=3, failed=()):
    """A bump of some height on each line, ends at 5 % and 7 %."""
    points, found = [], []
    for replicate in range(replicates):
        for step, height in heights.items():
            for split in ("test", "train"):
                key = {"replicate": replicate, "step": step, "split": split}
                lost = (replicate, step) in failed
                tall = height * (1 + 0.1 * replicate)
                for t in np.linspace(0, 1, POINTS):
                    error = 0.05 + 0.02 * t + tall * np.sin(np.pi * t) ** 2
                    points.append(key | {"t": t, "error": None if lost else error})
                errors = [row["error"] for row in points[-POINTS:]]
                found.append(key | {"barrier": None if lost else max(errors) - 0.06})
    return pa.Table.from_pylist(points), pa.Table.from_pylist(found)


def labelled(axes):
    return {one.get_label(): one for one in axes.get_lines() if not one.get_label().startswith("_")}


def test_every_step_is_a_line_of_the_mean_error():
    lines, barriers = planted()
    left, right = line.figure(lines, barriers).axes
    assert set(labelled(left)) == {"step 0", "step 100", "step 2,000"}
    for step in HEIGHTS:
        rows = where(lines, step=step, split="test")
        expected = np.reshape(rows["error"].to_pylist(), (3, POINTS)).mean(0)
        drawn = labelled(left)[f"step {step:,}"].get_xydata()
        np.testing.assert_allclose(drawn[:, 1], expected)
        np.testing.assert_allclose(drawn[:, 0], np.linspace(0, 1, POINTS))
    assert "test error" in left.get_ylabel()
    assert all(panel.get_xlabel() for panel in (left, right))
    assert left.yaxis.get_major_formatter()(0.02, 0) == "2 %"


def test_the_highest_barrier_is_marked_from_the_mean_of_the_ends_to_the_worst_point():
    lines, barriers = planted()
    left, _ = line.figure(lines, barriers).axes
    worst = max(labelled(left)["step 0"].get_ydata())
    arrow, words = left.texts
    assert arrow.xy[1] == pytest.approx(worst)
    assert arrow.xyann[1] == pytest.approx(0.06)
    assert words.get_text() == f"{100 * (worst - 0.06):.2g} points"


def test_no_barrier_is_marked_where_there_is_none():
    lines, barriers = planted({0: -0.01})
    flat = lines.set_column(4, "error", pa.array([0.05] * lines.num_rows))
    assert not line.figure(flat, barriers).axes[0].texts


def test_every_replicates_barrier_is_a_point_on_its_step():
    lines, barriers = planted()
    _, right = line.figure(lines, barriers, threshold=0.02).axes
    ticks = [text.get_text() for text in right.get_xticklabels()]
    assert ticks == ["0", "100", "2,000"]
    drawn = [one for one in right.get_lines() if len(one.get_xdata()) == 9]
    for points, split in zip(drawn, ("test", "train"), strict=True):
        rows = where(barriers, split=split)
        np.testing.assert_allclose(points.get_ydata(), rows["barrier"].to_pylist())
        np.testing.assert_allclose(np.round(points.get_xdata()), [0, 1, 2] * 3)
    means = [one for one in right.get_lines() if len(one.get_xdata()) == 3]
    expected = column(where(barriers, split="test"), "barrier").reshape(3, 3).mean(0)
    np.testing.assert_allclose(means[0].get_ydata(), expected)
    assert labelled(right)["stable below 2 %"].get_ydata()[0] == 0.02


def test_what_failed_is_left_out():
    lines, barriers = planted(failed={(0, 0), (0, 100), (1, 100), (2, 100)})
    left, right = line.figure(lines, barriers).axes
    assert set(labelled(left)) == {"step 0", "step 2,000"}
    assert [text.get_text() for text in right.get_xticklabels()] == ["0", "2,000"]
    rows = where(lines, step=0, split="test")
    expected = column(rows, "error").reshape(3, POINTS)[1:].mean(0)
    np.testing.assert_allclose(labelled(left)["step 0"].get_ydata(), expected)


def test_many_steps_are_drawn_as_far_as_strokes_go_first_and_last_among_them():
    lines, barriers = planted(dict.fromkeys(range(0, 1000, 100), 0.01), replicates=1)
    left, right = line.figure(lines, barriers, split="train").axes
    names = list(labelled(left))
    assert len(names) == len(line.STROKES)
    assert (names[0], names[-1]) == ("step 0", "step 900")
    assert len(right.get_xticks()) == 10
    assert "train error" in left.get_ylabel()


def test_lines_differ_in_more_than_colour():
    for strokes in (line.STROKES, tuple(line.SPLITS.values())):
        for part in ("color", "linestyle", "marker"):
            assert len({str(getattr(stroke, part)) for stroke in strokes}) == len(strokes)


def test_line_figure_is_the_same_bytes_every_time_and_does_not_depend_on_the_rows_order(tmp_path):
    lines, barriers = planted()
    order = np.random.default_rng(0).permutation(lines.num_rows)
    tables = (lines, barriers), (lines.take(order), barriers)
    files = [save(line.figure(*two), tmp_path / str(n), "x") for n, two in enumerate(tables)]
    first, second = (one["svg"].read_bytes() for one in files)
    assert first == second


def test_line_figure_refuses_tables_without_a_measured_line():
    lines, barriers = planted(replicates=1, failed={(0, step) for step in HEIGHTS})
    for table in (lines, lines.slice(0, 0)):
        with pytest.raises(ValueError, match="at least one measured line on the test split"):
            line.figure(table, barriers)
