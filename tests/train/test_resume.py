"""Killed, interrupted and refused: what goes on ends bit for bit as if it had not been.

Each training is a real process, forked from this one so that torch is imported once.
"""

import multiprocessing
import os
import random
import shutil
import signal
import time

import pytest

from surfeit.core import NumericsError, digest
from surfeit.prune.schedules import cubic
from surfeit.store import Store
from surfeit.store import files as files_module
from surfeit.train import Conduct, Numerics, Pruning, Recipe, Snapshots, train
from surfeit.train.state import Update

from .conftest import all_of, content, half_of, make_dataset, normalised, small

CONTEXT = multiprocessing.get_context("fork")
LONGEST = 120  # seconds: against hanging, never a measure of anything


CASES = {
    "dropout, batch normalisation, augmentation, Adam": (
        normalised,
        Recipe(optimizer="adam", lr=0.01, epochs=15, batch_size=16, augmentation="crop-flip"),
        {},
    ),
    "closed form, momentum, schedule, ragged batches": (
        small,
        Recipe(lr=0.05, momentum=0.9, nesterov=True, epochs=15, batch_size=12, schedule="cosine"),
        {},
    ),
    "mask, batch normalisation, clipping, RMSProp": (
        normalised,
        Recipe(optimizer="rmsprop", lr=3e-3, momentum=0.9, clip_norm=1, epochs=15, batch_size=16),
        {"mask": half_of(normalised)},
    ),
    "weights pruned by and by, batch normalisation, augmentation": (
        normalised,
        Recipe(lr=0.05, momentum=0.9, epochs=15, batch_size=16, augmentation="shift"),
        {"pruning": Pruning(moments=cubic(0.2, begin=4, end=44, every=4))},
    ),
    "units pruned at random within a mask, measured in between, early stopping": (
        small,
        Recipe(lr=0.05, epochs=15, batch_size=16, evaluate_every=3, patience=12),
        {
            "mask": {"fc1.weight": half_of(small)["fc1.weight"]},
            "pruning": Pruning(
                moments=((0, 0.9), (9, 0.7), (30, 0.5)), granularity="unit", score="random"
            ),
        },
    ),
}
SHORT = {
    "short": (small, Recipe(epochs=3, batch_size=25), {}),
    "short, pruned": (
        small,
        Recipe(steps=3, batch_size=25),
        {"pruning": Pruning(moments=((1, 0.6), (2, 0.4)))},
    ),
}
KILLS_A_CASE = 12
MOST_SITTINGS = 200


def go(root, case, seconds, progress=None):
    builder, recipe, options = (CASES | SHORT)[case]
    conduct = Conduct(checkpoint_seconds=seconds, progress=progress)
    store = Store(root)
    return train(builder, make_dataset(), recipe, store=store, conduct=conduct, **options)


def go_and_tell(root, case, seconds, updates, pipe):
    """Trains, and says so over the pipe after so many updates of this sitting."""
    real, left = Update.__call__, [updates]

    def update(self, state):
        if left[0] == 0:
            pipe.send_bytes(b"there")
        left[0] -= 1
        real(self, state)

    Update.__call__ = update  # this process is a fork of its own
    go(root, case, seconds)


def killed_after(root, case, seconds, updates, pause):
    """Whether a training was killed so many seconds after so many updates, and not done before."""
    theirs, ours = CONTEXT.Pipe(duplex=False)[::-1]
    process = CONTEXT.Process(target=go_and_tell, args=(root, case, seconds, updates, theirs))
    process.start()
    theirs.close()
    ours.poll(None)  # until it is there, or has ended: however long a busy machine takes
    time.sleep(pause)
    process.kill()
    process.join(LONGEST)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def start(target, *arguments):
    process = CONTEXT.Process(target=target, args=arguments)
    process.start()
    return process


def checkpointed(root):
    return list(root.rglob("checkpoint.safetensors"))


def killed_at_random(folder, case, kills, moments):
    """Kills a training again and again, beginning a new one when one is done.

    Returns:
        how many of the sittings that were killed had gone on from a checkpoint.
    """
    whole = all_of(go(folder / "whole", case, 1000))
    broken, hits, resumed = folder / "broken", 0, 0
    for _ in range(MOST_SITTINGS):
        if hits == kills:
            break
        going_on = bool(checkpointed(broken))
        seconds, updates = moments.choice([0.0, 0.003]), moments.randint(0, 12)
        if killed_after(broken, case, seconds, updates, moments.uniform(0, 0.006)):
            hits += 1
            resumed += going_on
        if list(broken.rglob("DONE.json")):
            assert all_of(go(broken, case, 0.0)) == whole
            broken = folder / f"broken{hits}"
    assert hits == kills
    ended = go(broken, case, 0.0)
    assert all_of(ended) == whole
    assert ended.verify() == []
    assert {path.name for path in ended.path.iterdir()} <= KEPT
    assert not list(ended.path.rglob(".*.tmp"))
    return resumed


