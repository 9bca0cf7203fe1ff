"""Noisy labels, subsets and chosen classes."""

import pytest
import torch

from surfeit.core import Streams, digest
from surfeit.data import from_tensors, only_classes, pooled, subset, with_label_noise
from surfeit.data.fingerprint import fingerprint_of


def generator(name="noise", seed=0):
    return Streams(seed).get(name)


@pytest.mark.parametrize(("fraction", "wrong"), [(0.25, 10), (0.0375, 2), (0.03, 1), (1.0, 40)])
def test_label_noise_makes_exactly_that_many_labels_wrong(small, fraction, wrong):
    noisy = with_label_noise(small, fraction, generator())
    assert int((noisy.train.labels != small.train.labels).sum()) == wrong


def test_label_noise_leaves_images_validation_and_test(small):
    noisy = with_label_noise(small, 1.0, generator())
    assert torch.equal(noisy.train.images, small.train.images)
    assert noisy.validation is small.validation
    assert noisy.test is small.test


def test_label_noise_does_not_touch_the_original(small):
    before = small.train.labels.clone()
    with_label_noise(small, 1.0, generator())
    assert torch.equal(small.train.labels, before)


def test_label_noise_draws_each_other_class_alike(small):
    """Over 40 x 300 draws each of three shifts has probability 1/3: within five deviations."""
    stream, shifts = generator(), torch.zeros(4)
    for _ in range(300):
        noisy = with_label_noise(small, 1.0, stream)
        shifts += ((noisy.train.labels - small.train.labels) % 4).bincount(minlength=4)
    deviation = (12_000 * (1 / 3) * (2 / 3)) ** 0.5
    assert shifts[0] == 0
    assert ((shifts[1:] - 4_000).abs() < 5 * deviation).all()


def test_label_noise_falls_on_each_image_alike(small):
    stream, hits = generator(), torch.zeros(40)
    for _ in range(400):
        hits += with_label_noise(small, 0.25, stream).train.labels != small.train.labels
    assert ((hits - 100).abs() < 5 * (400 * 0.25 * 0.75) ** 0.5).all()


def test_uniform_label_noise_draws_the_right_class_too(small):
    """Over 40 x 300 draws each of four shifts has probability 1/4: within five deviations."""
    stream, shifts = generator(), torch.zeros(4)
    for _ in range(300):
        noisy = with_label_noise(small, 1.0, stream, kind="uniform")
        shifts += ((noisy.train.labels - small.train.labels) % 4).bincount(minlength=4)
    deviation = (12_000 * (1 / 4) * (3 / 4)) ** 0.5
    assert ((shifts - 3_000).abs() < 5 * deviation).all()
    assert noisy.name == "small-noise-uniform-1"


def test_validation_labels_are_noisy_where_it_is_asked_for_and_test_labels_never(small):
    noisy = with_label_noise(small, 0.5, generator(), validation=True)
    wrong = (noisy.validation.labels != small.validation.labels).sum()
    assert int(wrong) == int(0.5 * len(small.validation) + 0.5)
    assert noisy.test is small.test
    alone = with_label_noise(small, 0.5, generator())
    assert torch.equal(noisy.train.labels, alone.train.labels)
    assert noisy.fingerprint != alone.fingerprint
    assert noisy.name == f"{alone.name}-validation"


def test_the_fingerprint_of_wrong_training_labels_is_what_it_always_was(small):
    labels = with_label_noise(small, 0.5, generator()).train.labels
    expected = fingerprint_of(small.fingerprint, "with_label_noise", digest({"labels": labels}))
    assert with_label_noise(small, 0.5, generator()).fingerprint == expected


def test_label_noise_refuses_another_kind(small):
    with pytest.raises(ValueError, match="'unifrom': did you mean 'uniform'"):
        with_label_noise(small, 0.5, generator(), kind="unifrom")


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_label_noise_refuses_a_fraction_out_of_range(small, fraction):
    with pytest.raises(ValueError, match=rf"in \[0, 1\], got {fraction}"):
        with_label_noise(small, fraction, generator())


def test_label_noise_needs_a_second_class(small):
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        with_label_noise(only_classes(small, [2]), 0.5, generator())


def test_subset_without_generator_takes_the_first(small):
    part = subset(small, 7)
    assert torch.equal(part.train.images, small.train.images[:7])
    assert part.test is small.test


def test_subset_with_generator_draws_without_replacement_in_order(small):
    part = subset(small, 30, generator())
    rows = (part.train.images.flatten(1)[:, None] == small.train.images.flatten(1)).all(-1)
    index = rows.float().argmax(1)
    assert (index.diff() > 0).all()
    assert torch.equal(part.train.labels, small.train.labels[index])
    assert not torch.equal(index, torch.arange(30))


