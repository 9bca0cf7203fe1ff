"""Fronts of packages: every name is there, and nothing is imported before one is asked for."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import surfeit

PACKAGES = [
    module.name for module in pkgutil.walk_packages(surfeit.__path__, "surfeit.") if module.ispkg
]
LAZY = [name for name in PACKAGES if type(importlib.import_module(name)).__name__ == "_Front"]
FRONT = """
from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from toy.far import far as near
    from toy.same import other, same

__all__ = {names}

lazy_front(__name__)
"""


def fresh(code: str) -> str:
    """What a new interpreter prints."""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ended.stdout


@pytest.fixture
def toy(tmp_path, monkeypatch):
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "__init__.py").write_text(FRONT.format(names=["near", "other", "same"]))
    (folder / "far.py").write_text("far = object()")
    (folder / "same.py").write_text("def same():\n    return 1\n\n\nother = same")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("toy")
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


def test_the_rooms_have_lazy_fronts():
    rooms = ("core", "data", "execute", "lab", "models", "prune", "store", "train")
    assert {f"surfeit.{room}" for room in rooms} <= set(LAZY)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_of_a_front_is_there(package):
    front = importlib.import_module(package)
    names = getattr(front, "__all__", [])
    for name in names:
        assert getattr(front, name) is not None
    assert set(names) <= set(dir(front))


@pytest.mark.parametrize("package", LAZY)
def test_a_front_lists_what_it_takes_from_its_modules(package):
    from surfeit.core.fronts import _places

    front = importlib.import_module(package)
    assert sorted(_places(front)) == sorted(front.__all__)


def test_importing_all_fronts_imports_no_torch():
    loaded = fresh(f"import sys, {', '.join(LAZY)}\nprint(*sys.modules)").split()
    assert not {"torch", "numpy", "pyarrow", "scipy"} & set(loaded)


def test_a_name_is_imported_when_it_is_asked_for(toy):
    assert "toy.far" not in sys.modules
    assert toy.near is importlib.import_module("toy.far").far
    assert "toy.same" not in sys.modules
    assert "near" in vars(toy)


def test_a_name_that_is_also_a_submodule_stays_itself(toy):
    module = importlib.import_module("toy.same")
    assert toy.same is module.same
    assert toy.same() == 1
    from toy import same

    assert same is module.same
    assert sys.modules["toy.same"] is module


def test_a_submodule_that_is_no_name_is_an_attribute_once_imported(toy):
    with pytest.raises(AttributeError, match="module 'toy' has no attribute 'far'"):
        _ = toy.far
    module = importlib.import_module("toy.far")
    assert toy.far is module


def test_whichever_is_imported_first_a_name_is_the_function():
    for first in ("import surfeit.core.ties", "from surfeit.core import ties"):
        assert (
            fresh(f"{first}\nimport surfeit.core\nprint(callable(surfeit.core.ties))") == "True\n"
        )


def test_names_can_be_replaced_and_put_back(toy, monkeypatch):
    real = importlib.import_module("toy.same").same
    with monkeypatch.context() as patch:
        patch.setattr(toy, "same", 2)
        assert toy.same == 2
    assert toy.same is real


def test_star_imports_and_dir_have_every_name(toy):
    found = {}
    exec("from toy import *", found)
    assert {"near", "other", "same"} <= set(found)
    assert {"near", "other", "same", "__name__"} <= set(dir(toy))


def test_an_unknown_name_is_an_error(toy):
    with pytest.raises(ImportError, match="cannot import name 'nothing' from 'toy'"):
        from toy import nothing  # noqa: F401


def test_a_front_without_its_source_says_so(toy, monkeypatch):
    monkeypatch.setattr(type(toy.__spec__.loader), "get_source", lambda self, name: None)
    with pytest.raises(ImportError, match="the source of toy is missing: install Surfeit with it"):
        _ = toy.near
