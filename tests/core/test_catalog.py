"""Catalogs: names at once, entries when they are asked for."""

import subprocess
import sys

import pytest

from surfeit.core import OBJECTIVES
from surfeit.core.catalog import Catalog
from surfeit.models import MODELS
from surfeit.prune import CRITERIA, SCORES

NAMED = {"objectives": OBJECTIVES, "criteria": CRITERIA}
FUNCTIONS = {"models": MODELS, "scores": SCORES}


def test_names_are_known_before_entries_are_imported():
    catalog = Catalog({"one": "no.such.module:ONE", "two": 2})
    assert (list(catalog), len(catalog), "one" in catalog) == (["one", "two"], 2, True)
    assert repr(catalog) == "Catalog(one, two)"
    with pytest.raises(ModuleNotFoundError):
        _ = catalog["one"]


def test_entries_are_what_stands_there_or_what_is_named():
    catalog = Catalog({"join": "posixpath:join", "two": 2})
    from posixpath import join

    assert catalog["join"] is join
    assert dict(catalog) == {"join": join, "two": 2}
    assert catalog.get("three") is None
    with pytest.raises(KeyError):
        _ = catalog["three"]


@pytest.mark.parametrize("catalog", NAMED.values(), ids=NAMED)
def test_each_entry_has_the_name_that_it_is_listed_under(catalog):
    assert [entry.name for entry in catalog.values()] == list(catalog)


@pytest.mark.parametrize("catalog", FUNCTIONS.values(), ids=FUNCTIONS)
def test_each_function_has_the_name_that_it_is_listed_under(catalog):
    assert [entry.__name__ for entry in catalog.values()] == [n.replace("-", "_") for n in catalog]


def test_listing_names_imports_no_torch():
    code = (
        "import sys\n"
        "from surfeit.core import OBJECTIVES\n"
        "from surfeit.data import SOURCES\n"
        "from surfeit.execute import ENGINES\n"
        "from surfeit.models import MODELS\n"
        "from surfeit.prune import CRITERIA, SCORES\n"
        "for catalog in (OBJECTIVES, SOURCES, ENGINES, MODELS, CRITERIA, SCORES):\n"
        "    assert list(catalog)\n"
        "print(*sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "pyarrow"} & set(ended.stdout.split())
