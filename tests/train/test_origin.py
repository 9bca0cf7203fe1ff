"""Trainings that begin where others stood, and validation measured within epochs."""

import os

import pytest
import torch

from surfeit.core import ProtocolError, digest
from surfeit.store import Store
from surfeit.train import Conduct, Origin, Recipe, Snapshots, train
from surfeit.train.masking import HeldMask

from .conftest import content, interrupted_at, normalised, rows, small

# Without moments an optimiser has nothing to forget: a training from step k is the whole one's end.
FORGETFUL = Recipe(lr=0.1, epochs=4, batch_size=16, schedule="cosine", augmentation="shift")


@pytest.mark.parametrize("step", [0, 4, 6, 15])
@pytest.mark.parametrize("builder", [small, normalised])
def test_a_training_from_step_k_ends_as_the_whole_one_to_the_last_bit(
    dataset, tmp_path, builder, step
):
    whole = train(
        builder, dataset, FORGETFUL, store=Store(tmp_path / "a"), snapshots=Snapshots(at=(step,))
    )
    model = whole.model(step, into=builder())
    origin = Origin(step=step, parents=(whole.key,))
    rewound = train(model, dataset, FORGETFUL, origin=origin, store=Store(tmp_path / "b"))
    assert digest(rewound.tensors(step)) == digest(whole.tensors(step))
    assert digest(rewound.tensors()) == digest(whole.tensors())
    first, *_ = rewound.steps()
    assert first == step
    later = [row for row in rows(whole) if row["step"] > step]
    found = [row for row in rows(rewound) if row["step"] > step]
    names = [name for name in later[0] if not name.startswith("train")]
    assert [[row[n] for n in names] for row in found] == [[row[n] for n in names] for row in later]
    # Whole epochs behind the origin have the whole training score; the first may be a part of one.
    assert found[1:] == later[1:]


def test_the_training_score_of_a_begun_epoch_counts_what_it_saw(dataset, store):
    whole = train(small, dataset, FORGETFUL, store=store, snapshots=Snapshots(at=(5,)))
    run = train(whole.model(5), dataset, FORGETFUL, origin=Origin(step=5), store=store)
    first = rows(run)[1]
    assert first["step"] == 8
    # Steps 5, 6 and 7 of the epoch 4..7 saw 16, 16 and 2 of its 50 images.
    hits = first["train_accuracy"] * 34
    assert hits == pytest.approx(round(hits), abs=1e-9)


def test_origin_is_in_the_key_and_nought_is_not(dataset, store):
    plain = train(small, dataset, FORGETFUL, store=store)
    assert train(small, dataset, FORGETFUL, origin=Origin(), store=store).key == plain.key
    child = train(small, dataset, FORGETFUL, origin=Origin(parents=(plain.key,)), store=store)
    later = train(small, dataset, FORGETFUL, origin=Origin(step=1), store=store)
    assert len({plain.key, child.key, later.key}) == 3
    assert child.identity["parents"] == [plain.key]
    assert later.config["first_step"] == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"step": -1}, "step must be an integer >= 0, got -1"),
        ({"step": 1.5}, "step must be an integer >= 0, got 1.5"),
        ({"parents": ("ab",)}, "a parent must be a run's key, 64 hex digits, got 'ab'"),
    ],
)
def test_origin_error_says_what_was_given(options, words):
    with pytest.raises(ValueError, match=words):
        Origin(**options)


def test_an_origin_beyond_the_training_is_refused_before_anything_is_written(dataset, store):
    with pytest.raises(ValueError, match="of 16 steps cannot begin at step 16: rewind to a step"):
        train(small, dataset, FORGETFUL, origin=Origin(step=16), store=store)
    assert not os.listdir(store.root)


def test_snapshots_at_are_kept_where_they_lie_within_the_training(dataset, store):
    kept = Snapshots(every_epochs=0, at=(3, 7, 99))
    assert train(small, dataset, FORGETFUL, store=store, snapshots=kept).steps() == [0, 3, 7, 16]
    with pytest.raises(ValueError, match=r"at must hold steps >= 0, got \(-3,\)"):
        Snapshots(at=(-3,))


