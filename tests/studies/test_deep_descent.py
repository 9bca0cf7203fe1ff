"""Claims E8a to E8f on planted tables: errors by width, noise and epoch."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import POOL_DATA, Lab
from surfeit.store import Store
from surfeit.studies import _deep_descent as measured
from surfeit.studies import deep_descent as study
from surfeit.studies.deep_descent import Arm
from surfeit.train import Recipe

CONFIG = replace(study.LAPTOP, widths=(8, 16, 32, 64, 256))
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
CLEAN, LIGHT, HEAVY, DECAYED = CONFIG.arms
# Of each arm the errors in percent by width.
TRAINING = {
    CLEAN: (5.0, 0.2, 0.0, 0.0, 0.0),
    LIGHT: (20.0, 8.0, 0.5, 0.0, 0.0),
    HEAVY: (30.0, 20.0, 8.0, 0.5, 0.0),
    DECAYED: (30.0, 20.0, 10.0, 5.0, 2.0),
}
TEST = {
    CLEAN: (18.0, 16.0, 14.0, 13.0, 12.0),
    LIGHT: (20.0, 23.0, 22.0, 21.0, 19.0),
    HEAVY: (25.0, 28.0, 35.0, 33.0, 28.0),
    DECAYED: (24.0, 25.0, 26.0, 25.0, 23.0),
}
STOPPED = (24.0, 18.0, 15.0, 14.0, 13.0)


def _base(arm, at, column):
    """The errors of each seed, in percent: one pattern a column, a little smaller a seed."""
    values = {"test": TEST[arm], "train": TRAINING[arm], "stopped": STOPPED}[column]
    swings = np.random.default_rng([at, CONFIG.arms.index(arm), len(column)]).normal(size=SEEDS)
    return [values[at] * (1 + 0.01 * swing) for swing in swings.clip(-2, 2)]


def _table(**others):
    """Two epochs of each training: one that validation images choose, and the last.

    Args:
        others: `test`, `train` or `stopped`: a value a seed in percent, by arm and width.
    """
    rows = []
    for arm in CONFIG.arms:
        for at, width in enumerate(CONFIG.widths):
            columns = {
                name: others.get(name, {}).get((arm, width)) or _base(arm, at, name)
                for name in ("test", "train", "stopped")
            }
            for seed in CONFIG.seeds:
                end, train, stopped = (
                    None if value is None else value / 100
                    for value in (columns[name][seed] for name in ("test", "train", "stopped"))
                )
                place = {**arm._asdict(), "width": width, "seed": seed}
                errors = {"train_error": 0.5, "validation_error": 0.1, "test_error": stopped}
                rows.append({**place, "epoch": 10, **errors, "fits": False, "best": True})
                errors = {"train_error": train, "validation_error": 0.2, "test_error": end}
                fits = train is not None and train <= CONFIG.fitted
                rows.append({**place, "epoch": 500, **errors, "fits": fits, "best": False})
    return pa.Table.from_pylist([{**row, "run": "0" * 64} for row in rows])


def _judged(claim, table, config=CONFIG):
    return next(one for one in study.verdicts(table, config) if one.claim == claim)


def _less(values, off):
    return [value - one for value, one in zip(values, off, strict=True)]


def _more(values, on):
    return [value + one for value, one in zip(values, on, strict=True)]


def test_all_claims_hold_of_a_peak_that_stopping_and_decay_remove():
    found = study.verdicts(_table(), CONFIG)
    assert {one.claim: one.ruling for one in found} == {
        claim.id: "supported" for claim in study.CLAIMS
    }
    assert found[0].says.startswith("With 20 % wrong labels 25.")
    assert found[0].says.endswith("with right labels 18.2 and 13.0 %.")
    assert "test error peaks at 32 hidden units, and one training image in ten" in found[2].says
    assert "the best narrower network, of 8, has 25." in found[1].says


@pytest.mark.parametrize("ruling", THREE)
def test_with_noise_the_network_that_just_fits_is_held_against_the_narrowest(planted_three, ruling):
    values = planted_three(CONFIG.margin, 0.1, SEEDS)[ruling]
    end = _more(_base(HEAVY, 0, "test"), values)
    found = _judged("E8a", _table(test={(HEAVY, 64): end}))
    assert found.ruling == ruling
    if ruling != "supported":
        assert found.effect == pytest.approx(np.mean(values))
        assert "decided by noisy labels" in found.doubt


@pytest.mark.parametrize("ruling", THREE)
def test_without_noise_it_is_to_err_less(planted_three, ruling):
    values = planted_three(CONFIG.margin, 0.1, SEEDS)[ruling]
    found = _judged("E8a", _table(test={(CLEAN, 64): _less(_base(CLEAN, 0, "test"), values)}))
    assert found.ruling == ruling
    if ruling != "supported":
        assert "decided by right labels" in found.doubt


@pytest.mark.parametrize("ruling", THREE)
def test_the_widest_is_held_against_the_one_that_just_fits(planted_three, ruling):
    values = planted_three(CONFIG.margin, 0.1, SEEDS)[ruling]
    end = _less(_base(HEAVY, 3, "test"), values)
    found = _judged("E8b", _table(test={(HEAVY, 256): end}))
    assert (found.ruling, found.effect) == (ruling, pytest.approx(np.mean(values)))


def _crossing_at(places):
    """Training errors of 32 units, in percent, that pass 10 % at these log₂ widths above 4.5."""
    return [20.0 - 10.0 / (place - 4) for place in places]


@pytest.mark.parametrize(
    ("peaks", "ruling"),
    [([32] * 8, "supported"), ([256] * 8, "contradicted"), ([32, 64] * 4, "inconclusive")],
)
def test_the_peak_is_held_against_where_one_image_in_ten_is_wrong(planted, peaks, ruling):
    places = planted(4.85, 0.02, SEEDS)
    train = {(HEAVY, 16): [20.0] * SEEDS, (HEAVY, 32): _crossing_at(places)}
    test = {(HEAVY, width): [30.0 + 9.0 * (width == peak) for peak in peaks] for width in (32, 64)}
    test[HEAVY, 256] = [30.0 + 9.0 * (peak == 256) for peak in peaks]
    found = _judged("E8c", _table(train=train, test=test))
    assert found.ruling == ruling
    if ruling != "supported":
        assert found.effect == pytest.approx(np.log2(peaks).mean() - 4.85)
        assert "decided by 20 % noise" in found.doubt


@pytest.mark.parametrize(
    ("like", "ruling"), [(LIGHT, "supported"), (HEAVY, "contradicted"), (None, "inconclusive")]
)
def test_more_noise_is_to_need_more_width(like, ruling):
    """The noises as they are; with each other's training errors; both with those of light noise."""
    other = {LIGHT: LIGHT, HEAVY: HEAVY} if like is LIGHT else {LIGHT: HEAVY, HEAVY: LIGHT}
    if like is None:
        other = {LIGHT: LIGHT, HEAVY: LIGHT}
    train = {}
    for arm, of in other.items():
        for at, width in enumerate(CONFIG.widths):
            swing = 1 + 0.02 * math.sin(7 * at) * (arm is HEAVY)
            shift = [0.03 * math.cos(3 * seed) * (arm is HEAVY) for seed in CONFIG.seeds]
            train[arm, width] = [TRAINING[of][at] * (swing + one) for one in shift]
    found = _judged("E8d", _table(train=train))
    assert found.ruling == ruling
    if ruling != "supported":
        assert "decided by 10 to 20 % noise" in found.doubt


