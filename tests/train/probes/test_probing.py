"""Probes change nothing of a training, and their tables are whole whatever happens to it."""

import os
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from surfeit.core import ProtocolError, StoreError, SurfeitError
from surfeit.execute import in_stacks
from surfeit.store import Objects, Store, thin, thinning
from surfeit.store.record import write_done
from surfeit.train import Conduct, Job, Numerics, Pruning, Recipe, train
from surfeit.train.probes import (
    PROBES,
    Probe,
    activations,
    gradient_norms,
    movement,
    own_probe,
    probe_named,
    smoothness,
)
from surfeit.train.state import Update

from ..conftest import all_of, content, half_of, interrupted_at, normalised, small
from . import looks

RECIPE = Recipe(lr=0.05, momentum=0.9, epochs=3, batch_size=16)  # 12 steps
ALL = tuple(probe.every(3) for probe in PROBES.values())
FEW = (movement.every(2), own_probe(looks.reckless).every(3), gradient_norms.at(0, 5, 99))


def _numpys():
    return np.random.get_state()[1].copy()  # noqa: NPY002 the global one


def tables(run):
    return {name: (run.path / f"probes/{name}.jsonl").read_bytes() for name in run.probes}


@pytest.mark.parametrize("builder", [small, normalised])
@pytest.mark.parametrize("probes", [ALL, (own_probe(looks.reckless),)], ids=["library", "reckless"])
def test_a_training_ends_the_same_with_probes(builder, probes, dataset, tmp_path):
    recipe = replace(RECIPE, augmentation="shift")
    torch.manual_seed(3)  # building a network may draw
    without = train(builder, dataset, recipe, store=Store(tmp_path / "a"))
    states = random.getstate(), torch.get_rng_state(), _numpys()
    torch.manual_seed(3)
    looked_at = train(builder, dataset, recipe, store=Store(tmp_path / "b"), probes=probes)
    assert content(looked_at) == content(without)
    assert looked_at.key == without.key
    assert looked_at.probes == sorted(probe.name for probe in probes)
    assert looked_at.verify() == []
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
    assert np.array_equal(_numpys(), states[2])
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert torch.get_num_threads() == 1


def test_rows_are_of_the_steps_that_were_asked_for(dataset, store):
    run = train(small, dataset, RECIPE, store=store, probes=FEW)
    assert run.probe("movement")["step"].to_pylist() == [0, 2, 4, 6, 8, 10]
    assert sorted(set(run.probe("gradient-norms")["step"].to_pylist())) == [0, 5]
    assert run.probe("reckless")["epoch"].to_pylist() == [0, 0.75, 1.5, 2.25]
    with pytest.raises(ValueError, match=r"no probe of run .* 'movment': did you mean 'movement'"):
        run.probe("movment")


@pytest.mark.parametrize("step", [1, 3, 6, 9])
def test_interrupted_trainings_have_the_rows_of_whole_ones(step, dataset, tmp_path):
    probes = (*FEW, own_probe(looks.last_updates, looks_back=True).at(4, 7), smoothness.every(4))
    whole = train(normalised, dataset, RECIPE, store=Store(tmp_path / "a"), probes=probes)
    broken = Store(tmp_path / "b")
    with interrupted_at(step):
        train(normalised, dataset, RECIPE, store=broken, probes=probes)
    (halted,) = broken.runs()
    assert halted.verify() == []
    resumed = train(normalised, dataset, RECIPE, store=broken, probes=probes)
    assert tables(resumed) == tables(whole)
    assert all_of(resumed) == all_of(whole)


def test_rows_behind_the_last_checkpoint_are_written_again_once(dataset, tmp_path):
    """As after a kill: steps were made, and looked at, since the checkpoint."""
    store, real = Store(tmp_path), Update.__call__

    def killed(self, state):
        real(self, state)
        if state.step == 7:
            raise MemoryError

    conduct = Conduct(checkpoint_seconds=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Update, "__call__", killed)
        with pytest.raises(MemoryError):
            train(small, dataset, RECIPE, store=store, probes=FEW, conduct=conduct)
    (halted,) = store.runs()
    with open(halted.path / "probes/movement.jsonl", "a") as file:
        file.write('{"step": 8, "length": 1.0}\n{"ste')
    run = train(small, dataset, RECIPE, store=store, probes=FEW)
    whole = train(small, dataset, RECIPE, store=Store(tmp_path / "whole"), probes=FEW)
    assert tables(run) == tables(whole)


