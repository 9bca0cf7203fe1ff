"""Claims E1a to E1c on planted tables, the labels that are drawn, and when they are fitted."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch

from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import POOL_DATA, POOL_MODEL, POOL_RECIPE, Lab
from surfeit.store import Store
from surfeit.studies import random_labels as study
from surfeit.studies._fitting import examples, labelled
from surfeit.train import Recipe, Snapshots

CONFIG = study.PAPER
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")


def _table(planted, unfit=0, chance=None, later=None, late=((), ())):
    """What both kinds of labels give, a value a seed.

    Args:
        planted: gives the jitter.
        unfit: in how many seeds 1.1 % of the random labels are wrong at the end.
        chance: points of test accuracy above chance with random labels.
        later: steps by which random labels are fitted later.
        late: the seeds that true and random labels are not fitted in at the end.
    """
    above = planted(0.0, 0.2, SEEDS) if chance is None else chance
    more = planted(900.0, 40.0, SEEDS) if later is None else later
    first = planted(1000.0, 30.0, SEEDS, seed=9)
    rows = []
    for seed in CONFIG.seeds:
        for at, labels in enumerate(("true", "random")):
            errors = {"train_error": 0.0, "test_error": 0.45}
            if labels == "random":
                errors["train_error"] = 0.011 if seed < unfit else 0.009
                errors["test_error"] = 0.9 - above[seed] / 100
            steps = {"steps": round(first[seed] + at * more[seed]), "fitted": seed not in late[at]}
            about = {"labels": labels, "seed": seed, "chance": 0.1}
            rows.append({**about, **errors, **steps, "run": "0" * 64})
    return pa.Table.from_pylist(rows)


def _judged(claim, table):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


@pytest.mark.parametrize(
    ("unfit", "ruling"), [(0, "supported"), (8, "contradicted"), (4, "inconclusive")]
)
def test_random_labels_are_fitted_within_the_margin(planted, unfit, ruling):
    found = _judged("E1a", _table(planted, unfit=unfit))
    assert (found.ruling, found.effect) == (ruling, 1 - unfit / SEEDS)
    assert found.says.startswith("At the end 0.00 % of the training images are wrong with true")


def test_true_labels_have_to_be_fitted_too(planted):
    rows = _table(planted).to_pylist()
    for row in rows:
        row["train_error"] = 0.02 if row["labels"] == "true" else 0.0
    assert _judged("E1a", pa.Table.from_pylist(rows)).ruling == "contradicted"


@pytest.mark.parametrize(
    ("above", "spread", "ruling"),
    [
        (0.3, 0.5, "supported"),
        (4.0, 0.5, "contradicted"),
        (-4.0, 0.5, "contradicted"),
        (1.5, 2.0, "inconclusive"),
    ],
)
def test_random_labels_test_at_chance_on_both_sides(planted, above, spread, ruling):
    found = _judged("E1b", _table(planted, chance=planted(above, spread, SEEDS)))
    assert (found.ruling, found.effect) == (ruling, pytest.approx(above))
    assert (
        found.says == f"{10 + above:.1f} % of the test images are right, 55.0 % with true labels."
    )


@pytest.mark.parametrize("ruling", THREE)
def test_true_labels_are_fitted_sooner(planted, planted_three, ruling):
    later = planted_three(0, 50.0, SEEDS)[ruling]
    assert _judged("E1c", _table(planted, later=later)).ruling == ruling


def test_random_labels_that_are_not_fitted_at_the_end_give_a_bound(planted):
    found = _judged("E1c", _table(planted, late=((), (0, 3))))
    assert (found.ruling, found.upper) == ("supported", None)
    assert "2 of 8 steps of the second censored" in found.doubt
    assert "at least 1.9 times the steps" in found.says


def test_true_labels_that_are_not_fitted_decide_nothing_for_the_claim(planted):
    found = _judged("E1c", _table(planted, late=((0, 1), ())))
    assert (found.ruling, found.says) == ("inconclusive", "")


@pytest.mark.parametrize("late", [((), ()), ((), (0, 3))])
def test_the_figure_marks_what_is_not_fitted(planted, late):
    drawn = study.figure(_table(planted, late=late))
    left, right = drawn.axes
    assert [text.get_text() for text in right.get_yticklabels()] == ["true labels", "random labels"]
    assert [text.get_text() for text in left.get_yticklabels()] == [
        "true labels,\ntraining",
        "true labels,\ntest",
        "random labels,\ntraining",
        "random labels,\ntest",
    ]
    (legend,) = drawn.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["one seed", "mean", "chance", *["not fitted at the end"] * bool(late[1])]
    marked = [line for line in right.lines if line.get_marker() == ">"]
    assert [len(line.get_xdata()) for line in marked] == [0, len(late[1])]


def test_random_labels_are_a_seeds_own_and_those_of_training_images_alone():
    digits = load(POOL_DATA)
    one, again, other = (labelled(digits, "random", seed) for seed in (1, 1, 2))
    assert labelled(digits, "true", 1) is digits
    assert torch.equal(one.train.targets, again.train.targets)
    assert not torch.equal(one.train.targets, other.train.targets)
    assert torch.equal(one.train.inputs, digits.train.inputs)
    for name in ("validation", "test"):
        assert torch.equal(one.splits[name].targets, digits.splits[name].targets)
    right = (one.train.targets == digits.train.targets).double().mean().item()
    assert right == pytest.approx(0.1, abs=4 * (0.09 / len(digits.train)) ** 0.5)


def test_errors_are_those_of_the_labels_that_a_run_was_trained_on(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    recipe = Recipe(optimizer="adam", lr=3e-3, batch_size=60, epochs=20)
    config = replace(study.QUICK, images=120, model="mlp-16", recipe=recipe, seeds=(0, 1))
    table = list(study.rows(config, lab))
    assert [(row["labels"], row["seed"]) for row in table] == [
        ("true", 0),
        ("true", 1),
        ("random", 0),
        ("random", 1),
    ]
    digits = lab.data(POOL_DATA)
    for row in table:
        seed = row["seed"]
        data = labelled(examples(digits, 120, seed), row["labels"], seed)
        network = lab.store.find(row["run"]).model()
        for split, name in ((data.train, "train_error"), (data.test, "test_error")):
            wrong = (network(split.inputs).argmax(1) != split.targets).double().mean().item()
            assert row[name] == pytest.approx(wrong)
        assert row["chance"] == 0.1
    assert min(row["train_error"] for row in table if row["labels"] == "random") > 0.1


def test_fitted_is_the_end_of_the_first_epoch_that_was_right_as_it_came(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    keep = Snapshots(every_epochs=0)
    job = lab.job(POOL_MODEL, POOL_DATA, POOL_RECIPE, snapshots=keep)
    (run,) = lab.train({"a": job}).values()
    right = run.metrics()["train_accuracy"].to_pylist()[1:]  # the first row is before training
    epoch = next(at for at, value in enumerate(right) if value >= 0.9)
    assert 0 < epoch < len(right) - 1
    assert study.fitted(run, 10.0) == (18 * (epoch + 1), True)
    assert study.fitted(run, -1.0) == (18 * 20, False)  # nothing is more than right


def test_the_rate_falls_by_a_twentieth_an_epoch_of_the_published_size():
    recipe, images = CONFIG.recipe, 45_000
    assert recipe.steps_per_epoch(images) == recipe.milestones[0] == 352
    assert recipe.milestones[-1] == recipe.total_steps(images) - 352
    assert recipe.decay == 0.95


@pytest.mark.parametrize("images", [0, 9, 1_078])
def test_numbers_of_images_that_are_not_there_are_refused(tmp_path, images):
    config = replace(study.QUICK, images=images)
    with pytest.raises(ValueError, match=r"images must be in \[10, 1,077\]"):
        study.jobs(config, Lab(Store(tmp_path), engine=InProcess()))
