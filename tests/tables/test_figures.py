"""Figures draw what the table says, name their axes, and are the same bytes every time."""

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.colors import to_rgb

from surfeit.tables.figures import graph, learning, rank, removal, save, spectrum
from surfeit.tables.figures.style import Stroke
from surfeit.tables.tables import where


def _lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def _labelled(axes):
    return all(panel.get_xlabel() and panel.get_ylabel() for panel in axes)


def test_learning_curve_draws_the_table_and_leaves_out_what_was_not_measured(learning_table):
    error, loss = learning.figure(learning_table).axes
    assert _labelled((error, loss))
    assert "nats" in loss.get_ylabel()
    assert set(_lines(error)) == {"train", "validation", "test"}
    drawn = _lines(error)["train"].get_xydata()
    accuracies = np.asarray(learning_table["train_accuracy"].to_pylist())
    np.testing.assert_allclose(drawn.T, [learning_table["epoch"].to_pylist(), 1 - accuracies])
    test = _lines(loss)["test"].get_xydata()
    np.testing.assert_allclose(test[:, 1], learning_table["test_loss"].to_pylist()[1:])


def test_errors_have_a_logarithmic_axis_with_all_of_them_in_sight(learning_table):
    error, _ = learning.figure(learning_table).axes
    assert error.get_yscale() == "log"
    low, high = error.get_ylim()
    assert 0 < low < 1 - max(learning_table["train_accuracy"].to_pylist())
    assert high <= 1
    ticks = [tick for tick in error.get_yticks() if low <= tick <= high]
    assert ticks == pytest.approx([0.02, 0.05, 0.1, 0.2, 0.5, 1.0])
    assert error.yaxis.get_major_formatter()(ticks[0], 0) == "2 %"


def test_an_error_of_none_is_drawn_at_zero(learning_table):
    at = learning_table.column_names.index("train_accuracy")
    right = [*learning_table["train_accuracy"].to_pylist()[:-1], 1.0]
    error, _ = learning.figure(learning_table.set_column(at, "train_accuracy", [right])).axes
    assert error.get_ylim()[0] == 0.0 == _lines(error)["train"].get_ydata()[-1]
    assert error.get_yticks()[0] == 0.0
    always = learning_table.select(["epoch"]).append_column("test_accuracy", [[1.0] * 13])
    drawing = learning.figure(always)
    drawing.draw_without_rendering()
    assert _lines(drawing.axes[0])["test"].get_ydata().max() == 0.0


def test_learning_curve_without_test_columns_shows_the_others(learning_table):
    error, _ = learning.figure(learning_table.drop(["test_loss", "test_accuracy"])).axes
    assert set(_lines(error)) == {"train", "validation"}


def test_learning_curve_of_a_run_without_epochs_counts_steps(learning_table):
    steps = learning_table.rename_columns(
        ["step" if name == "epoch" else name for name in learning_table.column_names]
    )
    error, loss = learning.figure(steps).axes
    assert error.get_xlabel() == loss.get_xlabel() == "step"


def test_learning_curve_of_losses_alone_still_names_its_lines(learning_table):
    drawing = learning.figure(learning_table.select(["epoch", "train_loss", "validation_loss"]))
    labels = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert labels == ["train", "validation"]


def _lost(rows):
    """Points of accuracy lost, of planted rows."""
    return 100 * (0.98 - np.asarray(rows["accuracy"].to_pylist()))


def test_removal_figure_draws_what_every_criterion_costs_in_both_directions(removal_table):
    least, most = removal.figure(removal_table, loss=0.01, chance=0.1).axes
    assert "units" in least.get_xlabel()
    for panel, remove in ((least, "least"), (most, "most")):
        assert panel.get_ylabel() == "test accuracy lost (points)"
        for name in ("magnitude", "frame_potential", "inner_product", "raw_frame_potential"):
            rows = where(removal_table, criterion=name, remove=remove)
            drawn = _lines(panel)[name.replace("_", " ")].get_xydata()
            np.testing.assert_allclose(drawn[:, 0], rows["removed"].to_pylist())
            np.testing.assert_allclose(drawn[:, 1], _lost(rows), atol=1e-9)
        assert _lines(panel)["accepted: 1 point"].get_ydata()[0] == pytest.approx(1)
        assert _lines(panel)["chance"].get_ydata()[0] == pytest.approx(88)


