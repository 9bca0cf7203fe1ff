"""What is given for a data set and is none: a sentence, and what to pass."""

from dataclasses import replace

import pytest
import torch
from torch.utils.data import TensorDataset

from surfeit.data import (
    from_dataset,
    from_tensors,
    halves,
    only_classes,
    subset,
    with_label_noise,
    write_dataset,
)

from .kinds import make


def test_a_data_set_needs_a_text_as_its_name():
    with pytest.raises(ValueError, match="name must be a text, got 3"):
        replace(make("tokens"), name=3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (make("tokens").test, "got a Split: pass the data set that it is a split of"),
        (TensorDataset(torch.rand(2, 3)), "got a TensorDataset: make one of it, from_dataset"),
        ((torch.rand(2, 3), torch.arange(2)), "got a tuple: make one of them, from_tensors"),
        ("tokens", "got a str$"),
    ],
)
@pytest.mark.parametrize(
    "door",
    [
        lambda given: with_label_noise(given, 0.1, torch.Generator()),
        lambda given: subset(given, 3),
        lambda given: only_classes(given, [0]),
        halves,
        lambda given: write_dataset(given, "never"),
    ],
)
def test_doors_that_take_a_data_set_refuse_what_is_none(door, given, words):
    with pytest.raises(ValueError, match=rf"^dataset must be a Dataset such as load.*{words}"):
        door(given)


def test_from_dataset_says_that_a_data_set_is_one_already():
    dataset, torchs = make("vectors"), TensorDataset(torch.rand(4, 3), torch.arange(4))
    with pytest.raises(ValueError, match="train split is a Dataset of three splits already"):
        from_dataset("mine", train=dataset, test=torchs)
    with pytest.raises(ValueError, match="validation split is a Dataset of three splits already"):
        from_dataset("mine", train=torchs, validation=dataset, test=torchs)


@pytest.mark.parametrize(("count", "shown"), [(2.5, "2.5"), ("2", "'2'"), (0, "0"), (21, "21")])
def test_subset_takes_whole_numbers_alone(count, shown):
    with pytest.raises(ValueError, match=rf"a count in \[1, 20\], got {shown}$"):
        subset(make("vectors"), count)


@pytest.mark.parametrize("classes", ["ab", [0.5, 1], [10**12], [-1], [None]])
def test_only_classes_takes_labels_alone(classes):
    with pytest.raises(ValueError, match=r"classes must be distinct labels in \[0, 3\)"):
        only_classes(make("vectors"), classes)


@pytest.mark.parametrize("name", ["", " ", 3, None])
def test_a_data_set_of_ones_own_has_a_name(name):
    pair = (torch.ones(2, 3), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=f"name must be a text that is not empty.*got {name!r}"):
        from_tensors(name, train=pair, validation=pair, test=pair)
