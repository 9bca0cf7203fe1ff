"""Functions and classes by name, there and back."""

import functools
import sys
from types import ModuleType

import pytest

from surfeit.core.importing import call_named, named_object, reference
from surfeit.models import lenet_300_100
from surfeit.train import Recipe

SOURCE = """
from dataclasses import dataclass

import beside_mine


@dataclass(frozen=True)
class Setting:
    width: int = 3


def setting():
    return Setting(beside_mine.WIDTH)


def late():
    import beside_late

    return beside_late.WIDTH


def needs(width):
    return width


def fails():
    raise KeyError("width")


class Outer:
    @staticmethod
    def inner():
        return 1


def within():
    def hidden():
        return 1

    return hidden


nothing = lambda: 1
"""


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "beside_mine.py").write_text("WIDTH = 7\n")
    (folder / "beside_late.py").write_text("WIDTH = 8\n")
    path = folder / "settings_of_mine.py"
    path.write_text(SOURCE)
    before = set(sys.modules)
    yield path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def called(text):
    return call_named(text, named_object(text))


@pytest.mark.parametrize("value", [lenet_300_100, Recipe, functools.partial])
def test_a_function_is_found_again_by_its_reference(value):
    assert named_object(reference(value)) is value


def test_a_file_is_one_module_however_often_it_is_named(file):
    made = called(f"{file}:setting")
    assert made.width == 7
    assert isinstance(made, named_object(f"{file}:Setting"))
    assert reference(type(made)) == f"{file}:Setting"
    assert named_object(reference(named_object(f"{file}:Outer.inner")))() == 1
    assert called(f"{file}:late") == 8


def test_a_file_that_was_changed_is_imported_again(file):
    assert named_object(f"{file}:setting")().width == 7
    file.write_text("def setting():\n    return 'changed'\n")
    assert called(f"{file}:setting") == "changed"


def test_a_file_that_is_executed_anew_takes_nobodys_place(file):
    first, new = (named_object(f"{file}:Setting", anew=anew) for anew in (False, True))
    assert new is not first
    assert named_object(f"{file}:Setting") is first


def test_a_file_named_like_a_module_that_is_there_does_not_take_its_place(tmp_path):
    path = tmp_path / "pytest.py"
    path.write_text("def two():\n    return 2\n")
    two = named_object(f"{path}:two")
    assert two() == 2
    assert sys.modules["pytest"] is pytest
    assert reference(two) == f"{path}:two"
    assert named_object(reference(two)) is two


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda: 1, "is defined within a function|is a lambda"),
        (7, "an object of type int has no name that another process could import"),
        (functools.partial(print), "type partial has no name"),
    ],
)
def test_what_has_no_name_is_refused(value, words):
    with pytest.raises(ValueError, match=words):
        reference(value)


def test_what_another_process_would_not_find_is_refused(file, monkeypatch):
    with pytest.raises(ValueError, match=r"within\.<locals>\.hidden is defined within a function"):
        reference(named_object(f"{file}:within")())
    with pytest.raises(ValueError, match="is a lambda"):
        reference(named_object(f"{file}:nothing"))
    setting = named_object(f"{file}:setting")
    monkeypatch.setattr(setting, "__module__", "__main__")
    with pytest.raises(ValueError, match="setting is defined in the script itself"):
        reference(setting)
    monkeypatch.setattr(setting, "__module__", "surfeit.core")
    with pytest.raises(ValueError, match=r"surfeit\.core\.setting is not what its module has"):
        reference(setting)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("settng", "no function .*did you mean"),
        ("needs", "needs 'width', which nobody can give it here"),
        ("fails", "fails failed: KeyError: 'width'"),
        ("__doc__", "is no function, but of type"),
    ],
)
def test_what_cannot_be_called_is_told(file, name, words):
    with pytest.raises(ValueError, match=words):
        called(f"{file}:{name}")


def test_modules_that_are_not_there_or_fail_are_told(tmp_path):
    with pytest.raises(ValueError, match="there is no module 'nowhere'"):
        named_object("nowhere.at_all:function")
    with pytest.raises(ValueError, match="there is no file"):
        named_object(f"{tmp_path}/none.py:function")
    path = tmp_path / "broken_of_mine.py"
    path.write_text("1 / 0\n")
    with pytest.raises(ValueError, match="cannot be imported: ZeroDivisionError"):
        named_object(f"{path}:function")
    assert "broken_of_mine" not in sys.modules


def test_a_module_without_a_file_goes_by_its_name(monkeypatch):
    module = ModuleType("made_here")
    exec("def made(): return 1", module.__dict__)
    monkeypatch.setitem(sys.modules, "made_here", module)
    assert reference(module.made) == "made_here:made"