OTHERWISE = tuple(probe.every(5) for probe in FEW)


@pytest.mark.parametrize("first", [(), (movement.every(5),), (activations,), OTHERWISE])
def test_a_training_that_goes_on_with_other_probes_has_whole_tables(first, dataset, tmp_path):
    store = Store(tmp_path)
    with interrupted_at(6):
        train(small, dataset, RECIPE, store=store, probes=first)
    run = train(small, dataset, RECIPE, store=store, probes=FEW)
    whole = train(small, dataset, RECIPE, store=Store(tmp_path / "whole"), probes=FEW)
    assert tables(run) == tables(whole)
    assert run.verify() == []


def test_a_finished_run_gets_the_table_that_it_lacks_and_keeps_the_others(dataset, store, tmp_path):
    run = train(small, dataset, RECIPE, store=store, probes=(activations.every(4),))
    before, made = content(run), (run.path / "run.json").stat().st_mtime_ns
    more = train(small, dataset, RECIPE, store=store, probes=FEW)
    assert content(more) == before
    assert (more.path / "run.json").stat().st_mtime_ns == made
    assert more.probes == ["activations", "gradient_norms", "movement", "reckless"]
    assert more.verify() == []
    both = (*FEW, activations.every(4))
    whole = train(small, dataset, RECIPE, store=Store(tmp_path / "whole"), probes=both)
    assert tables(more) == tables(whole)
    stamp = (more.path / "DONE.json").stat().st_mtime_ns
    train(small, dataset, RECIPE, store=store, probes=both)  # all is there
    train(small, dataset, RECIPE, store=store)
    assert (more.path / "DONE.json").stat().st_mtime_ns == stamp


def test_other_steps_replace_a_table(dataset, store):
    train(small, dataset, RECIPE, store=store, probes=(movement.every(4), activations.every(6)))
    run = train(small, dataset, RECIPE, store=store, probes=(movement.every(6),))
    assert run.probe("movement")["step"].to_pylist() == [0, 6]
    assert run.probe("activations")["step"].to_pylist() == [0] * 3 + [6] * 3
    assert run.verify() == []


def test_a_lost_table_comes_back_with_what_else_is_asked_for(dataset, store):
    run = train(small, dataset, RECIPE, store=store, probes=FEW)
    before = tables(run)
    (run.path / "probes/movement.jsonl").unlink()
    (run.path / "probes/reckless.jsonl").unlink()
    assert len(run.verify()) == 2
    with pytest.raises(StoreError, match=r"movement\.jsonl is missing"):
        run.probe("movement")
    again = train(small, dataset, RECIPE, store=store)
    assert again.verify() == []
    assert again.probe("movement").num_rows == 6
    assert again.probes == ["gradient_norms", "movement"]  # nobody gave the user's own again
    assert tables(train(small, dataset, RECIPE, store=store, probes=FEW)) == before


def test_rows_of_another_training_are_never_taken(dataset, store, monkeypatch):
    run = train(small, dataset, RECIPE, store=store)
    before = content(run)
    real = Update.__call__

    def other(self, state):  # stands for other arithmetic
        real(self, state)
        state.params["fc1.bias"].mul_(1 + 1e-6)

    with monkeypatch.context() as patch:
        patch.setattr(Update, "__call__", other)
        with pytest.raises(ProtocolError):
            train(small, dataset, RECIPE, store=store, probes=FEW)
    assert content(run) == before
    assert run.probes == []


def test_a_function_that_changed_looks_again(dataset, store, tmp_path):
    from surfeit.core.importing import named_object

    file = tmp_path / "mine.py"
    text = "def first(step):\n    return {'x': step.number + %d}\n"
    for added in (0, 5):
        file.write_text(text % added)
        probe = own_probe(named_object(f"{file}:first", anew=True)).every(6)
        run = train(small, dataset, RECIPE, store=store, probes=(probe,))
        assert run.probe("first")["x"].to_pylist() == [added, 6 + added]


