"""Claims G19a and G19b on planted tables, and how the arms train."""

from dataclasses import replace

import pyarrow as pa
import pytest

from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import layer_norm as study

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
LEAST, MOST = CONFIG.batches[0], CONFIG.batches[-1]


def _table(planted, gains=None):
    """Batch normalisation at 60 %; by batch size the points that layer normalisation gains."""
    rows = []
    for arm in study.ARMS:
        for batch in CONFIG.batches:
            gain = (gains or {}).get(batch, planted(5 if batch == LEAST else 0, 0.5, SEEDS, batch))
            for rate in CONFIG.rates:
                best = rate == (0.03 if arm == "layer" else 0.01)
                for seed in CONFIG.seeds:
                    accuracy = 0.6 + 0.01 * gain[seed] * (arm == "layer")
                    rows.append(
                        {
                            "arm": arm,
                            "batch": batch,
                            "rate": rate,
                            "seed": seed,
                            "best": best,
                            "validation_accuracy": 0.6,
                            "test_accuracy": accuracy if best else 0.1,
                            "run": "0" * 64,
                        }
                    )
    return pa.Table.from_pylist(rows)


def test_both_claims_hold_where_small_batches_lose(planted):
    first, second = study.verdicts(_table(planted), CONFIG)
    assert (first.claim, first.ruling, first.effect) == ("G19a", "supported", pytest.approx(5))
    assert (second.claim, second.ruling, second.effect) == ("G19b", "supported", pytest.approx(5))
    assert (
        "Batches of 2: 60.0 % with batch normalisation at a rate of 0.01, 65.0 % with" in first.says
    )
    assert "Batches of 64: 60.0 %" in second.says


@pytest.mark.parametrize("ruling", THREE)
def test_layer_normalisation_must_gain_with_small_batches(planted, planted_three, ruling):
    gains = {LEAST: planted_three(0, 0.5, SEEDS)[ruling]}
    assert study.verdicts(_table(planted, gains), CONFIG)[0].ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
def test_it_must_gain_more_than_with_large_ones(planted, planted_three, ruling):
    small = planted(8, 0.5, SEEDS, 4)
    more = planted_three(0, 0.5, SEEDS)[ruling]
    gains = {LEAST: small, MOST: [a - b for a, b in zip(small, more, strict=True)]}
    first, second = study.verdicts(_table(planted, gains), CONFIG)
    assert (first.ruling, second.ruling) == ("supported", ruling)


def test_one_seed_decides_nothing_and_can_be_drawn(planted):
    rows = [row for row in _table(planted).to_pylist() if row["seed"] == 0]
    table = pa.Table.from_pylist(rows)
    found = study.verdicts(table, replace(CONFIG, seeds=(0,)))
    assert {one.ruling for one in found} == {"inconclusive"}
    assert len(study.figure(table).axes) == 2


def test_the_figure_shows_the_best_rates_alone(planted):
    left, right = study.figure(_table(planted)).axes
    drawn = left.lines
    assert len(drawn) == 4  # means and dots of two arms
    assert min(min(line.get_ydata()) for line in drawn) > 50
    assert [text.get_text() for text in right.get_xticklabels()] == ["2", "4", "16", "64"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batches": (4, 2)}, "batches must be 2 or more whole numbers above 0 in ascending order"),
        ({"batches": (1, 4)}, "cannot train on one example, which batches of 1 of 2,000"),
        ({"images": 2_001}, "which batches of 2 of 2,001 images would leave"),
        ({"rates": (0.1, 0.1)}, "rates must be different"),
        ({"held_out": 0}, "held_out must be a whole number"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_each_arm_has_the_rate_that_validation_chose(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    recipe = replace(study.QUICK.recipe, epochs=1)
    config = replace(
        study.QUICK, images=40, model="mlp-4", recipe=recipe, rates=(0.3, 1e-6), seeds=(1, 2)
    )
    table = list(study.rows(config, lab))
    assert len(table) == 2 * 2 * 2 * 2
    for arm in study.ARMS:
        for batch in config.batches:
            rows = [row for row in table if (row["arm"], row["batch"]) == (arm, batch)]
            means = {
                rate: sum(row["validation_accuracy"] for row in rows if row["rate"] == rate)
                for rate in config.rates
            }
            best = max(means, key=means.__getitem__)
            assert {row["rate"] for row in rows if row["best"]} == {best}
    run = lab.store.find(table[0]["run"])
    assert run.config["recipe"]["batch_size"] == table[0]["batch"] == 2
    assert run.metrics().to_pylist()[-1]["test_accuracy"] == table[0]["test_accuracy"]
