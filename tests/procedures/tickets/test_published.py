import pytest

from surfeit.procedures.tickets.published import PUBLISHED, published

# Frankle and Carbin 2019, figure 2, typed by hand: lr, steps, convolutions, output.
FIGURE_2 = {
    "lenet-300-100": (1.2e-3, 50_000, None, 0.1),
    "conv-2": (2e-4, 20_000, 0.10, 0.1),
    "conv-4": (3e-4, 25_000, 0.10, 0.1),
    "conv-6": (3e-4, 30_000, 0.15, 0.1),
}


def test_published_settings_are_those_of_the_paper():
    assert PUBLISHED.keys() == FIGURE_2.keys()
    for model, expected in FIGURE_2.items():
        found = published(model)
        recipe = found.recipe
        assert (recipe.lr, recipe.steps, found.conv_rate, found.output_rate) == expected
        assert (recipe.optimizer, recipe.batch_size, found.rate) == ("adam", 60, 0.2)
        assert "2019" in found.source


def test_published_suggests_the_nearest_network():
    with pytest.raises(ValueError, match="did you mean 'conv-2'"):
        published("conv2")
