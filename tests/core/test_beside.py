"""A user's folder is searched last, and what lies there under another module's name is told."""

import sys
from pathlib import Path

import pytest

from surfeit.core.beside import check_beside, check_imports
from surfeit.core.importing import importable_from, module_of_file, named_object, reference


@pytest.fixture
def folder(tmp_path):
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def written(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    return folder / f"{next(iter(texts))}.py"


def test_a_folder_is_searched_after_what_is_installed(folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = list(sys.path)
    with importable_from(str(folder / "beside" / "mine.py")):
        assert sys.path == [*before, str(folder / "beside"), str(folder)]
    assert sys.path == before


@pytest.mark.parametrize("name", ["statistics", "torch", "surfeit"])
def test_a_file_that_nobody_imports_disturbs_nobody(folder, name):
    path = written(folder, mine_a="from statistics_of_mine import mean\n", statistics_of_mine="")
    (folder / "statistics_of_mine.py").write_text("def mean():\n    return 1\n")
    (folder / f"{name}.py").write_text("raise AssertionError\n")
    assert module_of_file(path).mean() == 1


@pytest.mark.parametrize(
    "text",
    ["import statistics", "def f():\n    from statistics import mean", "import statistics.a"],
)
def test_an_import_that_may_mean_either_is_refused_with_both_files(folder, text):
    import statistics

    path = written(folder, mine_b=text, statistics="")
    with pytest.raises(ValueError, match="would get the module 'statistics' from") as told:
        module_of_file(path)
    for file in (path, folder / "statistics.py", Path(statistics.__file__).resolve()):
        assert str(file) in str(told.value)
    assert str(told.value).endswith("rename statistics.py")


def test_files_beside_are_followed_and_packages_named(folder):
    path = written(folder, mine_c="import mine_d", mine_d="import mine_c, json")
    check_beside("json", folder, "nobody")
    (folder / "json").mkdir()
    (folder / "json" / "__init__.py").touch()
    with (
        importable_from(str(path)),
        pytest.raises(ValueError, match=r"mine_d\.py would get the module 'json' .* rename json/$"),
    ):
        check_imports(path, path.read_bytes())


def test_what_is_no_file_is_python_itself(folder):
    path = written(folder, mine_e="import sys", sys="")
    with pytest.raises(ValueError, match="the module 'sys' from Python itself, not from"):
        module_of_file(path)


def test_relative_imports_and_what_lies_elsewhere_are_passed_over(folder):
    path = written(folder, mine_f="from . import statistics\nimport json", statistics="")
    check_imports(path, path.read_bytes())


def test_a_module_named_by_its_name_is_not_taken_from_elsewhere(folder, monkeypatch, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    written(other, mine_g="def one(): return 1")
    written(folder, mine_g="def two(): return 2")
    monkeypatch.syspath_prepend(other)
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match=r"mine_g:two would get .* rename mine_g\.py"):
        named_object("mine_g:two")
    assert named_object("./mine_g.py:two")() == 2


def test_a_file_goes_by_its_path_wherever_its_name_would_lead(folder, monkeypatch):
    path = written(folder, mine_h="def one(): return 1")
    one = module_of_file(path).one
    monkeypatch.chdir(folder)
    assert reference(one) == f"{path.resolve()}:one"
    assert named_object(reference(one)) is one


def test_a_file_that_was_imported_by_name_is_read_anew_under_that_name(folder, monkeypatch):
    path = written(folder, mine_i="x = 1")
    monkeypatch.syspath_prepend(folder)
    import mine_i  # pyright: ignore[reportMissingImports]

    path.write_text("x = 2")
    module = module_of_file(path)
    assert (mine_i.x, module.x, module.__name__) == (1, 2, "mine_i")
    assert sys.modules["mine_i"] is module


def test_the_text_decides_whether_a_file_is_the_same(folder):
    import os

    path = written(folder, mine_j="x = 1")
    first = module_of_file(path)
    status = path.stat()
    path.write_text("x = 2")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert module_of_file(path).x == 2
    path.write_text("x = 1")
    assert module_of_file(path).x == first.x == 1
