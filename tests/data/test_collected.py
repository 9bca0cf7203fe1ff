"""Data sets of torch's data sets and loaders: every example once, in one order, or a refusal."""

import itertools
import random

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils import data as torch_data
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from surfeit.core import Streams
from surfeit.data import from_dataset, from_tensors

from .kinds import KINDS, make

IMAGES = torch.rand(25, 1, 4, 4, generator=Streams(0).get("images"))
LABELS = torch.arange(25) % 3
SET = TensorDataset(IMAGES, LABELS)


class Stream(torch_data.IterableDataset):
    """An iterable data set that knows nothing of workers."""

    def __init__(self, pairs, length=None):
        self.pairs, self.length = pairs, length

    def __iter__(self):
        return iter(self.pairs)

    def __len__(self):
        if self.length is None:
            raise TypeError("no length")
        return self.length


def collect(train, **given):
    return from_dataset("own", **{"train": train, "validation": SET, "test": SET} | given)


def pairs(inputs=IMAGES, targets=LABELS):
    return list(zip(inputs, targets, strict=True))


def expected():
    whole = (IMAGES, LABELS)
    return from_tensors("own", train=whole, validation=whole, test=whole).fingerprint


SOURCES = {
    "map-style": SET,
    "a list": pairs(),
    "a list of arrays": [(image.numpy(), int(label)) for image, label in pairs()],
    "an iterable": Stream(pairs()),
    "an iterable of known length": Stream(pairs(), 25),
    "a generator": (pair for pair in pairs()),
    "batches": DataLoader(SET, batch_size=10),
    "shuffled batches": DataLoader(SET, batch_size=10, shuffle=True),
    "shuffled batches by workers": DataLoader(SET, batch_size=10, shuffle=True, num_workers=2),
    "shuffled items": DataLoader(SET, batch_size=None, shuffle=True),
    "batches without a rest": DataLoader(SET, batch_size=5, drop_last=True, shuffle=True),
    "a batch sampler": DataLoader(
        SET, batch_sampler=torch_data.BatchSampler(torch_data.RandomSampler(SET), 7, False)
    ),
    "batches of one's own": DataLoader(SET, batch_sampler=[[0, 1, 2], list(range(3, 25))]),
    "a subset in another order": DataLoader(
        SET, sampler=torch_data.SubsetRandomSampler(list(range(25)))
    ),
    "an iterable in batches": DataLoader(Stream(pairs()), batch_size=4),
    "an iterable by workers": DataLoader(Stream(pairs()), batch_size=4, num_workers=2),
    "one process": DataLoader(SET, sampler=DistributedSampler(SET, 1, 0, shuffle=False)),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_data_in_the_same_order(source):
    assert collect(SOURCES[source]).fingerprint == expected()


def test_collecting_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    collect(DataLoader(SET, batch_size=10, shuffle=True))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batched", [False, True])
def test_every_kind_can_be_collected(kind, batched):
    dataset = make(kind, "own")
    sources = {
        name: TensorDataset(split.inputs, split.targets) for name, split in dataset.splits.items()
    }
    if batched:
        sources = {name: DataLoader(one, batch_size=6) for name, one in sources.items()}
    assert from_dataset("own", **sources).fingerprint == dataset.fingerprint


@pytest.mark.parametrize(
    ("target", "task", "stored"),
    [
        (2, "classes", torch.tensor(2)),
        (np.int32(2), "classes", torch.tensor(2)),
        (np.uint8(2), "classes", torch.tensor(2)),
        (torch.tensor(2, dtype=torch.int16), "classes", torch.tensor(2)),
        (torch.tensor([2]), "classes", torch.tensor(2)),
        ([2], "classes", torch.tensor(2)),
        ([2, 0], "classes", torch.tensor([2, 0])),
        (np.array([2, 0]), "classes", torch.tensor([2, 0])),
        (0.5, "regression", torch.tensor([0.5])),
        (np.float64(0.5), "regression", torch.tensor([0.5])),
        (torch.tensor(0.5), "regression", torch.tensor([0.5])),
        (torch.tensor([0.5]), "regression", torch.tensor([0.5])),
        ([0.5, 1.0], "regression", torch.tensor([0.5, 1.0])),
    ],
)
def test_targets_of_every_form_are_understood_alike_with_and_without_a_loader(target, task, stored):
    source = [(torch.rand(3), target)] * 4
    for one in (source, DataLoader(source, batch_size=3)):
        # A loader makes a list of numbers one tensor a number: only arrays and tensors batch.
        if isinstance(target, list) and one is not source:
            continue
        dataset = from_dataset("own", train=one, validation=one, test=one)
        assert dataset.task == task
        assert dataset.train.targets.dtype == stored.dtype
        assert torch.equal(dataset.train.targets, stored.expand(4, *stored.shape))


def test_real_targets_get_the_inputs_precision():
    for inputs, dtype in (
        (torch.rand(3).double(), torch.float64),
        (torch.rand(3).half(), torch.float16),
        (torch.arange(3), torch.float32),
    ):
        source = [(inputs, 0.25)] * 4
        dataset = from_dataset("own", train=source, validation=source, test=source)
        assert dataset.train.targets.dtype == dtype


def test_validation_is_drawn_from_the_training_examples():
    dataset = from_dataset("own", train=SET, validation=0.2, test=SET)
    again = from_dataset("own", train=DataLoader(SET, shuffle=True), validation=0.2, test=SET)
    other = from_dataset("other", train=SET, validation=0.2, test=SET)
    assert [len(split) for split in dataset.splits.values()] == [20, 5, 25]
    rows = torch.cat([dataset.train.images, dataset.validation.images]).flatten(1).tolist()
    assert sorted(rows) == sorted(IMAGES.flatten(1).tolist())
    assert dataset.fingerprint == again.fingerprint != other.fingerprint
    assert len(from_dataset("own", train=SET, test=SET).validation) == 2
    assert len(from_dataset("own", train=SET, validation=0.001, test=SET).validation) == 1


@pytest.mark.parametrize("fraction", [0, 1, 1.5, -0.1, float("nan"), True])
def test_validation_is_a_fraction_in_between(fraction):
    with pytest.raises(ValueError, match=r"or the fraction .* in \(0, 1\), got"):
        collect(SET, validation=fraction)


def test_one_example_is_too_few_to_draw_from():
    with pytest.raises(ValueError, match="has one example: none can be drawn"):
        collect(pairs()[:1], validation=0.5)


def test_progress_tells_each_split_from_none_to_all():
    told = []
    many = TensorDataset(torch.rand(250, 2), torch.zeros(250).long())
    small = TensorDataset(torch.rand(10, 2), torch.zeros(10).long())
    from_dataset(
        "own",
        train=many,
        validation=DataLoader(many, batch_size=120),
        test=Stream(list(small)),
        progress=lambda *values: told.append(values),
    )
    assert told == [
        *[("train", done, 250) for done in (0, 100, 200, 250)],
        *[("validation", done, 250) for done in (0, 120, 240, 250)],
        *[("test", done, None) for done in (0, 10)],
    ]


def test_constants_and_names_are_passed_on():
    dataset = collect(SET, mean=(0.5,), std=(0.25,), class_names=("a", "b", "c"))
    assert dataset.black.item() == -2
    assert dataset.class_names == ("a", "b", "c")


def test_an_example_that_reuses_its_memory_is_copied():
    def reusing():
        buffer = torch.empty(1, 4, 4)
        for image, label in pairs():
            yield buffer.copy_(image), label

    assert collect(Stream(reusing())).fingerprint == expected()


def jittered():
    class Jittered(torch_data.Dataset):
        def __len__(self):
            return 25

        def __getitem__(self, index):
            return IMAGES[index] + random.random(), LABELS[index]

    return Jittered()


class Endless(torch_data.Dataset):
    """Without a length."""

    def __getitem__(self, index):
        return SET[0]


def picture():
    return Image.new("RGB", (4, 4))


REFUSED = {
    "tensors": ((IMAGES, LABELS), "train split is a tuple: tensors are for from_tensors"),
    "nothing of the kind": (object(), "must be a torch Dataset or DataLoader, .* got a object"),
    "no length": (Endless(), "train split's Endless says neither how many .* write its __len__"),
    "a dict": ({"a": 1}, "must be a torch Dataset or DataLoader, .* got a dict"),
    "items of dicts": ([{"x": 1, "y": 2}], r"example 0 .* pair \(input, target\), got a dict of 2"),
    "items of three": ([(1, 2, 3)], "must be a pair .* got a tuple of 3"),
    "inputs alone": ([torch.rand(3)] * 3, "must be a pair .* got a Tensor"),
    "text": ([("words", 1)], "the input of example 0 of the train split is a str, which does not"),
    "ragged lists": ([([1, [2]], 1)], "the input of example 0 .* is a list, which does not become"),
    "huge labels": ([(IMAGES[0], 1 << 70)], "the target of example 0 .* is a int, which does not"),
    "arrays of text": ([(np.array(["a"]), 1)], "is a ndarray, which does not become a tensor"),
    "pictures": ([(picture(), 1)], "input of example 0 .* is a PIL image: add a transform"),
    "pictures in batches": (DataLoader([(picture(), 1)]), "is a PIL image: add a transform"),
    "pictures in a stream": (DataLoader(Stream([(picture(), 1)])), "cannot put a batch together"),
    "other shapes": (
        [*pairs(), (IMAGES[0, :, :3], 1)],
        r"example 25 .* has an input of torch.float32 \[1, 3, 4\], those before it .*\[1, 4, 4\]",
    ),
    "other target shapes": ([(IMAGES[0], [1, 2]), (IMAGES[0], 1)], "example 1 .* has a target of"),
    "other dtypes": ([*pairs(), (IMAGES[0].double(), 1)], "has an input of torch.float64"),
    "other shapes in a batch": (
        DataLoader([*pairs(), (IMAGES[0, :, :3], 1)], batch_size=26),
        "cannot put a batch together: its examples must be tensors, arrays or numbers of one shape",
    ),
    "bools": ([(IMAGES[0], True)] * 3, "the train split: targets must be .* got torch.bool"),
    "no examples": (Stream([]), "the train split gives no examples"),
    "no examples at all": ([], "the train split gives no examples"),
    "NaN": ([(IMAGES[0] / 0, 1)] * 9, "must be finite, but the train split"),
    "a rest": (
        DataLoader(SET, batch_size=10, drop_last=True),
        r"loses its last 5 of 25 examples \(drop_last=True\)",
    ),
    "a rest, shuffled": (
        DataLoader(SET, batch_size=10, drop_last=True, shuffle=True),
        "loses its last 5 of 25 examples",
    ),
    "a rest of an iterable": (
        DataLoader(Stream(pairs(), 25), batch_size=10, drop_last=True),
        "loses its last 5 of 25 examples",
    ),
    "perhaps a rest": (
        DataLoader(Stream(pairs()), batch_size=5, drop_last=True),
        r"may lose its last examples \(drop_last=True\)",
    ),
    "replacement": (
        DataLoader(SET, sampler=torch_data.RandomSampler(SET, replacement=True)),
        r"draws examples by chance \(RandomSampler\)",
    ),
    "a few by chance": (
        DataLoader(SET, sampler=torch_data.RandomSampler(SET, num_samples=9)),
        "draws examples by chance",
    ),
    "weights": (
        DataLoader(SET, sampler=torch_data.WeightedRandomSampler([1.0] * 25, 25)),
        r"draws examples by chance \(WeightedRandomSampler\)",
    ),
    "a share": (
        DataLoader(SET, sampler=DistributedSampler(SET, 2, 0)),
        r"reads one share of 2 \(DistributedSampler\)",
    ),
    "a sampler that leaves out": (DataLoader(SET, sampler=range(9)), "gave 9 examples of 25"),
    "a sampler that repeats": (
        DataLoader(SET, batch_size=5, sampler=[*range(25), 1]),
        "gave 26 examples of 25",
    ),
    "batches that do not fit": (
        DataLoader(SET, batch_size=5, collate_fn=lambda items: (IMAGES[:5], LABELS[:4])),
        r"the batch from example 0 on .* as many targets as inputs, got inputs \[5, 1, 4, 4\] and",
    ),
    "random transforms": (jittered(), "example 0 .* is another when it is read again"),
    "random transforms in batches": (DataLoader(jittered()), "is another when it is read again"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_collected_rightly_is_refused(name):
    source, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        collect(source)


@pytest.mark.parametrize("source", [Stream(itertools.repeat(SET[0])), itertools.repeat(SET[0])])
def test_an_endless_iterable_is_left_at_the_limit(source):
    with pytest.raises(ValueError, match="more than 1,000 examples: if it is endless, pass a part"):
        collect(source, most=1000)


def test_a_data_set_beyond_the_limit_is_not_even_begun():
    class Long(torch_data.Dataset):
        def __len__(self):
            return 10**9

        def __getitem__(self, index):
            raise AssertionError("was read")

    with pytest.raises(ValueError, match=r"more than 1,000,000 examples: .* a larger most="):
        collect(Long())


def test_errors_of_the_data_sets_own_stay_as_they_are():
    class Broken(torch_data.Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            raise RuntimeError("my own")

    for source in (Broken(), DataLoader(Broken())):
        with pytest.raises(RuntimeError, match="my own"):
            collect(source)


def test_more_examples_than_memory_holds_are_refused():
    class Large(torch_data.Dataset):
        def __len__(self):
            return 9_000_000

        def __getitem__(self, index):
            return torch.zeros(1).expand(1 << 22), 0

    # Together more bytes than a 64-bit processor's 47-bit addresses reach; each one small.
    message = r"train split's 9,000,000 inputs .* more memory than there"
    with pytest.raises(ValueError, match=message):
        from_dataset("large", train=Large(), test=Large(), most=10_000_000)
