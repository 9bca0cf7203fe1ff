"""How a study chooses: by validation data, never by test data."""

import math
from collections.abc import Iterable
from numbers import Real

from surfeit.core import unknown
from surfeit.execute import Row


def chosen(rows: Iterable[Row], *, by: str, largest: bool = True) -> Row:
    """The first row whose value in a column is the largest, or the smallest.

    It is the way for a study to select a step, a rate, a mask or a criterion; what it selects by is
    then there to be read. It covers what is chosen through it, and no more: early stopping needs no
    guard, for `Recipe.patience` and tickets stop by the validation loss and know no other.

    >>> chosen([{"lr": 0.1, "validation_loss": 0.4}, {"lr": 0.3, "validation_loss": 0.2}],
    ...        by="validation_loss", largest=False)
    {'lr': 0.3, 'validation_loss': 0.2}

    Args:
        rows: one a candidate; `split`, where there is such a column, is not `test`.
        by: a column of numbers; a row that has None or NaN there is no candidate.
        largest: whether more is better.

    Raises:
        ValueError: if the column or a row is of the test split, there is no such column, or no row
            has a number there.
    """
    candidates = [dict(row) for row in rows]
    if "test" in by.lower().replace("-", "_").split("_"):
        raise ValueError(f"a study must not choose by {by!r}: test data choose nothing; {_INSTEAD}")
    if any(str(row.get("split")).lower() == "test" for row in candidates):
        raise ValueError(
            "a study must not choose among rows of the split 'test': test data choose nothing; "
            f"{_INSTEAD}"
        )
    for row in candidates:
        if by not in row:
            raise unknown("column to choose by", by, row)
    known = [row for row in candidates if _is_number(row[by])]
    if not known:
        raise ValueError(f"no row has a number in {by!r}: there is nothing to choose from")
    return (max if largest else min)(known, key=lambda row: row[by])


_INSTEAD = "choose by a measurement of the validation split, such as 'validation_accuracy'"


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(value)
