import math

import pyarrow as pa
import pytest

from surfeit.tables.tables import column, where

TABLE = pa.table({"layer": ["fc1", "fc2", "fc1"], "repeat": [0, 0, 1], "x": [1.0, None, 3.0]})


def test_where_keeps_rows_that_have_every_value():
    assert where(TABLE, layer="fc1", repeat=1).to_pylist() == [
        {"layer": "fc1", "repeat": 1, "x": 3.0}
    ]
    assert where(TABLE, layer="fc3").num_rows == 0


def test_where_none_finds_null():
    assert where(TABLE, x=None).to_pylist() == [{"layer": "fc2", "repeat": 0, "x": None}]


def test_where_names_a_column_that_is_not_there():
    with pytest.raises(ValueError, match=r"no column \['layers'\]: the table has"):
        where(TABLE, layers="fc1")


def test_column_reads_null_as_nan():
    values = column(TABLE, "x")
    assert values[0] == 1.0
    assert math.isnan(values[1])