@pytest.mark.parametrize("loss", [0.01, 0.02, 0.005, None, 0.0])
def test_the_axis_of_what_is_lost_opens_near_nothing_and_shows_all(removal_table, loss):
    least, most = removal.figure(removal_table, loss=loss).axes
    near = 100 * loss if loss else 1.0
    for panel in (least, most):
        low, high = panel.get_ylim()
        worst = max(max(line.get_ydata()) for line in panel.get_lines())
        assert low < 0 < worst < high
        place = panel.transData.transform([(0, value) for value in (0, near, 10 * near)])[:, 1]
        assert place[1] - place[0] == pytest.approx(place[2] - place[1]), "linear, then decades"
        assert {0.0, near, 10.0 * near} <= set(panel.get_yticks())
        assert all(low <= tick <= high for tick in panel.get_yticks())
    assert least.get_ylim() == most.get_ylim()


def test_random_is_its_mean_with_one_standard_deviation(removal_table):
    least, _ = removal.figure(removal_table).axes
    curves = np.reshape(_lost(where(removal_table, criterion="random")), (5, 31))
    drawn = _lines(least)["random: mean"].get_ydata()
    np.testing.assert_allclose(drawn, curves.mean(axis=0), atol=1e-9)
    band = least.collections[0].get_paths()[0].vertices
    at_15 = band[np.isclose(band[:, 0], 15), 1]
    middle, spread = curves[:, 15].mean(), curves[:, 15].std(ddof=1)
    assert at_15.min() == pytest.approx(middle - spread)
    assert at_15.max() == pytest.approx(middle + spread)


def _both_splits(table):
    """The same curves on a validation split, a point higher."""
    rows = table.to_pylist()
    raised = [{**row, "split": "validation", "accuracy": row["accuracy"] + 0.01} for row in rows]
    return pa.Table.from_pylist([*rows, *raised], schema=table.schema)


ANSWER = removal.Answer(criterion="magnitude", estimate=12, bounds=(9, 17))


def test_removal_figure_draws_what_chose_beside_what_judges(removal_table):
    table = _both_splits(removal_table)
    choose, judge, check = removal.figure(table, loss=0.01, answer=ANSWER).axes
    assert [panel.get_title(loc="left") for panel in (choose, judge, check)] == [
        "What chooses: validation",
        "What judges: test",
        "The check: most important first",
    ]
    for panel, split in ((choose, "validation"), (judge, "test")):
        rows = where(table, criterion="magnitude", remove="least", split=split)
        dense = where(table, split=split, removed=0)["accuracy"][0].as_py()
        expected = 100 * (dense - np.asarray(rows["accuracy"].to_pylist()))
        np.testing.assert_allclose(_lines(panel)["magnitude"].get_ydata(), expected)
        assert panel.get_ylabel() == f"{split} accuracy lost (points)"
        assert _lines(panel)["accepted: 1 point"].get_ydata()[0] == pytest.approx(1)
    assert [text.get_text() for text in choose.texts] == ["estimate 12,\nmagnitude"]
    assert [text.get_text() for text in judge.texts] == ["at least 9", "at most 17"]
    assert _lines(judge)["magnitude"].get_alpha() > _lines(judge)["inner product"].get_alpha()
    assert _lines(choose)["magnitude"].get_alpha() == _lines(choose)["inner product"].get_alpha()
    interval = next(patch for patch in judge.patches if patch.get_alpha())
    assert (interval.get_x(), interval.get_x() + interval.get_width()) == (9, 17)
    assert not check.texts
    assert len({panel.get_ylim() for panel in (choose, judge, check)}) == 1


def test_removal_figure_without_bounds_marks_an_estimate(removal_table):
    answer = removal.Answer(criterion="magnitude", estimate=12, bounds=None)
    choose, judge, _ = removal.figure(_both_splits(removal_table), loss=0.01, answer=answer).axes
    for panel in (choose, judge):
        assert [text.get_text() for text in panel.texts] == ["estimate 12,\nmagnitude"]
    alone, _ = removal.figure(removal_table, answer=ANSWER).axes
    assert [text.get_text() for text in alone.texts] == ["at least 9", "at most 17"]


