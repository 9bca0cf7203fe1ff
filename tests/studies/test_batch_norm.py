"""Claims G5a to G5g on planted tables, and what the study reads from probes."""

from dataclasses import replace
from statistics import fmean

import pyarrow as pa
import pytest
import torch

from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import batch_norm as study
from surfeit.studies._batch_norm import network, seen, small

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
LESS = (*study.MEASURES, *study.SHIFTS, "train_loss")
OF = dict(zip(("G5a", "G5b", "G5c"), study.MEASURES, strict=True)) | dict(
    zip(("G5f", "G5g"), study.SHIFTS, strict=True)
)


def _table(planted, orders=None):
    """Measures of 1 without normalisation; by arm, rate and measure, how many orders less.

    The best rate is 0.3 with batch normalisation and 0.1 without.
    """
    rows = []
    for arm in study.ARMS:
        for rate in CONFIG.rates_of(arm):
            best = rate == {"none": 0.1, "batch": 0.3, "noisy": 0.03}[arm]
            for seed in CONFIG.seeds:
                own = {}
                for at, name in enumerate(LESS):
                    given = (orders or {}).get((arm, rate, name), planted(1, 0.1, SEEDS, at))
                    own[name] = 10 ** (-given[seed] * (arm != "none"))
                for step in (0, 10):
                    shifts = {name: own[name] if step == 0 else None for name in study.SHIFTS}
                    rows.append(
                        {
                            "arm": arm,
                            "rate": rate,
                            "seed": seed,
                            "same": rate == 0.1,
                            "best": best,
                            "step": step,
                            "loss": 1.0,
                            **{name: own[name] for name in study.MEASURES},
                            **shifts,
                            "train_loss": own["train_loss"],
                            "validation_accuracy": 0.7,
                            "test_accuracy": {"none": 0.6, "batch": 0.8, "noisy": 0.7}[arm],
                            "run": "0" * 64,
                        }
                    )
    return pa.Table.from_pylist(rows)


def _judged(table, claim, config=CONFIG):
    return next(one for one in study.verdicts(table, config) if one.claim == claim)


def test_all_claims_hold_where_everything_is_less(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.claim for one in found] == [claim.id for claim in study.CLAIMS]
    assert [one.ruling for one in found] == ["supported"] * 7
    assert found[0].effect == pytest.approx(1)
    words = "range of the loss: 1 without normalisation, 0.1 batch normalisation, 0.1 with noise"
    assert words in found[0].says
    assert "Test accuracy at that rate: 60.0 % without" in found[3].says
    assert "0.1 without normalisation, 0.3 batch normalisation, 0.03 with noise" in found[4].says


@pytest.mark.parametrize("claim", OF)
@pytest.mark.parametrize("ruling", THREE)
def test_each_claim_is_of_its_own_measure_at_the_same_rate(planted, planted_three, claim, ruling):
    values = planted_three(0, 0.1, SEEDS)[ruling]
    found = study.verdicts(_table(planted, {("batch", 0.1, OF[claim]): values}), CONFIG)
    expected = {one.id: "supported" for one in study.CLAIMS} | {claim: ruling}
    assert {one.claim: one.ruling for one in found} == expected


@pytest.mark.parametrize("name", [*study.MEASURES, "train_loss"])
@pytest.mark.parametrize("ruling", THREE)
def test_noise_must_undo_none_of_them(planted, planted_three, name, ruling):
    table = _table(planted, {("noisy", 0.1, name): planted_three(0, 0.1, SEEDS)[ruling]})
    assert _judged(table, "G5d").ruling == ruling
    assert _judged(table, "G5a").ruling == "supported"


@pytest.mark.parametrize("name", study.MEASURES)
@pytest.mark.parametrize("ruling", THREE)
def test_at_their_own_best_rates_all_must_be_less(planted, planted_three, name, ruling):
    table = _table(planted, {("batch", 0.3, name): planted_three(0, 0.1, SEEDS)[ruling]})
    assert _judged(table, "G5e").ruling == ruling
    assert _judged(table, "G5a").ruling == "supported"


