"""Recipes: every refusal, the report's own, and that each field is in the key."""

import math
from dataclasses import fields, replace

import pytest

from surfeit.store import canonical_json
from surfeit.train import REPORT_RECIPES, Recipe, Snapshots, report_recipe
from surfeit.train.optimisers import rate


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lenet-300-100", {"steps": 50_000, "batch_size": 64, "lr": 3e-3, "momentum": 0.9}),
        ("conv-2", {"steps": 20_000, "batch_size": 64, "lr": 2e-4, "optimizer": "adam"}),
        ("conv-4", {"steps": 25_000, "batch_size": 64, "lr": 3e-4, "optimizer": "adam"}),
        ("conv-6", {"steps": 40_000, "batch_size": 60, "lr": 3e-4, "optimizer": "adam"}),
        ("vgg19-bn", {"steps": 112_000, "batch_size": 64, "lr": 0.1, "momentum": 0.9}),
    ],
)
def test_report_recipes_are_those_of_figure_1(name, expected):
    found = report_recipe(name)
    if name == "vgg19-bn":
        found = replace(found, schedule="constant", milestones=())
    assert found == replace(Recipe(steps=1), **expected)


def test_report_recipe_of_vgg_falls_by_ten_twice():
    found = REPORT_RECIPES["vgg19-bn"]
    rates = sorted({round(rate(found, step, 112_000), 9) for step in range(0, 112_000, 500)})
    assert rates == [0.001, 0.01, 0.1]
    with pytest.raises(ValueError, match="did you mean 'conv-2'"):
        report_recipe("conv-22")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizer": "adan"}, "no optimizer 'adan': did you mean 'adam'"),
        ({"schedule": "cosin"}, "no schedule 'cosin': did you mean 'cosine'"),
        ({"augmentation": "flip"}, "no augmentation 'flip'"),
        ({"epochs": 0}, "epochs must be an integer >= 1, got 0"),
        ({"steps": 1.5}, "steps must be an integer >= 1, got 1.5"),
        ({"steps": True}, "steps must be an integer >= 1, got True"),
        ({"batch_size": None}, "batch_size must be an integer >= 1, got None"),
        ({"patience": 0}, "patience must be an integer >= 1"),
        ({"evaluate_every": 0}, "evaluate_every must be an integer >= 1, got 0"),
        ({"augmentation_pixels": 0}, "augmentation_pixels must be an integer >= 1"),
        ({"lr": 0}, "lr must be > 0, got 0"),
        ({"lr": math.nan}, "lr must be > 0, got nan"),
        ({"lr": math.inf}, "lr must be > 0, got inf"),
        ({"lr": "0.1"}, "lr must be > 0, got '0.1'"),
        ({"epsilon": -1e-8}, "epsilon must be > 0"),
        ({"clip_norm": 0.0}, "clip_norm must be > 0"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"beta1": -0.1}, r"beta1 must be in \[0, 1\)"),
        ({"beta2": 1}, r"beta2 must be in \[0, 1\)"),
        ({"alpha": 1}, r"alpha must be in \[0, 1\)"),
        ({"decay": 0}, r"decay must be in \(0, 1\], got 0"),
        ({"weight_decay": -1}, "weight_decay must be >= 0, got -1"),
        ({"l1": math.inf}, "l1 must be >= 0"),
        ({"warmup_steps": 2.5}, "warmup_steps must be an integer >= 0, got 2.5"),
        ({"warmup_steps": -1}, "warmup_steps must be an integer >= 0"),
        ({"nesterov": 1, "momentum": 0.9}, "nesterov must be True or False, got 1"),
        ({"epochs": 1, "steps": 2}, "give epochs or steps .* got 1 and 2"),
        ({"schedule": "steps", "milestones": (5, 3)}, "ascending steps >= 1, got"),
        ({"schedule": "steps", "milestones": (0,)}, "ascending steps >= 1"),
        ({"schedule": "steps", "milestones": (1.5,)}, "ascending steps >= 1"),
        ({"schedule": "steps", "milestones": 3}, "ascending steps >= 1, got 3"),
        ({"optimizer": "adam", "momentum": 0.9}, "adam takes no momentum, got 0.9"),
        ({"nesterov": True}, "nesterov needs optimizer='sgd' and a momentum"),
        ({"milestones": (3,)}, "the schedule 'steps', and no other, needs milestones"),
        ({"schedule": "steps"}, "needs milestones"),
        ({"decay_steps": 3}, "the schedule 'inverse', and no other, needs decay_steps"),
        ({"schedule": "inverse"}, "needs decay_steps"),
        ({"critical_share": 0}, r"critical_share must be in \(0, 1\], got 0"),
        ({"critical_share": 1.5}, r"critical_share must be in \(0, 1\], got 1.5"),
        ({"targeted_dropout": -0.1}, r"targeted_dropout must be in \[0, 1\], got -0.1"),
        ({"targeted_share": 1.0}, r"targeted_share must be in \[0, 1\), got 1.0"),
        ({"targeted_granularity": "units"}, "no targeted_granularity 'units': did you mean 'unit'"),
        ({"targeted_dropout": 0.5}, "needs both a rate and a share above 0"),
        ({"targeted_share": 0.5}, "got targeted_dropout=0.0 and targeted_share=0.5"),
        ({"targeted_granularity": "unit"}, "it needs its rate"),
        ({"input_noise": -0.1}, "input_noise must be >= 0, got -0.1"),
        ({"weight_noise": math.inf}, "weight_noise must be >= 0, got inf"),
        ({"weight_noise": None}, "weight_noise must be >= 0, got None"),
        ({"label_noise": 1.1}, r"label_noise must be in \[0, 1\], got 1.1"),
        ({"drop_connect": 1.0}, r"drop_connect must be in \[0, 1\), got 1.0"),
        ({"drop_connect": math.nan}, r"drop_connect must be in \[0, 1\), got nan"),
        ({"max_norm": 0.0}, "max_norm must be > 0, got 0.0"),
    ],
)
def test_recipe_error_says_what_was_given_and_what_is_allowed(options, words):
    with pytest.raises(ValueError, match=words):
        Recipe(**options)


