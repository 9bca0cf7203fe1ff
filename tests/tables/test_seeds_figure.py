"""Lines of several seeds: each seed's, and the mean of what all of them have."""

from matplotlib.figure import Figure

from surfeit.tables.figures.seeds import draw_seeds
from surfeit.tables.figures.style import BLUE, Stroke


def _lines(rows):
    axes = Figure().add_subplot()
    draw_seeds(axes, rows, "width", "distance", Stroke(color=BLUE), "mean")
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


def test_the_mean_is_of_the_places_that_all_seeds_have():
    cells = [(0, 8, 3.0), (0, 2, 1.0), (1, 2, 2.0), (1, 8, None)]
    rows = [{"seed": seed, "width": at, "distance": value} for seed, at, value in cells]
    assert _lines(rows) == [([2, 8], [1.0, 3.0]), ([2], [2.0]), ([2], [1.5])]


def test_without_a_value_nothing_is_drawn():
    assert _lines([{"seed": 0, "width": 1, "distance": None}]) == [([], [])]