def test_a_bound_that_says_nothing_is_not_marked(removal_table):
    for bounds, texts in (((0, 17), ["at most 17"]), ((9, 30), ["at least 9"]), ((0, 30), [])):
        answer = removal.Answer(criterion="magnitude", estimate=12, bounds=bounds)
        panel, _ = removal.figure(removal_table, answer=answer).axes
        assert [text.get_text() for text in panel.texts] == texts


def test_the_random_band_stays_within_what_is_possible(removal_table):
    at = removal_table.column_names.index("accuracy")
    edge = [1.0 if value > 0.5 else 0.0 for value in removal_table["accuracy"].to_pylist()]
    least, _ = removal.figure(removal_table.set_column(at, "accuracy", pa.array(edge))).axes
    band = least.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() >= 0  # none can be gained: all are right
    assert band.max() <= 100


def test_removal_figure_does_not_depend_on_the_order_of_rows(removal_table):
    order = np.random.default_rng(0).permutation(removal_table.num_rows)
    shuffled, _ = removal.figure(removal_table.take(order)).axes
    straight, _ = removal.figure(removal_table).axes
    for label, line in _lines(straight).items():
        np.testing.assert_allclose(_lines(shuffled)[label].get_xydata(), line.get_xydata())


@pytest.mark.parametrize("module", [learning, removal, rank])
def test_lines_differ_in_more_than_colour(module):
    strokes = module.STROKES.values()
    assert len({stroke.color for stroke in strokes}) == len(strokes)
    assert len({stroke.marker for stroke in strokes}) == len(strokes)
    assert len({str(stroke.linestyle) for stroke in strokes}) == len(strokes)
    assert all(isinstance(stroke, Stroke) for stroke in strokes)


def test_graph_places_and_sizes_every_unit_by_the_table(graph_tables):
    nodes, edges = graph_tables
    before, after = graph.figure(nodes, edges).axes
    assert before.get_xlim() == after.get_xlim()
    assert "60 units, 0 edges" in before.get_title(loc="left")
    assert f"{edges.num_rows} edges" in after.get_title(loc="left")
    final = where(nodes, stage="final")
    largest = max(nodes["norm"].to_pylist())
    for kind in ("isolated", "linked", "cluster"):
        rows = where(final, kind=kind)
        marks = next(mark for mark in after.collections if mark.get_label() == kind)
        expected = np.transpose([rows["x"].to_pylist(), rows["y"].to_pylist()])
        np.testing.assert_allclose(marks.get_offsets(), expected)
        diameters = np.sqrt(marks.get_sizes() / graph.LARGEST_AREA)
        np.testing.assert_allclose(diameters * largest, rows["norm"].to_pylist())


def test_graph_draws_stronger_edges_darker(graph_tables):
    nodes, edges = graph_tables
    _, after = graph.figure(nodes, edges).axes
    lines = after.collections[0]
    assert len(lines.get_segments()) == edges.num_rows
    weights = np.asarray(edges["weight"].to_pylist())
    alphas = lines.get_colors()[:, 3]
    assert (np.diff(alphas[np.argsort(weights)]) >= 0).all()
    assert alphas.max() > alphas.min()


def test_graph_turns_very_many_edges_into_a_picture(graph_tables, monkeypatch):
    monkeypatch.setattr(graph, "MOST_EDGES_AS_PATHS", 10)
    _, after = graph.figure(*graph_tables).axes
    assert after.collections[0].get_rasterized()


def test_spectrum_counts_every_eigenvalue_and_marks_every_spike(spectrum_tables):
    eigenvalues, density, bulk = spectrum_tables
    before, after = spectrum.figure(eigenvalues, density, bulk).axes
    assert "W Wᵀ" in after.get_xlabel()
    assert before.get_ylim() == after.get_ylim()
    for panel in (before, after):
        assert sum(bar.get_height() for bar in panel.patches) == 100
    spikes = next(mark for mark in after.collections if mark.get_label().startswith("spikes"))
    np.testing.assert_allclose(spikes.get_offsets()[:, 0], [4, 6, 9, 15, 22, 61])
    assert "6 of 100 above the noise" in after.get_title(loc="left")
    assert "0 of 100 above the noise" in before.get_title(loc="left")