@pytest.mark.parametrize("ruling", THREE)
def test_stopped_early_there_is_to_be_no_peak(planted_three, ruling):
    values = planted_three(CONFIG.margin, 0.1, SEEDS)[ruling]
    stopped = _less(_base(HEAVY, 0, "stopped"), values)
    found = _judged("E8e", _table(stopped={(HEAVY, 64): stopped}))
    assert (found.ruling, found.effect) == (ruling, pytest.approx(np.mean(values)))
    assert found.says.startswith("Stopped early, 24.")


@pytest.mark.parametrize("ruling", THREE)
def test_weight_decay_is_to_lower_the_rise(planted_three, ruling):
    values = planted_three(CONFIG.margin, 0.1, SEEDS)[ruling]
    rise = _less(_base(HEAVY, 3, "test"), _base(HEAVY, 0, "test"))
    decayed = _more(_base(DECAYED, 0, "test"), _less(rise, values))
    found = _judged("E8f", _table(test={(DECAYED, 64): decayed}))
    assert (found.ruling, found.effect) == (ruling, pytest.approx(np.mean(values)))


def test_the_width_that_just_fits_is_chosen_by_training_errors_of_the_noisiest_labels():
    assert study.threshold(_table(test={(HEAVY, 8): [1.0] * SEEDS})) == 64
    one_seed = [0.5] * (SEEDS - 1) + [1.1]
    assert study.threshold(_table(train={(HEAVY, 64): one_seed})) == 256
    assert study.threshold(_table(train={(HEAVY, 16): [0.0] * SEEDS})) == 64
    assert study.threshold(_table(train={(CLEAN, 256): [5.0] * SEEDS})) == 64