def test_subset_of_a_smaller_count_lies_in_the_larger(small):
    few = {tuple(image.flatten().tolist()) for image in subset(small, 5, generator()).train.images}
    more = {tuple(image.flatten().tolist()) for image in subset(small, 9, generator()).train.images}
    assert few < more


@pytest.mark.parametrize("count", [0, 41])
def test_subset_refuses_a_count_out_of_range(small, count):
    with pytest.raises(ValueError, match=rf"\[1, 40\], got {count}"):
        subset(small, count)


def test_only_classes_relabels_all_splits_in_the_given_order(small):
    chosen = only_classes(small, [3, 1])
    assert chosen.class_names == ("3", "1")
    for name, split in chosen.splits.items():
        before = small.splits[name]
        kept = (before.labels == 3) | (before.labels == 1)
        assert torch.equal(split.images, before.images[kept])
        assert torch.equal(split.labels, (before.labels[kept] == 1).long())


@pytest.mark.parametrize("classes", [[], [0, 0], [4], [-1]])
def test_only_classes_refuses_what_are_no_classes(small, classes):
    with pytest.raises(ValueError, match=r"distinct labels in \[0, 4\)"):
        only_classes(small, classes)


def test_only_classes_says_which_split_is_left_empty(small):
    trimmed = subset(small, 2)
    with pytest.raises(ValueError, match=r"the train split has no example of the classes \[3\]"):
        only_classes(trimmed, [3])


CHANGES = {
    "noise": lambda data: with_label_noise(data, 0.2, generator()),
    "other noise": lambda data: with_label_noise(data, 0.2, generator(seed=1)),
    "more noise": lambda data: with_label_noise(data, 0.3, generator()),
    "first": lambda data: subset(data, 10),
    "drawn": lambda data: subset(data, 10, generator()),
    "classes": lambda data: only_classes(data, [0, 1]),
    "classes turned": lambda data: only_classes(data, [1, 0]),
    "noise, then first": lambda data: subset(with_label_noise(data, 0.2, generator()), 10),
}


def test_changes_give_each_its_own_fingerprint_and_name_it(small):
    changed = [change(small) for change in CHANGES.values()]
    assert len({data.fingerprint for data in [small, *changed]}) == len(CHANGES) + 1
    assert all(data.name.startswith("small-") for data in changed)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_made_alike_have_equal_fingerprints(small, change):
    assert change(small).fingerprint == change(small).fingerprint


def test_changes_that_change_nothing_keep_the_fingerprint(small):
    assert with_label_noise(small, 0.0, generator()).fingerprint == small.fingerprint
    assert subset(small, 40, generator()).fingerprint == small.fingerprint
    assert only_classes(small, [0, 1, 2, 3]).fingerprint == small.fingerprint


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_changes_on_a_gpu_equal_those_on_the_cpu(small):
    for change in CHANGES.values():
        there, here = change(small.to("cuda")), change(small)
        assert there.fingerprint == here.fingerprint
        assert torch.equal(there.train.labels.cpu(), here.train.labels)


def test_pooled_images_are_means_of_squares():
    """4 x 6 pixels, by hand."""
    image = torch.arange(24.0).view(1, 1, 4, 6)
    split = (image, torch.tensor([0]))
    data = from_tensors("one", train=split, validation=split, test=split)
    found = pooled(data, 2)
    assert found.input_shape == (1, 2, 3)
    assert found.test.inputs[0, 0].tolist() == [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]
    assert found.name == "one-pooled-2"
    assert len({found.fingerprint, data.fingerprint, subset(found, 1).fingerprint}) == 2


def test_pooling_keeps_labels_and_a_side_of_one_changes_nothing(small):
    assert pooled(small, 1) is small
    found = pooled(small, 3)
    assert torch.equal(found.train.labels, small.train.labels)
    assert torch.allclose(found.train.images.flatten(1), small.train.images.mean((2, 3)))


@pytest.mark.parametrize("side", [0, 2, 1.5, True])
def test_a_side_that_does_not_divide_the_image_is_refused(small, side):
    with pytest.raises(ValueError, match="that divides the 3 x 3 pixels of small, got"):
        pooled(small, side)


def test_pooling_needs_images():
    split = (torch.rand(6, 4), torch.arange(6) % 2)
    data = from_tensors("rows", train=split, validation=split, test=split)
    with pytest.raises(ValueError, match="pooling needs images, got Dataset"):
        pooled(data, 2)
