"""Claims B1 and B2 on trained runs: accuracy after removing units, over replicates.

    python docs/results/removal.py --layer fc1 --removed 50 100 150 200 RUN [RUN ...]
        [--root STORE] [--data-dir DIR] [--images N]

Each run is one replicate; all must have been trained on one data set. Printed as a table: test
accuracy in percent, mean over runs with Student's 95 % interval, and the paired difference to the
run's own mean of five random orders.
"""

import argparse
from collections import defaultdict

import torch

from surfeit.core import Streams
from surfeit.data import load
from surfeit.prune import removal_table
from surfeit.store import Store
from surfeit.tables import over_replicates

Curves = dict[tuple[str, str], list[dict[int, float]]]


def curves_of(arguments: argparse.Namespace) -> Curves:
    """For each criterion and direction: a dict of accuracies by removals for each run."""
    store = Store(arguments.root)
    runs = [store.find(text) for text in arguments.runs]
    dataset = load(runs[0].about["data"], arguments.data_dir)
    curves: Curves = defaultdict(list)
    for run in runs:
        if run.identity["data"] != dataset.fingerprint:
            raise ValueError(f"run {run.key[:12]} saw other data than {dataset.name}")
        step = run.steps()[-1] if arguments.step is None else arguments.step
        table = removal_table(
            run.model(step),
            arguments.layer,
            {"test": dataset.test[: arguments.images]},
            streams=Streams(0),
        )
        found: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for row in table.to_pylist():
            kind = (row["criterion"], row["remove"] or "any")
            found[kind][row["removed"]].append(row["accuracy"])
        for kind, points in found.items():
            means = {removed: sum(all_) / len(all_) for removed, all_ in points.items()}
            curves[kind].append(means)
    return curves


def cell(values: list[float]) -> str:
    """Mean and interval in percent; the plain value of a single run."""
    found = over_replicates(values)
    if found.lower is None or found.upper is None:
        return f"{100 * found.mean:.1f}"
    return f"{100 * found.mean:.1f} ({100 * found.lower:.1f} to {100 * found.upper:.1f})"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Accuracy after removals, over replicates.")
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--layer", default="fc1")
    parser.add_argument("--removed", type=int, nargs="+", default=[50, 100, 150, 200])
    parser.add_argument("--root")
    parser.add_argument("--data-dir")
    parser.add_argument("--images", type=int, help="the first so many test images; all by default")
    parser.add_argument("--step", type=int, help="the snapshot; the last by default")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    curves = curves_of(arguments)
    chance = curves["random", "any"]
    print("| criterion | first | " + " | ".join(f"{k} removed" for k in arguments.removed) + " |")
    print("| --- | --- |" + " --- |" * len(arguments.removed))
    for (criterion, remove), runs in curves.items():
        cells = [cell([run[k] for run in runs]) for k in arguments.removed]
        print(f"| {criterion} | {remove} | " + " | ".join(cells) + " |")
    print("\nDifference to random in points, paired by run:\n")
    print("| criterion | first | " + " | ".join(f"{k} removed" for k in arguments.removed) + " |")
    print("| --- | --- |" + " --- |" * len(arguments.removed))
    for (criterion, remove), runs in curves.items():
        if criterion == "random":
            continue
        cells = [
            cell([run[k] - other[k] for run, other in zip(runs, chance, strict=True)])
            for k in arguments.removed
        ]
        print(f"| {criterion} | {remove} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
