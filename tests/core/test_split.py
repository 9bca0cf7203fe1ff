"""Splits: what fits together and what does not."""

import pytest
import torch

from surfeit.core import Split

IMAGES, LABELS = torch.zeros(3, 1, 2, 2), torch.arange(3)
TOKENS, TAGS = torch.arange(12).view(3, 4), torch.arange(12).view(3, 4) % 5
VECTORS, VALUES = torch.rand(3, 5), torch.rand(3, 2)


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
    ("inputs", "targets", "task", "printed"),
    [
        (IMAGES, LABELS, "classes", "Split(3 images of 1x2x2)"),
        (IMAGES.half(), VALUES, "regression", "Split(3 images of 1x2x2, 2 outputs)"),
        (IMAGES.byte(), LABELS, "classes", "Split(3 examples of 1x2x2 integers)"),
        (VECTORS, VALUES[:, :1], "regression", "Split(3 examples of 5, 1 output)"),
        (VECTORS[:, 0], LABELS, "classes", "Split(3 examples of 1)"),
        (torch.rand(3, 2, 9), LABELS, "classes", "Split(3 examples of 2x9)"),
        (TOKENS, LABELS, "classes", "Split(3 examples of 4 integers)"),
        (TOKENS, TAGS, "classes", "Split(3 examples of 4 integers, a class at 4 positions)"),
        (TOKENS, TAGS[:, :1], "classes", "Split(3 examples of 4 integers, a class at 1 position)"),
        (TOKENS.int(), VALUES.double(), "regression", "Split(3 examples of 4 integers, 2 outputs)"),
    ],
)
def test_split_takes_any_inputs_and_says_what_they_are(inputs, targets, task, printed):
    split = Split(inputs, targets)
    assert (split.task, repr(split)) == (task, printed)
    assert split.input_shape == tuple(inputs.shape[1:])
    part = split[torch.tensor([2, 0])].to("cpu")
    assert torch.equal(part.inputs, inputs[[2, 0]])
    assert torch.equal(part.targets, targets[[2, 0]])
    assert len(split.some(2, torch.Generator())) == 2


def test_images_and_labels_are_the_inputs_and_targets_where_they_are_such():
    split = Split(IMAGES.bfloat16(), LABELS)
    assert split.images is split.inputs
    assert split.labels is split.targets


@pytest.mark.parametrize("inputs", [VECTORS, TOKENS, IMAGES.byte(), IMAGES[..., None]])
def test_images_of_other_inputs_are_refused(inputs):
    with pytest.raises(ValueError, match=r"images are floating point .* the inputs are torch\."):
        _ = Split(inputs, LABELS).images


@pytest.mark.parametrize(("inputs", "targets"), [(TOKENS, TAGS), (VECTORS, VALUES)])
def test_labels_of_other_targets_are_refused(inputs, targets):
    with pytest.raises(ValueError, match=r"labels are int64 \[n\].* the targets are torch\."):
        _ = Split(inputs, targets).labels


@pytest.mark.parametrize(
    ("inputs", "targets", "words"),
    [
        (torch.tensor(1.0), LABELS, r"inputs must be .* \[n, ...\], got torch.float32 \[\]"),
        (IMAGES.bool(), LABELS, r"got torch.bool \[3, 1, 2, 2\]: pass inputs.float\(\)"),
        (IMAGES.to(torch.complex64), LABELS, r"got torch.complex64 .*view_as_real"),
        (IMAGES, LABELS.int(), r"got torch.int32 \[3\]: pass targets.long\(\)"),
        (IMAGES, LABELS.bool(), r"got torch.bool \[3\]: pass targets.long\(\)"),
        (IMAGES, LABELS.to(torch.complex64), r"got torch.complex64 \[3\]: .*view_as_real"),
        (IMAGES, LABELS.float(), r"got torch.float32 \[3\]: pass targets\[:, None\]"),
        (IMAGES, torch.tensor(1.0), r"got torch.float32 \[\]: one row of outputs an example"),
        (IMAGES, torch.tensor(1), r"got torch.int64 \[\]: one number or row an example"),
        (IMAGES, torch.rand(3, 2, 2), r"\[3, 2, 2\]: pass targets.flatten\(1\)"),
        (IMAGES, TAGS[..., None], r"got torch.int64 \[3, 4, 1\]: pass targets.flatten\(1\)"),
        (IMAGES, LABELS[:2], "got 3 inputs and 2 targets"),
        (IMAGES[:0], LABELS[:0], "got 0 inputs and 0 targets"),
        (IMAGES[..., :0], LABELS, r"at least one number .* inputs \[3, 1, 2, 0\]"),
        (IMAGES, VALUES[:, :0], r"at least one number .* targets \[3, 0\]"),
    ],
)
def test_split_error_says_what_was_given(inputs, targets, words):
    with pytest.raises(ValueError, match=words):
        Split(inputs, targets)


def test_an_array_is_no_tensor():
    images, labels = torch.zeros(2, 1, 2, 2), torch.zeros(2, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"inputs must be a torch tensor, got a ndarray: .*numpy"):
        Split(images.numpy(), labels)
    with pytest.raises(ValueError, match=r"targets must be a torch tensor, got a list: .*tensor\("):
        Split(images, labels.tolist())
