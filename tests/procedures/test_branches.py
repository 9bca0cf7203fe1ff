"""Two trainings that part from a third, and what is checked before their line is measured."""

from dataclasses import replace
from functools import partial

import pytest

from surfeit.core import ProtocolError, digest
from surfeit.data import load
from surfeit.execute import InProcess, train_many, train_outcome
from surfeit.models import mlp
from surfeit.procedures.branches import SIDES, branch_name, branch_seed, line_rows, parting, trunk
from surfeit.store import Store
from surfeit.train import Job, Numerics, Recipe

JOB = Job(partial(mlp, (6,)), load("digits"), Recipe(steps=9, batch_size=16), seed=4)
LINE = {"replicate": 4, "points": 3, "train_images": 20, "numerics": Numerics()}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    jobs = parting(JOB, (0, 5), name="seed 4") | parting(JOB, (3,), name="again")
    return train_many(jobs, store=Store(tmp_path_factory.mktemp("store")), engine=InProcess())


def test_two_trainings_part_from_the_trunk_at_each_step(runs):
    assert runs["again"].key == runs["seed 4"].key  # which steps are kept is not in the key
    for name, step in (("seed 4", 0), ("seed 4", 5), ("again", 3)):
        for side in SIDES:
            run = runs[branch_name(name, step, side)]
            assert run.config["seed"] == branch_seed(4, side)
            assert run.config.get("first_step", 0) == step
            assert digest(run.tensors(step)) == digest(runs[name].tensors(step))
            assert run.about["model"] == "mlp-6"
            assert run.about["role"] == {"arm": f"branch {step}"}
    assert runs["again"].about["role"] == {"arm": "trunk"}


def test_a_line_is_measured_between_trainings_that_began_at_the_trunk_alone(runs, tmp_path):
    ends = [runs[branch_name("seed 4", 5, side)] for side in SIDES]
    rows = list(line_rows(runs["again"], *ends, JOB.dataset, **LINE))
    assert [row["t"] for row in rows if row["split"] == "test"] == [0.0, 0.5, 1.0]
    job = trunk(replace(JOB, seed=5), (5,))
    other = train_many({"other": job}, store=Store(tmp_path))["other"]
    with pytest.raises(ProtocolError, match="did not begin bit for bit with the weights"):
        list(line_rows(other, *ends, JOB.dataset, **LINE))


def test_what_waits_for_a_failed_training_is_told(tmp_path):
    wild = Job(JOB.model, JOB.dataset, Recipe(lr=1e30, steps=9, batch_size=16))
    jobs = parting(wild, (0,), name="wild") | {"tame": JOB}
    outcome = train_outcome(jobs, store=Store(tmp_path), engine=InProcess())
    assert list(outcome.keys) == ["tame"]
    assert set(outcome.failures) == {"wild", *(branch_name("wild", 0, side) for side in SIDES)}
