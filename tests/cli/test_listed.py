"""What is added to a catalog is in every help, suggestion and completion without another edit."""

import sys
from dataclasses import dataclass

import pytest

import surfeit.data
import surfeit.studies
from surfeit.core.objective import catalog as objectives
from surfeit.data import catalog as data_sets
from surfeit.data.source import Layout, Source
from surfeit.execute import catalog as engines
from surfeit.models import catalog as models
from surfeit.procedures.tickets import catalog as controls
from surfeit.prune.criteria import catalog as criteria
from surfeit.prune.scores import catalog as scores

from .conftest import call
from .test_application import completed

TRAINING = ("train", "demo", "tickets", "instability", "supermasks")


@dataclass(frozen=True)
class Added:
    """What is added, where it is told, and what is said where its name is mistyped."""

    name: str
    told_in: tuple[str, ...]
    mistyped: str
    completing: str


def add_data_set(monkeypatch, name, folder):
    toy = Source(
        name=name,
        description="toys",
        load=lambda root: pytest.fail("it is not needed"),
        layouts=(Layout(folder="toys", files=("toys",)),),
    )
    # The front takes its value from the room when it is first asked for: that is now.
    every = (*surfeit.data.SOURCES, toy)
    for room in (data_sets, surfeit.data):
        monkeypatch.setattr(room, "SOURCES", every)


def add_study(monkeypatch, name, folder):
    (folder / f"{name}.py").write_text("")
    where = [*surfeit.studies.__path__, str(folder)]
    monkeypatch.setattr(surfeit.studies.__spec__, "submodule_search_locations", where)


def adding_to(entries):
    def add(monkeypatch, name, folder):
        monkeypatch.setitem(entries, name, "nowhere:to_be_found")

    return add


def add_engine(monkeypatch, name, folder):
    entry = engines.Entry(says="toys", make=lambda rest: pytest.fail("it is not needed"))
    monkeypatch.setitem(engines.ENGINES, name, entry)


ADDED = {
    "a data set": (
        add_data_set,
        Added(
            "toy-digits",
            (
                *TRAINING,
                "inspect",
                "prune",
                "curvature",
                "connect",
                "view",
                "export",
                "structure",
                "data fetch",
            ),
            "train --model mlp-4 --data toy-digit",
            "train --data toy",
        ),
    ),
    "a model": (
        adding_to(models._ENTRIES),
        Added("toy-net", (*TRAINING, "structure"), "train --model toy-ne", "train --model toy"),
    ),
    "an objective": (
        adding_to(objectives._ENTRIES),
        Added(
            "toy_loss",
            ("train", "inspect", "prune", "curvature"),
            "train --model mlp-4 --objective toy_los",
            "prune --objective toy",
        ),
    ),
    "a criterion": (
        adding_to(criteria._ENTRIES),
        Added(
            "toy_weight",
            ("prune", "tickets"),
            "",  # every criterion is imported for it: `tests/prune/criteria/test_one_place.py`
            "prune --criteria toy",
        ),
    ),
    "a score": (
        adding_to(scores._ENTRIES),
        Added("toy_score", ("tickets",), "tickets --score toy_scor", "tickets --score toy"),
    ),
    "a control": (
        adding_to(controls._ENTRIES),
        Added("toy-control", ("tickets",), "tickets --controls toy-contrl", "tickets --controls t"),
    ),
    "an engine": (
        add_engine,
        Added(
            "toycluster",
            ("tickets", "instability", "supermasks", "study"),
            "tickets --on toyclustr",
            "study --on toy",
        ),
    ),
    "a study": (add_study, Added("toy_claim", ("study",), "study toy_clam", "study toy")),
}


@pytest.fixture(params=ADDED.values(), ids=ADDED)
def added(request, monkeypatch, tmp_path):
    """A catalog with one more entry, and commands that are imported anew, as in a new process."""
    add, what = request.param
    add(monkeypatch, what.name, tmp_path)
    monkeypatch.setenv("COLUMNS", "500")
    loaded = {name: one for name, one in sys.modules.items() if name.startswith("surfeit.cli.")}
    for name in loaded:
        del sys.modules[name]
    yield what
    for name in [name for name in sys.modules if name.startswith("surfeit.cli.")]:
        del sys.modules[name]
    sys.modules.update(loaded)
    for name, module in loaded.items():
        package, _, attribute = name.rpartition(".")
        setattr(sys.modules[package], attribute, module)


def shown(name: str) -> str:
    """A name as the command line has it; studies are called as their files are."""
    return name if name == "toy_claim" else name.replace("_", "-")


def test_every_help_names_it(added, capsys):
    for command in added.told_in:
        assert call(*command.split(), "--help") == 0
        assert shown(added.name) in capsys.readouterr().out, command


def test_it_is_suggested_where_it_is_mistyped(added, capsys, tmp_path):
    if added.mistyped:
        assert call(*added.mistyped.split(), "--root", tmp_path / "store") == 1
        assert f"did you mean '{added.name}'" in capsys.readouterr().err


def test_a_shell_completes_it(added, capsys):
    assert call("completion", "bash") == 0
    script = capsys.readouterr().out
    assert completed(script, "surfeit", *added.completing.split()) == [shown(added.name)]


def test_nothing_is_left_of_it(capsys):
    assert call("train", "--help") == 0
    assert "toy" not in capsys.readouterr().out