def test_the_line_in_a_spectrum_parts_the_spikes_from_all_other_bars(spectrum_tables):
    eigenvalues, density, bulk = spectrum_tables
    # One value lies between the edge of the noise and what a spike must pass.
    values = np.asarray(eigenvalues["eigenvalue"].to_pylist())
    values[0] = 1.1 * bulk["upper"][0].as_py()
    at = eigenvalues.column_names.index("eigenvalue")
    eigenvalues = eigenvalues.set_column(at, "eigenvalue", [values.tolist()])
    panels = spectrum.figure(eigenvalues, density, bulk).axes
    for panel, spikes in zip(panels, (0, 6), strict=True):
        line = _lines(panel)["a spike must pass this"].get_xdata()[0]
        assert line == pytest.approx(bulk["threshold"][0].as_py())
        right = sum(bar.get_height() for bar in panel.patches if bar.get_x() >= line * (1 - 1e-9))
        left = [bar for bar in panel.patches if bar.get_x() + bar.get_width() <= line * (1 + 1e-9)]
        assert right == spikes
        assert sum(bar.get_height() for bar in left) == 100 - spikes


def test_expected_counts_add_up_to_the_bulk(spectrum_tables):
    before, _ = spectrum.figure(*spectrum_tables).axes
    line = _lines(before)["expected of pure noise"]
    bars = sorted(before.patches, key=lambda bar: bar.get_x())
    width = np.log((bars[0].get_x() + bars[0].get_width()) / bars[0].get_x())
    total = np.trapezoid(line.get_ydata() / width, np.log(line.get_xdata()))
    assert total == pytest.approx(100, rel=0.02)


def test_spectrum_says_how_many_eigenvalues_it_leaves_out(spectrum_tables):
    eigenvalues, density, bulk = spectrum_tables
    values = np.asarray(eigenvalues["eigenvalue"].to_pylist())
    values[:3] = 0
    at = eigenvalues.column_names.index("eigenvalue")
    before, _ = spectrum.figure(
        eigenvalues.set_column(at, "eigenvalue", [values.tolist()]), density, bulk
    ).axes
    assert "3 below" in before.get_title(loc="left")


def test_rank_figure_draws_weights_and_update(rank_table):
    norm, cost = rank.figure(rank_table, loss=0.01, classes=10).axes
    assert _labelled((norm, cost))
    for of, words in rank.WORDS.items():
        rows = where(rank_table, of=of)
        for panel, values in ((norm, rows["share"].to_pylist()), (cost, _lost(rows))):
            drawn = _lines(panel)[words].get_xydata()
            np.testing.assert_allclose(drawn[:, 0], rows["rank"].to_pylist())
            np.testing.assert_allclose(drawn[:, 1], values, atol=1e-9)
    assert cost.get_ylabel() == "test accuracy lost (points)"
    assert _lines(cost)["accepted: 1 point"].get_ydata()[0] == pytest.approx(1)


def test_figures_refuse_empty_tables(
    learning_table, removal_table, graph_tables, spectrum_tables, rank_table
):
    with pytest.raises(ValueError, match="at least one measurement"):
        learning.figure(learning_table.select(["epoch"]))
    for module, table in ((learning, learning_table), (removal, removal_table), (rank, rank_table)):
        with pytest.raises(ValueError, match="at least one"):
            module.figure(table.slice(0, 0))
    with pytest.raises(ValueError, match="at least one unit"):
        graph.figure(graph_tables[0].slice(0, 0), graph_tables[1])
    with pytest.raises(ValueError, match="positive eigenvalue"):
        spectrum.figure(spectrum_tables[0].slice(0, 0), *spectrum_tables[1:])


def test_saved_figures_are_the_same_bytes_every_time_and_ask_for_nothing(learning_table, tmp_path):
    first = save(learning.figure(learning_table), tmp_path / "one", "learning")
    second = save(learning.figure(learning_table), tmp_path / "two", "learning")
    assert sorted(first) == ["pdf", "png", "svg"]
    for kind in first:
        assert first[kind].read_bytes() == second[kind].read_bytes()
    drawing = first["svg"].read_text()
    assert "<dc:date>" not in drawing
    assert ">images classified wrongly</text>" in drawing, "words are text"


def test_building_and_saving_leaves_the_global_look_alone(learning_table, tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    save(learning.figure(learning_table), tmp_path, "learning")
    assert dict(matplotlib.rcParams) == before


def test_lines_are_distinguishable_in_grey():
    greys = sorted(
        np.dot(to_rgb(stroke.color), [0.2126, 0.7152, 0.0722])
        for stroke in learning.STROKES.values()
    )
    assert min(np.diff(greys)) > 0.05
