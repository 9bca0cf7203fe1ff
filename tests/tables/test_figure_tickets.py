"""The figure of tickets draws what the table says, at every size of table."""

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.colors import to_rgb

from surfeit.tables import mean_interval
from surfeit.tables.figures import save, tickets
from surfeit.tables.tables import column, where

CONTROLS = (
    "reinit",
    "random",
    "shuffle",
    "scratch-e",
    "scratch-b",
    "sign",
    "constant",
    "invert",
)


def planted(levels=16, replicates=3, controls=CONTROLS[:2]):
    generator, rows = np.random.default_rng(0), []
    for replicate in range(replicates):
        for level in range(levels + 1):
            for place, arm in enumerate(["ticket", *(controls if level else ())]):
                rows.append(
                    {
                        "replicate": replicate,
                        "level": level,
                        "arm": arm,
                        "density": 0.8**level,
                        "test_accuracy": 0.98 - 0.001 * place * level + 1e-4 * generator.normal(),
                        "early_stop_step": int(2000 + 100 * place * level + 100 * replicate),
                    }
                )
    return pa.Table.from_pylist(rows)


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


@pytest.mark.parametrize("quantity", ["test_accuracy", "early_stop_step"])
def test_figure_draws_means_over_replicates_with_their_intervals(quantity):
    table = planted()
    panel = tickets.figure(table).axes[list(tickets.QUANTITIES).index(quantity)]
    drawn = lines(panel)
    assert set(drawn) == {"ticket", "reinit", "random", "dense network"}
    for arm in ("ticket", "reinit", "random"):
        rows = where(table, arm=arm)
        first = 0 if arm == "ticket" else 1
        values = column(rows, quantity).reshape(3, -1)
        expected = np.stack([0.8 ** np.arange(first, 17), values.mean(axis=0)], axis=1)
        np.testing.assert_allclose(drawn[arm].get_xydata(), expected)
    band = panel.collections[0].get_paths()[0].vertices
    interval = mean_interval(column(where(table, arm="ticket", level=3), quantity))
    at = band[np.isclose(band[:, 0], 0.8**3), 1]
    assert (at.min(), at.max()) == pytest.approx((interval.lower, interval.upper))


def test_no_band_leaves_what_is_possible():
    rows = [
        {**row, "test_accuracy": 0.99 + 0.009 * (row["replicate"] % 2), "early_stop_step": step}
        for row in planted(levels=3, replicates=3).to_pylist()
        for step in [1 + 40 * (row["replicate"] % 2)]
    ]
    accuracy, step = tickets.figure(pa.Table.from_pylist(rows)).axes
    for panel, most in ((accuracy, 1.0), (step, np.inf)):
        band = panel.collections[0].get_paths()[0].vertices[:, 1]
        assert band.min() >= 0
        assert band.max() <= most
    interval = mean_interval(np.asarray([0.99, 0.999, 0.99]))
    assert interval.upper > 1  # or nothing was cut


def test_dense_network_is_a_level_line_through_both_panels():
    table = planted()
    dense = where(table, level=0)
    for panel, name in zip(tickets.figure(table).axes, tickets.QUANTITIES, strict=True):
        expected = column(dense, name).mean()
        np.testing.assert_allclose(lines(panel)["dense network"].get_ydata(), expected)


def test_density_falls_from_left_to_right_in_percent_of_a_log_axis():
    panel = tickets.figure(planted()).axes[0]
    left, right = panel.get_xlim()
    assert left > 1 > 0.8**16 > right
    assert panel.get_xscale() == "log"
    label = panel.xaxis.get_major_formatter()
    named = [label(place, 0) for place in panel.get_xticks()]
    assert named[:3] == ["100", "51.2", "26.2"]
    assert len(named) <= 8


def test_axes_are_named_and_accuracies_in_percent():
    accuracy, stop = tickets.figure(planted()).axes
    assert "kept (%)" in accuracy.get_xlabel()
    assert "step" in stop.get_ylabel()
    assert accuracy.yaxis.get_major_formatter()(0.95, 0) == "95 %"
    assert stop.yaxis.get_major_formatter()(12000, 0) == "12,000"


def test_single_replicate_has_lines_and_no_band():
    drawing = tickets.figure(planted(replicates=1, levels=2))
    for panel in drawing.axes:
        assert all(not band.get_paths() for band in panel.collections)
        assert len(lines(panel)["reinit"].get_xydata()) == 2
    assert drawing.legends[0].get_title().get_text() == "one replicate"


def test_trainings_that_failed_are_left_out():
    rows = planted(levels=3).to_pylist()
    for row in rows:
        if row["arm"] == "random" or (row["arm"], row["level"]) == ("reinit", 2):
            row["test_accuracy"] = row["early_stop_step"] = None
    accuracy, _ = tickets.figure(pa.Table.from_pylist(rows)).axes
    assert set(lines(accuracy)) == {"ticket", "reinit", "dense network"}
    np.testing.assert_allclose(lines(accuracy)["reinit"].get_xdata(), [0.8, 0.8**3])


def test_every_arm_has_its_own_colour_dash_and_marker():
    drawing = tickets.figure(planted(levels=2, controls=CONTROLS))
    labels = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert labels == ["ticket", *CONTROLS, "dense network"]
    strokes = [tickets.STROKES[name] for name in ("ticket", *CONTROLS)]
    assert len({to_rgb(stroke.color) for stroke in strokes}) == 9
    assert len({str(stroke.linestyle) for stroke in strokes}) == 9
    assert len({stroke.marker for stroke in strokes}) == 9


def test_wide_intervals_of_two_replicates_do_not_press_the_lines_flat():
    rows = planted(levels=2, replicates=2, controls=()).to_pylist()
    for row in rows:
        row["test_accuracy"] = 0.9 + 0.01 * row["level"] + 0.05 * row["replicate"]
    panel = tickets.figure(pa.Table.from_pylist(rows)).axes[0]
    bottom, top = panel.get_ylim()
    assert top - bottom < 0.02 * 3.2


def test_dense_network_alone_and_equal_values_still_give_a_figure():
    for panel in tickets.figure(planted(levels=0, replicates=1)).axes:
        bottom, top = panel.get_ylim()
        assert bottom < panel.get_lines()[0].get_ydata()[0] < top


def test_steps_are_named_by_whole_numbers():
    rows = planted(levels=2, replicates=1, controls=()).to_pylist()
    for row in rows:
        row["early_stop_step"] = 20
    stop = tickets.figure(pa.Table.from_pylist(rows)).axes[1]
    bottom, top = stop.get_ylim()
    assert [tick for tick in stop.get_yticks() if bottom <= tick <= top] == [20]


def test_figure_is_the_same_bytes_every_time(tmp_path):
    table = planted(levels=2)
    first = save(tickets.figure(table), tmp_path / "a", "tickets")
    second = save(tickets.figure(table), tmp_path / "b", "tickets")
    for kind, path in first.items():
        assert path.read_bytes() == second[kind].read_bytes()


def test_table_without_a_single_value_is_refused():
    with pytest.raises(ValueError, match="at least one training that ended"):
        tickets.figure(planted().slice(0, 0))