@pytest.mark.parametrize("widths", [(8, 16, 32, 64, 256), (64,), ()])
def test_where_no_inner_width_just_fits_the_peak_is_not_judged(widths):
    fits = {(HEAVY, width): [0.0] * SEEDS for width in CONFIG.widths}
    unfit = {(HEAVY, width): [5.0] * SEEDS for width in widths}
    table = _table(train=fits | unfit)
    found = {one.claim: one for one in study.verdicts(table, CONFIG)}
    assert [found[claim].ruling for claim in ("E8a", "E8b", "E8e", "E8f")] == ["inconclusive"] * 4
    assert "no width between the narrowest and the widest" in found["E8a"].doubt
    assert study.figure(table).axes


@pytest.mark.parametrize("claim", [claim.id for claim in study.CLAIMS])
def test_what_was_not_measured_decides_nothing(claim):
    some = [None, *_base(HEAVY, 3, "test")[1:]]
    lost = {"test": {(HEAVY, 64): some}, "stopped": {(HEAVY, 64): some}}
    if claim == "E8c":
        lost = {"train": {(HEAVY, width): [None] * SEEDS for width in CONFIG.widths}}
    if claim == "E8d":
        lost = {"train": {(LIGHT, 256): [None] * SEEDS}}
    assert _judged(claim, _table(**lost)).ruling == "inconclusive"


def test_one_seed_decides_nothing():
    rows = [row for row in _table().to_pylist() if row["seed"] == 0]
    found = study.verdicts(pa.Table.from_pylist(rows), replace(CONFIG, seeds=(0,)))
    assert {one.ruling for one in found} == {"inconclusive"}


def test_the_figure_has_each_noise_each_way_and_three_widths_by_epoch():
    axes = study.figure(_table()).axes
    assert len(axes) == 4
    labels = [[text.get_text() for text in one.get_legend().get_texts()] for one in axes]
    assert labels[0] == labels[1] == ["right labels", "10 % wrong labels", "20 % wrong labels"]
    assert labels[2] == ["at the end", "with weight decay", "stopped early"]
    assert labels[3] == ["8 units", "64 units, just fits", "256 units"]
    dotted = [line for one in axes[:3] for line in one.lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in dotted if len(set(line.get_xdata())) == 1] == [64] * 3
    right, light, heavy = (axes[0].lines[at].get_ydata() for at in (0, 2, 4))
    for drawn, arm in ((right, CLEAN), (light, LIGHT), (heavy, HEAVY)):
        assert drawn == pytest.approx([value / 100 for value in TEST[arm]], rel=0.02)
    stopped = axes[2].lines[4].get_ydata()
    assert stopped == pytest.approx([value / 100 for value in STOPPED], rel=0.02)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"widths": (8, 16)}, "widths must be 3 or more whole numbers above 0"),
        ({"noise": (0.1, 0.2)}, "noise must ascend from 0 to shares below 1"),
        ({"noise": (0.0, 0.2, 0.1)}, "noise must ascend from 0 to shares below 1"),
        ({"noise": (0.0, 1.0)}, "noise must ascend from 0 to shares below 1"),
        ({"noise": (0.0,)}, "noise must ascend from 0 to shares below 1"),
        ({"decay": 0.0}, "decay must be above 0, got 0.0"),
        ({"recipe": Recipe(steps=100)}, "recipe must count epochs"),
        ({"recipe": Recipe(weight_decay=0.1)}, "have no weight decay of its own"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **changed)


