"""Jobs of SLURM, played by submitit's own stand-ins: `debug` in this process, `local` in others."""

import json
import os
import signal
import sys
import time
from importlib.util import find_spec

import pytest

from surfeit.core import SurfeitError
from surfeit.data import load, write_dataset
from surfeit.execute import InProcess, Slurm

from .conftest import task
from .test_ray import sums

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        find_spec("submitit") is None, reason="needs submitit: pip install 'surfeit[slurm]'"
    ),
]


def test_slurm_does_tasks_in_order_and_says_why_others_failed(tmp_path):
    before = signal.getsignal(signal.SIGTERM), list(sys.path), os.environ.get("PYTHONPATH")
    tasks = [
        task("c", parents=("b", "a"), x="c"),
        task("a", x="a"),
        task("b", x="b"),
        task("memory", "raises", error="MemoryError"),
        task("value", "raises", error="ValueError"),
        task("heir", parents=("value",), x="heir"),
    ]
    outcome = Slurm(cluster="debug", most=2).run(tasks, store=tmp_path)
    assert json.loads(outcome.keys["c"])[1] == [outcome.keys["b"], outcome.keys["a"]]
    assert json.loads(outcome.keys["a"]) == [{"x": "a"}, [], str(tmp_path)]
    assert outcome.failures["value"] == "value: density must be in (0, 1], got 7"
    assert outcome.failures["heir"] == "heir: not run, because it builds on value, which failed"
    assert outcome.failures["memory"].endswith("; it was tried twice")
    assert list((tmp_path / "calls").iterdir()) == []
    assert before == (
        signal.getsignal(signal.SIGTERM),
        list(sys.path),
        os.environ.get("PYTHONPATH"),
    )


def test_slurm_submits_a_job_that_died_once_more_and_interrupted_ones_save(tmp_path):
    data, store = tmp_path / "digits.safetensors", tmp_path / "slurm"
    write_dataset(load("digits"), data)
    store.mkdir()
    (store / "slow").touch()
    trained = [task("trained", "train_digits", seed=0, data=str(data))]
    tasks = [
        *trained,
        task("once", "dies", times=1, x="once"),
        task("dead", "dies", times=9, x="dead"),
    ]
    engine = Slurm(cluster="local", most=3)
    told = []

    def interrupt(status):
        training = any(active.step > 0 for active in status.active)
        if not told and training and (status.done, status.failed) == (1, 1):
            told.append(time.monotonic())
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        engine.run(tasks, store=store, progress=interrupt)
    assert time.monotonic() - told[0] < 6
    assert len(list(store.rglob("checkpoint.safetensors"))) == 1
    (store / "slow").unlink()
    outcome = engine.run(tasks, store=store)
    assert outcome.keys["once"] == "survived"
    assert outcome.failures["dead"].startswith("dead: its job ")
    assert "ended without a result (state " in outcome.failures["dead"]
    assert outcome.failures["dead"].endswith("; it was tried twice")
    alone = InProcess().run(trained, store=tmp_path / "alone")
    assert sums(store, [outcome.keys["trained"]]) == sums(tmp_path / "alone", alone.keys.values())


def test_slurm_goes_on_after_a_preemption(tmp_path):
    """SIGUSR2 is what SLURM sends before it takes the node back; submitit then requeues the job."""
    preempted = []
    engine = Slurm(cluster="local", most=1)

    def preempt(status):
        if not preempted and any(active.key == "stubborn" for active in status.active):
            job = next(iter(jobs))
            preempted.append(job)
            job._interrupt()

    jobs = []
    original = Slurm._executor

    def executor(self, root):
        made = original(self, root)
        submit = made.submit

        def keep(*arguments):
            jobs.append(submit(*arguments))
            return jobs[-1]

        made.submit = keep
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Slurm, "_executor", executor)
        outcome = engine.run([task("a", "stubborn", times=1)], store=tmp_path, progress=preempt)
    assert len(preempted) == len(jobs) == 1  # the same job, and not a second one
    assert outcome.keys == {"a": "obeyed"}


def test_slurm_says_so_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SurfeitError, match=r"no SLURM here .*srun and sbatch"):
        Slurm().run([task("a")], store=tmp_path)


def test_slurm_refuses_what_is_no_parameter_of_submitit(tmp_path):
    with pytest.raises(SurfeitError, match="submitit does not take these parameters: .*minutes"):
        Slurm(cluster="debug", minutes=3).run([task("a")], store=tmp_path)
    for wrong in (0, 1.5, True):
        with pytest.raises(ValueError, match="most must be an integer >= 1, got"):
            Slurm(most=wrong)
