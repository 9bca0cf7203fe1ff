"""Training LeNet-300-100 on MNIST's shape: seconds an epoch, beside a plain PyTorch loop.

    python benchmarks/train.py [--data-dir DIR] [--threads 1] [--batch 60] [--optimizer sgd]

Both train the same number of epochs with the same batches a step and measure loss and accuracy on
validation and test images after each; ours also records a snapshot an epoch. They take turns, so
that both see the same machine. The share is that of the matrix products' floating-point operations
(training and measuring) in the peak of a 1024 x 1024 product, measured between the turns.
OpenLTH's 3.3 s an epoch (batch 128, two quiet cores) was measured beforehand and is quoted.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace

import torch
import torch.nn.functional as F

from images import made_up
from products import bare, peak
from surfeit.data import Dataset, load
from surfeit.models import lenet_300_100
from surfeit.store import Store
from surfeit.train import Numerics, Recipe, train

OPENLTH_SECONDS = 3.3


def plain(dataset: Dataset, recipe: Recipe) -> float:
    """Seconds an epoch of the loop that anyone would write: module, autograd, torch.optim."""
    model = lenet_300_100()
    weights = model.parameters()
    if recipe.optimizer == "sgd":
        optimizer = torch.optim.SGD(weights, lr=recipe.lr, momentum=recipe.momentum)
    else:
        optimizer = torch.optim.Adam(weights, lr=recipe.lr)
    assert recipe.epochs is not None
    begin = time.perf_counter()
    for _ in range(recipe.epochs):
        order = torch.randperm(len(dataset.train))
        losses, hits = 0.0, 0
        for index in torch.split(order, recipe.batch_size):
            labels = dataset.train.labels[index]
            outputs = model(dataset.train.images[index])
            loss = F.cross_entropy(outputs, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses += loss.item() * len(index)
            hits += int((outputs.argmax(1) == labels).sum())
        with torch.no_grad():
            for split in (dataset.validation, dataset.test):
                outputs = model(split.images)
                F.cross_entropy(outputs, split.labels).item()
                (outputs.argmax(1) == split.labels).double().mean().item()
    return (time.perf_counter() - begin) / recipe.epochs


def ours(dataset: Dataset, recipe: Recipe, threads: int) -> float:
    """Seconds an epoch of `train`, with metrics, snapshots and everything else it does."""
    assert recipe.epochs is not None
    with tempfile.TemporaryDirectory() as folder:
        numerics = Numerics(threads=threads)
        begin = time.perf_counter()
        train(lenet_300_100, dataset, recipe, store=Store(folder), numerics=numerics)
        return (time.perf_counter() - begin) / recipe.epochs


def operations(dataset: Dataset) -> float:
    """Floating-point operations of an epoch's products: forward, weights' and inputs' gradients."""
    weights = [value.numel() for value in lenet_300_100().parameters() if value.dim() > 1]
    an_image = 2 * (2 * sum(weights) + sum(weights[1:]))
    measured = len(dataset.validation) + len(dataset.test)
    return an_image * len(dataset.train) + 2 * sum(weights) * measured


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Times an epoch of training.")
    parser.add_argument("--data-dir", help="a data root with MNIST; made-up images without it")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=60)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--epochs", type=int, default=3, help="epochs a turn")
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    dataset = load("mnist", given.data_dir) if given.data_dir else made_up()
    settings = {"sgd": Recipe(lr=0.01, momentum=0.9), "adam": Recipe(optimizer="adam", lr=1.2e-3)}
    recipe = replace(settings[given.optimizer], batch_size=given.batch, epochs=given.epochs)
    torch.set_num_threads(given.threads)
    work = operations(dataset)
    turns = []
    for _ in range(given.turns):
        turns.append(
            (
                peak(),
                ours(dataset, recipe, given.threads),
                plain(dataset, recipe),
                bare(dataset, given.batch, -(-len(dataset.train) // given.batch)),
            )
        )
    best = max(turn[0] for turn in turns)
    mine = statistics.median(turn[1] for turn in turns)
    fastest = min(turn[1] for turn in turns)
    other = statistics.median(turn[2] for turn in turns)
    products = statistics.median(turn[3] for turn in turns)
    ratio = statistics.median(turn[2] / turn[1] for turn in turns)
    of_products = statistics.median(turn[3] / turn[1] for turn in turns)
    print(
        f"LeNet-300-100, {dataset.name}, {given.optimizer}, batch {given.batch}, "
        f"{given.threads} thread(s), median (fastest) of {given.turns} turns"
    )
    print(f"  peak of a product       {best / 1e9:8.1f} GFLOP/s")
    print(f"  surfeit                 {mine:8.3f} s an epoch ({fastest:.3f})")
    print(f"  plain PyTorch loop      {other:8.3f} s an epoch: {ratio:.2f} times ours")
    print(f"  the products alone      {products:8.3f} s an epoch: {of_products:.2f} of ours")
    share, shared = work / mine / best, work / products / best
    print(f"  share of the peak       {share:8.2f} ({work / fastest / best:.2f})")
    print(f"  of the products alone   {shared:8.2f}")
    print(
        f"  OpenLTH, quoted         {OPENLTH_SECONDS:8.1f} s an epoch (batch 128, two cores): "
        f"{OPENLTH_SECONDS / mine:.1f} times ours"
    )


if __name__ == "__main__":
    main()
