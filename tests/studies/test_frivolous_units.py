"""Claims E5a to E5e on planted tables, and what is measured of a hidden layer."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from tests.studies.conftest import plant_three
from tests.studies.planted import rulings

from surfeit.core import Streams, evaluate
from surfeit.execute import InProcess
from surfeit.lab import POOL_DATA, Lab
from surfeit.models.networks import mlp
from surfeit.prune import removable
from surfeit.similarity import correlated_others
from surfeit.store import Store
from surfeit.studies import _frivolous_units as measuring
from surfeit.studies import frivolous_units as study
from surfeit.studies import width as by_width
from surfeit.train import Recipe

CONFIG = replace(study.PAPER, widths=(10, 20, 40, 80))
FITTED = (20, 40, 80)
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
GROWING = ("robustness", "can_go", "redundant_95", "redundant_80", "combined", "partnered")
MARGINS = {"robustness": CONFIG.answers_margin} | dict.fromkeys(GROWING[1:], CONFIG.margin)


def _grown(name, ruling, seed):
    """By fitted width the share of a seed, whose growth leads to the ruling."""
    gained = plant_three(MARGINS[name], 0.01, SEEDS)[ruling][seed]
    return {20: 0.3, 40: 0.3 + gained / 2, 80: 0.3 + gained}


def _row(width, seed, state, shares):
    """A row with these shares, which need not be whole numbers of units."""
    live = float(width)
    kept = {f"same_{sixth}": shares["robustness"] for sixth in range(7)}
    return {
        "width": width,
        "seed": seed,
        "train_error": 0.0 if width in FITTED else 0.01,
        "test_error": 0.05,
        "state": state,
        "live": live,
        "dead": 0,
        "components_95": (1 - shares["redundant_95"]) * live,
        "components_80": (1 - shares["redundant_80"]) * live,
        "others": 0.1 * (live - 1),
        "partnered": shares["partnered"] * live,
        "combined": shares["combined"] * live,
        "explained": shares["combined"],
        "selectivity": 0.4,
        **(kept if state != "shuffled" else dict.fromkeys(kept)),
        **{f"right_{sixth}": 0.5 if state == "trained" else None for sixth in range(7)},
        "can_go": shares["can_go"] * width if state == "trained" else None,
        "can_go_surely": None,
        "can_go_random": 0.1 * width if state == "trained" else None,
        "run": "0" * 64,
    }


def _table(changed=None, null=None):
    """All claims hold, but for `{name: ruling}`.

    Args:
        changed: by name of a share, how its growth is to be ruled.
        null: by name, how much of the growth shuffled outputs have as well.
    """
    rows = []
    for seed in CONFIG.seeds:
        grown = {
            name: _grown(name, (changed or {}).get(name, "supported"), seed) for name in GROWING
        }
        for width in CONFIG.widths:
            at = {name: values.get(width, 0.9) for name, values in grown.items()}
            also = {name: share * (at[name] - 0.3) for name, share in (null or {}).items()}
            rows += [
                _row(width, seed, "trained", at),
                _row(width, seed, "start", dict.fromkeys(GROWING, 0.2)),
                _row(width, seed, "shuffled", dict.fromkeys(GROWING, 0.0) | also),
            ]
    return pa.Table.from_pylist(rows)


def _rulings(**table):
    return rulings(study.verdicts(_table(**table), CONFIG))


def test_where_all_claims_hold_they_are_supported():
    assert _rulings() == dict.fromkeys(("E5a", "E5b", "E5c", "E5d", "E5e"), "supported")


CLAIM = {
    "robustness": "E5b",
    "can_go": "E5a",
    "redundant_95": "E5c",
    "redundant_80": "E5c",
    "combined": "E5d",
    "partnered": "E5e",
}


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("name", GROWING)
def test_each_share_has_to_grow_by_more_than_its_margin(name, ruling):
    found = _rulings(changed={name: ruling})
    assert found.pop(CLAIM[name]) == ruling
    assert set(found.values()) == {"supported"}


@pytest.mark.parametrize("name", GROWING[2:])
def test_what_shuffled_outputs_gain_as_well_does_not_count(name):
    assert _rulings(null={name: 0.9})[CLAIM[name]] == "contradicted"


def test_growth_from_end_to_end_that_is_no_order_is_undecided():
    """It is enough, but most of it is lost again."""
    rows = _table().to_pylist()
    for row in rows:
        if row["state"] == "trained" and row["width"] == 40:
            row["can_go"] = 0.9 * 40
    found = study.verdicts(pa.Table.from_pylist(rows), CONFIG)[0]
    assert (found.ruling, found.effect) == ("inconclusive", pytest.approx(0.5))
    assert "decided by units that can go: order" in found.doubt


def test_only_widths_that_fit_are_judged_and_told():
    found = study.verdicts(_table(), CONFIG)
    assert all(one.says.startswith("From 20 to 80 units ") for one in found)
    assert "in random order 10.0 % to 10.0 %" in found[0].says
    assert "before training 20.0 % to 20.0 %" in found[1].says


def test_where_no_width_is_beyond_the_one_that_fits_nothing_is_judged():
    rows = [{**row, "train_error": 0.01 * (row["width"] < 80)} for row in _table().to_pylist()]
    table = pa.Table.from_pylist(rows)
    for one in study.verdicts(table, CONFIG):
        assert (one.ruling, one.effect) == ("inconclusive", None)
        assert one.doubt.startswith("there is no width below the largest")
    assert study.figure(table).axes


def test_a_layer_of_dead_units_is_undecided():
    rows = _table().to_pylist()
    dead = {"live": 0.0, "dead": 40, "others": None, "selectivity": None, "explained": None}
    rows = [row | dead if row["width"] == 40 and row["seed"] == 1 else row for row in rows]
    table = pa.Table.from_pylist(rows)
    found = {one.claim: one for one in study.verdicts(table, CONFIG)}
    assert found["E5d"].ruling == "inconclusive"
    assert found["E5d"].says == ""
    assert study.figure(table).axes


def test_the_figure_has_a_panel_for_each_measure_with_its_nulls():
    drawing = study.figure(_table())
    assert [axes.get_title(loc="left") for axes in drawing.axes] == [*study._PANELS.values()]
    labels = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert labels == [
        "after training",
        "before training",
        "images shuffled within units",
        "random order",
        "narrowest that fits all",
    ]
    heights = {
        line.get_label(): line.get_ydata().tolist()
        for line in drawing.axes[7].lines
        if line.get_marker() not in (".", "None")
    }
    assert heights["before training"] == pytest.approx([0.2] * 4)
    assert heights["images shuffled within units"] == pytest.approx([0.0] * 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"widths": (4, 4)}, "widths must be 2 or more whole numbers above 0"),
        ({"orders": 0}, "orders must be a whole number of at least 1, got 0"),
        ({"orders": 1.5}, "orders must be a whole number of at least 1, got 1.5"),
        ({"loss": 0.0}, r"loss must be in \(0, 1\), got 0"),
        ({"correlated": 1.0}, r"correlated must be in \(0, 1\), got 1"),
        ({"explained": float("nan")}, r"explained must be in \(0, 1\), got nan"),
    ],
)
def test_what_cannot_be_measured_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_trainings_are_those_of_the_study_of_widths(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    shared = {name: job.key for name, job in by_width.jobs(by_width.QUICK, lab).items()}
    for name, job in study.jobs(study.QUICK, lab).items():
        assert job.key == shared[name]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small network, its rows, and the data."""
    lab = Lab(Store(tmp_path_factory.mktemp("store")), engine=InProcess())
    recipe = Recipe(optimizer="adam", lr=3e-3, batch_size=60, epochs=3)
    config = replace(study.QUICK, images=200, widths=(6, 12), recipe=recipe, seeds=(1,), orders=2)
    rows = [row for row in study.rows(config, lab) if row["width"] == 12]
    return lab.store.find(rows[0]["run"]), rows, lab.data(POOL_DATA)