def test_a_probe_that_fails_ends_the_training_with_its_name(dataset, store):
    with pytest.raises(SurfeitError) as raised:
        train(small, dataset, RECIPE, store=store, probes=(own_probe(looks.failing),))
    assert str(raised.value).startswith("the probe failing failed at step 2, and the training")
    assert "IndexError: list index out of range (" in str(raised.value)
    assert "looks.py" in str(raised.value)
    assert train(small, dataset, RECIPE, store=store).probes == []


def test_a_probe_may_only_read_what_others_share(dataset, store):
    with pytest.raises(
        SurfeitError, match=r"probe writing failed at step 3.*wrote into fc1\.weight"
    ):
        train(small, dataset, RECIPE, store=store, probes=(own_probe(looks.writing).at(3), *ALL))


def test_what_is_not_finite_is_null(dataset, store):
    probes = (own_probe(looks.not_finite).every(6),)
    table = train(small, dataset, RECIPE, store=store, probes=probes).probe("not_finite")
    expected = {"step": [0, 6], "x": [1.0, None], "y": [None, None], "kind": ["a", "a"]}
    assert table.to_pydict() == expected


@pytest.mark.parametrize(
    "options",
    [
        {"mask": half_of(small)},
        {"pruning": Pruning(moments=((3, 0.7), (6, 0.4)))},
        {"numerics": Numerics(dtype="float64")},
    ],
    ids=["mask", "pruning", "float64"],
)
def test_probes_see_masks_and_precision(options, dataset, tmp_path):
    without = train(small, dataset, RECIPE, store=Store(tmp_path / "a"), **options)
    store = Store(tmp_path / "b")
    looked_at = train(small, dataset, RECIPE, store=store, probes=ALL, **options)
    assert content(looked_at) == content(without)


def frozen_and_tied(*, input_shape=(1, 4, 4), classes=3, generator=None):
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Linear(16, 16),
        torch.nn.ReLU(), torch.nn.Linear(16, classes),
    )  # fmt: skip
    model[3].weight = model[1].weight
    model[1].bias.requires_grad_(False)
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) / 4)
    return model


def test_probes_look_at_tied_and_frozen_parameters(dataset, tmp_path):
    without = train(frozen_and_tied, dataset, RECIPE, store=Store(tmp_path / "a"))
    looked_at = train(frozen_and_tied, dataset, RECIPE, store=Store(tmp_path / "b"), probes=ALL)
    assert content(looked_at) == content(without)
    layers = {row["layer"] for row in looked_at.probe("gradient_norms").to_pylist()}
    assert layers == {None, "1", "3", "5"}


def test_jobs_with_probes_are_sent_and_trained_alone(dataset, tmp_path):
    probes = (movement.every(4), own_probe(looks.last_updates, looks_back=True).at(3))
    job = Job(small, dataset, RECIPE, probes=probes)
    objects = Objects(tmp_path)
    sent = Job.from_json(job.to_json(objects), objects)
    assert sent.probes == probes
    assert sent.key == job.key == replace(job, probes=()).key
    record = job.to_json(objects)
    record["probes"][1]["form"]["source"] = "0" * 64
    with pytest.raises(ValueError, match="reads otherwise here"):
        Job.from_json(record, objects)
    jobs = {str(seed): replace(job, seed=seed) for seed in range(16)}
    assert all(one.numerics.stack == 1 for one in in_stacks(jobs).values())
    plain = {name: replace(one, probes=()) for name, one in jobs.items()}
    assert all(one.numerics.stack == 16 for one in in_stacks(plain).values())
    with pytest.raises(ValueError, match="computed alone, and this one is of a stack of 16"):
        replace(job, numerics=Numerics(stack=16))


def test_thinning_and_deleting_know_the_tables(dataset, store):
    run = train(small, dataset, RECIPE, store=store, probes=FEW)
    before = tables(run)
    thin(thinning(run, []))
    assert tables(run) == before
    assert run.verify() == []
    assert train(small, dataset, RECIPE, store=store, probes=FEW).steps() == [0, 12]
    store.delete(run)
    assert not run.path.exists()


