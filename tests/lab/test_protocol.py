"""A study is a module with the names of the protocol; its budgets differ in size alone."""

import dataclasses

import pyarrow as pa
import pytest

from surfeit.lab import Lab, config_of, study_named, study_of
from surfeit.lab.protocol import EXAMPLES
from surfeit.store import Store
from surfeit.studies import distance_from_start


def test_a_study_is_read_from_its_module():
    study = study_of(distance_from_start)
    assert study.name == study.target == "distance_from_start"
    assert study.question.startswith("How far does training move")
    assert study.source.startswith("Neyshabur")
    assert study.cost.startswith("quick")


def test_budgets_differ_in_size_alone(monkeypatch):
    monkeypatch.setattr(distance_from_start, "SIZES", ("data", "seeds", "recipe"))
    with pytest.raises(ValueError, match="differs in widths under the budget quick"):
        study_of(distance_from_start)


def test_a_study_runs_through_the_lab(tmp_path):
    study, lab = study_of(distance_from_start), Lab(Store(tmp_path))
    config = dataclasses.replace(study.budgets["quick"], seeds=(0, 1))
    first = pa.Table.from_pylist(list(study.rows(config, lab)))
    again = pa.Table.from_pylist(list(study.rows(config, lab)))
    assert first.equals(again)
    assert {one.claim for one in study.verdicts(first, config)} == {c.id for c in study.claims}
    assert study.figure(first).axes


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_missing_name_is_told_with_how_it_is_written(mine, name):
    path = mine()
    path.write_text(path.read_text() + f"\ndel {name}\n")
    with pytest.raises(ValueError, match=f"is no study: it lacks {name}; write `") as told:
        study_named(path)
    assert EXAMPLES[name] in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("weights?\n", "weights.\n", "its docstring lacks a question that ends with"),
        ("Source:", "By", "its docstring lacks Source:"),
        ("Cost:", "Takes", "its docstring lacks Cost:"),
        (
            'CLAIMS = (Claim(id="M1", ',
            'CLAIMS = (dict(id="M1", ',
            "CLAIMS must be a tuple of Claim",
        ),
        (
            "\n\n\n@dataclass",
            "\nCLAIMS += CLAIMS\n\n\n@dataclass",
            "CLAIMS holds 'M1' twice: each id is one claim",
        ),
        ("\n\n\n@dataclass", "\nCLAIMS = ()\n\n\n@dataclass", "CLAIMS is empty"),
        ("@dataclass(frozen=True, kw", "@dataclass(kw", "Config must be a frozen dataclass"),
        (
            "margin: float = 0.01",
            "margin = 0.01",
            "margin of Config has no type, so it is no field: write `margin: float = 0.01`",
        ),
        ("PAPER = Config()", "PAPER = Config(seeds=(0, 0))", "PAPER: seeds holds 0 twice"),
        ("PAPER = Config()", "PAPER = Config(seeds=(-1,))", "PAPER: seeds must be whole numbers"),
        ('SIZES = ("data",', 'SIZES = ("date",', "no field of Config 'date': did you mean 'data'"),
        ('SIZES = ("data",', 'SIZES = ("margin",', "a margin is no size"),
        ('SIZES = ("data", "model", "recipe", "seeds")', 'SIZES = "data"', "SIZES must be a tuple"),
        ("QUICK = replace(LAPTOP, ", "QUICK = replace(LAPTOP, margin=0.5, ", "differs in margin"),
        ("QUICK = replace(", "QUICK = dict(l=1) or replace(", "QUICK must be a Config"),
        ("def rows(", "rows = 3\n\n\ndef other(", "rows must be a function, got 3"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(mine, old, new, words):
    with pytest.raises(ValueError, match=r"is no study|the study .* differs") as told:
        study_named(mine((old, new)))
    assert words in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("[0.0, 1e-3]", r"a list in decays, which can change: write a tuple, decays=\(\.\.\.\)"),
        ("(0.0, [1e-3])", "a list in decays, which can change: write a tuple"),
        ("{0.0, 1e-3}", "a set in decays, which can change: write a tuple"),
        ("{0.0: 1e-3}", "a dict in decays, which can change: write a tuple of pairs"),
        ("(Fixed([3]),)", "a list in decays, which can change"),
        ("Loose()", "a Loose in decays, which can change: make it a frozen dataclass"),
    ],
)
def test_a_value_of_config_that_can_change_is_refused(mine, given, words):
    loose = "@dataclass\nclass Loose:\n    x: int = 0\n\n\n"
    fixed = "@dataclass(frozen=True)\nclass Fixed:\n    x: list\n\n\n"
    kinds = ("CLAIMS = (", f"{loose}{fixed}CLAIMS = (")
    for budget, old in (("PAPER", "PAPER = Config("), ("QUICK", "QUICK = replace(LAPTOP, ")):
        with pytest.raises(ValueError, match=f"is no study: {budget} holds {words}") as told:
            study_named(mine(kinds, (old, f"{old}decays={given}, ".replace("(, ", "("))))
        assert "\n" not in str(told.value)


def test_a_config_may_have_derived_values(mine):
    more = (
        "    seeds: tuple",
        "    @property\n    def twice(self):\n        return 2 * self.margin\n\n"
        "    @staticmethod\n    def one():\n        return 1\n\n    seeds: tuple",
    )
    assert study_named(mine(more)).budgets["paper"].twice == 0.02


def test_a_budget_that_is_unknown_gets_the_nearest_named():
    study = study_of(distance_from_start)
    with pytest.raises(ValueError, match="no budget 'lptop': did you mean 'laptop'"):
        config_of(study, "lptop")


@pytest.mark.parametrize(
    ("seeds", "words"),
    [((0, 1, 0), "holds 0 twice"), ((), "at least one"), ((-1,), ">= 0"), ((1.0,), "whole")],
)
def test_seeds_are_whole_and_each_once(seeds, words):
    with pytest.raises(ValueError, match=words):
        config_of(study_of(distance_from_start), "quick", seeds)


def test_given_seeds_replace_the_budgets_own():
    study = study_of(distance_from_start)
    assert config_of(study, "quick", (7, 8)).seeds == (7, 8)
    assert config_of(study, "quick") is study.budgets["quick"]
