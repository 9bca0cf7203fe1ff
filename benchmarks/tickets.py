"""A search for tickets on LeNet-300-100, beside a plain loop with `torch.nn.utils.prune`.

    python benchmarks/tickets.py [--data-dir DIR] [--levels 16] [--replicates 3] [--steps 4000]

Three figures, each measured side by side in this run:

1. one level masked against the same training unmasked (they take turns on one core, and the median
   of their ratios counts), beside the matrix products of its steps alone; and, call by call, what
   holding the mask and looking at it take of an update, which other work on the machine blurs
   less: the median call over the median update; and what measuring takes of a level, in seconds of
   the processor, beside what its products would take at the peak: that part no code can save, and
   a run's rows of metrics are among what its key stands for;
2. the whole search: levels x replicates x (ticket + 2 controls) + dense, on all cores;
3. what the plain loop takes for one level of it, and so, times the number of trainings over the
   cores, what it would take for all: a computed figure, printed as such. It measures what ours
   measures: validation every 100 steps, both splits at each epoch's end, accuracy and loss.

Images of MNIST's shape are made up where no data root is given: the times are the same.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch.nn.utils import prune

from images import made_up
from products import bare, peak
from surfeit.core import Split, Streams
from surfeit.data import Dataset, load
from surfeit.execute import Local, cores
from surfeit.models import lenet_300_100
from surfeit.procedures.tickets import TicketConfig, failures, find_tickets
from surfeit.prune import full_mask
from surfeit.store import Store
from surfeit.train import Recipe, Snapshots, train
from surfeit.train.masking import HeldMask
from surfeit.train.measure import Measure
from surfeit.train.state import Update

EVERY = 100


def one_level(dataset: Dataset, recipe: Recipe, density: float) -> float:
    """Seconds of one training at a density."""
    generator = Streams(0).get("benchmark")
    mask = {
        name: torch.rand(kept.shape, generator=generator) < density
        for name, kept in full_mask(lenet_300_100()).items()
    }
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        train(
            lenet_300_100,
            dataset,
            recipe,
            mask=mask if density < 1 else None,
            snapshots=Snapshots(every_epochs=0),
            store=Store(folder),
        )
        return time.perf_counter() - begin


def calls(dataset: Dataset, recipe: Recipe) -> tuple[float, float]:
    """What holding a mask and looking at it take of an update, as fractions of its median."""
    seconds: dict[str, list[float]] = {}
    with ExitStack() as stack:
        for owner, name in ((HeldMask, "hold_"), (HeldMask, "check"), (Update, "__call__")):
            timed = _timed(getattr(owner, name), seconds.setdefault(name, []))
            stack.enter_context(patch.object(owner, name, timed))
        one_level(dataset, recipe, 0.5)
    hold, check, update = (statistics.median(times) for times in seconds.values())
    return hold / update, check / update


def measuring(dataset: Dataset, recipe: Recipe) -> tuple[float, float]:
    """What measuring takes of a level, and would take at the machine's peak, as fractions.

    In seconds of the processor, which other work on the machine stretches less.
    """
    spent: list[float] = []
    with ExitStack() as stack:
        for name in ("__call__", "best_row"):
            timed = _timed(getattr(Measure, name), spent, time.process_time)
            stack.enter_context(patch.object(Measure, name, timed))
        begin = time.process_time()
        one_level(dataset, recipe, 0.5)
        level = time.process_time() - begin
    steps = recipe.total_steps(len(dataset.train))
    epochs = 1 + -(-steps // recipe.steps_per_epoch(len(dataset.train)))
    examples = (1 + steps // EVERY) * len(dataset.validation) + epochs * len(dataset.test)
    weights = sum(value.numel() for value in lenet_300_100().parameters() if value.dim() > 1)
    products = 2 * examples * weights / peak(time.process_time)
    return sum(spent) / level, products / (level - sum(spent) + products)


def _timed(
    call: Callable[..., Any],
    seconds: list[float],
    clock: Callable[[], float] = time.perf_counter,
) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        begin = clock()
        result = call(*arguments, **named)
        seconds.append(clock() - begin)
        return result

    return timed


def search(
    dataset: Dataset, recipe: Recipe, levels: int, replicates: int, root: str | None
) -> tuple[float, int]:
    """Seconds of the whole search on all cores, and its trainings."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        table = find_tickets(
            lenet_300_100,
            dataset,
            recipe,
            TicketConfig(levels=levels),
            seeds=range(replicates),
            store=Store(root or folder),
            engine=Local(),
        )
        seconds = time.perf_counter() - begin
    assert not failures(table)
    return seconds, table.num_rows