def test_a_training_has_a_row_for_each_state(trained):
    _, rows, _ = trained
    assert [row["state"] for row in rows] == ["trained", "start", "shuffled"]
    assert all(row["live"] + row["dead"] == 12 for row in rows)
    assert rows[2]["same_0"] is None
    assert rows[1]["can_go"] is None
    assert rows[0]["live"] == rows[2]["live"]


def test_redundancy_is_that_of_the_hidden_layers_outputs(trained):
    run, rows, data = trained
    for row, step in zip(rows[:2], (None, 0), strict=True):
        network = run.model(step)
        outputs = network.fc1(data.validation.inputs.flatten(1)).relu().detach().numpy().T
        live = np.ptp(outputs, axis=1) > 0
        alike = np.abs(np.corrcoef(outputs[live])) >= 0.5
        others = alike.sum(axis=0) - 1
        assert row["others"] == pytest.approx(others.mean())
        assert row["partnered"] == (others > 0).sum()
        values = np.sort(np.linalg.eigvalsh(np.cov(outputs)))[::-1]
        held = np.cumsum(values) / values.sum()
        assert row["components_95"] == 1 + (held < 0.95).sum()
        assert row["components_80"] == 1 + (held < 0.8).sum()
        inverse = np.linalg.inv(np.corrcoef(outputs[live]))
        count, images = live.sum(), outputs.shape[1]
        explained = 1 - (images - 1) / (images - count) / np.diag(inverse)
        assert row["explained"] == pytest.approx(explained.mean(), rel=1e-4)
        assert row["combined"] == (explained >= 0.95).sum()


