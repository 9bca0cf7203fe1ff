"""Figures of networks without classes: losses, lower is better, and what may be lost of them."""

import numpy as np
import pyarrow as pa
import pytest

from surfeit.tables.figures import learning, rank, removal
from surfeit.tables.figures.lost import Lost
from surfeit.tables.tables import column, where


def _lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


@pytest.fixture
def losses(removal_table):
    """The planted removal curves as losses, which span less than a power of ten."""
    values = 1.1 - column(removal_table, "accuracy")
    table = removal_table.set_column(
        removal_table.column_names.index("accuracy"),
        "accuracy",
        pa.nulls(removal_table.num_rows, pa.float64()),
    )
    if "loss" in table.column_names:
        table = table.drop(["loss"])
    return table.append_column("loss", pa.array(values))


@pytest.fixture
def rank_losses():
    ranks, values = [1, 2, 4, 8], [0.9, 0.5, 0.04, 0.01]
    return pa.table(
        {
            "split": ["test"] * 4,
            "of": ["weights"] * 4,
            "rank": ranks,
            "share": [0.5, 0.7, 0.9, 1.0],
            "accuracy": pa.nulls(4, pa.float64()),
            "loss": values,
            "dense": [0.01] * 4,
        }
    )


def test_removal_of_losses_is_drawn_as_points_of_r2_lost(losses):
    least, most = removal.figure(losses, loss=0.01, variance={"test": 0.5}).axes
    rows = where(losses, criterion="magnitude", remove="least")
    dense = where(losses, removed=0)["loss"][0].as_py()
    expected = 100 * (np.asarray(rows["loss"].to_pylist()) - dense) / 0.5
    np.testing.assert_allclose(_lines(least)["magnitude"].get_ydata(), expected, atol=1e-9)
    assert least.get_ylabel() == most.get_ylabel() == "test R² lost (points)"
    assert _lines(least)["accepted: 1 point of R²"].get_ydata()[0] == pytest.approx(1)
    r2 = 1 - dense / 0.5
    assert _lines(least)["always the mean (R² = 0)"].get_ydata()[0] == pytest.approx(100 * r2)
    assert "chance" not in _lines(removal.figure(losses, chance=0.1).axes[0])


def test_other_losses_may_rise_by_a_share_of_themselves(losses):
    least, _ = removal.figure(losses, loss=0.05).axes
    rows = where(losses, criterion="magnitude", remove="least")
    dense = where(losses, removed=0)["loss"][0].as_py()
    expected = 100 * (np.asarray(rows["loss"].to_pylist()) / dense - 1)
    np.testing.assert_allclose(_lines(least)["magnitude"].get_ydata(), expected, atol=1e-9)
    assert _lines(least)["accepted: 5 % more loss"].get_ydata()[0] == pytest.approx(5)
    assert least.get_ylabel() == "rise of the test loss (%)"


def test_a_loss_below_nothing_rises_by_a_share_of_its_size():
    lost = Lost(split="test", dense=-2.0, of_losses=True)
    assert lost.of(np.asarray([-2.0, -1.9, -2.2])) == pytest.approx([0.0, 5.0, -10.0])
    nothing = Lost(split="test", dense=0.0, of_losses=True)
    assert nothing.of(np.asarray([0.0, 0.02])) == pytest.approx([0.0, 2.0])
    assert nothing.words == "rise of the test loss (hundredths)"


def test_the_random_band_stays_where_losses_are(losses):
    least, _ = removal.figure(losses).axes
    band = least.collections[0].get_paths()[0].vertices[:, 1]
    dense = where(losses, removed=0)["loss"][0].as_py()
    lowest = column(where(losses, criterion="random"), "loss").min()
    assert band.min() >= 100 * (lowest / dense - 1) - 1e-9


def test_ranks_of_losses_show_what_is_lost_of_r2(rank_losses):
    norm, cost = rank.figure(rank_losses, loss=0.01, variance=0.6).axes
    assert norm.yaxis.get_major_formatter()(0.5, 0) == "50 %"
    assert cost.get_ylabel() == "test R² lost (points)"
    drawn = _lines(cost)["the weights W"].get_ydata()
    expected = 100 * (np.asarray(rank_losses["loss"].to_pylist()) - 0.01) / 0.6
    np.testing.assert_allclose(drawn, expected)
    assert _lines(cost)["accepted: 1 point of R²"].get_ydata()[0] == pytest.approx(1)
    at_worst = 100 * (0.6 - 0.01) / 0.6
    assert _lines(cost)["always the mean (R² = 0)"].get_ydata()[0] == pytest.approx(at_worst)


@pytest.fixture
def regression():
    return pa.table(
        {
            "epoch": [0, 1, 2],
            "train_loss": [2.0, 0.1, 0.02],
            "train_r2": [-3.0, 0.8, 0.97],
            "test_loss": [2.2, 0.2, 0.03],
            "test_r2": [-3.4, 0.7, 0.95],
        }
    )


def test_learning_of_a_regression_shows_r2_and_loss(regression):
    r2, loss = learning.figure(regression, objective="squared_error").axes
    assert r2.get_title(loc="left") == "R²"
    assert r2.get_ylim()[0] == -1.0  # where it begins does not matter
    assert loss.get_ylabel() == "squared error"
    assert loss.get_yscale() == "log"
    drawn = _lines(r2)["test"].get_ydata()
    np.testing.assert_allclose(drawn, regression["test_r2"].to_pylist())


def test_learning_of_losses_alone_is_one_panel(regression):
    table = regression.select(["epoch", "train_loss", "test_loss"])
    (loss,) = learning.figure(table, objective="mine.huber").axes
    assert loss.get_ylabel() == "mine.huber"
    negative = table.set_column(1, "train_loss", [[-2.0, -3.0, -3.5]])
    assert learning.figure(negative).axes[0].get_yscale() == "linear"


def test_errors_say_what_they_are_a_fraction_of(learning_table):
    error, _ = learning.figure(learning_table, judged="answers").axes
    assert error.get_ylabel() == "answers classified wrongly"


def test_losses_within_a_power_of_ten_still_have_numbers_on_their_axis(regression):
    table = regression.select(["epoch", "test_loss"]).set_column(1, "test_loss", [[0.9, 0.4, 0.25]])
    drawing = learning.figure(table)
    drawing.draw_without_rendering()
    labels = [text.get_text() for text in drawing.axes[0].get_yticklabels(minor=True)]
    assert {"0.3", "0.5", "0.7"} <= set(labels)
