"""A study is run once; what it gives is checked before anything is kept."""

import os
from dataclasses import replace

import pytest

from surfeit.core import DiskError, Streams, SurfeitError
from surfeit.data import with_label_noise
from surfeit.execute import InProcess
from surfeit.lab import Lab, Verdict, read_result, run_study, study_named
from surfeit.lab import run as running
from surfeit.lab.checks import jobs_of
from surfeit.lab.results import FILES, RECORD
from surfeit.store import Store

from .files import TINY


class Refusing:
    """An engine that would be asked to do something."""

    def run(self, tasks, *, store, progress=None):
        raise AssertionError("something is to be trained or measured")


@pytest.fixture
def tiny(mine):
    """The guide's study on networks of four hidden units, trained for an epoch."""
    return lambda *changes: mine(*TINY, *changes)


def files(folder):
    return {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in folder.rglob("*") if p.is_file()}


def test_a_result_has_all_its_files_and_is_read_back(tiny, lab):
    result = run_study(tiny(), lab=lab)
    assert result.folder == lab.store.root / "results" / "mine" / result.key
    assert {*FILES, RECORD} <= {path.name for path in result.folder.iterdir()}
    assert read_result(result.folder) == result
    assert result.table.column_names == ["decay", "seed", "length", "run"]
    assert list(result.runs) == result.table["run"].to_pylist()
    assert [verdict.claim for verdict in result.verdicts] == ["M1"]
    assert list(result.config["data"]) == ["digits"]
    assert result.command.endswith("mine.py --budget quick")


def test_nothing_is_computed_twice(tiny, lab, monkeypatch):
    first = run_study(tiny(), lab=lab)
    before = files(lab.store.root)
    monkeypatch.setattr(running, "_measured", Refusing().run)
    assert run_study(tiny(), lab=Lab(lab.store, engine=Refusing())) == first
    assert files(lab.store.root) == before


def test_a_result_put_elsewhere_comes_from_the_runs_that_are_there(tiny, lab, tmp_path):
    first = run_study(tiny(), lab=lab)
    before = files(lab.store.root)
    again = run_study(tiny(), lab=lab, out=tmp_path / "elsewhere")
    assert again.folder == tmp_path / "elsewhere" / "mine" / first.key
    assert again.verdicts == first.verdicts
    assert files(lab.store.root) == before


def test_another_margin_seed_or_text_is_another_result(tiny, lab):
    first = run_study(tiny(), lab=lab)
    keys = {
        first.key,
        run_study(tiny(), lab=lab, seeds=(0, 1)).key,
        run_study(tiny(("margin: float = 0.01", "margin: float = 0.02")), lab=lab).key,
        run_study(tiny(("would not matter", "does not matter")), lab=lab).key,
        run_study(tiny(), "laptop", lab=_with_data(lab)).key,
    }
    assert len(keys) == 5


def _with_data(lab):
    """A lab whose MNIST is the digits, so that the laptop budget can be run."""
    other = lab.noting()
    digits = lab.data("digits")
    other._data = {"digits": digits, "mnist": replace(digits, name="mnist")}
    return other


def test_other_data_of_the_same_name_are_another_result(tiny, lab):
    first = run_study(tiny(), lab=lab)
    other = Lab(lab.store, engine=InProcess())
    digits = lab.data("digits")
    other._data["digits"] = with_label_noise(digits, 0.2, Streams(0).get("noise"))
    assert other.data("digits").fingerprint != digits.fingerprint
    assert run_study(tiny(), lab=other).key != first.key
    assert run_study(tiny(), lab=lab) == first


def test_a_result_stands_where_its_data_are_not(tiny, lab, monkeypatch):
    path, other = tiny(), _with_data(lab)
    first = run_study(path, "laptop", lab=other)
    # `mnist` is not in the data folder here: nothing says that the result is of other data.
    assert run_study(path, "laptop", lab=Lab(lab.store, engine=Refusing())) == first


