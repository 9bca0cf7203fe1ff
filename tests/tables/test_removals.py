"""Removal curves of several seeds, read from a table."""

import numpy as np
import pyarrow as pa
import pytest

from surfeit.tables.removals import at, curves_of, first_part


def row(**values):
    common = {"model": "net", "layer": "fc1", "seed": 0, "remove": None, "repeat": 0}
    return common | {"criterion": "random"} | values


def test_repeats_are_averaged_and_other_layers_left_out():
    table = pa.Table.from_pylist(
        [
            row(removed=1, accuracy=0.5),
            row(removed=0, accuracy=0.9),
            row(removed=0, accuracy=0.7, repeat=1),
            row(removed=1, accuracy=0.3, repeat=1),
            row(removed=0, accuracy=0.8, seed=1),
            row(removed=0, accuracy=0.1, layer="fc2"),
            row(removed=0, accuracy=0.6, criterion="magnitude", remove="least"),
        ]
    )
    found = curves_of(table, "net", "fc1")
    assert set(found) == {("random", None, 0), ("random", None, 1), ("magnitude", "least", 0)}
    assert found["random", None, 0].tolist() == pytest.approx([80, 40])


def test_curves_are_read_at_the_nearest_unit():
    curve = np.asarray([10.0, 8.0, 6.0, 1.0])
    assert [at(share)(curve) for share in (0, 1 / 3, 0.6, 1)] == [10, 8, 6, 1]
    assert first_part(1 / 3)(curve) == 9
    assert first_part(1.0)(curve) == curve.mean()
