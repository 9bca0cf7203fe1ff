"""Breaches of protocol, each planted and caught."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from surfeit.core import ProtocolError, SurfeitError
from surfeit.models import initialise_
from surfeit.procedures.tickets import CONTROLS, TicketConfig, arms, complete, failures, levels
from surfeit.procedures.tickets.protocol import check_began, check_control, check_shrinks
from surfeit.train import Job
from surfeit.train.masking import HeldMask

from .conftest import LEVELS, search


def normalised(*, input_shape=(1, 4, 4), classes=3, generator=None):
    """A convolution with batch normalisation."""
    del input_shape
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    return initialise_(model.append(nn.Linear(16, classes)), generator)


def test_a_run_that_began_elsewhere_is_noticed(found):
    run = found.run(1)
    weights = dict(found.run(0).tensors(4))
    check_began(run, weights, run.mask)
    name = "fc1.weight"
    place = run.mask[name].nonzero()[0].tolist()
    moved = weights[name].clone()
    # One unit in the last place of one weight.
    moved[*place] = torch.nextafter(moved[*place], torch.tensor(2.0))
    with pytest.raises(ProtocolError, match=r"bit for bit .* fc1.weight differ"):
        check_began(run, weights | {name: moved}, run.mask)
    other = {n: kept.clone() for n, kept in run.mask.items()}
    other[name][*place] = False
    with pytest.raises(ProtocolError, match="held to another mask"):
        check_began(run, weights, other)
    with pytest.raises(ProtocolError, match="other names differ"):
        check_began(run, {n: w for n, w in weights.items() if n != "fc1.bias"}, run.mask)


def test_masks_that_grow_or_stand_still_are_noticed():
    before = {"fc.weight": torch.tensor([[True, False, True]])}
    with pytest.raises(ProtocolError, match=r"level 2 keeps 1 weights of fc.weight"):
        check_shrinks({"fc.weight": torch.tensor([[True, True, False]])}, before, level=2)
    with pytest.raises(ProtocolError, match="level 2 removes nothing more"):
        check_shrinks(before, before, level=2)
    with pytest.raises(ProtocolError, match=r"level 2 keeps 1 weights of fc.weight"):
        check_shrinks({"other.weight": torch.zeros(1, 3, dtype=torch.bool)}, before, level=2)
    check_shrinks(before, {}, level=1)
    check_shrinks({"fc.weight": torch.tensor([[True, False, False]])}, before, level=2)


def test_a_control_that_is_its_ticket_is_noticed():
    weights = {"fc.weight": torch.tensor([[1.0, 2.0, 3.0]])}
    mask = {"fc.weight": torch.tensor([[True, False, True]])}
    ticket = (weights, mask)
    with pytest.raises(ProtocolError, match=r"'shuffle' has its ticket's own places in fc.weight"):
        check_control("shuffle", ticket, ticket, moves=True)
    removed = {"fc.weight": torch.tensor([[1.0, 9.0, 3.0]])}  # what is removed counts for nothing
    with pytest.raises(ProtocolError, match=r"'reinit' has its ticket's own weights in fc.weight"):
        check_control("reinit", (removed, mask), ticket, moves=False)
    denser = {"fc.weight": torch.tensor([[True, True, True]])}
    with pytest.raises(ProtocolError, match=r"keeps 3 weights of fc.weight, its ticket 2"):
        check_control("random", (weights, denser), ticket, moves=True)
    wider = mask | {"norm.weight": torch.tensor([True, False])}
    with pytest.raises(ProtocolError, match=r"of norm.weight only one of the control 'random'"):
        check_control("random", (weights, wider), ticket, moves=True)


@pytest.mark.parametrize("name", ["shuffle", "random", "invert"])
def test_a_shuffle_that_never_shuffles_trains_nothing(name, blobs, store, monkeypatch):
    idle = replace(CONTROLS[name], change=lambda ticket, _: (ticket.weights, ticket.mask))
    monkeypatch.setattr("surfeit.procedures.tickets.arms.CONTROLS", {name: idle})
    table = search(store, blobs, TicketConfig(levels=1, controls=(name,)))
    row = table.to_pylist()[-1]
    assert row["arm"] == name
    assert row["run"] is None
    assert row["density"] is None
    assert "has its ticket's own places" in failures(table)[f"replicate 0, level 1, {name}"]
    assert len(store.runs()) == 2


def test_a_reinit_that_draws_nothing_new_trains_nothing(blobs, store, monkeypatch):
    monkeypatch.setattr(levels, "drawn_like", lambda model, initial, *others, **named: initial)
    table = search(store, blobs, TicketConfig(levels=1, controls=("reinit",)))
    assert table["run"].null_count == 1
    assert "has its ticket's own weights" in next(iter(failures(table).values()))


def test_a_training_that_begins_with_other_weights_fails(blobs, store, monkeypatch):
    """As where weights are drawn again after the seed was set."""
    real, calls = Job.initial, []

    def nudged(job):
        calls.append(job)
        tensors = real(job)
        return tensors if len(calls) > 1 else tensors | {"fc2.bias": tensors["fc2.bias"] + 1e-6}

    monkeypatch.setattr(Job, "initial", nudged)  # the first to ask is the training
    table = search(store, blobs, TicketConfig(levels=1, controls=()))
    assert table["run"].null_count == 2
    told = failures(table)["replicate 0, level 0, ticket"]
    with pytest.raises(
        SurfeitError, match=r"failed:\n  replicate 0, level 0, ticket: (?!replicate)"
    ):
        complete(table)
    assert "did not begin bit for bit" in told
    assert "fc2.bias differ" in told


def test_a_ticket_that_is_not_rewound_bit_for_bit_trains_nothing(blobs, store, monkeypatch):
    real = arms.with_weights_

    def nudged(model, tensors):
        return real(model, tensors | {"fc2.bias": tensors["fc2.bias"] + 1e-6})

    monkeypatch.setattr(arms, "with_weights_", nudged)
    table = search(store, blobs, TicketConfig(levels=1, controls=()))
    told = failures(table)["replicate 0, level 1, ticket"]
    assert "does not hold the weights that it was given: fc2.bias" in told
    assert len(store.runs()) == 1


def test_a_mask_that_grows_trains_nothing(blobs, store, monkeypatch):
    real = levels.select

    def careless(config, places, evidence, level, *, within):
        return real(replace(config, score="small_final"), places, evidence, level, within=None)

    monkeypatch.setattr(levels, "select", careless)
    table = search(store, blobs, TicketConfig(levels=2, controls=()))
    assert "that an earlier level had removed" in failures(table)["replicate 0, level 2, ticket"]
    assert table["run"].null_count == 1


def test_normalisation_is_left_whole_at_every_level(blobs, store):
    table = search(store, blobs, TicketConfig(levels=2, controls=("shuffle",)), model=normalised)
    assert failures(table) == {}
    for row in table.to_pylist()[1:]:
        run = store.find(row["run"])
        assert run.mask.keys() == {"0.weight", "4.weight"}
        assert bool((run.tensors()["1.weight"] != 0).all())


def test_a_mask_that_takes_normalisation_for_weights_trains_nothing(blobs, store, monkeypatch):
    """As in public code, whose scores are of every parameter that is called weight."""
    real = levels.select

    def careless(config, places, evidence, level, *, within):
        scale = torch.tensor([True, False, True, True])
        return real(config, places, evidence, level, within=within) | {"1.weight": scale}

    monkeypatch.setattr(levels, "select", careless)
    table = search(store, blobs, TicketConfig(levels=1, controls=()), model=normalised)
    assert "normalisations are never pruned" in failures(table)["replicate 0, level 1, ticket"]
    assert table["run"].null_count == 1


def test_masks_that_are_not_held_in_retraining_are_noticed(blobs, store, monkeypatch):
    monkeypatch.setattr(HeldMask, "hold_", lambda self: None)
    table = search(store, blobs, TicketConfig(levels=LEVELS, controls=("reinit",)))
    assert table["run"].null_count == 2 * LEVELS
    assert "came back to life" in failures(table)["replicate 0, level 1, ticket"]


def test_negative_weights_that_are_kept_are_trained(found):
    for level in range(1, LEVELS + 1):
        run = found.run(level)
        begun, ended = run.tensors(run.steps()[0]), run.tensors()
        for name, kept in run.mask.items():
            negative = kept & (begun[name] < 0)
            moved = ended[name][negative] != begun[name][negative]
            # An input or a unit may be silent on all of the images; most are not.
            assert moved.double().mean() > 0.5


def test_removed_weights_are_zero_at_the_end_of_every_training(found):
    for row in found.table.to_pylist():
        run = found.store.find(row["run"])
        for name, kept in run.mask.items():
            assert not bool(run.tensors()[name][~kept].any())
