"""Where a training stands: what a checkpoint holds of it, and that nothing else is needed."""

import pytest
import torch

from surfeit.core import ProtocolError, skeleton
from surfeit.train import Job, Origin, Pruning, Recipe
from surfeit.train.batches import Batches
from surfeit.train.state import State, Update

from .conftest import normalised, small

RECIPE = Recipe(optimizer="adam", lr=0.01, epochs=3, batch_size=16, evaluate_every=3)


def updated(job, state, count):
    """The state after so many updates more, and without pruning or measurement."""
    batches = Batches(job.dataset.train, None, job.recipe, job.streams)
    update = Update(job, skeleton(job.network).train(), batches, state)
    for _ in range(count):
        update(state)
    return state


def on_disk(tensors):
    return {name: value.clone() for name, value in tensors.items()}


def test_a_state_begins_with_the_job_and_counts_its_updates(dataset):
    job = Job(small, dataset, RECIPE, origin=Origin(step=5))
    state = State(job)
    assert state.step == 5
    assert not state.stopped
    assert all(torch.equal(value, job.initial()[name]) for name, value in state.tensors.items())
    assert updated(job, state, 2).step == 7


def test_a_state_prunes_at_the_moments_of_its_job_alone(dataset):
    job = Job(small, dataset, RECIPE, pruning=Pruning(moments=((1, 0.5), (2, 0.5), (3, 0.2))))
    state = State(job)
    assert not state.prune_()
    found = {0: state.mask.density()}
    for step in (1, 2, 3, 4):
        pruned = updated(job, state, 1).prune_()
        assert pruned == (step < 4)
        found[step] = state.mask.density()
        state.mask.check_all()
    assert found == pytest.approx({0: 1, 1: 0.5, 2: 0.5, 3: 0.2, 4: 0.2}, abs=5e-3)


@pytest.mark.parametrize("builder", [small, normalised])
def test_a_restored_state_goes_on_to_the_same_bits(dataset, builder):
    job = Job(builder, dataset, RECIPE)
    first, second = updated(job, State(job), 6), State(job)
    first.best.look({"step": 6, "validation_loss": 1.0}, first.tensors)
    tensors, values = first.saved()
    second.restore_(on_disk(tensors), values)
    (one, before), (other, after) = (updated(job, state, 1).saved() for state in (first, second))
    assert before == after
    assert before["step"] == 7
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_checkpoint_holds_these_names_and_no_others(dataset):
    """Checkpoints that are on somebody's disk must open."""
    job = Job(small, dataset, RECIPE, pruning=Pruning(moments=((4, 0.5),)))
    tensors, values = updated(job, State(job), 1).saved()
    weights = [f"{layer}.{part}" for layer in ("fc1", "fc2", "fc3") for part in ("weight", "bias")]
    expected = {f"{kind}/{name}" for kind in ("weights", "best") for name in weights}
    expected |= {f"optimiser/{moment}/{name}" for moment in ("mean", "square") for name in weights}
    expected |= {f"mask/{name}" for name in weights if name.endswith("weight")}
    assert tensors.keys() == expected | {"optimiser/count", "logits"}
    assert values.keys() == {"step", "best", "stopped", "seconds", "machine"}


@pytest.mark.parametrize(("updates", "seen"), [(0, 0), (1, 16), (3, 48), (4, 0), (5, 16)])
def test_a_checkpoint_holds_the_outputs_of_the_epoch_so_far(dataset, updates, seen):
    job = Job(small, dataset, RECIPE)  # 50 examples: 16, 16, 16 and 2
    assert len(updated(job, State(job), updates).saved()[0]["logits"]) == seen


def test_a_snapshot_of_a_weight_that_came_back_to_life_is_refused(dataset):
    mask = {"fc1.weight": torch.arange(128).view(8, 16) % 2 == 0}
    state = State(Job(small, dataset, RECIPE, mask=mask))
    assert state.snapshot().keys() == state.tensors.keys()
    state.params["fc1.weight"][0, 1] = 1.0
    with pytest.raises(ProtocolError, match=r"1 masked weights of fc1.weight came back to life"):
        state.snapshot()


def test_the_checkpoint_of_another_training_is_an_error(dataset):
    tensors, values = State(Job(small, dataset, RECIPE)).saved()
    with pytest.raises((KeyError, RuntimeError)):
        State(Job(normalised, dataset, RECIPE)).restore_(tensors, values)