def test_other_seeds_are_in_the_command(tiny, lab):
    assert run_study(tiny(), lab=lab, seeds=(3, 4)).command.endswith("--budget quick --seeds 3 4")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ('yield {"decay": decay, ', 'yield {"decay": decay, **({"x": 1} if decay else {}), '),
            r"row 3 of the study mine has \['x'\] more: every row has the columns of the first",
        ),
        (
            ('yield {"decay": decay, ', 'yield {**({} if decay else {"decay": decay}), '),
            r"row 3 of the study mine lacks \['decay'\]",
        ),
        (('"run": run.key}', '"run": float("nan")}'), "row 0 .* holds NaN in 'run': None says"),
        (('"run": run.key}', '"run": [1]}'), "row 0 .* holds a list in 'run': a cell is one text"),
        (('"run": run.key}', '"run": run.key if decay else 3}'), "mixes kinds of values"),
        (("for name, run in runs.items()", "for name, run in ()"), "gave no row"),
        (('        yield {"decay"', '        yield 3\n        {"decay"'), "must be a dict, got 3"),
        (("    return drawn", "    return None"), "must return a matplotlib Figure, got None"),
        (("    return drawn", "    return Figure()"), "Figure, got one without axes"),
        (
            ("    drawn = Figure()", "    1 / 0"),
            r"figure\(\) .*, line \d+ raised ZeroDivisionError",
        ),
        (('exceeds("M1"', 'exceeds("M2"'), "judges what it does not claim: no claim 'M2'"),
        (("    return (exceeds(", "    return ()\n    (exceeds("), "says nothing of M1"),
        (
            ("    return (exceeds(", "    return 2 * (exceeds("),
            "judges M1 twice: a claim has one verdict",
        ),
        (("    none, some =", "    raise KeyError\n    none, some ="), "raised KeyError; what is"),
        (("    runs = lab.train", "    lab.data('dgits')\n    runs = lab.train"), "no data set"),
        (
            ("weight_decay=decay)", "momentum=decay)"),
            r"line \d+ raised ValueError: adam takes no momentum.* \(look at Config's recipe\)",
        ),
    ],
)
def test_what_a_study_gives_is_checked_before_it_is_kept(tiny, lab, change, words):
    with pytest.raises(SurfeitError, match=words) as told:
        run_study(tiny(change), lab=lab)
    assert "\n" not in str(told.value)
    assert not list(lab.store.root.rglob(RECORD))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("    return {", "    return [1]\n    return {"), r"must return a dict .* got \[1\]"),
        (("    return {", "    return {'a': 1}\n    return {"), r"a dict .* got \{'a': 1\}"),
        (("    return {", "    1 / 0\n    return {"), r"jobs\(\) .*, line \d+ raised ZeroDivision"),
        (
            ("weight_decay=decay)", "momentum=decay)"),
            r"jobs\(\) of the study mine, line \d+ raised ValueError: adam takes no momentum, got "
            r"0\.001 \(look at Config's recipe\)",
        ),
    ],
)
def test_what_jobs_gives_is_checked_before_it_is_planned(tiny, lab, change, words):
    study = study_named(tiny(change))
    with pytest.raises(SurfeitError, match=words):
        jobs_of(study, study.budgets["quick"], lab)


def test_of_several_recipes_the_one_that_does_not_fit_is_named(tiny, lab):
    study = study_named(
        tiny(
            ("weight_decay=decay)", "momentum=decay)"),
            ("    decays:", "    other: Recipe = Recipe(lr=0.1, epochs=1)\n    decays:"),
        )
    )
    with pytest.raises(SurfeitError, match=r"\(look at Config's recipe\)"):
        jobs_of(study, study.budgets["quick"], lab)


def test_a_study_without_jobs_lists_none(tiny, lab):
    study = replace(study_named(tiny()), jobs=None)
    assert jobs_of(study, study.budgets["quick"], lab) == {}


def test_an_effect_that_could_not_be_measured_is_kept_as_such(lab, tiny):
    none = Verdict(
        claim="M1", ruling="inconclusive", effect=None, lower=None, upper=None, n=0, unit=""
    )
    study = replace(study_named(tiny()), verdicts=lambda table, config: none)
    assert run_study(study, lab=lab).verdicts == (none,)


def test_after_a_mended_figure_nothing_is_trained_again(tiny, lab):
    with pytest.raises(SurfeitError, match="what is trained is kept"):
        run_study(tiny(("    drawn = Figure()", "    1 / 0")), lab=lab)
    before = files(lab.store.root / "runs")
    run_study(tiny(), lab=lab)
    assert files(lab.store.root / "runs") == before


def test_what_was_interrupted_goes_on(tiny, lab, monkeypatch):
    def stop(study, rows):
        for _ in zip(range(2), rows, strict=False):
            pass
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running, "table_of", stop)
        with pytest.raises(KeyboardInterrupt):
            run_study(tiny(), lab=lab)
    before = files(lab.store.root / "runs")
    run_study(tiny(), lab=lab)
    assert files(lab.store.root / "runs") == before


def test_a_configuration_that_no_key_can_stand_for_is_told(mine, lab):
    path = mine(("    decays:", "    score: object = abs\n    decays:"))
    with pytest.raises(ValueError, match=r"holds what no key can stand for: .* name functions"):
        run_study(path, lab=lab)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_that_may_not_be_written_is_told_before_anything_is_trained(tiny, tmp_path):
    (tmp_path / "store").mkdir(mode=0o500)
    with pytest.raises(DiskError, match="you may not write there"):
        run_study(tiny(), lab=Lab(Store(tmp_path / "store"), engine=Refusing()))


def test_a_file_in_the_place_of_results_is_told_before_anything_is_trained(tiny, lab, tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(DiskError, match="a part of this path is a file"):
        run_study(tiny(), lab=Lab(lab.store, engine=Refusing()), out=tmp_path / "results")


def test_budget_and_study_are_names(lab):
    with pytest.raises(ValueError, match="no budget 'quik': did you mean 'quick'"):
        run_study("distance_from_start", "quik", lab=lab)
    with pytest.raises(ValueError, match="no study 'distanc': did you mean"):
        run_study("distanc", lab=lab)
