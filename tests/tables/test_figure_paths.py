"""The figure of paths: every path that was measured, errors where there are classes."""

import pyarrow as pa
import pytest

from surfeit.tables.figures import paths


def table(*names, error=0.1):
    return pa.Table.from_pylist(
        [
            {"path": name, "split": split, "t": t, "loss": 1 + t, "error": error}
            for name in names
            for split in ("train", "test")
            for t in (0.0, 0.5, 1.0)
        ]
    )


def test_each_path_is_a_line_in_both_panels():
    left, right = paths.figure(table(*paths.PATHS)).axes
    for axes in (left, right):
        assert [list(line.get_xdata()) for line in axes.lines] == [[0, 0.5, 1]] * 4
    assert right.get_ylabel() == "share of wrong answers"
    words = [text.get_text() for text in left.figure.legends[0].get_texts()]
    assert words == ["straight line", "units matched", "matched, repaired", "trained curve"]


def test_without_classes_the_test_loss_is_drawn():
    _, right = paths.figure(table("segment", error=None)).axes
    assert right.get_title(loc="left") == "Loss of test examples"
    assert list(right.lines[0].get_ydata()) == [1, 1.5, 2]


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="at least one path, got an empty table"):
        paths.figure(table())
