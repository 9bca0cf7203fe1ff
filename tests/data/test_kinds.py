"""Data sets of every kind of inputs and targets: what they say of themselves, changes, files."""

import itertools
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, TensorDataset

from surfeit.core import Split, Streams
from surfeit.data import (
    from_tensors,
    halves,
    only_classes,
    read_dataset,
    subset,
    with_label_noise,
    write_dataset,
)

from .kinds import CLASSES, KINDS, OTHERS, make


def noise():
    return Streams(0).get("noise")


@pytest.mark.parametrize(
    ("kind", "task", "shape", "outputs", "printed"),
    [
        ("images", "classes", (2, 3, 3), 3, "images of 2x3x3, 3 classes)"),
        ("image regression", "regression", (2, 3, 3), 1, "images of 2x3x3, 1 output)"),
        ("bytes", "classes", (2, 3, 3), 3, "examples of 2x3x3 integers, 3 classes)"),
        ("curve", "regression", (1,), 1, "examples of 1, 1 output)"),
        ("teacher", "regression", (5,), 4, "examples of 5, 4 outputs)"),
        ("signals", "classes", (2, 9), 3, "examples of 2x9, 3 classes)"),
        ("tokens", "classes", (7,), 3, "examples of 7 integers, 3 classes)"),
        ("tags", "classes", (7,), 3, "examples of 7 integers, 3 classes at 7 positions)"),
    ],
)
def test_dataset_says_what_it_is_and_what_a_network_must_give(kind, task, shape, outputs, printed):
    dataset = make(kind)
    assert (dataset.task, dataset.input_shape, dataset.outputs) == (task, shape, outputs)
    assert repr(dataset) == f"Dataset({dataset.name}, 20/9/8 {printed}"
    assert dataset.positions == (7 if kind == "tags" else None)
    assert dataset.class_names == (("0", "1", "2") if task == "classes" else None)


@pytest.mark.parametrize("kind", KINDS)
def test_dataset_moves_every_kind(kind):
    dataset = make(kind)
    moved = dataset.to("cpu")
    assert repr(moved) == repr(dataset)
    assert moved.train.inputs.dtype == dataset.train.inputs.dtype


@pytest.mark.parametrize("kind", KINDS)
def test_black_and_constants_belong_to_images(kind):
    dataset = make(kind)
    if "image" in kind:
        assert (dataset.mean, dataset.std) == ((0.0, 0.0), (1.0, 1.0))
        assert dataset.black.dtype == dataset.train.images.dtype
    else:
        assert (dataset.mean, dataset.std) == (None, None)
        with pytest.raises(ValueError, match=r"has no black: its inputs are examples of .*no imag"):
            _ = dataset.black


def test_black_of_images_without_constants_is_not_known():
    with pytest.raises(ValueError, match="no black: its mean and std are not known"):
        _ = replace(make("images"), mean=None, std=None).black


def test_regression_has_no_classes():
    with pytest.raises(ValueError, match=r"teacher has no classes, .* \[n, 4\]"):
        _ = make("teacher").classes


def test_kinds_of_equal_bytes_have_their_own_fingerprints():
    ones = torch.ones(6, 1, 2, 2)
    labels, values = torch.tensor([0, 1, 2] * 2), torch.tensor([0, 1, 2.0] * 2)[:, None]
    pairs = [
        (ones, labels),
        (ones, labels[:, None]),
        (ones, values),
        (ones.view(6, 4), labels),
        (ones.view(6, 4), values),
        (ones.view(6, 2, 2), labels),
        (ones.view(6, 2, 2).view(torch.int32), labels),
        (ones.view(torch.int32), labels),
    ]
    datasets = [from_tensors("x", train=pair, validation=pair, test=pair) for pair in pairs]
    assert len({dataset.fingerprint for dataset in datasets}) == len(pairs)


def test_fingerprints_of_images_with_one_class_each_stand():
    """Golden values: when they change, every stored run on such data is another run."""
    images, labels = torch.arange(96).view(8, 3, 2, 2) / 96, torch.arange(8) % 4
    dataset = from_tensors(
        "g",
        train=(images, labels),
        validation=(images[:4], labels[:4]),
        test=(images[4:], labels[4:]),
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.2, 0.1),
    )
    first, second = halves(dataset)
    found = [
        dataset,
        subset(dataset, 4),
        with_label_noise(dataset, 0.5, Streams(0).get("n")),
        only_classes(dataset, [2, 0]),
        first,
        second,
    ]
    assert [one.fingerprint[:16] for one in found] == [
        "6f11ebb782d884da",
        "0acf0c59d306ac6a",
        "d18b2d9f255d2836",
        "5d1f0052515e4381",
        "c7e3b02aa141aca2",
        "2a7498fac54a3572",
    ]


