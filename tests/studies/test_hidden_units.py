"""Claims G11a to G11d on planted tables; dead units against networks that are made to have some."""

from dataclasses import replace
from itertools import product

import pyarrow as pa
import pytest
import torch
from tests.studies.conftest import plant
from tests.studies.planted import rulings
from torch import nn

from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.models import builder_named
from surfeit.store import Store
from surfeit.studies import _hidden_units as units
from surfeit.studies import hidden_units as study

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
RULINGS = ("supported", "contradicted", "inconclusive")


def _table(**planted):
    """What the claims say, but for what is planted by kind: shares at the large rate, or steps."""
    rows = [
        _row("tuning", kind, rate, seed, steps=100 + 10 * at)
        for (at, rate), kind, seed in product(enumerate(CONFIG.rates), CONFIG.kinds, CONFIG.tuning)
    ]
    for number, kind in enumerate(CONFIG.kinds):
        dead = plant(0.5 if kind == "relu" else 0.05, 0.02, SEEDS, number)
        dead = planted.get(f"dead_{kind}", dead)
        steps = plant(400 if kind in study.SMOOTH else 100, 5, SEEDS, number + 20)
        steps = planted.get(f"steps_{kind}", steps)
        for at, seed in enumerate(CONFIG.seeds):
            own = planted.get("own", [0.01] * SEEDS)[at]
            rows.append(_row("own", kind, 3e-4, seed, steps=steps[at], dead_after=own))
            rows.append(_row("large", kind, 3e-2, seed, steps=None, dead_after=dead[at]))
    return pa.Table.from_pylist(rows)


def _row(part, kind, rate, seed, *, steps, dead_after=0.0):
    return {
        "part": part,
        "kind": kind,
        "rate": rate,
        "seed": seed,
        "steps": steps,
        "limit": 1000,
        "dead_before": 0.005,
        "dead_after": dead_after,
        "run": "key",
    }


def _planted(claim, ruling):
    """What decides a claim, so that it is ruled so."""
    at = RULINGS.index(ruling)
    if claim == "G11a":  # other kinds keep less than any of these
        shares = plant((0.5, 0.2, 0.3)[at], (0.02, 0.01, 0.02)[at], SEEDS, 99)
        return {"dead_relu": shares, "own": [0.01 if at == 0 else 0.3] * SEEDS}
    if claim == "G11b":
        return {"dead_prelu": plant((0.05, 0.8, 0.5)[at], 0.05, SEEDS, 2)}
    if claim == "G11c":
        return {"steps_radial": plant((400.0, 50.0, 100.0)[at], 5.0, SEEDS, 3)}
    if claim == "G11d":
        return {"steps_maxout": plant((100.0, 200.0, 125.0)[at], 5.0, SEEDS, 4)}
    raise AssertionError(claim)


@pytest.mark.parametrize("ruling", RULINGS)
@pytest.mark.parametrize("claim", [claim.id for claim in study.CLAIMS])
def test_verdicts_of_planted_tables(claim, ruling):
    found = rulings(study.verdicts(_table(**_planted(claim, ruling)), CONFIG))
    assert found.pop(claim) == ruling
    assert set(found.values()) == {"supported"}


def test_units_that_were_dead_before_the_training_have_not_died():
    rows = _table().to_pylist()
    for row in rows:
        row["dead_before"] = 0.6 + 0.001 * row["seed"]
    found = study.verdicts(pa.Table.from_pylist(rows), CONFIG)
    assert rulings(found)["G11a"] == "contradicted"


def test_a_loss_that_was_not_reached_bounds_the_steps_or_decides_nothing():
    late = [None] * SEEDS
    found = study.verdicts(_table(steps_sigmoid=late, steps_prelu=late), CONFIG)
    assert rulings(found)["G11c"] == "supported"
    assert "at least 1,000 (sigmoid)" in found[2].says
    assert rulings(found)["G11d"] == "inconclusive"


