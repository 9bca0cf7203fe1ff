"""Killed, interrupted and refused: what goes on ends bit for bit as if it had not been.

Each training is a real process, forked from this one so that torch is imported once.
"""

import multiprocessing
import os
import random
import signal
import time

import pytest

from surfeit.core import NumericsError, digest
from surfeit.store import Store
from surfeit.store import files as files_module
from surfeit.train import Conduct, Numerics, Recipe, Snapshots, loop, train

from .conftest import content, make_dataset, normalised, small

CONTEXT = multiprocessing.get_context("fork")
CASES = {
    "dropout, batch normalisation, augmentation, Adam": (
        normalised,
        Recipe(optimizer="adam", lr=0.01, epochs=40, batch_size=16, augmentation="crop-flip"),
    ),
    "closed form, momentum, schedule, ragged batches": (
        small,
        Recipe(lr=0.05, momentum=0.9, nesterov=True, epochs=70, batch_size=12, schedule="cosine"),
    ),
}
KILLS_A_CASE = 15


def go(root, builder, recipe, seconds, begun=None):
    conduct = Conduct(
        checkpoint_seconds=seconds, progress=lambda moment: begun.set() if begun else None
    )
    return train(builder, make_dataset(), recipe, store=Store(root), conduct=conduct)


def start(root, builder, recipe, seconds=0.0):
    """A process that trains; `begun` is set at the end of its first epoch."""
    begun = CONTEXT.Event()
    process = CONTEXT.Process(target=go, args=(root, builder, recipe, seconds, begun))
    process.start()
    return process, begun


def checkpointed(root):
    return list(root.rglob("checkpoint.safetensors"))


@pytest.mark.parametrize("case", CASES)
def test_killed_at_random_moments_ends_as_if_uninterrupted(tmp_path, case):
    builder, recipe = CASES[case]
    uninterrupted = go(tmp_path / "whole", builder, recipe, 1000)
    moments = random.Random(0)
    hits = resumed = 0
    patience = 1.0
    broken = tmp_path / "broken"
    while hits < KILLS_A_CASE:
        resumed += bool(checkpointed(broken))
        process, _ = start(broken, builder, recipe, moments.choice([0.0, 0.01]))
        # A fork needs some milliseconds to start: most of these moments fall inside the training.
        process.join(moments.uniform(0.02, 0.12) * patience)
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            hits += 1
        process.join(20)
        if not checkpointed(broken):
            patience *= 1.5  # a busy machine has not come to a checkpoint by then
        if list(broken.rglob("DONE.json")):
            assert content(go(broken, builder, recipe, 0.0)) == content(uninterrupted)
            broken = tmp_path / f"broken{hits}"
    ended = go(broken, builder, recipe, 0.0)
    assert resumed >= KILLS_A_CASE // 3, "the kills hit no training that had a checkpoint"
    assert content(ended) == content(uninterrupted)
    assert ended.verify() == []
    assert not list(ended.path.rglob(".*.tmp"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_politely_leaves_a_whole_checkpoint(tmp_path, number):
    builder, _ = CASES["dropout, batch normalisation, augmentation, Adam"]
    longer = Recipe(optimizer="adam", lr=0.01, epochs=120, batch_size=16)
    process, begun = start(tmp_path / "broken", builder, longer, 1000)
    assert begun.wait(20)
    os.kill(process.pid, number)
    process.join(20)
    assert process.exitcode not in (0, None)
    assert len(checkpointed(tmp_path)) == 1
    run = go(tmp_path / "broken", builder, longer, 1000)
    assert content(run) == content(go(tmp_path / "whole", builder, longer, 1000))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 12])
