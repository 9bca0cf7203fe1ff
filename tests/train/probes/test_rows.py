"""What a probe may give, and what is said of anything else."""

import numpy as np
import pytest
import torch

from surfeit.train.probes.rows import Table


def test_numbers_of_all_kinds_are_plain_ones():
    (row,) = Table("p").rows(
        {"a": torch.tensor(2), "b": np.float32(0.5), "c": True, "d": None, "e": "x"}, 3
    )
    assert row == {"step": 3, "a": 2.0, "b": 0.5, "c": 1.0, "d": None, "e": "x"}
    assert [type(value) for value in row.values()][:3] == [int, float, float]


def test_several_rows_may_be_yielded_and_columns_keep_their_order():
    table = Table("p")
    rows = table.rows(({"a": 1, "b": 2} for _ in range(2)), 0)
    assert len(rows) == 2
    assert list(table.rows({"b": 1, "a": 2}, 1)[0]) == ["step", "a", "b"]
    assert table.rows([], 2) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "it gave None: return a dict"),
        (3.0, "it gave of type float: return a dict"),
        ("text", "of type str"),
        ([1.0], "one of its rows is of type float"),
        ({}, "its row is empty"),
        ({"a b": 1}, "'a b' is no name of a column"),
        ({"step": 1}, "'step' is no name of a column"),
        ({1: 1}, "1 is no name of a column"),
        ({"a": torch.zeros(2)}, r"a is of type Tensor of shape \[2\]: give a number"),
        ({"a": 1j}, "a is of type complex"),
        ({"a": "x" * 201}, "a text of up to 200 letters"),
        ({"a": 10**30}, "give a number"),
        (({"a": 1} for _ in range(10_001)), "more than 10,000 rows for one step"),
        ([{"a": 1}, {"b": 1}], "its columns were a and are b now"),
        ([{"a": 1}, {"a": "x"}], "a holds both texts and numbers"),
    ],
)
def test_what_is_no_row_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        Table("p").rows(given, 0)
