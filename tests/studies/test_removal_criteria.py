"""Claims B1 to B4 and each criterion against random removal, on planted tables."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch

from surfeit.core import Streams
from surfeit.data import load
from surfeit.models import Structure, mlp
from surfeit.prune import CRITERIA, removal_order
from surfeit.studies import removal_criteria as study

SPREAD = (-1.0, 0.7, 0.1, -0.5, 0.9)
UNITS = 30
HOLDS = {
    "fc1": {"magnitude": 10, "random": 50, "frame_potential most": 90, "others": 40},
    "conv fc1": {"random": 40, "magnitude most": 176, "others": 0.5},
    "conv1": {"magnitude": 10, "random": 50},
}
FAILS = {
    "fc1": {"magnitude": 60, "random": 50, "frame_potential most": 50, "others": 70},
    "conv fc1": {"random": 0.1, "magnitude most": 0, "others": 40},
    "conv1": {"magnitude": 60, "random": 50},
}
DOUBTFUL = {
    "fc1": {"magnitude": 40, "random": 50, "frame_potential most": 80, "others": 45},
    "conv fc1": {"random": 2, "magnitude most": 170, "others": 2},
    "conv1": {"magnitude": 48, "random": 50},
}
CONFIG = replace(
    study.QUICK,
    dense=replace(study.QUICK.dense, model="dense"),
    conv=replace(study.QUICK.conv, model="conv"),
    seeds=(0, 1, 2, 3, 4),
)


def planted(losses, jitter):
    """Accuracy falls by `loss · removed / units` points, and by a seed's own share of `jitter`."""
    rows = []
    for place, network in (
        ("fc1", CONFIG.dense),
        ("conv fc1", CONFIG.conv),
        ("conv1", CONFIG.conv),
    ):
        layer = place.split()[-1]
        ways = [(name, way, 0) for name in network.criteria_of(layer) for way in ("least", "most")]
        ways += [("random", None, 0), ("random", None, 1)]
        for number, (name, way, repeat) in enumerate(ways):
            own = losses[place]
            loss = own.get(name if way != "most" else f"{name} most", own.get("others", 60))
            for seed in CONFIG.seeds:
                spread = (
                    -SPREAD[::-1][seed] if name == "random" else SPREAD[seed] * (1 + number / 9)
                )
                for removed in range(UNITS + 1):
                    share = removed / UNITS
                    rows.append(
                        {
                            "model": network.model,
                            "data": network.data,
                            "layer": layer,
                            "seed": seed,
                            "criterion": name,
                            "remove": way,
                            "repeat": repeat,
                            "removed": removed,
                            "accuracy": 0.98 - (loss + jitter * spread) * share / 100,
                            "guessing": 0.1,
                            "run": "0" * 64,
                        }
                    )
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("losses", "jitter", "ruling"),
    [(HOLDS, 0.1, "supported"), (FAILS, 0.1, "contradicted"), (DOUBTFUL, 60, "inconclusive")],
)
def test_verdicts_of_planted_tables(losses, jitter, ruling):
    found = study.verdicts(planted(losses, jitter), CONFIG)
    assert {one.claim: one.ruling for one in found} == {claim.id: ruling for claim in study.CLAIMS}
    assert all(one.n == 5 and one.says for one in found)


def test_effects_are_in_points_of_accuracy():
    found = {one.claim: one for one in study.verdicts(planted(HOLDS, 0.1), CONFIG)}
    assert found["B1a"].effect == pytest.approx(15.0, abs=0.1)  # (40 − 10) / 2: the mean share
    assert found["B1c"].effect == pytest.approx(40 / 3, abs=0.1)
    assert found["B2b"].effect == pytest.approx(40 / 3, abs=0.1)
    assert found["B3b"].effect == pytest.approx(20.0, abs=0.7)
    assert found["BR-fpgm"].effect == pytest.approx(5.0, abs=0.1)


def test_the_figure_has_a_panel_a_layer_and_stars_where_the_report_has_points():
    drawn = study.figure(planted(HOLDS, 1.0))
    assert [panel.get_title(loc="left") for panel in drawn.axes if panel.get_visible()] == [
        "dense, digits, fc1",
        "conv, digits, fc1",
        "conv, digits, conv1",
    ]
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert "fpgm" in labels
    assert not any("published" in label for label in labels)
    report = [
        row | {"model": "lenet-300-100", "data": "mnist"} for row in planted(HOLDS, 1.0).to_pylist()
    ]
    labels = study.figure(pa.Table.from_pylist(report)).legends[0].get_texts()
    assert any("published" in label.get_text() for label in labels)


def test_orders_are_those_of_the_criteria_and_of_the_scores():
    dataset = load("digits")
    model = mlp((12, 5), input_shape=(1, 8, 8), generator=Streams(1).get("init"))
    structure = Structure.of(model, dataset.train.inputs[:1])
    orders = study.orders_of(
        model,
        "fc1",
        structure,
        dataset,
        by=("magnitude", "fpgm"),
        repeats=2,
        streams=Streams(3),
    )
    weight = model.fc1.weight
    assert torch.equal(
        orders["magnitude", "most", 0], removal_order(weight, CRITERIA["magnitude"], "most")
    )
    apart = torch.cdist(weight.double(), weight.double()).sum(dim=1)
    assert orders["fpgm", "least", 0].tolist() == apart.argsort().tolist()
    assert orders["fpgm", "most", 0].tolist() == apart.argsort(descending=True).tolist()
    for repeat in range(2):  # as `surfeit prune` draws them
        drawn = Streams(3).get("removal", "fc1", repeat)
        expected = removal_order(weight, CRITERIA["random"], generator=drawn)
        assert torch.equal(orders["random", None, repeat], expected)
    assert all(sorted(order.tolist()) == list(range(12)) for order in orders.values())