EVERY = Recipe(lr=0.5, epochs=8, batch_size=16, evaluate_every=3)


@pytest.mark.parametrize("builder", [small, normalised])
def test_measuring_within_epochs_changes_no_weight(dataset, tmp_path, builder):
    coarse = Recipe(lr=0.5, epochs=8, batch_size=16)
    runs = [
        train(builder, dataset, recipe, store=Store(tmp_path / name))
        for name, recipe in (("fine", EVERY), ("coarse", coarse))
    ]
    assert runs[0].key != runs[1].key
    assert digest(runs[0].tensors()) == digest(runs[1].tensors())
    fine = {row["step"]: row for row in rows(runs[0])}
    assert sorted(fine) == sorted({*range(0, 33, 3), *range(0, 33, 4)})
    assert all(fine[row["step"]] == row for row in rows(runs[1]))
    assert fine[3]["test_accuracy"] is fine[3]["train_loss"] is None


def test_best_has_the_test_accuracy_of_its_own_weights(dataset, store):
    every = Snapshots(per_decade=40)
    run = train(small, dataset, EVERY, store=store, snapshots=every)
    losses = {row["step"]: row["validation_loss"] for row in rows(run)}
    best = run.done["best"]
    assert best["step"] == min(losses, key=lambda step: (losses[step], step))
    assert best["step"] % 4, "the test would not see the case of a row without test figures"
    outputs = run.model(best["step"])(dataset.test.images).argmax(1)
    assert best["test_accuracy"] == (outputs == dataset.test.labels).double().mean().item()


def test_an_interrupted_training_with_fine_measurements_ends_the_same(dataset, tmp_path):
    whole = train(normalised, dataset, EVERY, store=Store(tmp_path / "whole"))
    with interrupted_at(19):
        train(normalised, dataset, EVERY, store=Store(tmp_path / "broken"))
    run = train(normalised, dataset, EVERY, store=Store(tmp_path / "broken"))
    assert content(run) == content(whole)
    assert run.done["best"] == whole.done["best"]


def test_the_weights_of_the_best_moment_survive_an_interruption(dataset, tmp_path):
    whole = train(small, dataset, EVERY, store=Store(tmp_path / "whole"))
    best = whole.done["best"]["step"]
    assert best % 4, "the test would not see weights that are looked at again at the end"
    with interrupted_at(best + 1):
        train(small, dataset, EVERY, store=Store(tmp_path / "broken"))
    run = train(small, dataset, EVERY, store=Store(tmp_path / "broken"))
    assert run.done["best"] == whole.done["best"]


def test_a_weight_that_comes_back_to_life_is_found_within_eight_steps(dataset, store, monkeypatch):
    mask = {"fc1.weight": small().fc1.weight.detach() > 0}
    removed = (~mask["fc1.weight"]).nonzero()
    calls = []
    real = HeldMask.hold_

    def breaks_at_the_sixth_step(self):
        calls.append(len(calls))
        real(self)
        if len(calls) >= 6:  # two that would add up to nothing
            for place, value in zip(removed[:2], (1.0, -1.0), strict=True):
                self._params["fc1.weight"][tuple(place)] = value

    monkeypatch.setattr(HeldMask, "hold_", breaks_at_the_sixth_step)
    plain = Recipe(lr=1e-30, epochs=3, batch_size=4)
    with pytest.raises(ProtocolError, match=r"masked weights of fc1.weight came back to life"):
        train(small, dataset, plain, mask=mask, store=store)
    assert 6 <= len(calls) <= 13


def test_progress_names_the_run_from_its_first_moment(dataset, store):
    moments = []
    run = train(small, dataset, EVERY, store=store, conduct=Conduct(progress=moments.append))
    assert {moment.key for moment in moments} == {run.key}
    assert (moments[0].step, moments[0].steps) == (0, 32)
    assert torch.tensor([moment.step for moment in moments]).diff().ge(0).all()
