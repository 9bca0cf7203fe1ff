"""F5: curves over numbers of weights that two networks share, planted and compared."""

import math
from dataclasses import replace

import pytest

from surfeit.studies import ticket_size

from .tickets_table import SEEDS, table, trainings

WHOLE = {"small": 1000, "middle": 2100, "large": 5000}
CONFIG = replace(ticket_size.PAPER, models=tuple(WHOLE))


def searched(change, seeds=SEEDS):
    """Accuracy falls alike with the logarithm of weights in all networks, but for `change`."""
    rows = []
    for name, whole in WHOLE.items():

        def at(row, whole=whole):
            return {"weights": row["density"] * whole, **change(row)}

        rows += trainings(at, levels=10, seeds=seeds, model=name)
    return table(rows)


@pytest.mark.parametrize("expected", ["supported", "contradicted", "inconclusive"])
def test_the_larger_neighbour_is_compared_at_equal_weights(planted_three, expected):
    gains = planted_three(CONFIG.margin, 0.02)[expected]

    def change(row):
        size = list(WHOLE).index(row["model"])
        return {"test_accuracy": 0.5 + size * gains[row["replicate"]] / 100}

    (found,) = ticket_size.verdicts(searched(change), CONFIG)
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(gains) / 5))


def test_what_depends_on_the_number_of_weights_alone_is_no_gain():
    rows = searched(lambda _: {}).to_pylist()
    for row in rows:
        row["test_accuracy"] = math.log(row["weights"]) / 10
    (found,) = ticket_size.verdicts(table(rows), CONFIG)
    assert found.effect == pytest.approx(0, abs=1e-9)


def test_one_seed_decides_nothing_and_a_missing_value_is_an_error():
    config = replace(CONFIG, seeds=(1,))
    (found,) = ticket_size.verdicts(searched(lambda _: {}, seeds=(1,)), config)
    assert found.ruling == "inconclusive"
    gone = searched(lambda row: {"test_accuracy": None} if row["level"] == 3 else {})
    with pytest.raises(ValueError, match="finite"):
        ticket_size.verdicts(gone, CONFIG)


def test_the_figure_has_a_line_for_each_network():
    (panel,) = ticket_size.figure(searched(lambda _: {})).axes
    assert [text.get_text() for text in panel.get_legend().get_texts()] == list(WHOLE)