def test_knock_outs_are_full_passes_without_the_units(trained):
    run, rows, data = trained
    drawn = Streams(1)
    orders = [torch.randperm(12, generator=drawn.get("orders", one)) for one in range(2)]
    for row, step in zip(rows[:2], (None, 0), strict=True):
        network = run.model(step).double()
        hidden = network.fc1(data.validation.inputs.double().flatten(1)).relu()
        whole = network.fc2(hidden).argmax(1)
        for sixth in range(7):
            same = right = 0.0
            for order in orders:
                kept = hidden.clone()
                kept[:, order[: 2 * sixth]] = 0
                answers = network.fc2(kept).argmax(1)
                same += (answers == whole).double().mean().item() / 2
                right += (answers == data.validation.targets).double().mean().item() / 2
            assert row[f"same_{sixth}"] == pytest.approx(same)
            if step is None:
                assert row[f"right_{sixth}"] == pytest.approx(right)
        assert row["same_0"] == 1
    dense = evaluate(run.model(), run.tensors(), data.validation).accuracy
    assert rows[0]["right_0"] == pytest.approx(dense)


def test_units_that_go_by_chance_are_those_of_random_orders(trained):
    run, rows, data = trained
    network = run.model().double()
    hidden = network.fc1(data.validation.inputs.double().flatten(1)).relu()
    estimates = []
    for one in range(2):
        order = torch.randperm(12, generator=Streams(1).get("orders", one))
        right = []
        for removed in range(13):
            kept = hidden.clone()
            kept[:, order[:removed]] = 0
            answers = network.fc2(kept).argmax(1)
            right.append((answers == data.validation.targets).double().mean())
        estimates.append(removable(torch.stack(right), loss=0.01))
    assert rows[0]["can_go_random"] == sum(estimates) / 2
    assert 0 <= rows[0]["can_go_surely"] <= rows[0]["can_go"] <= 12


def test_dead_units_are_counted_apart():
    network = mlp((6,), input_shape=(1, 4, 4), classes=3)
    with torch.no_grad():
        network.fc1.bias[2] = -100.0
    inputs = torch.rand(50, 1, 4, 4, generator=Streams(0).get("inputs"))
    outputs = measuring.hidden_outputs(network, inputs)
    assert outputs.shape == (6, 50)
    labels = torch.arange(50) % 3
    found = measuring.redundant(outputs, labels, correlated=0.5, explained=0.95)
    assert (found["live"], found["dead"]) == (5, 1)
    without = outputs[[0, 1, 3, 4, 5]]
    same = measuring.redundant(without, labels, correlated=0.5, explained=0.95)
    assert found | {"dead": 0} == same
    nothing = measuring.redundant(0 * outputs, labels, correlated=0.5, explained=0.95)
    assert (nothing["live"], nothing["dead"], nothing["components_95"]) == (0, 6, 0)
    assert nothing["others"] is nothing["selectivity"] is nothing["explained"] is None
    assert nothing["partnered"] == nothing["combined"] == 0


def test_with_few_images_chance_raises_the_least_correlation():
    """Of 45 images most units have one that they are correlated with to 0.3 by chance."""
    outputs = torch.rand(40, 45, generator=Streams(0).get("few"))
    assert (correlated_others(outputs, least=0.3) > 0).sum() > 30
    found = measuring.redundant(outputs, torch.arange(45) % 3, correlated=0.3, explained=0.95)
    assert found["partnered"] == 0