def test_killed_before_a_file_is_in_its_place(tmp_path, monkeypatch, count):
    recipe = Recipe(epochs=3, batch_size=25)
    real = os.replace
    left = [count]

    def deadly(source, target):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(files_module.os, "replace", deadly)  # the forked process inherits it
        process, _ = start(tmp_path / "broken", small, recipe)
        process.join(20)
    assert process.exitcode == -signal.SIGKILL
    assert list((tmp_path / "broken").rglob(".*.tmp"))
    run = go(tmp_path / "broken", small, recipe, 0.0)
    assert not list(run.path.rglob(".*.tmp"))
    assert content(run) == content(go(tmp_path / "whole", small, recipe, 1000))


def test_two_processes_asking_for_one_run_train_it_once(tmp_path):
    recipe = Recipe(epochs=10, batch_size=12)
    both = [start(tmp_path, small, recipe)[0] for _ in range(2)]
    for process in both:
        process.join(30)
    assert [process.exitcode for process in both] == [0, 0]
    (run,) = Store(tmp_path).runs()
    assert run.verify() == []


@pytest.fixture
def interrupted(monkeypatch, dataset):
    """Trains in this process and interrupts it after so many updates, as Ctrl-C does."""
    real = loop.Loop._update

    def train_until(updates, recipe, store):
        left = [updates]

        def update(self):
            real(self)
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGINT)

        with monkeypatch.context() as patch:
            patch.setattr(loop.Loop, "_update", update)
            with pytest.raises(KeyboardInterrupt):
                train(small, dataset, recipe, store=store)

    return train_until


def test_resume_on_other_arithmetic_is_refused_unless_allowed(
    tmp_path, monkeypatch, dataset, interrupted
):
    recipe = Recipe(epochs=3, batch_size=16)
    interrupted(5, recipe, Store(tmp_path))
    monkeypatch.setattr(Numerics, "machine", lambda self: {"torch": "9.9", "cpu": "Z80"})
    with pytest.raises(NumericsError, match=r"cpu: \w+ then, Z80 now; torch: .* then, 9.9 now"):
        train(small, dataset, recipe, store=Store(tmp_path))
    allowed = Conduct(other_numerics=True)
    run = train(small, dataset, recipe, store=Store(tmp_path), conduct=allowed)
    assert run.status == "done"


def test_more_snapshots_on_other_arithmetic_are_refused_and_nothing_is_lost(
    tmp_path, monkeypatch, dataset
):
    recipe = Recipe(epochs=3, batch_size=16)
    run = train(small, dataset, recipe, store=Store(tmp_path))
    monkeypatch.setattr(Numerics, "machine", lambda self: {"torch": "9.9", "cpu": "Z80"})
    with pytest.raises(NumericsError):
        train(small, dataset, recipe, store=Store(tmp_path), snapshots=Snapshots(per_decade=9))
    assert run.status == "done"
    assert run.verify() == []


def test_an_early_stop_survives_an_interruption(tmp_path, dataset, interrupted):
    recipe = Recipe(lr=0.5, epochs=60, batch_size=16, patience=2)
    whole = train(small, dataset, recipe, store=Store(tmp_path / "whole"))
    assert whole.done["stopped_early"]
    interrupted(whole.done["steps"] - 1, recipe, Store(tmp_path / "broken"))
    interrupted(1, recipe, Store(tmp_path / "broken"))
    run = train(small, dataset, recipe, store=Store(tmp_path / "broken"))
    assert run.done["steps"] == whole.done["steps"]
    assert content(run) == content(whole)
    assert run.done["best"] == whole.done["best"]


def test_time_goes_by_without_changing_the_end(tmp_path, dataset):
    recipe = Recipe(epochs=2, batch_size=16)
    runs = [
        train(
            small,
            dataset,
            recipe,
            store=Store(tmp_path / str(seconds)),
            conduct=Conduct(checkpoint_seconds=seconds, progress=lambda moment: time.sleep(0.01)),
        )
        for seconds in (0.0, 1000.0)
    ]
    assert digest(runs[0].tensors()) == digest(runs[1].tensors())
    assert content(runs[0]) == content(runs[1])
