"""The table of removal curves holds what orders and curves give."""

import pytest
import torch

from surfeit.core import Split, Streams
from surfeit.models import mlp
from surfeit.prune import (
    CRITERIA,
    frame_potential,
    random,
    removal_curve,
    removal_order,
    removal_table,
)
from surfeit.prune.table import SCHEMA

MODEL = mlp((12, 7), input_shape=(1, 4, 4))


def split(n):
    generator = Streams(n).get("images")
    images = torch.randn(n, 1, 4, 4, generator=generator)
    return Split(images, torch.randint(0, 10, (n,), generator=generator))


SPLITS = {"validation": split(60), "test": split(80)}


def curve_of(table, **wanted):
    rows = [row for row in table.to_pylist() if all(row[name] == wanted[name] for name in wanted)]
    assert [row["removed"] for row in rows] == list(range(len(rows)))
    return [row["accuracy"] for row in rows]


def test_table_has_a_row_for_each_point_of_each_curve():
    calls = []
    table = removal_table(
        MODEL,
        "fc1",
        SPLITS,
        streams=Streams(0),
        repeats=3,
        progress=lambda done, total: calls.append((done, total)),
    )
    curves = (2 * 4 + 3) * 2
    assert table.schema == SCHEMA
    assert table.num_rows == curves * 13
    assert calls == [(done, curves) for done in range(curves + 1)]
    assert set(table["units"].to_pylist()) == {12}
    assert set(table["criterion"].to_pylist()) == set(CRITERIA)
    assert set(table["remove"].to_pylist()) == {"least", "most", None}


def test_table_holds_the_curves_of_the_orders():
    criteria = {"angles": frame_potential, "chance": random}
    table = removal_table(MODEL, "fc1", SPLITS, streams=Streams(4), criteria=criteria, repeats=2)
    for name, chosen in SPLITS.items():
        for remove in ("least", "most"):
            order = removal_order(MODEL.fc1.weight, frame_potential, remove)
            expected = removal_curve(MODEL, "fc1", order, chosen).tolist()
            assert curve_of(table, criterion="angles", remove=remove, split=name) == expected
        for repeat in range(2):
            generator = Streams(4).get("removal", "fc1", repeat)
            order = removal_order(MODEL.fc1.weight, random, generator=generator)
            expected = removal_curve(MODEL, "fc1", order, chosen).tolist()
            assert curve_of(table, criterion="chance", repeat=repeat, split=name) == expected


def test_keep_bias_is_passed_on():
    model = mlp((12,), input_shape=(1, 4, 4))
    model.fc1.bias.data.uniform_(1, 2, generator=Streams(0).get("bias"))
    tables = [
        removal_table(model, "fc1", SPLITS, streams=Streams(0), repeats=1, keep_bias=keep)
        for keep in (False, True)
    ]
    assert not tables[0].equals(tables[1])


def test_errors_say_what_is_allowed():
    with pytest.raises(ValueError, match="at least one split and one criterion, got splits"):
        removal_table(MODEL, "fc1", {}, streams=Streams(0))
    with pytest.raises(ValueError, match=r"criteria \[\]"):
        removal_table(MODEL, "fc1", SPLITS, streams=Streams(0), criteria={})
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        removal_table(MODEL, "fc1", SPLITS, streams=Streams(0), repeats=0)
    with pytest.raises(ValueError, match="no layer 'conv1'"):
        removal_table(MODEL, "conv1", SPLITS, streams=Streams(0))