CHANGES = {
    "optimizer": "adam",
    "lr": 0.2,
    "momentum": 0.5,
    "nesterov": True,
    "beta1": 0.8,
    "beta2": 0.9,
    "alpha": 0.9,
    "epsilon": 1e-7,
    "epochs": 3,
    "steps": 7,
    "batch_size": 64,
    "schedule": "cosine",
    "milestones": (5,),
    "decay": 0.5,
    "decay_steps": 9,
    "warmup_steps": 4,
    "weight_decay": 1e-4,
    "l1": 1e-4,
    "clip_norm": 1.0,
    "patience": 3,
    "augmentation": "shift",
    "augmentation_pixels": 2,
    "evaluate_every": 10,
    "critical_share": 0.6,
    "targeted_dropout": 0.5,
    "targeted_share": 0.5,
    "targeted_granularity": "unit",
    "input_noise": 0.1,
    "weight_noise": 0.1,
    "label_noise": 0.1,
    "drop_connect": 0.5,
    "max_norm": 2.0,
}
NEEDS = {
    "nesterov": {"momentum": 0.5},
    "steps": {"epochs": None},
    "milestones": {"schedule": "steps"},
    "decay_steps": {"schedule": "inverse"},
    "targeted_dropout": {"targeted_share": 0.25},
    "targeted_share": {"targeted_dropout": 0.25},
    "targeted_granularity": {"targeted_dropout": 0.25, "targeted_share": 0.25},
}


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe)])
def test_a_change_in_any_field_changes_the_key(name):
    needs = NEEDS.get(name, {})
    changed = Recipe(**({"epochs": 40} | needs | {name: CHANGES[name]}))
    assert canonical_json(changed) != canonical_json(Recipe())
    if name in ("nesterov", "targeted_granularity"):
        assert canonical_json(changed) != canonical_json(Recipe(**needs))


LATER = ("critical_share", "targeted_dropout", "targeted_granularity", "input_noise")
LATER += ("weight_noise", "label_noise", "drop_connect", "max_norm")


@pytest.mark.parametrize("name", LATER)
def test_options_that_came_later_are_not_in_the_keys_of_recipes_without_them(name):
    assert name not in canonical_json(Recipe())


def test_the_key_of_a_recipe_is_what_it_was():
    """As of version 0.1: whatever comes later must not change the keys of runs that are there."""
    assert canonical_json(Recipe()) == (
        '{"alpha":0.99,"augmentation":null,"augmentation_pixels":4,"batch_size":128,"beta1":0.9,'
        '"beta2":0.999,"clip_norm":null,"decay":0.1,"decay_steps":null,"epochs":40,'
        '"epsilon":1e-08,"l1":0.0,"lr":0.1,"milestones":[],"momentum":0.0,"nesterov":false,'
        '"optimizer":"sgd","patience":null,"schedule":"constant","steps":null,"warmup_steps":0,'
        '"weight_decay":0.0}'
    )


def test_steps_and_epochs_count_the_ragged_batch():
    assert Recipe(batch_size=12, epochs=3).steps_per_epoch(50) == 5
    assert Recipe(batch_size=12, epochs=3).total_steps(50) == 15
    assert Recipe(batch_size=12, steps=7).total_steps(50) == 7
    assert Recipe().epochs == 40


@pytest.mark.parametrize("step", [0, 1, 9, 10, 11, 49, 99])
def test_schedules_have_their_closed_forms(step):
    def at(**options):
        return rate(Recipe(lr=0.5, **options), step, 100)

    assert at() == 0.5
    assert at(schedule="cosine") == pytest.approx(0.5 * math.cos(math.pi * step / 200) ** 2)
    assert at(schedule="inverse", decay_steps=10) == pytest.approx(5 / (10 + step))
    milestones = {"schedule": "steps", "milestones": (10, 50), "decay": 0.1}
    assert at(**milestones) == pytest.approx(0.5 if step < 10 else 0.05 if step < 50 else 0.005)
    assert at(warmup_steps=10) == pytest.approx(0.5 * min(1, (step + 1) / 10))
    assert at(warmup_steps=10, schedule="cosine") == pytest.approx(
        at(schedule="cosine") * min(1, (step + 1) / 10)
    )


def test_snapshot_steps_are_epochs_and_log_spaced_ones():
    assert Snapshots().steps(13, 5) == [0, 5, 10, 13]
    assert Snapshots(every_epochs=2).steps(20, 5) == [0, 10, 20]
    assert Snapshots(every_epochs=0).steps(20, 5) == [0, 20]
    assert Snapshots(every_epochs=0, per_decade=1).steps(1000, 5) == [0, 1, 10, 100, 1000]
    assert Snapshots(every_epochs=0, per_decade=3).steps(30, 5) == [0, 1, 2, 5, 10, 22, 30]
    with pytest.raises(ValueError, match="must be >= 0, got -1 and 0"):
        Snapshots(every_epochs=-1)
