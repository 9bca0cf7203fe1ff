"""What is given for a split and is none: a sentence, and what to pass."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from surfeit.core import Split, Streams, check_split, check_splits, evaluate, parameters
from surfeit.landscape import along_line
from surfeit.models import Structure
from surfeit.prune import Evidence, removal_curve, removal_table
from surfeit.spectra import accuracy_by_rank

X, Y = torch.rand(6, 4), torch.arange(6) % 3
SPLIT = Split(X, Y)
WHOLE = SimpleNamespace(train=SPLIT, validation=SPLIT, test=SPLIT, splits={"test": SPLIT})
WRONG = {
    "a data set": (WHOLE, r"pass data\.train, data\.validation \(to choose"),
    "a data set of torch's": (TensorDataset(X, Y), r"pass Split\(\*dataset\.tensors\)"),
    "a loader": (DataLoader(TensorDataset(X, Y)), r"surfeit\.data\.from_dataset"),
    "a pair": ((X, Y), r"got a tuple: pass Split\(inputs, targets\)"),
    "inputs": (X, "got a Tensor: pass Split"),
    "nothing": (None, "got a NoneType: pass Split"),
}


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


@pytest.mark.parametrize("wrong", WRONG)
def test_check_split_names_what_was_given_and_what_to_pass(wrong):
    value, words = WRONG[wrong]
    with pytest.raises(ValueError, match=rf"^held must be a Split such as data\..*{words}"):
        check_split(value, "held")


def test_check_split_takes_a_split():
    check_split(SPLIT)
    check_splits({"a": SPLIT})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (WHOLE, r"splits must be splits by name, got a SimpleNamespace: pass data\.splits"),
        (SPLIT, r'splits by name, got a Split: pass \{"test": data\.test\}'),
        ({"test": (X, Y)}, r"splits\['test'\] must be a Split .* got a tuple"),
    ],
)
def test_check_splits_says_which_is_none(value, words):
    with pytest.raises(ValueError, match=words):
        check_splits(value)


@pytest.mark.parametrize("wrong", ["a data set", "a data set of torch's", "a pair", "nothing"])
def test_doors_that_take_a_split_refuse_what_is_none(model, wrong):
    value, words = WRONG[wrong]
    order = torch.arange(5)
    doors = [
        lambda: evaluate(model, parameters(model), value),
        lambda: removal_curve(model, "0", order, value),
        lambda: accuracy_by_rank(model, "0", value, [1], structure=Structure.of(model, X)),
        lambda: removal_table(model, "0", {"test": value}, streams=Streams(0)),
        lambda: along_line(model, parameters(model), parameters(model), {"test": value}),
    ]
    if value is not None:  # evidence without a split is fine
        doors.append(lambda: Evidence(model, split=value))
    for door in doors:
        with pytest.raises(ValueError, match=words):
            door()
