"""Claims E2a to E2c on planted tables, and the labels of both definitions."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch

from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import POOL_DATA, Lab
from surfeit.store import Store
from surfeit.studies import label_noise as study
from surfeit.train import Recipe

CONFIG = replace(study.PAPER, seeds=(0, 1, 2, 3, 4))
FEW, MOST = CONFIG.clean[0], CONFIG.clean[-1]
THREE = ("supported", "contradicted", "inconclusive")
HEAVIEST = [("uniform", 8), ("wrong", 4)]


def _share(kind, alpha):
    """Of ten classes, the labels that are wrong."""
    return alpha / (1 + alpha) * {"none": 0.0, "uniform": 0.9, "wrong": 1.0}[kind]


def _table(planted, accuracy=None):
    """Test accuracies in percent; by setting other ones, a value a seed.

    They fall from 95 % by 0.3 points for a point of wrong labels, and with fewer clean ones by 5.
    """
    rows = []
    for at, setting in enumerate(CONFIG.settings):
        kind, alpha, clean = setting
        mean = 95.0 - 30.0 * _share(kind, alpha) - 5.0 * CONFIG.clean[::-1].index(clean)
        values = (accuracy or {}).get(setting, planted(mean, 0.3, seed=20 + at))
        for seed, value in zip(CONFIG.seeds, values, strict=True):
            about = {"kind": kind, "alpha": alpha, "clean": clean, "seed": seed}
            share = _share(kind, alpha) + (0.0005 * (seed - 2) if kind == "uniform" else 0)
            found = {"wrong": share, "accuracy": value / 100, "step": 100}
            rows.append({**about, **found, "run": "0" * 64})
    return pa.Table.from_pylist(rows)


def _judged(claim, table):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_of_a_slow_fall(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 3
    assert found[0].says == (
        "With 8 labels drawn from all classes for each clean one, 80.0 % of the labels are wrong, "
        "71.0 % of the test images right. With 4 labels drawn from other classes for each clean "
        "one, 80.0 % of the labels are wrong, 71.0 % of the test images right."
    )
    assert "costs 0.30 to 0.30 points of test accuracy, which is 95.0 %" in found[1].says


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("noise", HEAVIEST)
def test_half_of_the_test_images_are_right_by_both_definitions(
    planted, planted_three, noise, ruling
):
    values = planted_three(CONFIG.margin, 0.5)[ruling]
    found = _judged("E2a", _table(planted, {(*noise, MOST): values}))
    assert found.ruling == ruling
    if ruling != "supported":
        assert found.effect == pytest.approx(sum(values) / 5)
        assert f"decided by {study._STROKES[noise[0]][0]}" in found.doubt


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("noise", [("uniform", 1), ("uniform", 8), ("wrong", 2)])
def test_accuracy_falls_slowly_at_every_level(planted, planted_three, noise, ruling):
    """To spare is half a point for each of wrong labels, less what accuracy is below 95 %."""
    spare = planted_three(0, 0.6)[ruling]
    least = 95.0 - 50.0 * _share(*noise)
    values = [least + one for one in spare]
    found = _judged("E2b", _table(planted, {(*noise, MOST): values}))
    assert found.ruling == ruling
    if ruling != "supported":
        assert found.effect == pytest.approx(sum(spare) / 5, abs=0.1)
        assert f"decided by {noise[1]} labels drawn from" in found.doubt


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("noise", HEAVIEST)
def test_more_labels_help_by_both_definitions(planted, planted_three, noise, ruling):
    most = planted(70.0, 0.3)
    gained = planted_three(0, 0.5)[ruling]
    fewest = [one - gain for one, gain in zip(most, gained, strict=True)]
    found = _judged("E2c", _table(planted, {(*noise, MOST): most, (*noise, FEW): fewest}))
    assert found.ruling == ruling
    if ruling != "supported":
        assert found.effect == pytest.approx(sum(gained) / 5)


def test_a_missing_value_and_one_seed_decide_nothing(planted):
    rows = _table(planted).to_pylist()
    rows[0]["accuracy"] = None
    found = _judged("E2b", pa.Table.from_pylist(rows))
    assert (found.ruling, found.says) == ("inconclusive", "")
    one = pa.Table.from_pylist([row for row in rows[1:] if row["seed"] == 1])
    alone = study.verdicts(one, replace(CONFIG, seeds=(1,)))
    assert {verdict.ruling for verdict in alone} == {"inconclusive"}


def test_the_figure_has_both_definitions_at_their_shares_of_wrong_labels(planted):
    left, right = study.figure(_table(planted)).axes
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels == [
        "noise drawn from all classes",
        "noise drawn from other classes",
        "share of right labels",
    ]
    means = [line.get_xdata() for line in left.lines if line.get_marker() in ("o", "s")]
    assert means[0] == pytest.approx([0, 0.45, 0.6, 0.72, 0.8])
    assert means[1] == pytest.approx([0, 1 / 2, 2 / 3, 4 / 5])
    ticks = [text.get_text() for text in right.get_xticklabels()]
    assert ticks == ["1,500", "3,000", "6,000"]


@pytest.mark.parametrize(("kind", "wrong"), [("none", 0.0), ("uniform", 0.8), ("wrong", 8 / 9)])
def test_labels_are_noisy_in_training_and_validation_alone(kind, wrong):
    digits = load(POOL_DATA)
    alpha = 0 if kind == "none" else 8
    clean = study.images(digits, (kind, alpha, 100))
    data = study.noisy(clean, (kind, alpha, 100), 3)
    assert len(data.train) == 100 * (1 + alpha)
    assert torch.equal(data.train.inputs, clean.train.inputs)
    assert torch.equal(data.test.targets, digits.test.targets)
    for split, right in ((data.train, clean.train), (data.validation, digits.validation)):
        found = (split.targets != right.targets).double().mean().item()
        spread = 4 * (0.09 / len(split)) ** 0.5 if kind == "uniform" else 0.002
        assert found == pytest.approx(wrong, abs=spread)


def test_the_untouched_labels_are_as_many_as_are_called_clean():
    """Of noise that is always wrong they can be counted."""
    digits = load(POOL_DATA)
    for alpha, clean in ((1, 333), (2, 77), (4, 100)):
        images = study.images(digits, ("wrong", alpha, clean))
        data = study.noisy(images, ("wrong", alpha, clean), 0)
        assert int((data.train.targets == images.train.targets).sum()) == clean


def test_seeds_share_images_and_draw_labels(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    jobs = study.jobs(replace(study.QUICK, seeds=(0, 1)), lab)
    names = [study.name_of(("uniform", 8, 100), seed) for seed in (0, 1)]
    one, other = (jobs[name].dataset for name in names)
    assert one.train.inputs.data_ptr() == other.train.inputs.data_ptr()  # in memory once
    assert not torch.equal(one.train.targets, other.train.targets)


def test_a_row_has_the_test_accuracy_where_validation_loss_is_least(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    recipe = Recipe(optimizer="adam", lr=3e-3, batch_size=60, epochs=6)
    config = replace(
        study.QUICK, clean=(30, 60), uniform=(1,), wrong=(1, 2), recipe=recipe, seeds=(4,)
    )
    table = list(study.rows(config, lab))
    settings = [(row["kind"], row["alpha"], row["clean"]) for row in table]
    assert settings == [
        ("none", 0, 60),
        ("uniform", 1, 60),
        ("uniform", 1, 30),
        ("wrong", 1, 60),
        ("wrong", 2, 60),
        ("wrong", 2, 30),
    ]
    for row in table:
        metrics = lab.store.find(row["run"]).metrics().to_pylist()
        best = lab.choose(metrics, by="validation_loss", largest=False)
        assert (row["step"], row["accuracy"]) == (best["step"], best["test_accuracy"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clean", (100,)),
        ("clean", (0, 10)),
        ("uniform", ()),
        ("uniform", (0, 1)),
        ("wrong", (2, 1)),
    ],
)
def test_sizes_and_noise_that_are_none_are_refused(field, value):
    with pytest.raises(ValueError, match=f"{field} must be . or more whole numbers above 0"):
        replace(CONFIG, **{field: value})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clean": (100, 200)}, "200 clean labels with 8 noisy ones each need 1,800 images, and"),
        ({"clean": (2, 4)}, r"images must be in \[10, 1,077\]"),
        ({"wrong": (1, 9)}, "no label of 10 classes tells the right one: take wrong below 9"),
    ],
)
def test_what_the_data_cannot_give_is_refused(tmp_path, change, words):
    config = replace(study.QUICK, **change)
    with pytest.raises(ValueError, match=words):
        study.jobs(config, Lab(Store(tmp_path), engine=InProcess()))
