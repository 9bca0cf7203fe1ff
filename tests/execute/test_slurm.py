"""Jobs of SLURM, played by submitit's own stand-ins: `debug` in this process, `local` in others."""

import json
import os
import re
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


def test_slurm_interrupted_lets_trainings_save_and_tries_jobs_that_died_once_more(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("surfeit.execute.slurm.RESULT_SECONDS", 0.5)
    data, store = tmp_path / "digits.safetensors", tmp_path / "slurm"
    write_dataset(load("digits"), data)
    store.mkdir()
    (store / "slow").touch()
    trained = [task("trained", "train_digits", seed=0, data=str(data))]
    engine = Slurm(cluster="local", most=2)
    told = []

    def interrupt(status):
        if not told and any(active.step > 0 for active in status.active):
            told.append(time.monotonic())
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        engine.run(trained, store=store, progress=interrupt)
    assert time.monotonic() - told[0] < 6
    assert len(list(store.rglob("checkpoint.safetensors"))) == 1
    (store / "slow").unlink()
    outcome = engine.run([*trained, task("dead", "dies", times=9, x="dead")], store=store)
    dead = outcome.failures["dead"]
    assert re.match(r"dead: its job \d+ ended without a result \(state \w+, see .*\.err\); ", dead)
    assert dead.endswith("; it was tried twice")
    alone = InProcess().run(trained, store=tmp_path / "alone")
    assert sums(store, [outcome.keys["trained"]]) == sums(tmp_path / "alone", alone.keys.values())


def test_slurm_goes_on_in_the_same_job_after_a_preemption(tmp_path):
    preempted = []

    def preempt(status):
        """What SLURM does before it takes the node back."""
        if not preempted and any(active.key == "stubborn" for active in status.active):
            preempted.append(int((tmp_path / "process").read_text()))
            os.kill(preempted[0], signal.SIGUSR2)

    tasks = [task("a", "stubborn", times=1)]
    outcome = Slurm(cluster="local").run(tasks, store=tmp_path, progress=preempt)
    assert outcome.keys == {"a": "obeyed"}
    assert len(preempted) == 1
    assert len(list((tmp_path / "slurm").glob("*_result.pkl"))) <= 1
    assert len(list((tmp_path / "slurm").glob("*_submitted.pkl"))) == 1  # no second job


def test_slurm_says_so_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SurfeitError, match=r"no SLURM here .*srun and sbatch"):
        Slurm().run([task("a")], store=tmp_path)


def test_slurm_refuses_what_is_no_parameter_of_submitit(tmp_path):
    with pytest.raises(SurfeitError, match=r"submitit does not take these parameters: .*minutes"):
        Slurm(cluster="debug", minutes=3).run([task("a")], store=tmp_path)
    for wrong in (0, 1.5, True):
        with pytest.raises(ValueError, match="most must be an integer >= 1, got"):
            Slurm(most=wrong)


def test_slurm_says_in_a_sentence_why_sbatch_failed(tmp_path, monkeypatch):
    for name in ("srun", "sbatch"):
        script = tmp_path / name
        script.write_text("#!/bin/sh\necho 'sbatch: error: invalid partition: cpus' >&2\nexit 1\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(SurfeitError, match=r"SLURM refused a job: .*partition: cpus") as refused:
        Slurm(slurm_partition="cpus").run([task("a")], store=tmp_path / "store")
    assert len(str(refused.value).splitlines()) == 1
    assert list((tmp_path / "store" / "calls").iterdir()) == []
