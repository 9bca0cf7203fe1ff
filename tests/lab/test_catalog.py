"""Studies are found by listing a folder; a user's own by its file or module."""

import subprocess
import sys

import pytest

from surfeit.lab import library_studies, study_named, study_names

from .files import written_to


def test_names_are_those_of_the_files():
    assert "distance_from_start" in study_names()
    assert study_names() == sorted(study_names())


def test_listing_names_imports_no_study():
    code = (
        "import sys\nfrom surfeit.lab import study_names\nassert study_names()\n"
        "assert not [name for name in sys.modules if name.startswith('surfeit.studies.')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_file_of_the_library_is_a_study():
    assert [study.name for study in library_studies()] == study_names()


def test_claims_of_the_library_have_ids_of_their_own():
    ids = [claim.id for study in library_studies() for claim in study.claims]
    assert len(ids) == len(set(ids))


def test_an_unknown_study_gets_the_nearest_named():
    with pytest.raises(ValueError, match="no study 'distance': did you mean 'distance_from_start'"):
        study_named("distance")


def test_a_file_of_an_unknown_name_is_suggested(mine, tmp_path, monkeypatch):
    mine()
    with pytest.raises(ValueError, match="no study 'mine': one of"):
        study_named("mine")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"no study 'mine': did you mean \./mine\.py\?$"):
        study_named("mine")


def test_a_file_is_a_study_by_its_path(mine):
    study = study_named(str(mine()))
    assert study.name == "mine"
    assert study.target.endswith("/mine.py")
    assert study.rows.__module__ == "mine"


def test_a_changed_file_is_read_anew(mine):
    first = study_named(mine())
    again = study_named(mine(("margin: float = 0.01", "margin: float = 0.02")))
    assert first.digest != again.digest
    assert again.budgets["quick"].margin == 0.02
    assert study_named(mine()).digest == first.digest


def test_a_module_is_a_study_by_its_name(mine, tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    mine(name="package/mine.py")
    monkeypatch.syspath_prepend(tmp_path)
    assert study_named("package.mine").name == "mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("./nowhere.py", "there is no file nowhere.py"),
        ("package.nowhere", "there is no module 'package'"),
        ("surfeit.nowhere", "there is no module 'surfeit.nowhere'"),
        ("surfeit.core", "surfeit.core is no study: it lacks CLAIMS"),
    ],
)
def test_what_is_not_there_is_told(text, words):
    with pytest.raises(ValueError, match=words):
        study_named(text)


def test_a_file_that_is_no_python_is_told(tmp_path, monkeypatch):
    (tmp_path / "mine.txt").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"mine.txt is no Python file: give .* such as ./mine.py"):
        study_named("mine.txt")


@pytest.mark.parametrize("name", ["my-study.py", "3.py", "mine.txt/x.py"])
def test_a_file_has_the_name_of_a_variable(mine, name, tmp_path):
    if "/" in name:
        (tmp_path / "mine.txt").mkdir()
        with pytest.raises(ValueError, match="there is no file"):
            study_named(tmp_path / name)
        return
    with pytest.raises(ValueError, match="named like a variable"):
        study_named(mine(name=name))


@pytest.mark.parametrize("name", ["statistics.py", "pyarrow.py", "json.py"])
def test_a_file_named_like_another_module_is_refused(mine, name):
    import pyarrow as pa

    with pytest.raises(ValueError, match=f"there is another module .* such as my_{name[:-3]}.py"):
        study_named(mine(name=name))
    assert sys.modules["pyarrow"] is pa


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise KeyError('layers')", "cannot be imported: KeyError: 'layers' (mine.py:2)"),
        ("import sys; sys.exit(3)", "cannot be imported: SystemExit: 3 (mine.py:2)"),
        ("def rows(:", "cannot be imported: SyntaxError: invalid syntax (mine.py:2)"),
        ("import nonsense", "cannot be imported: No module named 'nonsense' (mine.py:2)"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero (mine.py:2)"),
        ("raise ValueError", "cannot be imported: ValueError (mine.py:2)"),
        ("LAPTOP = PAPER", "'PAPER' is not defined (mine.py:2); write `PAPER = Config()` above"),
        ("PAPER = Config()", "'Config' is not defined (mine.py:2); write `@dataclass(frozen"),
        ("a = b", "NameError: name 'b' is not defined (mine.py:2)"),
        (
            "from dataclasses import *\n@dataclass\nclass C:\n    x: list = []",
            "(mine.py:3), or rather write a tuple: a Config must not change",
        ),
    ],
)
def test_a_file_that_raises_is_told_with_its_line_and_forgotten(
    mine, text, words, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="cannot be imported") as told:
        study_named(mine(text=f"\n{text}"))
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert "mine" not in sys.modules


def test_what_a_file_prints_is_no_answer(mine, capsys):
    study_named(mine(("CLAIMS = (", "print('hello')\nCLAIMS = (")))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "hello" in printed.err


def test_a_study_of_ones_own_cannot_stand_among_the_librarys(tmp_path):
    with written_to(tmp_path) as write:
        path = write(name="weight_graph.py")
        with pytest.raises(ValueError, match="the library has a study weight_graph of its own"):
            study_named(path)
        assert study_named(write(name="my_weight_graph.py")).name == "my_weight_graph"


def test_a_docstring_says_which_part_it_lacks(tmp_path):
    with written_to(tmp_path) as write:
        line = "Source: Krogh and Hertz 1992, section 1.\n"
        with pytest.raises(ValueError, match="its docstring lacks Source:; begin"):
            study_named(write((line, "")))
