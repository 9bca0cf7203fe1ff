"""Dots by name: what is drawn where."""

from matplotlib.figure import Figure

from surfeit.tables.figures.dots import dots, dots_legend


def test_every_value_is_a_dot_in_its_groups_row_and_the_mean_is_marked():
    axes = Figure().add_subplot()
    dots(axes, {"a": [0.1, 0.3], "b": [], "c": [0.5]}, published={"c": 0.6})
    drawn = [
        (line.get_marker(), list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines
    ]
    assert ("o", [0.1, 0.3], [0.0, 0.0]) in drawn
    assert ("None", [0.2, 0.2], [-0.3, 0.3]) in drawn
    assert ("D", [0.6], [2]) in drawn
    assert len(drawn) == 6
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    low, high = axes.get_ylim()
    assert low > high  # the first is on top


def test_the_legend_names_the_source_of_published_figures_where_there_are_some():
    for published, count in ((None, 2), ("Zhou et al. 2019", 3)):
        axes = Figure().add_subplot()
        dots_legend(axes, published=published)
        legend = axes.get_legend()
        assert legend is not None
        labels = [text.get_text() for text in legend.get_texts()]
        assert labels == ["one seed", "mean", "Zhou et al. 2019"][:count]
