"""Rows of a table, chosen by the values of its columns."""

from functools import reduce
from operator import and_

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Value = str | int | float | bool | None


def where(table: pa.Table, **values: Value) -> pa.Table:
    """The rows whose columns have these values, e.g. `where(table, layer="fc1", repeat=0)`.

    None chooses the rows where the column is null.

    Raises:
        ValueError: if the table has no column of a name.
    """
    unknown = sorted(set(values) - set(table.column_names))
    if unknown:
        raise ValueError(f"no column {unknown}: the table has {table.column_names}")
    return table.filter(reduce(and_, [_equal(name, value) for name, value in values.items()]))


def _equal(name: str, value: Value) -> pc.Expression:
    return pc.field(name).is_null() if value is None else pc.field(name) == value


def column(table: pa.Table, name: str) -> np.ndarray:
    """A column of numbers as float64 [rows]; null becomes NaN."""
    return np.asarray(table[name].to_pylist(), dtype=np.float64)
