"""Derived trainings are found again without deriving them, and never by mistake."""

import json
import shutil
from dataclasses import dataclass, replace
from functools import partial

import pytest
import torch

import surfeit
from surfeit.data import load
from surfeit.execute import Derived, InProcess, Local, derivations
from surfeit.execute import local as local_module
from surfeit.execute import performance as performance_module
from surfeit.execute.derivations import Derivations
from surfeit.models import OwnBuilder, mlp
from surfeit.procedures.tickets import TicketConfig, find_tickets
from surfeit.procedures.tickets.levels import level_job
from surfeit.store import Store
from surfeit.store.record import write_done
from surfeit.train import Job, Recipe, train_job

CONFIG = TicketConfig(levels=2, rewind_to=2, controls=("reinit",))
RECIPE = Recipe(steps=6, lr=0.1, batch_size=60)


def small():
    return mlp((8,), input_shape=(1, 8, 8), classes=10)


class Own(torch.nn.Module):
    """What only its own code builds."""

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Linear(64, 10)

    def forward(self, x):
        return self.body(x.flatten(1))


def own_network(*, input_shape, classes, generator):
    model = Own()
    for value in model.parameters():
        torch.nn.init.normal_(value, generator=generator)
    return model


def approve(job, run):
    """A check of the user's own."""


def derive(base, dense):
    """A derivation of the user's own."""
    return replace(base, seed=7)


def search(store, config=CONFIG, engine=None):
    return find_tickets(
        small(),
        load("digits"),
        RECIPE,
        config,
        seeds=(0,),
        store=Store(store),
        engine=engine or Local(1),
    )


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    store = tmp_path_factory.mktemp("searched")
    return store, search(store)


def test_repeated_search_starts_no_process_and_has_the_same_table(searched, monkeypatch):
    store, table = searched

    def refuse(*arguments):
        raise AssertionError("a process was started")

    monkeypatch.setattr(local_module, "WorkerProcess", refuse)
    assert search(store).equals(table)


def test_repeated_search_in_this_process_derives_nothing_and_has_the_same_table(
    searched, monkeypatch
):
    store, table = searched

    def refuse(*arguments):
        raise AssertionError("a task was done")

    monkeypatch.setattr(performance_module, "_done", refuse)
    assert search(store, engine=InProcess()).equals(table)


@dataclass
class Kept:
    """A derived training that is remembered, in a store of its own."""

    store: Store
    base: Job
    parents: list[str]
    run: str

    def work(self, base=None, function=level_job):
        arguments = (CONFIG, 1, "ticket", False) if function is level_job else ()
        derived = partial(function, base or self.base, *arguments)
        return Derived(derive=derived, parents=("dense",))

    def find(self, work=None, parents=None):
        found = Derivations(self.store.root)
        return found.find(work or self.work(), self.parents if parents is None else parents)

    @property
    def record(self):
        (path,) = (self.store.root / "derivations").rglob("*.json")
        return path


@pytest.fixture
def kept(searched, tmp_path):
    root, table = searched
    shutil.copytree(root, tmp_path / "store", ignore=shutil.ignore_patterns("derivations"))
    dense, ticket = table["run"].to_pylist()[:2]
    kept = Kept(
        Store(tmp_path / "store"), Job(small(), load("digits"), RECIPE, seed=0), [dense], ticket
    )
    Derivations(kept.store.root).keep(kept.work(), kept.parents, ticket)
    assert kept.find() == ticket
    return kept


@pytest.mark.parametrize("lost", ["run.json", "DONE.json", "metrics.jsonl", "snapshots", "."])
def test_derivation_is_forgotten_where_the_run_lacks_anything(kept, lost):
    path = kept.store.path_of(kept.run) / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert kept.find() is None


def test_derivation_is_forgotten_where_the_run_has_fewer_snapshots_by_now(kept):
    folder = kept.store.path_of(kept.run)
    done = json.loads((folder / "DONE.json").read_text())
    del done["files"][f"snapshots/{CONFIG.rewind_to}.safetensors"]
    write_done(folder, done)
    assert kept.find() is None


def test_derivation_is_forgotten_where_its_record_is_damaged(kept):
    whole = kept.record.read_text()
    record = json.loads(whole)
    other = record | {"run": kept.parents[0]}  # a run that is there, but not what it came to
    for text in ("", whole[:-9], "[]", "{}", json.dumps(other), whole.replace("run", "rum", 1)):
        kept.record.write_text(text)
        assert kept.find() is None, text
    kept.record.write_text(whole)
    assert kept.find() == kept.run


def test_derivation_is_forgotten_where_what_it_depends_on_changes(kept, monkeypatch):
    assert kept.find(parents=[kept.run]) is None
    assert kept.find(kept.work(replace(kept.base, seed=1))) is None
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "9.9")
        assert kept.find() is None
    monkeypatch.setattr(derivations, "_library_digest", lambda: "other code")
    assert kept.find() is None


def test_digest_of_the_library_is_of_all_its_source(tmp_path, monkeypatch):
    (tmp_path / "room").mkdir()
    module = tmp_path / "room" / "module.py"
    monkeypatch.setattr(surfeit, "__path__", [str(tmp_path)])
    seen = set()
    for text in ("a = 1\n", "a = 2\n"):
        module.write_text(text)
        seen.add(derivations._library_digest.__wrapped__())
    module.rename(tmp_path / "module.py")
    seen.add(derivations._library_digest.__wrapped__())
    assert len(seen) == 3


@pytest.mark.parametrize("part", ["check", "network", "named network", "derivation"])
def test_derivation_with_code_of_ones_own_is_never_remembered(kept, part):
    work = {
        "check": lambda: kept.work(replace(kept.base, check=approve)),
        "network": lambda: kept.work(replace(kept.base, model=own_network)),
        "named network": lambda: kept.work(
            replace(kept.base, model=OwnBuilder(f"{__file__}:own_network"))
        ),
        "derivation": lambda: kept.work(function=derive),
    }[part]()
    Derivations(kept.store.root).keep(work, kept.parents, kept.run)
    assert kept.find(work) is None


def test_remembering_writes_no_data(searched, tmp_path):
    base = Job(small(), load("digits"), RECIPE, seed=0)
    run = train_job(base, store=Store(tmp_path))
    work = Derived(derive=partial(level_job, base, CONFIG, 1, "ticket", False), parents=("dense",))
    Derivations(tmp_path).keep(work, [run.key], run.key)
    assert not list(tmp_path.rglob("objects/*"))


def test_another_configuration_is_derived_for_itself(searched):
    store, table = searched
    other = search(store, replace(CONFIG, rate=0.5))
    assert other["run"].to_pylist()[0] == table["run"].to_pylist()[0]
    assert not set(other["run"].to_pylist()[1:]) & set(table["run"].to_pylist())
