"""Options that commands share: the recipe's are all there."""

from dataclasses import fields

import pytest

from surfeit.cli.recipes import RecipeOptions
from surfeit.data import SOURCES
from surfeit.models import MODELS
from surfeit.store import Store
from surfeit.train import Recipe

from .conftest import call

NOT_OFFERED: set[str] = set()


def test_what_a_recipe_holds_can_be_given():
    offered = {field.name for field in fields(RecipeOptions)}
    assert offered == {field.name for field in fields(Recipe)} - NOT_OFFERED


def test_options_of_a_recipe_reach_it(tmp_path):
    flags = "--critical-share 0.5 --targeted-dropout 0.3 --targeted-share 0.4"
    flags += " --targeted-granularity unit --model mlp-6 --steps 2 --quiet"
    assert call("train", *flags.split(), "--root", tmp_path) == 0
    (run,) = Store(tmp_path).runs()
    recipe = run.identity["config"]["recipe"]
    assert (recipe["critical_share"], recipe["targeted_dropout"]) == (0.5, 0.3)
    assert (recipe["targeted_share"], recipe["targeted_granularity"]) == (0.4, "unit")


def test_noise_of_a_recipe_reaches_it_and_is_no_noise_of_the_data(tmp_path):
    flags = "--input-noise 0.1 --weight-noise 0.2 --batch-label-noise 0.3 --drop-connect 0.4"
    flags += " --max-norm 5 --model mlp-6 --steps 2 --quiet"
    assert call("train", *flags.split(), "--root", tmp_path) == 0
    (run,) = Store(tmp_path).runs()
    recipe = run.identity["config"]["recipe"]
    given = ("input_noise", "weight_noise", "label_noise", "drop_connect", "max_norm")
    assert [recipe[name] for name in given] == [0.1, 0.2, 0.3, 0.4, 5.0]
    assert run.about["data"] == "digits"


@pytest.mark.parametrize("command", ["train", "tickets", "instability", "supermasks"])
def test_help_names_all_models_and_data_sets(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert call(command, "--help") == 0
    printed = capsys.readouterr().out
    for name in [*MODELS, *(source.name for source in SOURCES)]:
        assert name in printed
