"""A small data set, a small network, and one search for tickets that many tests look at."""

from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa
import pytest
import torch

from surfeit.core import Streams
from surfeit.data import Dataset, from_tensors
from surfeit.execute import InProcess
from surfeit.models import mlp
from surfeit.procedures.tickets import CONTROLS, TicketConfig, find_tickets
from surfeit.store import Run, Store
from surfeit.tables.tables import where
from surfeit.train import Recipe

BUILDER = partial(mlp, (9, 7))
RECIPE = Recipe(optimizer="adam", lr=0.02, steps=12, batch_size=10, evaluate_every=2)
LEVELS, REWIND = 3, 4
CONFIG = TicketConfig(levels=LEVELS, rewind_to=REWIND, controls=())


def make_blobs(
    *, wrong_test_labels: bool = False, classes: int = 3, name: str = "blobs"
) -> Dataset:
    """Images of 1 x 4 x 4 around centres, one a class; the test labels may be all wrong."""
    streams = Streams(0)
    centres = torch.randn(classes, 1, 4, 4, generator=streams.get(name))

    def pair(count: int, split: str) -> tuple[torch.Tensor, torch.Tensor]:
        generator = streams.get(name, split)
        labels = torch.randint(0, classes, (count,), generator=generator)
        return centres[labels] + torch.randn(count, 1, 4, 4, generator=generator), labels

    images, labels = pair(19, "test")
    if wrong_test_labels:
        labels = (labels + 1) % classes
    return from_tensors(
        name,
        train=pair(50, "train"),
        validation=pair(17, "validation"),
        test=(images, labels),
        class_names=[str(label) for label in range(classes)],
    )


def search(store: Store, dataset: Dataset, config: TicketConfig = CONFIG, **options) -> pa.Table:
    """A search in this process, of the small network unless another is given."""
    model, recipe = options.pop("model", BUILDER), options.pop("recipe", RECIPE)
    engine = options.pop("engine", InProcess())
    return find_tickets(model, dataset, recipe, config, store=store, engine=engine, **options)


@dataclass(frozen=True)
class Found:
    """A search that is done."""

    table: pa.Table
    store: Store

    def run(self, level: int, arm: str = "ticket", replicate: int = 0) -> Run:
        place = {"replicate": replicate, "level": level, "arm": arm}
        (key,) = [row["run"] for row in self.table.to_pylist() if place.items() <= row.items()]
        return self.store.find(key)


@pytest.fixture(scope="session")
def blobs() -> Dataset:
    return make_blobs()


@pytest.fixture(scope="session")
def found(blobs, tmp_path_factory) -> Found:
    """Three levels, the first with every control, rewound to step 4 of 12. Not to be changed."""
    store = Store(tmp_path_factory.mktemp("found"))
    first = search(store, blobs, replace(CONFIG, levels=1, controls=tuple(CONTROLS)))
    later = where(search(store, blobs), level=2), where(search(store, blobs), level=3)
    return Found(pa.concat_tables([first, *later]), store)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)
