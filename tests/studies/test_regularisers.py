"""Claims G8a to G8k on planted tables; zeros of least squares; what each arm trains."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch

from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.studies import regularisers as study
from surfeit.studies._regularisers import small_weights, solved
from surfeit.train import Recipe, train

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
ARMS = (*CONFIG.changes, study.STOPPED)


def table(planted, *, zeros=None, small=None, gained=None):
    """Shares of zeros by strength, of small weights more than without, points gained by arm."""
    found = []
    for place, seed in enumerate(CONFIG.seeds):
        empty = dict.fromkeys(study.COLUMNS) | {"seed": seed}
        for strength in CONFIG.strengths:
            own = (zeros or {}).get(strength, planted(0.5, 0.01, SEEDS))[place]
            row = {"part": "solved", "strength": strength, "l1_zeros": own, "l2_zeros": 0.0}
            found.append(empty | row | {"l1_error": 0.2, "l2_error": 0.2})
        for arm in ARMS:
            own = (gained or {}).get(arm, planted(1, 0.1, SEEDS, seed=3))[place]
            row = {"part": "trained", "arm": arm, "step": 400, "run": "0" * 64}
            row |= {"error": 0.2 - (0 if arm == study.NONE else own / 100), "train_error": 0.0}
            if arm != study.STOPPED:
                more = (small or planted(0.5, 0.01, SEEDS))[place]
                row |= {"zeros": 0.0, "small": 0.2 + (more if arm == "L1" else 0)}
            found.append(empty | row | {"validation_error": 0.2})
    return pa.Table.from_pylist(found)


def judged(given, claim):
    return next(one for one in study.verdicts(given, CONFIG) if one.claim == claim)


def test_all_hold_where_all_help(planted):
    found = study.verdicts(table(planted), CONFIG)
    assert [one.claim for one in found] == [claim.id for claim in study.CLAIMS]
    assert {one.ruling for one in found} == {"supported"}
    assert found[2].effect == pytest.approx(1)
    assert found[2].says == "The test error is 20.00 % without, 19.00 % with L1."


@pytest.mark.parametrize("strength", CONFIG.strengths)
@pytest.mark.parametrize("ruling", THREE)
def test_l1_must_leave_zeros_at_every_strength(planted, planted_three, strength, ruling):
    zeros = {strength: planted_three(CONFIG.zeros_margin, 0.01, SEEDS)[ruling]}
    assert judged(table(planted, zeros=zeros), "G8a").ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
def test_l1_must_leave_small_weights(planted, planted_three, ruling):
    small = planted_three(CONFIG.small_margin, 0.01, SEEDS)[ruling]
    assert judged(table(planted, small=small), "G8b").ruling == ruling


@pytest.mark.parametrize("arm", study.ARMS)
@pytest.mark.parametrize("ruling", THREE)
def test_each_arm_is_judged_by_its_own_gain(planted, planted_three, arm, ruling):
    given = table(planted, gained={arm: planted_three(0, 0.1, SEEDS)[ruling]})
    found = {one.claim: one.ruling for one in study.verdicts(given, CONFIG)}
    assert found.pop(f"G8{study.ARMS[arm]}") == ruling
    assert set(found.values()) == {"supported"}


def test_the_figure_has_a_row_an_arm(planted):
    left, right = study.figure(table(planted)).axes
    assert [text.get_text() for text in right.get_yticklabels()] == list(study.ARMS)
    assert len(left.lines) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strengths": ()}, r"strengths must be shares in \(0, 1\), got \(\)"),
        ({"strengths": (0.1, 1.0)}, "strengths must be shares in"),
        ({"dropout": 1.0}, r"dropout must be in \(0, 1\), got 1.0"),
        ({"l2": 0.0}, "weight_decay must be above 0, or nothing is compared, got 0.0"),
        ({"max_norm": -1.0}, "max_norm must be above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_arms_differ_in_their_regulariser_alone(tmp_path):
    config = replace(study.QUICK, seeds=(0,))
    jobs = study.jobs(config, Lab(Store(tmp_path), engine=InProcess()))
    plain = jobs["none, seed 0"]
    assert len({job.key for job in jobs.values()}) == len(ARMS) - 1
    for arm, change in config.changes.items():
        job = jobs[f"{arm}, seed 0"]
        assert job.recipe == replace(plain.recipe, **change)
        assert job.dataset.fingerprint == plain.dataset.fingerprint
        initial = zip(job.initial().values(), plain.initial().values(), strict=True)
        assert all(torch.equal(one, other) for one, other in initial)


def test_solved_rows_have_zeros_by_l1_alone_and_errors_of_the_test_images():
    rows = list(solved(load("digits"), seed=0, images=100, strengths=[0.01, 0.1, 0.999]))
    zeros = [row["l1_zeros"] for row in rows]
    assert 0 < zeros[0] < zeros[1] < zeros[2] < 1
    assert {row["l2_zeros"] for row in rows} == {0.0}
    assert rows[0]["l1_error"] < 0.3
    assert rows[0]["l2_error"] < 0.3


def test_small_weights_are_counted_without_biases(tmp_path):
    def small(**options):
        network = mlp((2,), **options)
        with torch.no_grad():
            network.fc1.weight.fill_(0.5)
            network.fc1.weight[0, :16] = 0.0
            network.fc1.weight[0, 16:48] = -1e-4
        return network

    kept = torch.ones(2, 64, dtype=torch.bool)
    kept[0, :16] = False  # a step would move them
    mask, recipe = {"fc1.weight": kept}, Recipe(lr=1e-30, steps=1)
    run = train(small, load("digits"), recipe, mask=mask, store=Store(tmp_path))
    (row,) = small_weights(run, least=1e-3)
    weights = run.tensors()["fc2.weight"]
    near = int((weights.abs() < 1e-3).sum())
    assert row["zeros"] == pytest.approx(16 / (128 + 20))
    assert row["small"] == pytest.approx((48 + near) / (128 + 20))