KEPT = {"DONE.json", "lease", "mask.safetensors", "masks", "metrics.jsonl", "run.json", "snapshots"}


@pytest.mark.parametrize("case", CASES)
def test_killed_at_random_moments_ends_as_if_uninterrupted(tmp_path, case):
    resumed = killed_at_random(tmp_path, case, KILLS_A_CASE, random.Random(0))
    assert resumed >= KILLS_A_CASE // 3, "the kills hit no training that had a checkpoint"


PLAIN, CLOSED = list(CASES)[:2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_politely_leaves_a_whole_checkpoint(tmp_path, number):
    begun, sent = CONTEXT.Event(), CONTEXT.Event()

    def hold(moment):
        if moment.step:  # at the end of the first epoch, until the signal is there
            begun.set()
            sent.wait(LONGEST)

    process = start(go, tmp_path / "broken", PLAIN, 1000, hold)
    assert begun.wait(LONGEST)
    assert process.pid
    os.kill(process.pid, number)
    sent.set()
    process.join(LONGEST)
    assert process.exitcode not in (0, None)
    assert len(checkpointed(tmp_path)) == 1
    run = go(tmp_path / "broken", PLAIN, 1000)
    assert all_of(run) == all_of(go(tmp_path / "whole", PLAIN, 1000))


def dying(real, left, *, before):
    """`os.replace` that kills its process at a call: before it is done, or after."""

    def deadly(source, target):
        left[0] -= 1
        if left[0] == 0 and before:
            os.kill(os.getpid(), signal.SIGKILL)
        real(source, target)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return deadly


def killed_at_file(monkeypatch, count, before, *arguments):
    """Whether a training was killed at the so manieth file that is put in its place."""
    with monkeypatch.context() as patch:
        deadly = dying(os.replace, [count], before=before)
        patch.setattr(files_module.os, "replace", deadly)  # the forked process inherits it
        process = start(go, *arguments)
        process.join(LONGEST)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 12])
def test_killed_before_a_file_is_in_its_place(tmp_path, monkeypatch, count):
    assert killed_at_file(monkeypatch, count, True, tmp_path / "broken", "short", 0.0)
    assert list((tmp_path / "broken").rglob(".*.tmp"))
    run = go(tmp_path / "broken", "short", 0.0)
    assert not list(run.path.rglob(".*.tmp"))
    assert all_of(run) == all_of(go(tmp_path / "whole", "short", 1000))


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_at_each_file_of_a_second_training_keeps_the_first(tmp_path, monkeypatch, before):
    arguments = (tmp_path, "short, pruned", 1000)
    run = go(*arguments)
    whole, lost = all_of(run), ("snapshots/0.safetensors", "masks/1.safetensors", "metrics.jsonl")
    count = 0
    while True:
        for name in lost:
            (run.path / name).unlink(missing_ok=True)
        shutil.rmtree(run.path / "again", ignore_errors=True)
        count += 1
        if not killed_at_file(monkeypatch, count, before, *arguments):
            break
        assert run.status == "done"
        assert all(words.endswith(" is missing") for words in run.verify())
        assert all_of(go(*arguments)) == whole
    assert count > 8
    assert {path.name for path in run.path.iterdir()} <= KEPT


def test_two_processes_asking_for_one_run_train_it_once(tmp_path):
    both = [start(go, tmp_path, CLOSED, 0.0) for _ in range(2)]
    for process in both:
        process.join(LONGEST)
    assert [process.exitcode for process in both] == [0, 0]
    (run,) = Store(tmp_path).runs()
    assert run.verify() == []


@pytest.fixture
def interrupted(monkeypatch, dataset):
    """Trains in this process and interrupts it after so many updates, as Ctrl-C does."""
    real = Update.__call__

    def train_until(updates, recipe, store):
        left = [updates]

        def update(self, state):
            real(self, state)
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGINT)

        with monkeypatch.context() as patch:
            patch.setattr(Update, "__call__", update)
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
