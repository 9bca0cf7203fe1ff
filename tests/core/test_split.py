"""Splits: what fits together and what does not."""

import pytest
import torch

from surfeit.core import Split

IMAGES, LABELS = torch.zeros(3, 1, 2, 2), torch.arange(3)


def test_split_takes_slices_and_index_and_bool_tensors():
    split = Split(IMAGES, LABELS)
    assert split[1:].labels.tolist() == [1, 2]
    assert split[torch.tensor([2, 0])].labels.tolist() == [2, 0]
    assert split[LABELS > 1].labels.tolist() == [2]
    assert len(split.to("cpu")) == 3


def test_some_images_are_drawn_once_each_and_kept_in_their_order():
    split = Split(torch.zeros(50, 1, 2, 2), torch.arange(50))
    drawn = split.some(20, torch.Generator().manual_seed(0)).labels
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    assert len(drawn) == 20
    assert not torch.equal(drawn, torch.arange(20))
    assert split.some(50, torch.Generator()) is split


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (IMAGES[0], LABELS, r"images must be floating point .* got torch.float32 \[1, 2, 2\]"),
        (IMAGES.byte(), LABELS, "got torch.uint8"),
        (IMAGES, LABELS.int(), r"labels must be int64 \[n\], got torch.int32 \[3\]"),
        (IMAGES, LABELS[:, None], r"got torch.int64 \[3, 1\]"),
        (IMAGES, LABELS[:2], "got 3 images and 2 labels"),
        (IMAGES[:0], LABELS[:0], "got 0 images and 0 labels"),
    ],
)
def test_split_error_says_what_was_given(images, labels, words):
    with pytest.raises(ValueError, match=words):
        Split(images, labels)


def test_an_array_is_no_tensor():
    images, labels = torch.zeros(2, 1, 2, 2), torch.zeros(2, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"images must be a torch tensor, got a ndarray: .*numpy"):
        Split(images.numpy(), labels)
    with pytest.raises(ValueError, match=r"labels must be a torch tensor, got a list: .*tensor\("):
        Split(images, labels.tolist())


def test_a_split_prints_as_one_line():
    split = Split(torch.zeros(2, 1, 3, 4), torch.zeros(2, dtype=torch.int64))
    assert repr(split) == "Split(2 images of 1x3x4)"
