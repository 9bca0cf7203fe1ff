"""Data sets made from others: noisy labels, fewer examples, fewer classes, smaller images."""

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from surfeit.core import Split, digest, unknown
from surfeit.data.dataset import Dataset, check_dataset
from surfeit.data.fingerprint import fingerprint_of

NoiseKind = Literal["wrong", "uniform"]


def with_label_noise(
    dataset: Dataset,
    fraction: float,
    generator: torch.Generator,
    *,
    kind: NoiseKind = "wrong",
    validation: bool = False,
) -> Dataset:
    """The data set with that fraction of its training labels drawn anew.

    `round(fraction * n)` examples (halves up) are drawn without replacement, and each gets a label
    drawn uniformly from the classes that `kind` allows. The literature uses both, and both call
    the fraction the noise level:

    - `wrong`: from the *other* classes, so that exactly that many labels are wrong (Nakkiran et al.
      2019; Xia et al. 2021);
    - `uniform`: from *all* classes, the right one included, so that on average
      `fraction * (classes - 1) / classes` are wrong (Zhang et al. 2016; He et al. 2022).

    Test labels always stay right.

    Args:
        fraction: in [0, 1].
        kind: `wrong` or `uniform`.
        validation: whether the same fraction of the validation labels is drawn anew too, as where
            no clean labels are at hand to choose by; after the training labels, which are the
            same either way.

    Raises:
        ValueError: if the fraction is out of range, there is no such kind, there is one class only,
            or the targets are not one class an example.
    """
    check_dataset(dataset)
    if isinstance(fraction, str) or not 0 <= fraction <= 1:
        raise ValueError(f"the fraction of noisy labels must be in [0, 1], got {fraction}")
    if kind not in get_args(NoiseKind):
        raise unknown("kind of label noise", kind, get_args(NoiseKind))
    _check_classes(dataset, "label noise")
    if dataset.classes < 2:
        raise ValueError("label noise needs at least 2 classes, got 1")
    first = 1 if kind == "wrong" else 0
    names = ("train", "validation") if validation else ("train",)
    noisy = {name: _noisy(dataset, name, fraction, first, generator) for name in names}
    if all(torch.equal(noisy[name], dataset.splits[name].labels) for name in names):
        return dataset
    # Under these names the digest of training labels alone is what it was before there were others.
    drawn = {"labels" if name == "train" else name: labels for name, labels in noisy.items()}
    words = "-noise-" + ("" if kind == "wrong" else "uniform-")
    return replace(
        dataset,
        name=f"{dataset.name}{words}{fraction:g}{'-validation' if validation else ''}",
        fingerprint=_derived(dataset, "with_label_noise", **drawn),
        **{name: Split(dataset.splits[name].inputs, labels) for name, labels in noisy.items()},
    )


def _noisy(
    dataset: Dataset, name: str, fraction: float, first: int, generator: torch.Generator
) -> Tensor:
    """A split's labels with a fraction of them moved on by `first` or more classes, uniformly."""
    labels, device = dataset.splits[name].labels, generator.device
    count = int(fraction * len(labels) + 0.5)
    if count == 0:
        return labels
    chosen = torch.randperm(len(labels), generator=generator, device=device)[:count]
    shift = torch.randint(first, dataset.classes, (count,), generator=generator, device=device)
    noisy = labels.clone()
    index = chosen.to(labels.device)
    noisy[index] = (labels[index] + shift.to(labels.device)) % dataset.classes
    return noisy


