"""Engines by name, and what is said where an extra is missing."""

import importlib.util

import pytest

from surfeit.execute import ENGINES, InProcess, Local, Ray, Slurm, cores, engine_named

HAS = {name: importlib.util.find_spec(name) is not None for name in ("ray", "submitit")}


def test_engine_named_gives_the_engines_of_this_machine():
    assert isinstance(engine_named("here"), InProcess)
    local, four = engine_named("local"), engine_named("local:4")
    assert isinstance(local, Local)
    assert isinstance(four, Local)
    assert (local.workers, four.workers) == (cores(), 4)


@pytest.mark.ray
@pytest.mark.skipif(not HAS["ray"], reason="needs Ray: pip install 'surfeit[ray]'")
def test_engine_named_gives_ray_with_its_address():
    one, other = engine_named("ray"), engine_named("ray://head:10001")
    assert isinstance(one, Ray)
    assert isinstance(other, Ray)
    assert (one.address, other.address) == (None, "ray://head:10001")


@pytest.mark.slurm
@pytest.mark.skipif(not HAS["submitit"], reason="needs submitit: pip install 'surfeit[slurm]'")
def test_engine_named_gives_slurm():
    assert isinstance(engine_named("slurm"), Slurm)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("locale", "no engine 'locale': did you mean 'local'"),
        ("rai", "no engine 'rai': did you mean 'ray'"),
        ("dask", "no engine 'dask': one of here, local, local:4, ray, ray://HOST:10001, slurm"),
        ("", "no engine ''"),
        ("slurm:cpu", "no engine 'slurm:cpu': did you mean 'slurm'"),
        ("local:0", "local:WORKERS needs an integer >= 1, such as local:4, got 'local:0'"),
        ("local:", "local:WORKERS needs an integer >= 1"),
        ("local:-1", "local:WORKERS needs an integer >= 1"),
        ("ray:head", "Ray's address is written ray://HOST:PORT, got 'ray:head'"),
        ("ray://", "Ray's address is written ray://HOST:PORT"),
    ],
)
def test_engine_named_says_what_there_is(text, words):
    with pytest.raises(ValueError, match=words):
        engine_named(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ray", r"the engine 'ray' needs Ray: pip install 'surfeit\[ray\]'"),
        ("ray://head:10001", r"pip install 'surfeit\[ray\]'"),
        ("slurm", r"the engine 'slurm' needs submitit: pip install 'surfeit\[slurm\]'"),
    ],
)
def test_engine_named_says_which_extra_is_missing(monkeypatch, text, words):
    for module in ("ray", "slurm"):
        monkeypatch.setattr(f"surfeit.execute.{module}.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=words):
        engine_named(text)


def test_engines_are_told_of_by_the_names_that_are_understood():
    for name in ENGINES:
        with pytest.MonkeyPatch.context() as patch:
            for module in ("ray", "slurm"):
                patch.setattr(f"surfeit.execute.{module}.find_spec", lambda name: True)
            engine_named(name)


def test_a_ray_worker_finds_folders_of_the_users_after_the_library(monkeypatch, tmp_path):
    import os
    import sys

    import surfeit
    from surfeit.execute.ray_cluster import _surroundings

    before, after = str(tmp_path / "before"), str(tmp_path / "after")
    monkeypatch.setattr(sys, "path", [before, *sys.path, after])
    paths = _surroundings()["env_vars"]["PYTHONPATH"].split(os.pathsep)
    assert paths[0] == before
    assert after not in paths
    assert os.path.dirname(surfeit.__path__[0]) in paths