def test_fingerprints_of_other_kinds_stand():
    """Golden values: see above."""
    inputs, targets = torch.arange(12).view(6, 2), torch.arange(6)[:, None] / 6
    curve = (inputs / 12, targets)
    tags = (inputs, inputs % 3)
    found = [from_tensors("x", train=one, validation=one, test=one) for one in (curve, tags)]
    assert [dataset.fingerprint[:16] for dataset in found] == [
        "9bfa58107f71933c",
        "c01892f1b1a9fa1b",
    ]


SPLITS = ("train", "validation", "test")
BAD = [
    ("images", {"test": lambda x, y: (x[:, 0], y)}, r"alike: .*\[2, 3, 3\], test .*\[3, 3\]$"),
    ("tokens", {"test": lambda x, y: (x[:, :5], y)}, r"test torch.int64 \[5\]: pad or cut seq"),
    ("signals", {"test": lambda x, y: (x[..., :5], y)}, "pad or cut sequences to one length"),
    ("tokens", {"test": lambda x, y: (x.int(), y)}, r"train holds torch.int64 .* test torch.int32"),
    (
        "tags",
        {"test": lambda x, y: (x, y[:, 0])},
        r"splits' targets .*int64 \[n, 7\], test .*int64 \[n\]",
    ),
    ("tags", {"test": lambda x, y: (x, y[:, :3])}, r"targets must be alike: .*\[n, 3\]"),
    ("curve", {"test": lambda x, y: (x, y[:, 0].long())}, r"float32 \[n, 1\], test torch.int64"),
    ("curve", {"test": lambda x, y: (x, y.double())}, r"targets must be alike: .*float64"),
    ("curve", {"train": lambda x, y: (x, y[:, 0])}, r"the train split: targets must .*\[:, None\]"),
    ("curve", {"test": lambda x, y: (x / 0, y)}, "inputs must be finite, but the test split holds"),
    ("curve", {"test": lambda x, y: (x, y / 0)}, "targets must be finite, but the test split"),
    ("tags", {"test": lambda x, y: (x, y - 100)}, r"in \[0, 3\), .*\[-100, .*: -100 is no mark"),
    ("tokens", {"test": lambda x, y: (x, y + 10**9)}, r"largest label is 100000000\d: .*anew"),
    (
        "tokens",
        {"test": lambda x, y: (x, y * 0 + 10**12)},
        "label is 1000000000000: .* at most 1,000",
    ),
    (
        "tags",
        {"test": lambda x, y: (x, y * 0 + 10**12)},
        "label is 1000000000000: .* at most 1,000",
    ),
    ("tokens", dict.fromkeys(SPLITS, lambda x, y: (x, y - 100)), r"the largest label is -9\d: "),
    ("curve", {"test": lambda x, y: (x, y.expand(8, 10**9))}, r"32.0 GB written out, but hold 32"),
    (
        "curve",
        {"test": lambda x, y: (x[:1].expand(8, 10**9), y)},
        "test split's inputs .* expanded",
    ),
    ("vectors", {"test": lambda x, y: TensorDataset(x, y)}, "a TensorDataset: pass its tensors"),
    ("vectors", {"test": lambda x, y: DataLoader(TensorDataset(x, y))}, "a DataLoader: use from_d"),
    ("vectors", {"validation": lambda x, y: make("vectors")}, r"Dataset: pass .* data\.validation"),
    ("vectors", {"test": lambda x, y: (x, y, y)}, r"test split must be a Split or a pair .* tuple"),
]


@pytest.mark.parametrize(("kind", "changed", "words"), BAD)
def test_splits_that_do_not_fit_are_named(kind, changed, words):
    dataset = make(kind)
    pairs = {
        name: changed.get(name, lambda x, y: (x, y))(split.inputs, split.targets)
        for name, split in dataset.splits.items()
    }
    with pytest.raises(ValueError, match=words):
        from_tensors("bad", **pairs)


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("tokens", {"mean": (0.5,), "std": (1.0,)}, "those of images' channels, but the inputs"),
        ("tokens", {"class_names": ("a",)}, r"labels must be in \[0, 1\)"),
        ("curve", {"class_names": ("a",)}, "class_names belong to classes"),
        ("images", {"mean": (float("nan"), 0.0)}, "must be finite, got"),
        ("images", {"mean": 3}, "must be numbers, one for each channel, got 3"),
        ("images", {"std": (None, 1.0)}, r"must be numbers, one for each channel, got \(None, 1"),
        ("tokens", {"class_names": "abc"}, "must be a list of texts, .* got 'abc'"),
        ("tokens", {"class_names": 3}, "must be a list of texts, .* got 3"),
        ("tokens", {"class_names": itertools.count()}, "must be a list of texts, .* got count"),
        ("tokens", {"class_names": range(10**9)}, "must be a list of texts, .* at most 1,000,000"),
        ("tokens", {"class_names": (1, 2, 3)}, r"class_names must be texts, .* got \(1, 2, 3\)"),
        ("images", {"mean": (0.0,)}, "one number for each of 2 channels"),
    ],
)
def test_names_and_constants_out_of_place_are_refused(kind, given, words):
    with pytest.raises(ValueError, match=words):
        from_tensors("bad", **make(kind).splits, **given)


