"""Claim B6 on planted tables, and what a round removes."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings, spread

from surfeit.data import load
from surfeit.models import builder_named
from surfeit.store import Store
from surfeit.studies import remove_and_retrain as study
from surfeit.train import Recipe, Snapshots, train
from surfeit.train.job import Job

CONFIG = study.PAPER
HOLDS = {"whole": (98, 98), "least": (95, 98), "most": (60, 98), "random": (80, 97)}
FAILS = {"whole": (98, 98), "least": (60, 97), "most": (70, 96), "random": (80, 97)}


def planted(ends, jitter):
    """Percent right after a removal and at a round's end, by way."""
    rows = []
    for number, (way, (removed, accuracy)) in enumerate(ends.items()):
        for place in (0,) if way == "whole" else range(1, CONFIG.rounds + 1):
            for seed in CONFIG.seeds:
                off = jitter * spread(seed, number)
                rows.append(
                    {
                        "way": way,
                        "round": place,
                        "seed": seed,
                        "kept": 0.75**place,
                        "begin": 100 * place,
                        "end": 100 * (place + 1),
                        "removed": (removed + off) / 100,
                        "accuracy": (accuracy + off) / 100,
                        "run": "0" * 64,
                    }
                )
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("ends", "jitter", "ruling"),
    [(HOLDS, 0.1, "supported"), (FAILS, 0.1, "contradicted"), (HOLDS, 90, "inconclusive")],
)
def test_verdicts_of_planted_tables(ends, jitter, ruling):
    found = study.verdicts(planted(ends, jitter), CONFIG)
    assert rulings(found) == {claim.id: ruling for claim in study.CLAIMS}


def test_effects_are_in_points_of_accuracy():
    found = {one.claim: one.effect for one in study.verdicts(planted(FAILS, 0.0), CONFIG)}
    assert found == pytest.approx({"B6a": -1.0, "B6b": -1.0, "B6c": -10.0})


def test_the_figure_has_a_mean_for_each_way():
    (axes,) = study.figure(planted(HOLDS, 1.0)).axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [*study._WAYS.values(), "the whole network at the end"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    job = Job(builder_named("mlp-8-6"), load("digits"), Recipe(lr=0.1, steps=20))
    snapshots = Snapshots(every_epochs=0, at=(10,))
    return job, store, train(job.model, job.dataset, job.recipe, snapshots=snapshots, store=store)


@pytest.mark.parametrize("way", ["least", "most"])
def test_a_round_removes_the_units_by_their_norm_and_the_next_stays_within(whole, way):
    job, store, run = whole
    begin = {"job": job, "way": way, "layers": ("fc1", "fc2")}
    first = study.after_removal(run, step=10, until=15, kept=0.75, **begin)
    norms = run.tensors(10)["fc1.weight"].norm(dim=1)
    gone = norms.argsort(descending=way == "most")[:2]
    assert (~first.mask["fc1.weight"].any(dim=1)).nonzero().flatten().tolist() == sorted(
        gone.tolist()
    )
    assert not first.mask["fc1.bias"][gone].any()
    assert first.mask["fc2.weight"].any(dim=1).sum() == 4  # 4.5 of 6, to even
    assert (first.origin.step, first.origin.parents) == (10, (run.key,))
    trained = train(
        first.model,
        first.dataset,
        first.recipe,
        mask=first.mask,
        origin=first.origin,
        snapshots=first.snapshots,
        store=store,
    )
    second = study.after_removal(trained, step=15, until=20, kept=0.5, **begin)
    for name, kept in second.mask.items():
        assert not (kept & ~first.mask[name]).any()
    assert second.mask["fc1.weight"].any(dim=1).sum() == 4
    norms = trained.tensors()["fc1.weight"].norm(dim=1)
    there = norms.nonzero().flatten()
    ranked = there[norms[there].argsort(descending=way == "most")]
    stays = second.mask["fc1.weight"].any(dim=1).nonzero().flatten()
    assert sorted(ranked[2:].tolist()) == stays.tolist()


def test_random_removal_draws_from_the_seed(whole):
    job, _, run = whole
    options = {"step": 10, "until": 15, "way": "random", "layers": ("fc1",), "kept": 0.5}

    def mask(seed):
        return study.after_removal(run, job=replace(job, seed=seed), **options).mask["fc1.bias"]

    assert torch.equal(mask(0), mask(0))
    assert not torch.equal(mask(0), mask(1))
    assert mask(1).sum() == 4
