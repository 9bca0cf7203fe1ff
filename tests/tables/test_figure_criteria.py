"""The figure of criteria over seeds."""

import pyarrow as pa
import pytest

from surfeit.tables.figures import criteria


def table(*names, layers=("fc1",)):
    rows = [
        {
            "model": "net",
            "data": "digits",
            "layer": layer,
            "seed": seed,
            "criterion": name,
            "remove": None if name == "random" else way,
            "repeat": 0,
            "removed": removed,
            "accuracy": (0.9 if way == "least" else 0.5) - 0.1 * removed - 0.01 * seed,
        }
        for layer in layers
        for name in (*names, "random")
        for way in (("least",) if name == "random" else ("least", "most"))
        for seed in (0, 1)
        for removed in range(4)
    ]
    return pa.Table.from_pylist(rows)


def test_lines_are_means_over_seeds_of_the_least_important_first():
    (axes,) = criteria.figure(table("magnitude")).axes
    line = next(line for line in axes.lines if line.get_label() == "magnitude")
    assert line.get_ydata() == pytest.approx([0.895, 0.795, 0.695, 0.595])


def test_criteria_that_the_report_lacks_have_strokes_of_their_own():
    (axes,) = criteria.figure(table("fpgm", "taylor_unit", "other", "magnitude")).axes
    strokes = [
        (line.get_color(), line.get_marker(), str(line.get_linestyle())) for line in axes.lines
    ]
    assert len(set(strokes)) == len(strokes)


def test_published_points_are_stars_in_their_own_panel():
    published = {("net", "digits", "fc2"): {"magnitude": {2: 0.7}}}
    first, second = criteria.figure(
        table("magnitude", layers=("fc1", "fc2")), published=published
    ).axes
    assert not [line for line in first.lines if line.get_marker() == "*"]
    (star,) = [line for line in second.lines if line.get_marker() == "*"]
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (2, 0.7)


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="at least one curve"):
        criteria.figure(table("magnitude").slice(0, 0))