def test_classes_need_their_names():
    with pytest.raises(ValueError, match="needs class_names, one a class"):
        replace(make("tokens"), class_names=None)


@pytest.mark.parametrize("kind", KINDS)
def test_read_gives_every_kind_as_it_was_written(kind, tmp_path):
    dataset = make(kind)
    found = read_dataset(write_dataset(dataset, tmp_path / "data.safetensors"))
    assert repr(found) == repr(dataset)
    assert found.fingerprint == dataset.fingerprint
    assert (found.mean, found.std, found.class_names) == (
        dataset.mean,
        dataset.std,
        dataset.class_names,
    )
    for name, split in dataset.splits.items():
        for part in ("inputs", "targets"):
            read, written = getattr(found.splits[name], part), getattr(split, part)
            assert read.dtype == written.dtype
            assert torch.equal(read, written)


def test_splits_that_share_memory_are_written_apart(tmp_path):
    inputs, targets = torch.rand(9, 3), torch.rand(9, 1)
    pair = (inputs, targets)
    dataset = from_tensors("one", train=pair, validation=pair, test=(inputs[3:], targets[3:]))
    found = read_dataset(write_dataset(dataset, tmp_path / "data.safetensors"))
    assert torch.equal(found.validation.inputs, inputs)
    assert torch.equal(found.test.inputs, inputs[3:])


def test_files_of_before_can_be_read(tmp_path):
    """The names and the metadata that files had when there were images alone."""
    dataset, path = make("images"), tmp_path / "data.safetensors"
    tensors = {}
    for name, split in dataset.splits.items():
        tensors |= {f"{name}.images": split.inputs, f"{name}.labels": split.targets}
    about = {
        "name": "images",
        "mean": [0.0, 0.0],
        "std": [1.0, 1.0],
        "class_names": ["0", "1", "2"],
        "fingerprint": dataset.fingerprint,
    }
    save_file(tensors, path, metadata={"dataset": json.dumps(about)})
    assert repr(read_dataset(path)) == repr(dataset)
    again = tmp_path / "again.safetensors"
    write_dataset(dataset, again)
    assert load_file(again).keys() == tensors.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_subset_takes_examples_of_every_kind(kind):
    dataset = make(kind)
    part = subset(dataset, 6, noise())
    assert len(part.train) == 6
    assert part.test is dataset.test
    rows = [row.tolist() for row in dataset.train.inputs]
    places = [rows.index(row.tolist()) for row in part.train.inputs]
    assert places == sorted(places)
    assert torch.equal(part.train.targets, dataset.train.targets[places])
    assert part.fingerprint not in (dataset.fingerprint, subset(dataset, 6).fingerprint)


@pytest.mark.parametrize("kind", KINDS)
def test_halves_part_every_kind(kind):
    dataset = make(kind)
    first, second = halves(dataset)
    rows = [row.tolist() for half in (first, second) for row in half.train.inputs]
    assert sorted(rows) == sorted(row.tolist() for row in dataset.train.inputs)
    assert len({dataset.fingerprint, first.fingerprint, second.fingerprint}) == 3


def test_a_single_example_cannot_be_halved():
    with pytest.raises(ValueError, match="curve-subset-1 has a single training example"):
        halves(subset(make("curve"), 1))


@pytest.mark.parametrize("kind", CLASSES)
def test_changes_of_classes_take_any_inputs(kind):
    dataset = make(kind)
    noisy = with_label_noise(dataset, 1.0, noise())
    assert not (noisy.train.labels == dataset.train.labels).any()
    assert torch.equal(noisy.train.inputs, dataset.train.inputs)
    chosen = only_classes(dataset, [2, 0])
    kept = dataset.test.labels != 1
    assert torch.equal(chosen.test.inputs, dataset.test.inputs[kept])
    assert torch.equal(chosen.test.labels, (dataset.test.labels[kept] == 0).long())


@pytest.mark.parametrize("kind", OTHERS)
def test_changes_of_classes_refuse_other_targets(kind):
    dataset = make(kind)
    with pytest.raises(ValueError, match=r"label noise needs one class an example, got Dataset\("):
        with_label_noise(dataset, 0.5, noise())
    with pytest.raises(ValueError, match="a choice of classes needs one class an example, got"):
        only_classes(dataset, [0])


def test_dataset_takes_splits_of_every_kind():
    for kind in KINDS:
        dataset = make(kind)
        splits = {name: Split(one.inputs, one.targets) for name, one in dataset.splits.items()}
        assert from_tensors(dataset.name, **splits).fingerprint == dataset.fingerprint
