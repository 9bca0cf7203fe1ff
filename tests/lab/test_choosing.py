"""A study chooses by validation data; test data choose nothing."""

import pytest

from surfeit.lab import Lab, chosen

ROWS = [
    {"lr": 0.1, "validation_loss": 0.4, "test_loss": 0.1, "split": "validation"},
    {"lr": 0.3, "validation_loss": 0.2, "test_loss": 0.3, "split": "validation"},
    {"lr": 0.5, "validation_loss": None, "test_loss": 0.2, "split": "validation"},
    {"lr": 0.7, "validation_loss": float("nan"), "test_loss": 0.2, "split": "validation"},
]


def test_the_best_row_is_chosen_and_unmeasured_ones_are_not():
    assert chosen(ROWS, by="validation_loss")["lr"] == 0.1
    assert chosen(ROWS, by="validation_loss", largest=False)["lr"] == 0.3


def test_of_equal_rows_the_first_is_chosen():
    assert chosen([{"a": 1, "step": 10}, {"a": 1, "step": 20}], by="a")["step"] == 10


@pytest.mark.parametrize("by", ["test_loss", "accuracy_on_test", "TEST-accuracy", "test"])
def test_a_column_of_the_test_split_is_refused(by):
    with pytest.raises(ValueError, match="test data choose nothing"):
        chosen([{by: 1.0}], by=by)


def test_a_column_that_only_sounds_alike_is_taken():
    assert chosen([{"latest_accuracy": 1.0}], by="latest_accuracy")


def test_rows_of_the_test_split_are_refused():
    with pytest.raises(ValueError, match="rows of the split 'test'"):
        chosen([*ROWS, {**ROWS[0], "split": "test"}], by="validation_loss")


def test_an_unknown_column_gets_the_nearest_named():
    with pytest.raises(ValueError, match="did you mean 'validation_loss'"):
        chosen(ROWS, by="validaton_loss")


@pytest.mark.parametrize("rows", [[], [{"a": None}], [{"a": True}]])
def test_nothing_to_choose_from_is_told(rows):
    with pytest.raises(ValueError, match="nothing to choose from"):
        chosen(rows, by="a")


def test_the_lab_chooses(tmp_path):
    assert Lab().choose(ROWS, by="validation_loss")["lr"] == 0.1