def test_the_rate_that_suits_is_that_of_the_fewest_validation_steps(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    tuned = [
        _row("tuning", "relu", rate, seed, steps=steps)
        for rate, both in ((0.1, (50, None)), (0.01, (60, 70)), (0.001, (500, 500)))
        for seed, steps in zip((50, 51), both, strict=True)
    ]
    assert study.own_rate(tuned, "relu", lab) == 0.01


def test_the_figure_shows_each_kind_in_each_panel():
    tuning, steps, dead = study.figure(_table()).axes
    assert [line.get_label() for line in tuning.lines][:2] == ["ReLU", "leaky ReLU"]
    assert len(steps.get_xticks()) == len(dead.get_xticks()) == len(CONFIG.kinds)
    assert dead.get_ylim()[1] > 1


def test_the_table_has_a_row_a_training_at_the_rate_that_was_tuned(tmp_path):
    recipe = replace(study.QUICK.recipe, epochs=1)
    config = replace(
        study.QUICK, recipe=recipe, images=60, kinds=("relu", "maxout"), seeds=(0, 4), loss=9.0
    )
    rows = list(study.rows(config, Lab(Store(tmp_path), engine=InProcess())))
    assert len({tuple(row) for row in rows}) == 1
    assert [row["part"] for row in rows] == ["tuning"] * 4 + ["own"] * 4 + ["large"] * 4
    assert {row["rate"] for row in rows if row["part"] == "large"} == {config.large}
    assert {row["limit"] for row in rows} == {1}
    assert len({row["run"] for row in rows if row["part"] == "large"}) == 4


@pytest.mark.parametrize("kind", study.KINDS)
def test_no_unit_is_dead_in_a_new_network_and_all_are_where_nothing_is_read(kind):
    model = builder_named(CONFIG.model(kind))(input_shape=(6,), classes=3)
    inputs = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    # One ReLU in a hundred may be off for all inputs of so few.
    assert units.dead_share(model, inputs) < 0.05
    assert units.dead_share(model, inputs[:1].expand(5, 6)) == 1


def test_dead_units_are_those_whose_output_is_one_number():
    model = builder_named("mlp-4-2")(input_shape=(3,), classes=2)
    first, second = model.fc1, model.fc2
    with torch.no_grad():
        first.bias[0] = -100.0  # never positive
        first.weight[1] = 0.0  # whatever it reads, it gives its bias
        first.bias[1:] = 50.0  # the others are always on, and vary
        second.weight.fill_(1.0)
        second.bias[:] = torch.tensor([0.0, -1e6])
    inputs = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    assert units.dead_share(model, inputs) == pytest.approx(3 / 6)


def test_leaky_units_that_are_never_positive_are_alive_and_saturated_sigmoids_dead():
    inputs = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    shares = {}
    for kind in ("relu", "leaky-relu", "sigmoid", "absolute"):
        model = builder_named("mlp-4" + (f"-{kind}" if kind != "relu" else ""))(
            input_shape=(3,), classes=2
        )
        with torch.no_grad():
            model.fc1.bias.fill_(-100.0)
        shares[kind] = units.dead_share(model, inputs)
    assert shares == {"relu": 1, "leaky-relu": 0, "sigmoid": 1, "absolute": 0}


def test_whether_units_are_dead_takes_hidden_units_and_inputs():
    with pytest.raises(ValueError, match="takes a hidden layer, and the network has none"):
        units.dead_share(nn.Sequential(nn.Flatten(), nn.Linear(3, 2)), torch.zeros(4, 3))
    with pytest.raises(ValueError, match="takes two inputs or more, got 1"):
        units.dead_share(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)), torch.zeros(1, 3))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kinds": ("tanh", "relu")}, "kinds must begin with 'relu' and be of relu, leaky-relu, "),
        ({"kinds": ("relu", "swish")}, "kinds must begin with 'relu' and be of relu, leaky-relu, "),
        (
            {"tuning": (0, 50)},
            r"tuning must be seeds that are not judged, one or more, got \(0, 50",
        ),
        ({"tuning": ()}, r"tuning must be seeds that are not judged, one or more, got \(\)"),
        ({"rates": (0.1, -1.0)}, "a rate must be above 0 and finite, got -1"),
        ({"loss": 0.0}, "loss must be above 0 and finite, got 0"),
        ({"watched": 0}, "watched must be a whole number of at least 1, got 0"),
        (
            {"recipe": replace(CONFIG.recipe, evaluate_every=None)},
            "the recipe must have evaluate_every: steps are told by it",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_configuration(change, words):
    with pytest.raises(ValueError, match=words):
        replace(study.PAPER, **change)
