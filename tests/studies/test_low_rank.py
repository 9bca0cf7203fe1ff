"""Claims D2a to D2g on planted tables."""

from dataclasses import replace

import pyarrow as pa
import pytest
from tests.studies.planted import rulings

from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import low_rank as study

CONFIG = study.PAPER
NAMES = [network.model for network in CONFIG.networks]


def _table(plant, lost, kept, random, spread, config=CONFIG):
    """Points lost, percent of the norm kept and random directions' accuracy, by network."""
    rows = []
    for depth, network in enumerate(config.networks):
        values = plant(lost[depth], spread, seed=depth), plant(kept[depth], spread, seed=9 - depth)
        chance = plant(random, spread, seed=17)
        for at, seed in enumerate(config.seeds):
            points = values[0][at] / 100
            rows.append(
                {
                    "depth": depth,
                    "network": network.model,
                    "seed": seed,
                    "kept": values[1][at] / 100,
                    "dense": 0.7,
                    "leading": 0.7 - points,
                    "lost": points,
                    "random": chance[at],
                    "run": "0" * 64,
                }
            )
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("ruling", "lost", "kept", "random", "spread"),
    [
        ("supported", (6.34, 1.61, 0.1), (70.25, 61.43, 99.9), 0.1, 0.1),
        ("contradicted", (3.0, 8.0, 20.0), (50.0, 80.0, 99.9), 0.6, 0.03),
        ("inconclusive", (6.34, 1.61, 4.0), (70.25, 61.43, 99.9), 0.6, 4.0),
    ],
)
def test_verdicts_of_planted_tables(planted, ruling, lost, kept, random, spread):
    table = _table(planted, lost, kept, random, spread)
    assert rulings(study.verdicts(table, CONFIG)) == {claim.id: ruling for claim in study.CLAIMS}


def test_shorter_trainings_are_not_judged_against_published_figures(planted):
    config = replace(study.LAPTOP, seeds=CONFIG.seeds)
    table = _table(planted, (6.34, 1.61), (70.25, 61.43), 0.1, 0.1, config)
    found = study.verdicts(table, config)
    judged = [one.claim for one in found if one.ruling != "inconclusive"]
    assert judged == ["D2a", "D2b", "D2c"]
    assert "trained for as long" in found[3].doubt


def test_the_figure_marks_published_norms(planted):
    drawn = study.figure(_table(planted, (6, 2, 0), (70, 61, 99), 0.1, 0.1))
    assert sum(line.get_marker() == "_" for line in drawn.axes[1].lines) == 2


def test_accuracies_are_those_of_replaced_layers(tmp_path):
    lab = Lab(Store(tmp_path))
    (run,) = lab.train({"a": lab.job("mlp-64-32", "digits", study.POOL_RECIPE)}).values()
    (full,) = study.approximated(run, lab.data("digits"), "fc1", 64, 1)
    assert full["lost"] == 0
    assert full["kept"] == pytest.approx(1)
    assert full["random"] == full["dense"]
    (none,) = study.approximated(run, lab.data("digits"), "fc1", 0, 1)
    assert none["kept"] == 0
    assert none["leading"] == none["random"] < 0.2