def plain_level(dataset: Dataset, recipe: Recipe) -> float:
    """Seconds of one level in the loop that anyone would write: prune, rewind, train, measure."""
    model = lenet_300_100()
    initial = {name: value.clone() for name, value in model.state_dict().items()}
    parts = [part for part in model.modules() if isinstance(part, torch.nn.Linear)]
    begin = time.perf_counter()
    for part in parts:
        prune.l1_unstructured(part, "weight", amount=0.1 if part is parts[-1] else 0.2)
    with torch.no_grad():
        for name, part in model.named_children():
            if part in parts:
                part.weight_orig.copy_(initial[f"{name}.weight"])  # pyright: ignore
                part.bias.copy_(initial[f"{name}.bias"])  # pyright: ignore
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.lr)
    step = 0
    assert recipe.steps is not None
    measure(model, dataset.validation)
    while step < recipe.steps:
        losses, hits = 0.0, 0
        for index in torch.randperm(len(dataset.train)).split(recipe.batch_size):
            labels = dataset.train.labels[index]
            outputs = model(dataset.train.images[index])
            loss = F.cross_entropy(outputs, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses += loss.item() * len(index)
            hits += int((outputs.argmax(1) == labels).sum())
            step += 1
            if step % EVERY == 0:
                measure(model, dataset.validation)
            if step == recipe.steps:
                break
        measure(model, dataset.validation)
        measure(model, dataset.test)
    return time.perf_counter() - begin


@torch.no_grad()
def measure(model: torch.nn.Module, split: Split) -> tuple[float, float]:
    """Loss and accuracy on a split."""
    outputs = model(split.images)
    loss = F.cross_entropy(outputs, split.labels).item()
    return loss, (outputs.argmax(1) == split.labels).double().mean().item()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Times a search for tickets.")
    parser.add_argument("--data-dir", help="a data root with MNIST; made-up images without it")
    parser.add_argument("--levels", type=int, default=16)
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--turns", type=int, default=5, help="of one level and the plain loop")
    parser.add_argument("--root", help="keep the search's runs in this store, empty at first")
    parser.add_argument("--no-search", action="store_true", help="the single levels alone")
    given = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load("mnist", given.data_dir) if given.data_dir else made_up()
    recipe = Recipe(
        optimizer="adam", lr=1.2e-3, batch_size=60, steps=given.steps, evaluate_every=EVERY
    )
    turns = [
        (
            one_level(dataset, recipe, 1.0),
            one_level(dataset, recipe, 0.5),
            plain_level(dataset, recipe),
            bare(dataset, recipe.batch_size, given.steps),
            peak(),
        )
        for _ in range(given.turns)
    ]
    medians = (statistics.median(part) for part in zip(*turns, strict=True))
    dense, masked, plain, products, _ = medians
    cost = statistics.median(turn[1] / turn[0] for turn in turns) - 1
    hold, look = calls(dataset, recipe)
    measured, least = measuring(dataset, recipe)
    print(f"LeNet-300-100, {dataset.name}, Adam, batch 60, {given.steps:,} steps, one thread")
    best = max(turn[4] for turn in turns)
    print(f"  peak of a product       {best / 1e9:8.1f} GFLOP/s")
    print(f"  the steps' products     {products:8.2f} s")
    print(f"  one level unmasked      {dense:8.2f} s (median of {given.turns} turns)")
    print(f"  one level masked        {masked:8.2f} s: {100 * cost:+.1f} %")
    print(f"  holding, of an update   {100 * hold:8.1f} %")
    print(f"  looking, of an update   {100 * look:8.1f} %")
    print(f"  measuring, of a level   {100 * measured:8.1f} % (at the peak {100 * least:.1f} %)")
    print(f"  plain loop, one level   {plain:8.2f} s: {plain / masked:.2f} times ours")
    if given.no_search:
        return
    seconds, trainings = search(dataset, recipe, given.levels, given.replicates, given.root)
    workers = cores()
    alike = plain * trainings
    print(f"{given.levels} levels x {given.replicates} replicates: {trainings} trainings")
    print(f"  surfeit, {workers} workers      {seconds / 60:8.2f} min")
    print(f"  plain loop, computed    {alike / 60:8.2f} min: {alike / seconds:.2f} times ours")


if __name__ == "__main__":
    main()
