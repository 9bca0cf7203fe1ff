"""Claims E9a to E9c on planted tables, and the data that the networks are trained on."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch

from surfeit.core import squared_error
from surfeit.curvature import LossSurface, dense, hessian
from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import attack_data as study
from surfeit.studies._attack_data import attacked
from surfeit.train import Recipe

CONFIG = study.PAPER
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
RISES = {
    "supported": (0.0, 1.0, 2.0, 3.0),
    "contradicted": (3.0, 2.0, 1.0, 0.0),
    "inconclusive": (1.0, 0.0, 0.0, 1.0),
}


def _table(planted, columns=None, unfit=0, loss=0.01):
    """Everything grows with the attacks; as many seeds as are unfit have a wrong image."""
    rows = []
    for labels, attacks in CONFIG.settings:
        at = CONFIG.numbers.index(attacks) if labels == "wrong" else 0
        for seed in CONFIG.seeds:
            level = {name: (columns or {}).get(name, RISES["supported"])[at] for name in NAMES}
            rows.append(
                {
                    "labels": labels,
                    "attacks": attacks,
                    "images": CONFIG.images,
                    "seed": seed,
                    "loss": loss,
                    "train_error": 0.005 * (at == 2 and seed < unfit),
                    "sharpness": 50.0 + 10 * level["sharpness"] + planted(0, 1, SEEDS, at)[seed],
                    "relative": 1 + level["relative"] + planted(0, 0.1, SEEDS, at)[seed],
                    "test_error": 0.1004 + 0.1 * level["test_error"] + 1e-3 * (seed - 3.5),
                    "run": "0" * 64,
                }
            )
    return pa.Table.from_pylist(rows)


NAMES = ("sharpness", "relative", "test_error")


def _judged(table, claim, config=CONFIG):
    return next(one for one in study.verdicts(table, config) if one.claim == claim)


def test_all_claims_hold_where_everything_grows(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 3
    assert "In 8 of 8 seeds all networks fit" in found[0].says
    assert found[1].says == (
        "The mean λ₁ is 50 without attacks and 80 with 200, by relative changes 1 without attacks "
        "and 4 with 200; with as many right labels instead it is 50 and 1."
    )
    assert found[2].says == "The mean test error is 10.0% without attacks and 40.0% with 200."


@pytest.mark.parametrize(("unfit", "ruling"), [*zip((0, 8, 4), THREE, strict=True)])
def test_a_seed_fits_where_all_of_its_networks_do(planted, unfit, ruling):
    found = _judged(_table(planted, unfit=unfit), "E9a")
    assert (found.ruling, found.effect) == (ruling, 1 - unfit / SEEDS)


def test_a_loss_that_is_not_near_zero_is_no_fit(planted):
    assert _judged(_table(planted, loss=CONFIG.loss_margin), "E9a").ruling == "contradicted"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ruling", THREE)
def test_each_measure_must_grow(planted, name, ruling):
    claim = "E9c" if name == "test_error" else "E9b"
    assert _judged(_table(planted, {name: RISES[ruling]}), claim).ruling == ruling


def test_a_missing_eigenvalue_and_one_seed_decide_nothing(planted):
    rows = _table(planted).to_pylist()
    rows[0]["sharpness"] = None
    table = pa.Table.from_pylist(rows)
    assert _judged(table, "E9b").ruling == "inconclusive"
    assert study.figure(table).axes
    alone = pa.Table.from_pylist([row for row in rows if row["seed"] == 1])
    found = study.verdicts(alone, replace(CONFIG, seeds=(1,)))
    assert {one.ruling for one in found} == {"inconclusive"}


def test_the_figure_has_a_dot_a_training(planted):
    axes = study.figure(_table(planted)).axes
    dots = [
        len(line.get_xdata()) for part in axes for line in part.lines if line.get_marker() == "."
    ]
    assert dots == [SEEDS * 4] * 8
    assert axes[-1].get_xlabel() == "other images, beside 200 true ones"


def test_attacks_stand_behind_the_true_images_with_other_labels():
    digits = load("digits")
    known = {
        tuple(image.flatten().tolist()): label.item()
        for image, label in zip(digits.train.inputs, digits.train.labels, strict=True)
    }

    def right(split):
        return [
            known[tuple(image.flatten().tolist())] == label.item()
            for image, label in zip(split.inputs, split.labels, strict=True)
        ]

    few, many = (attacked(digits, 50, attacks, 3) for attacks in (20, 400))
    assert right(few.train) == [True] * 50 + [False] * 20
    assert right(many.train) == [True] * 50 + [False] * 400
    assert torch.equal(many.train.inputs[:70], few.train.inputs)
    assert torch.equal(many.train.labels[:70], few.train.labels)
    assert torch.equal(few.test.inputs, digits.test.inputs)
    assert torch.equal(few.black, digits.black)
    assert not torch.equal(attacked(digits, 50, 20, 4).train.inputs, few.train.inputs)
    assert few.fingerprint != many.fingerprint
    control = attacked(digits, 50, 20, 3, "right")
    assert torch.equal(control.train.inputs, few.train.inputs)
    assert right(control.train) == [True] * 70


def test_more_images_than_there_are_are_refused(tmp_path):
    config = replace(study.QUICK, images=1_000, attacks=(10, 78))
    with pytest.raises(ValueError, match="1,000 images and 78 attacks need as many training"):
        study.jobs(config, Lab(Store(tmp_path), engine=InProcess()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"attacks": (100, 50)}, "attacks must be 2 or more whole numbers above 0"),
        ({"images": 0}, "images must be a whole number above 0, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_rows_are_measured_on_true_images(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    recipe = Recipe(optimizer="adam", lr=3e-3, batch_size=10, epochs=3)
    config = replace(
        study.QUICK, images=12, attacks=(4, 8), model="mlp-4", recipe=recipe, seeds=(0,)
    )
    table = list(study.rows(config, lab))
    assert [(row["labels"], row["attacks"]) for row in table] == config.settings
    assert len(config.settings) == 5
    row, true = table[2], attacked(load("digits"), 12, 0, 0).train
    model = lab.store.find(row["run"]).model()
    surface = LossSurface.of(model, true, squared_error)
    most = torch.linalg.eigvalsh(dense(hessian(surface)))[-1].item()
    assert row["sharpness"] == pytest.approx(most, rel=1e-2)
    assert row["loss"] == pytest.approx(surface.loss)
    wrong = (model(true.inputs).argmax(1) != true.targets).double().mean().item()
    assert row["train_error"] == pytest.approx(wrong)
