"""Budgets differ in size; one that trains by another method is refused, unless it says why."""

import json
from dataclasses import dataclass, replace

import pytest

from surfeit.core import StoreError
from surfeit.lab import run_study, study_named, study_names
from surfeit.lab.markdown import as_markdown
from surfeit.lab.page import as_page
from surfeit.lab.results import read_result
from surfeit.lab.scoreboard import scoreboard
from surfeit.lab.substitutes import checked_substitutes, method_changes, substitutes_of
from surfeit.train import Recipe

from .files import TINY

_SGD = Recipe(lr=0.1, epochs=2)
_MASKS = Recipe(lr=100.0, momentum=0.9, epochs=2)


@dataclass(frozen=True, kw_only=True)
class Masks:
    learned: Recipe = _MASKS
    popup: Recipe | None = None


@dataclass(frozen=True, kw_only=True)
class Config:
    model: str = "lenet-300-100"
    recipe: Recipe = _SGD
    arms: tuple[Recipe, ...] = ()
    by_name: dict[str, Recipe] | None = None
    masks: Masks = Masks()


PAPER = Config()
ADAM = Recipe(optimizer="adam", lr=1e-3, epochs=2)


def budgets(laptop=PAPER, quick=PAPER):
    return {"paper": PAPER, "laptop": laptop, "quick": quick}


@pytest.mark.parametrize(
    "smaller",
    [
        replace(PAPER, recipe=replace(PAPER.recipe, epochs=1)),
        replace(PAPER, recipe=replace(PAPER.recipe, lr=0.01, batch_size=60)),
        replace(PAPER, model="mlp-8"),
        replace(PAPER, masks=Masks(learned=replace(PAPER.masks.learned, epochs=1))),
    ],
)
def test_a_smaller_training_by_the_same_method_needs_no_word(smaller):
    assert method_changes(PAPER, smaller) == {}
    assert checked_substitutes("s", budgets(smaller), {}) == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer": "adam"}, "optimizer 'sgd' to 'adam'"),
        ({"momentum": 0.9}, "momentum 0.0 to 0.9"),
        ({"schedule": "cosine"}, "schedule 'constant' to 'cosine'"),
        ({"weight_decay": 1e-4}, "weight_decay 0.0 to 0.0001"),
        ({"augmentation": "shift"}, "augmentation None to 'shift'"),
        ({"l1": 1e-4}, "l1 0.0 to 0.0001"),
    ],
)
def test_another_method_is_named(changes, said):
    other = replace(PAPER, recipe=replace(PAPER.recipe, **changes))
    assert method_changes(PAPER, other) == {"recipe": said}


def test_another_method_is_seen_in_configurations_tuples_and_mappings():
    paper = replace(PAPER, arms=(PAPER.recipe,), by_name={"a": PAPER.recipe})
    other = Config(arms=(ADAM, ADAM), by_name={"a": ADAM}, masks=Masks(learned=ADAM, popup=ADAM))
    assert set(method_changes(paper, other)) == {"arms", "by_name", "masks"}
    assert "a recipe or none" in method_changes(paper, other)["masks"]


def test_another_method_is_refused_unless_declared():
    laptop = replace(PAPER, model="mlp-8", recipe=ADAM)
    with pytest.raises(ValueError, match=r"method of recipe under the budget laptop \(optimizer"):
        checked_substitutes("s", budgets(laptop), {})
    declared = checked_substitutes("s", budgets(laptop), {"recipe": "Adam,\n  for mlp-8"})
    assert declared == {"recipe": "Adam, for mlp-8"}
    assert substitutes_of(budgets(laptop), declared, "laptop") == declared
    assert substitutes_of(budgets(laptop), declared, "paper") == {}


def test_a_quick_budget_may_train_otherwise_on_other_networks_alone():
    small = replace(PAPER, model="mlp-8", recipe=ADAM)
    assert checked_substitutes("s", budgets(quick=small), {}) == {}
    with pytest.raises(ValueError, match="under the budget quick"):
        checked_substitutes("s", budgets(quick=replace(PAPER, recipe=ADAM)), {})
    both = budgets(laptop=small, quick=small)
    assert substitutes_of(both, {"recipe": "for mlp-8"}, "quick") == {}


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"recipes": "Adam"}, "no field of Config 'recipes': did you mean 'recipe'"),
        ({"recipe": " "}, "must say what takes the place of recipe, and why"),
        ({"recipe": 3}, "must say what takes the place of recipe, and why"),
        (("recipe",), "must be a dict of reasons by field of Config"),
        ({"masks": "Adam"}, "SUBSTITUTES explains masks, whose method is the published one"),
    ],
)
def test_what_is_declared_is_checked(declared, said):
    with pytest.raises(ValueError, match=said):
        checked_substitutes("s", budgets(), declared)


def test_a_result_keeps_it_and_the_scoreboard_shows_it(mine, lab):
    sgd = "Recipe(lr=0.1, batch_size=60, epochs=1)"
    path = mine(
        ("PAPER = Config()", 'SUBSTITUTES = {"recipe": "SGD <b>, to be seen"}\nPAPER = Config()'),
        ('"mnist"', "POOL_DATA"),
        ('"lenet-300-100"', '"mlp-4"'),
        (
            "replace(LAPTOP, data=POOL_DATA, model=POOL_MODEL, recipe=POOL_RECIPE)",
            f"replace(LAPTOP, recipe={sgd})",
        ),
    )
    result = run_study(path, lab=lab)
    assert read_result(result.folder).substitutes == {"recipe": "SGD <b>, to be seen"}
    (line,) = scoreboard([study_named(path)], [result])
    assert line.substitutes == "recipe: SGD <b>, to be seen"
    assert "Not as published, recipe: SGD &lt;b&gt;, to be seen." in as_page([line])
    assert "Not as published: quick budget, recipe: SGD \\<b\\>, to be seen." in as_markdown([line])


def test_an_older_result_has_none(mine, lab):
    result = run_study(mine(*TINY), lab=lab)
    record = result.folder / "verdicts.json"
    kept = json.loads(record.read_text())
    del kept["substitutes"]
    record.write_text(json.dumps(kept))
    assert read_result(result.folder).substitutes == {}
    record.write_text(json.dumps(kept | {"substitutes": ["recipe"]}))
    with pytest.raises(StoreError, match="substitutes are no texts"):
        read_result(result.folder)


def test_every_study_of_the_library_declares_what_it_substitutes():
    """No reason is left over from a recipe that is gone."""
    studies = [study_named(name) for name in study_names()]
    declared = {study.name: study.substitutes for study in studies if study.substitutes}
    assert "masks" in declared["supermasks"]
    for study in studies:
        laptop = method_changes(study.budgets["paper"], study.budgets["laptop"])
        assert set(laptop) == set(study.substitutes)
