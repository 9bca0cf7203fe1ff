"""Claim F15 on planted tables, and what the trainings see."""

from dataclasses import replace

import pyarrow as pa
import pytest
from tests.studies.planted import rulings, spread

from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import robust_early as study

CONFIG = study.PAPER
# By arm: clean test accuracy where the validation loss is least, at the end, and what is fitted.
HOLDS = {"all": (94, 80, 95), "slower": (94, 82, 93), "critical": (94, 90, 85)}
FAILS = {"all": (94, 90, 85), "slower": (94, 88, 85), "critical": (90, 84, 90)}


def planted(accuracies, jitter):
    rows = []
    for number, (arm, (best, last, fitted)) in enumerate(accuracies.items()):
        for noise in CONFIG.noises:
            for seed in CONFIG.seeds:
                off = jitter * spread(seed, number)
                for epoch, accuracy in ((1.0, best), (2.0, last)):
                    rows.append(
                        {
                            "noise": noise,
                            "kind": "wrong",
                            "arm": arm,
                            "seed": seed,
                            "epoch": epoch,
                            "accuracy": (accuracy + off) / 100,
                            "fitted": (fitted + off) / 100,
                            "chosen": epoch == 1,
                            "end": epoch == 2,
                            "run": "0" * 64,
                        }
                    )
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("accuracies", "jitter", "ruling"),
    [(HOLDS, 0.1, "supported"), (FAILS, 0.1, "contradicted"), (HOLDS, 40, "inconclusive")],
)
def test_verdicts_of_planted_tables(accuracies, jitter, ruling):
    found = study.verdicts(planted(accuracies, jitter), CONFIG)
    assert rulings(found) == {claim.id: ruling for claim in study.CLAIMS}


def test_effects_are_in_points():
    found = {one.claim: one.effect for one in study.verdicts(planted(HOLDS, 0), CONFIG)}
    assert found == pytest.approx({"F15a": 10, "F15b": 8, "F15c": 0, "F15d": 10})


def test_the_figure_has_a_panel_a_level_of_noise():
    drawn = study.figure(planted(HOLDS, 1))
    titles = [panel.get_title(loc="left") for panel in drawn.axes]
    assert titles == ["20% of the labels wrong", "40% of the labels wrong"]


def test_training_and_validation_labels_are_noisy_and_test_labels_are_not(tmp_path):
    lab, config = Lab(Store(tmp_path)), replace(study.QUICK, images=500)
    clean, noisy = lab.data("digits"), study.noisy(config, lab, 0.4, 1)
    assert len(noisy.train) == 500
    assert noisy.test is clean.test
    wrong = (noisy.validation.labels != clean.validation.labels).sum()
    assert int(wrong) == int(0.4 * len(clean.validation) + 0.5)


def test_the_slower_control_has_the_rate_of_critical_weights(tmp_path):
    lab = Lab(Store(tmp_path))
    found = study.jobs(study.QUICK, lab)
    critical, slower = (found[f"noise 0.4, {arm}, seed 0"] for arm in ("critical", "slower"))
    assert critical.recipe.critical_share == pytest.approx(0.6)
    assert slower.recipe.lr == pytest.approx(0.6 * critical.recipe.lr)
    assert critical.dataset.fingerprint == slower.dataset.fingerprint