@pytest.mark.parametrize("images", [9, 1_078])
def test_numbers_of_images_that_are_not_there_are_refused(tmp_path, images):
    config = replace(study.QUICK, images=images)
    with pytest.raises(ValueError, match=r"images must be in \[10, 1,077\]"):
        study.jobs(config, Lab(Store(tmp_path), engine=InProcess()))


def test_epochs_are_spaced_evenly_over_powers_of_ten():
    assert study.QUICK.epochs == [1, 2, 3, 6, 10, 18, 32, 40]
    assert study.LAPTOP.epochs[-3:] == [178, 316, 500]


def test_the_noise_of_a_seed_is_nested_and_leaves_images_and_tests_alone():
    digits = load(POOL_DATA)
    right = measured.noisy(digits, 200, 0.0, 3)
    light, heavy = (measured.noisy(digits, 200, share, 3) for share in (0.1, 0.2))
    wrong = [one.train.labels != right.train.labels for one in (light, heavy)]
    assert [int(one.sum()) for one in wrong] == [20, 40]
    assert not (wrong[0] & ~wrong[1]).any()
    assert torch.equal(heavy.train.inputs, right.train.inputs)
    assert torch.equal(heavy.test.targets, digits.test.targets)
    assert not torch.equal(measured.noisy(digits, 200, 0.0, 4).train.inputs, right.train.inputs)


def test_a_training_watches_the_first_images_alone():
    digits = load(POOL_DATA)
    few = measured.watched(digits, 7)
    assert torch.equal(few.test.inputs, digits.test.inputs[:7])
    assert len(few.validation) == 7
    assert few.train is digits.train
    assert few.fingerprint not in (digits.fingerprint, measured.watched(digits, 8).fingerprint)


def test_rows_have_the_errors_of_each_epoch_kept(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    recipe = replace(CONFIG.recipe, lr=1e-2, epochs=4)
    sizes = {"images": 200, "widths": (2, 3, 24), "recipe": recipe, "seeds": (5,)}
    config = replace(study.QUICK, **sizes, noise=(0.0, 0.3), fitted=0.5)
    table = list(study.rows(config, lab))
    assert [row["epoch"] for row in table] == [1, 2, 3, 4] * 9
    of = {(Arm(row["noise"], row["decay"]), row["width"], row["epoch"]): row for row in table}
    digits, arm = lab.data(POOL_DATA), Arm(0.3, 0.0)
    for epoch in (2, 4):
        row = of[arm, 24, epoch]
        run, data = lab.store.find(row["run"]), measured.noisy(digits, 200, 0.3, 5)
        network = run.model()
        network.load_state_dict(run.tensors(2 * epoch))
        for split, name in ((data.train, "train"), (digits.validation, "validation")):
            wrong = (network(split.inputs).argmax(1) != split.targets).double().mean().item()
            assert row[f"{name}_error"] == pytest.approx(wrong)
    each = [of[arm, 24, epoch] for epoch in (1, 2, 3, 4)]
    least = min(row["validation_error"] for row in each)
    assert [row["best"] for row in each].count(True) == 1
    assert next(row for row in each if row["best"])["validation_error"] == least
    assert all(row["fits"] == (row["train_error"] <= 0.5) for row in table)
    assert {row["fits"] for row in table} == {True, False}
