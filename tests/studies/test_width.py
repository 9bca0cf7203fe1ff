"""Claims E14a to E14c on planted tables: error by width, and where networks fit."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch

from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import POOL_DATA, Lab
from surfeit.store import Store
from surfeit.studies import _fitting
from surfeit.studies import width as study
from surfeit.train import Recipe

CONFIG = replace(study.PAPER, widths=(4, 16, 64, 256, 1024))
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")


def _table(planted, training=lambda width, seed: 0.01 * (width < 64), lower=None):
    """Errors by width; from 64 units on test error is 5 % but for what `lower` takes off it.

    Args:
        planted: gives each width's jitter, in points.
        training: the training error of a width and seed, a fraction.
        lower: by width, the points of each seed below those of 64 units.
    """
    rows = []
    for at, width in enumerate(CONFIG.widths):
        jitter = planted(0.0, 0.05, SEEDS, seed=10 + at)
        for seed in CONFIG.seeds:
            off = (lower or {}).get(width, jitter)[seed]
            points = (10.0 if width < 64 else 5.0) - off
            errors = {"train_error": training(width, seed), "test_error": points / 100}
            rows.append({"width": width, "seed": seed, **errors, "run": "0" * 64})
    return pa.Table.from_pylist(rows)


def _judged(table, claim, config=CONFIG):
    return next(one for one in study.verdicts(table, config) if one.claim == claim)


@pytest.mark.parametrize(
    ("unfit", "ruling"), [(0, "supported"), (8, "contradicted"), (4, "inconclusive")]
)
def test_a_seed_fits_where_both_of_its_widest_networks_do(planted, unfit, ruling):
    table = _table(
        planted, lambda width, seed: 0.01 * (width < 64 or (width < 1024 and seed < unfit))
    )
    found = _judged(table, "E14a")
    assert found.ruling == ruling
    assert found.effect == 1 - unfit / SEEDS
    assert f"In {SEEDS - unfit} of 8 seeds" in found.says
    assert ("in all of them from 64 hidden units on" in found.says) == (unfit == 0)


@pytest.mark.parametrize("ruling", THREE)
def test_the_widest_is_held_against_the_narrowest_that_fits(planted, planted_three, ruling):
    lower = planted_three(0, 0.05, SEEDS)[ruling]
    table = _table(planted, lower={64: [0.0] * SEEDS, 1024: lower})
    found = _judged(table, "E14b")
    assert (found.ruling, found.effect) == (ruling, pytest.approx(sum(lower) / SEEDS))
    assert found.says.startswith("With 64 hidden units 5.00 % of the test images are wrong")


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("width", [256, 1024])
def test_no_later_width_is_worse_than_the_one_before(planted, planted_three, width, ruling):
    lower = planted_three(-CONFIG.margin, 0.05, SEEDS)[ruling]
    table = _table(planted, lower={width: lower})
    found = _judged(table, "E14c")
    assert found.ruling == ruling
    if ruling != "supported":
        assert "decided by" in found.doubt


def test_small_rises_that_add_up_are_seen(planted):
    """Each of 0.4 points, less than the margin; together 0.8."""
    lower = {wide: planted(-rise, 0.02, SEEDS) for wide, rise in ((256, 0.4), (1024, 0.8))}
    found = _judged(_table(planted, lower=lower), "E14c")
    assert found.ruling == "contradicted"
    assert "decided by 64 to 1,024 units" in found.doubt


def test_the_narrowest_that_fits_is_chosen_by_training_errors_alone(planted):
    good = {4: [9.0] * SEEDS}
    assert study.narrowest(_table(planted, lower=good)) == 64
    one_image = _table(planted, lambda width, seed: 1e-5 * (width == 256 and seed == 7))
    assert study.narrowest(one_image) == 1024
    assert study.narrowest(_table(planted, lambda width, seed: 0.0)) == 4


@pytest.mark.parametrize("wrong", [(4, 16, 64, 256, 1024), (4, 16, 64, 256)])
def test_where_no_width_is_beyond_the_one_that_fits_nothing_is_judged(planted, wrong):
    table = _table(planted, lambda width, seed: 0.01 * (width in wrong))
    found = study.verdicts(table, CONFIG)
    assert [one.ruling for one in found] == ["contradicted", "inconclusive", "inconclusive"]
    assert "no width below the largest" in found[1].doubt
    assert study.figure(table).axes


def test_one_seed_decides_nothing(planted):
    rows = [row for row in _table(planted).to_pylist() if row["seed"] == 0]
    found = study.verdicts(pa.Table.from_pylist(rows), replace(CONFIG, seeds=(0,)))
    assert {one.ruling for one in found} == {"inconclusive"}


def test_the_figure_has_a_dot_a_seed_both_means_and_the_narrowest_that_fits(planted):
    (axes,) = study.figure(_table(planted)).axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["test images", "training images", "narrowest that fits all"]
    dots = [line for line in axes.lines if line.get_marker() == "."]
    assert [len(line.get_xdata()) for line in dots] == [SEEDS * len(CONFIG.widths)] * 2
    assert [text.get_text() for text in axes.get_xticklabels()][-1] == "1,024"
    assert axes.get_ylim()[0] < 0  # where a network has no error its marker is whole


@pytest.mark.parametrize("widths", [(0, 4), (4,), (16, 4), (4, 4, 8), (4, 8.0), (True, 4), (-4, 4)])
def test_widths_that_are_none_are_refused(widths):
    with pytest.raises(ValueError, match="widths must be 2 or more whole numbers above 0"):
        replace(CONFIG, widths=widths)


@pytest.mark.parametrize("images", [0, 9, 1_078])
def test_numbers_of_images_that_are_not_there_are_refused(tmp_path, images):
    config = replace(study.QUICK, images=images)
    with pytest.raises(ValueError, match=r"images must be in \[10, 1,077\], from one a class"):
        study.jobs(config, Lab(Store(tmp_path), engine=InProcess()))


def test_a_seeds_smaller_sets_lie_in_its_larger_ones():
    digits = load(POOL_DATA)
    small, large = (_fitting.examples(digits, count, 3).train.inputs for count in (100, 300))
    other = _fitting.examples(digits, 100, 4).train.inputs
    known = {tuple(image.flatten().tolist()) for image in large}
    assert {tuple(image.flatten().tolist()) for image in small} <= known
    assert not torch.equal(small, other)


def test_errors_are_those_of_the_data_that_a_run_was_trained_on(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    recipe = Recipe(optimizer="adam", lr=3e-3, batch_size=60, epochs=2)
    config = replace(study.QUICK, images=120, widths=(2, 32), recipe=recipe, seeds=(0, 1))
    table = list(study.rows(config, lab))
    assert [(row["width"], row["seed"]) for row in table] == [(2, 0), (2, 1), (32, 0), (32, 1)]
    digits = lab.data(POOL_DATA)
    for row in table:
        run, data = lab.store.find(row["run"]), _fitting.examples(digits, 120, row["seed"])
        network = run.model()
        for split, name in ((data.train, "train_error"), (data.test, "test_error")):
            wrong = (network(split.inputs).argmax(1) != split.targets).double().mean().item()
            assert row[name] == pytest.approx(wrong)