def test_what_is_no_table_is_refused(dataset, store, tmp_path):
    run = train(small, dataset, RECIPE, store=store, probes=FEW)
    path = run.path / "probes/movement.jsonl"
    rows = path.read_bytes()
    path.write_bytes(rows.replace(b"0", b"1", 1))
    assert ["movement.jsonl" in words for words in run.verify()] == [True]
    path.write_bytes(b'{"step": 0, "length": [1]}\n')
    with pytest.raises(StoreError, match="line 1 is no row of metrics"):
        run.probe("movement")
    path.unlink()
    secret = tmp_path / "secret"
    secret.write_text('{"step": 1}\n')
    path.symlink_to(secret)
    with pytest.raises(StoreError, match="is a link"):
        run.probe("movement")
    assert len(run.verify()) == 1
    path.unlink()
    path.write_bytes(rows)
    (run.path / "probes/strange.jsonl").write_bytes(b"{}\n")
    assert "strange.jsonl is not among the files" in run.verify()[0]
    assert run.probes == ["gradient_norms", "movement", "reckless"]


@pytest.mark.parametrize("place", ["probes", "probes/movement.jsonl"])
def test_links_in_an_unfinished_run_are_not_written_behind(place, dataset, tmp_path):
    store = Store(tmp_path / "store")
    with interrupted_at(3):
        train(small, dataset, RECIPE, store=store, probes=FEW)
    (run,) = store.runs()
    behind = tmp_path / "behind"
    os.rename(run.path / place, behind)
    (run.path / place).symlink_to(behind)
    kept = behind.read_bytes() if behind.is_file() else None
    with pytest.raises(StoreError, match="link"):
        train(small, dataset, RECIPE, store=store, probes=FEW)
    assert kept is None or behind.read_bytes() == kept


@pytest.mark.parametrize(
    ("forms", "words"),
    [
        ({"../x": {}}, "a probe's name must be"),
        ({"movement": 3}, "probe movement is a whole number, not an object"),
        ({"movement": {"probe": "movement", "at": []}}, "every is missing"),
        ({"movement": {"probe": "movement", "every": "x", "at": []}}, "every is text"),
        ({"movement": {"probe": "movement", "every": 0, "at": []}}, "at which steps"),
        ({"movement": {"probe": "other", "every": 1, "at": []}}, "at which steps"),
        ({"movement": {"probe": "movement", "every": 1, "at": [-1]}}, "at which steps"),
        ({"movement": {"probe": "movement", "every": 1, "at": [], "x": 1}}, "x is not known"),
    ],
)
def test_records_of_tables_are_believed_once_checked(forms, words, dataset, store):
    run = train(small, dataset, RECIPE, store=store, probes=FEW)
    write_done(run.path, {**run.done, "probes": forms})
    assert any(words in said for said in run.verify())
    with pytest.raises(StoreError, match=r"DONE\.json is damaged"):
        train(small, dataset, RECIPE, store=store, probes=FEW)


def closed_over(value):
    def look(step):
        return {"x": value}

    return look


def gradient_noise(step):
    return {"x": 1}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: own_probe(lambda step: {}), "is no plain function, is a lambda or captures"),
        (lambda: own_probe(closed_over(3)), "look is no plain function, is a lambda or captures"),
        (lambda: own_probe(gradient_noise), "the library has a probe 'gradient_noise'"),
        (lambda: own_probe(looks.failing, "a/b"), "name must be up to 100 letters, digits and _"),
        (lambda: movement.every(0), "must look at every n-th step, n >= 1, got 0"),
        (lambda: movement.at(-1), "must look at steps >= 0"),
        (lambda: probe_named("movment"), "no probe 'movment': did you mean 'movement'"),
    ],
)
def test_what_is_no_probe_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("probes", "words"),
    [
        ("movement", "made by own_probe"),
        ((looks.failing,), "made by own_probe"),
        ((Probe(name="mine", look=looks.failing),), "made by own_probe"),
        ((movement, movement.every(3)), "two probes of one name would write one table"),
    ],
)
def test_jobs_say_what_probes_they_take(probes, words, dataset):
    with pytest.raises(ValueError, match=words):
        Job(small, dataset, RECIPE, probes=probes)
