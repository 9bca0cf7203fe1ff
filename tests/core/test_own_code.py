"""What a user's code raised and in which line, however deep in the library it came up."""

from functools import partial

import pytest

from surfeit.core.importing import module_of_file
from surfeit.core.own_code import place_of, told
from surfeit.train import Recipe


def raised(action):
    """What an action raises, without the line of this file that calls it."""
    try:
        action()
    except Exception as error:
        here = error.__traceback__
        return error.with_traceback(None if here is None else here.tb_next)
    raise AssertionError("nothing was raised")


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "code_of_mine.py"
    path.write_text(
        "import torch\nfrom surfeit.train import Recipe\n\n\n"
        "def deep():\n    return Recipe(lr=-1)\n\n\n"
        "def torch_():\n    return torch.ones(2) @ torch.ones(3)\n\n\n"
        "def plain():\n    raise KeyError\n"
    )
    return path


@pytest.mark.parametrize(
    ("name", "place"), [("deep", 6), ("torch_", 10), ("plain", 14)], ids=["ours", "torch", "theirs"]
)
def test_the_place_is_the_innermost_line_of_the_users(file, name, place, monkeypatch, tmp_path):
    error = raised(getattr(module_of_file(file), name))
    assert place_of(error) == f"code_of_mine.py:{place}, in {name}"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert place_of(error) == f"{file}:{place}, in {name}"


def test_a_file_that_does_not_parse_has_a_place_too(file):
    file.write_text("x = 1\ndef f(:\n")
    assert place_of(raised(lambda: module_of_file(file))) == "code_of_mine.py:2"
    file.write_text("x = 1\ny = z\n")
    assert place_of(raised(lambda: module_of_file(file))) == "code_of_mine.py:2"


def test_what_was_raised_nowhere_in_the_users_code_has_no_place():
    assert place_of(ValueError("not raised")) == ""
    assert place_of(raised(partial(Recipe, lr=-1))) == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("layers"), "KeyError: 'layers'"),
        (ValueError("first\nsecond"), "ValueError: first"),
        (ValueError(), "ValueError"),
        (ValueError(" \n"), "ValueError"),
    ],
)
def test_an_error_is_told_in_one_line(error, words):
    assert told(error) == words