def subset(dataset: Dataset, count: int, generator: torch.Generator | None = None) -> Dataset:
    """The data set with `count` of its training examples, in their former order.

    Without a generator the first `count`; with one, drawn without replacement, not by class. A
    smaller subset by a generator in the same state lies in the larger one. Validation and test
    splits stay whole.

    Args:
        count: in [1, training examples].

    Raises:
        ValueError: if the count is out of range.
    """
    check_dataset(dataset)
    total = len(dataset.train)
    if not isinstance(count, Integral) or not 1 <= count <= total:
        raise ValueError(f"a subset needs a count in [1, {total}], got {count!r}")
    if count == total:
        return dataset
    if generator is None:
        index = torch.arange(count)
    else:
        drawn = torch.randperm(total, generator=generator, device=generator.device)
        index = drawn[:count].sort().values
    return replace(
        dataset,
        name=f"{dataset.name}-subset-{count}",
        train=dataset.train[index.to(dataset.train.targets.device)],
        fingerprint=_derived(dataset, "subset", index=index),
    )


def only_classes(dataset: Dataset, classes: Sequence[int]) -> Dataset:
    """The data set with some of its classes only, in all splits, labelled 0, 1, ... as given.

    Args:
        classes: labels in the data set, each once.

    Raises:
        ValueError: if a label is out of range or given twice, none is given, a split has no
            example of them, or the targets are not one class an example.
    """
    check_dataset(dataset)
    _check_classes(dataset, "a choice of classes")
    names = dataset.class_names or ()
    chosen = [int(one) if isinstance(one, Integral | Tensor) else one for one in classes]
    allowed = range(dataset.classes)
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(allowed):
        raise ValueError(
            f"classes must be distinct labels in [0, {dataset.classes}), at least one, got {chosen}"
        )
    if chosen == list(allowed):
        return dataset
    splits = {name: _keep(name, split, chosen) for name, split in dataset.splits.items()}
    return replace(
        dataset,
        name=f"{dataset.name}-classes-{'-'.join(map(str, chosen))}",
        class_names=tuple(names[label] for label in chosen),
        fingerprint=_derived(dataset, "only_classes", classes=torch.tensor(chosen)),
        **splits,
    )


def pooled(dataset: Dataset, side: int) -> Dataset:
    """The data set with smaller images: each pixel is the mean of `side` x `side` of the old ones.

    The normalisation stays what it was: it is linear, and so is the mean.

    >>> pooled(load("mnist"), 4).input_shape
    (1, 7, 7)

    Args:
        side: pixels along a side that become one, at least 1; it divides height and width.

    Raises:
        ValueError: if the inputs are no images, or the side is no number that divides theirs.
    """
    check_dataset(dataset)
    shape = dataset.input_shape
    if not dataset.train.holds_images:
        raise ValueError(f"pooling needs images, got {dataset}")
    whole = type(side) is int and side >= 1
    if not whole or shape[1] % side or shape[2] % side:
        raise ValueError(
            f"the side of a pool must be a whole number that divides the {shape[1]} x {shape[2]} "
            f"pixels of {dataset.name}, got {side!r}"
        )
    if side == 1:
        return dataset
    splits = {
        name: Split(avg_pool2d(split.inputs, side), split.targets)
        for name, split in dataset.splits.items()
    }
    return replace(
        dataset,
        name=f"{dataset.name}-pooled-{side}",
        fingerprint=fingerprint_of(dataset.fingerprint, "pooled", side),
        **splits,
    )


def _keep(name: str, split: Split, classes: list[int]) -> Split:
    device = split.labels.device
    kept = torch.isin(split.labels, torch.tensor(classes, device=device))
    if not kept.any():
        raise ValueError(f"the {name} split has no example of the classes {classes}")
    relabelled = torch.zeros(max(classes) + 1, dtype=torch.int64, device=device)
    relabelled[torch.tensor(classes, device=device)] = torch.arange(len(classes), device=device)
    return Split(split.inputs[kept], relabelled[split.labels[kept]])


def _check_classes(dataset: Dataset, change: str) -> None:
    if dataset.task != "classes" or dataset.positions is not None:
        raise ValueError(f"{change} needs one class an example, got {dataset}")


def _derived(dataset: Dataset, change: str, **what: Tensor) -> str:
    """The fingerprint that follows from the parent's and what was changed."""
    return fingerprint_of(dataset.fingerprint, change, digest(what))