@pytest.mark.parametrize("value", [None, 0.0])
def test_a_step_without_a_measure_decides_nothing(planted, value):
    rows = _table(planted).to_pylist()
    at = next(n for n, row in enumerate(rows) if row["arm"] == "batch" and row["same"])
    rows[at]["smoothness"] = value
    table = pa.Table.from_pylist(rows)
    assert _judged(table, "G5c").ruling == "inconclusive"
    assert _judged(table, "G5a").ruling == "supported"
    assert len(study.figure(table).axes) == 6


def test_one_seed_decides_nothing(planted):
    rows = [row for row in _table(planted).to_pylist() if row["seed"] == 0]
    found = study.verdicts(pa.Table.from_pylist(rows), replace(CONFIG, seeds=(0,)))
    assert {one.ruling for one in found} == {"inconclusive"}


def test_the_figure_has_a_line_an_arm_and_one_legend(planted):
    drawn = study.figure(_table(planted))
    assert [len(axes.lines) for axes in drawn.axes] == [3] * 6
    assert all(axes.get_legend() is None for axes in drawn.axes)
    assert len(drawn.legends) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rates": ()}, "rates must be different, and at least one"),
        ({"rates": (0.1, 0.1)}, "rates must be different"),
        ({"higher": (0.1,)}, "rates must be different"),
        ({"shift_every": 15}, "shift_every must be a multiple of every, 10, got 15"),
        ({"every": 0}, "every must be a whole number"),
        ({"held_out": 0}, "held_out must be a whole number"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_rows_hold_what_the_probes_saw(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    recipe = replace(study.QUICK.recipe, epochs=1)
    config = replace(study.QUICK, model="mlp-4-4", images=100, recipe=recipe, seeds=(2,), every=1)
    config = replace(config, shift_every=2)
    table = list(study.rows(config, lab))
    assert len(table) == (1 + 2 + 2) * 2  # rates of the arms, steps
    for row in table:
        run = lab.store.find(row["run"])
        along = {one["step"]: one for one in run.probe("smoothness").to_pylist()}[row["step"]]
        assert {name: row[name] for name in study.MEASURES} == {n: along[n] for n in study.MEASURES}
        shifts = [one for one in run.probe("covariate_shift").to_pylist()
                  if one["step"] == row["step"] and one["layer"] != "fc1"]  # fmt: skip
        assert bool(shifts) == (row["step"] == 0)
        if shifts:
            expected = fmean(
                (one["relative_mean"] ** 2 + one["relative_deviation"] ** 2) ** 0.5
                for one in shifts
            )
            assert row["moment_shift"] == pytest.approx(expected)
            slopes = fmean(one["relative_gradient"] for one in shifts)
            assert row["gradient_shift"] == pytest.approx(slopes)
        else:
            assert row["moment_shift"] is row["gradient_shift"] is None
    (best_without,) = {row["rate"] for row in table if row["arm"] == "none" and row["best"]}
    assert {row["rate"] for row in table if row["same"]} == {best_without}
    for arm in study.ARMS:
        of_arm = {row["rate"]: row for row in table if row["arm"] == arm}
        best = max(of_arm.values(), key=lambda row: row["validation_accuracy"])
        assert of_arm[best["rate"]]["best"]
        assert sum(row["best"] for row in of_arm.values()) == 1
    assert next(iter(seen(lab.store.find(table[0]["run"]))))["step"] == 0


def test_arms_differ_in_normalisation_alone():
    data = small(Lab().data("digits"), 50, 20, 3)
    assert (len(data.train), len(data.validation), len(data.test)) == (50, 20, 20)
    assert torch.equal(data.test.inputs, small(Lab().data("digits"), 50, 20, 4).test.inputs)
    made = {
        arm: network("mlp-8-6", kind)(
            input_shape=(1, 8, 8), classes=10, generator=torch.Generator().manual_seed(0)
        )
        for arm, kind in study.ARMS.items()
    }
    for model in made.values():
        assert torch.equal(model.fc1.weight, made["none"].fc1.weight)
    kinds = [[type(part).__name__ for part in model] for model in made.values()]
    assert "BatchNorm1d" in kinds[1]
    assert "ShiftNoise" in kinds[2]
    assert "ShiftNoise" not in kinds[1] + kinds[0]
