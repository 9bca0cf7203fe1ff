"""Measurements made of small operations take one thread, and give back the caller's."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, cross_entropy, threads
from surfeit.data import from_tensors
from surfeit.models import Structure, mlp
from surfeit.prune import (
    frame_potential,
    outputs_without,
    removal_curve,
    removal_order,
    removal_table,
)
from surfeit.similarity import cosine_graph, nearest_neighbours, strongest_links
from surfeit.spectra import accuracy_by_rank, eigenpairs, eigenvalues, project
from surfeit.train import Job, Recipe

MODEL = mlp((12, 8), input_shape=(1, 4, 4), classes=3, generator=Streams(0).get("init"))
SPLIT = Split(torch.randn(40, 1, 4, 4), torch.arange(40) % 3)
PART = (SPLIT.inputs, SPLIT.targets)
DATA = from_tensors("mine", train=PART, validation=PART, test=PART)
ORDER = torch.arange(12)
SEEN: list[int] = []


def weight() -> torch.Tensor:
    return MODEL.get_parameter("fc1.weight").detach()


def seeing(rows: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    SEEN.append(torch.get_num_threads())
    return frame_potential(rows, generator)


def judging(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor | None:
    SEEN.append(torch.get_num_threads())
    return cross_entropy.judge(outputs, targets)


class Seeing(nn.Module):
    """Notes the threads of each pass."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        SEEN.append(torch.get_num_threads())
        return inputs


def watched() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 4), Seeing(), nn.Linear(4, 3))


WATCHED = replace(cross_entropy, judge=judging)
MEASUREMENTS = {
    "order": lambda: removal_order(weight(), seeing),
    "curve": lambda: removal_curve(MODEL, "fc1", ORDER, SPLIT, objective=WATCHED),
    "table": lambda: removal_table(
        MODEL, "fc1", {"test": SPLIT}, streams=Streams(0), criteria={"seeing": seeing}
    ),
    "ranks": lambda: accuracy_by_rank(MODEL, "fc1", SPLIT, [1, 2], objective=WATCHED),
    "structure": lambda: Structure.of(watched(), SPLIT.inputs[:1]).outputs,
    "job": lambda: Job(watched(), DATA, Recipe(epochs=1)).name,
}
UNWATCHED = {
    "without": lambda: outputs_without(MODEL, "fc1", ORDER[:3], SPLIT.inputs),
    "eigenvalues": lambda: eigenvalues(weight()),
    "eigenpairs": lambda: eigenpairs(weight(), 2),
    "project": lambda: project(weight(), 2),
    "graph": lambda: cosine_graph(weight(), inner_product=0.1),
    "neighbours": lambda: nearest_neighbours(weight(), 2),
    "links": lambda: strongest_links(weight(), 5),
}


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    SEEN.clear()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_small_operations_take_one_thread_unless_the_caller_chose(name):
    MEASUREMENTS[name]()
    assert set(SEEN) == {1}
    assert torch.get_num_threads() == 2
    SEEN.clear()
    with threads(2):
        MEASUREMENTS[name]()
    assert set(SEEN) == {2}


@pytest.mark.parametrize("name", MEASUREMENTS | UNWATCHED)
def test_the_callers_threads_change_no_bit(name):
    many = MEASUREMENTS.get(name, UNWATCHED.get(name))()
    torch.set_num_threads(1)
    one = MEASUREMENTS.get(name, UNWATCHED.get(name))()
    assert str(many) == str(one)
    if isinstance(many, torch.Tensor):
        assert torch.equal(many, one)


@pytest.mark.parametrize("name", UNWATCHED)
def test_decompositions_and_links_set_one_thread(name, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    UNWATCHED[name]()
    assert asked[0] == 1
    assert asked[-1] == 2


def test_a_measurement_that_fails_gives_the_threads_back():
    with pytest.raises(ValueError, match="the order names"):
        removal_curve(MODEL, "fc1", torch.tensor([99]), SPLIT)
    with pytest.raises(ValueError, match="remove must be"):
        removal_order(weight(), frame_potential, "none")
    assert torch.get_num_threads() == 2
